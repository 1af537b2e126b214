-- Which other job works on a company is asked without regard to the day: around midnight its slot is yesterday's.
CREATE INDEX IF NOT EXISTS daily_slots_company ON acra_express.daily_slots (company_id);
