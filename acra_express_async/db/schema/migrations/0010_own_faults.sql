-- The exception in our own code that a snoozed job waits for: several companies in a row broke with it. The previous
-- version neither reads nor writes the column; a job that it takes over and ends is no longer counted, since `due_at` is
-- then infinite.
ALTER TABLE acra_express.leases ADD COLUMN IF NOT EXISTS fault text;
CREATE INDEX IF NOT EXISTS leases_faulty ON acra_express.leases (job_id) WHERE fault IS NOT NULL;
