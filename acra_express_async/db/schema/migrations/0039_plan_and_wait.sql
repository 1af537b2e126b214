-- Settings of a caller that must not reach two functions. Works beside the previous version.

-- reserve() asks for generic plans, and a function that it calls inherits that. Of the platform's runs, a plan that does
-- not know the moment reads all there ever were, while the charge holds its budget: 70 ms instead of 20 for 300,000 runs.
ALTER FUNCTION acra_express.verifications_elsewhere_since(timestamptz) SET plan_cache_mode = force_custom_plan;

-- A charge notes answers with its settlements and may then wait for its budget for two seconds. A breaker that opens
-- meanwhile waits as long: the 300 ms of a session are for the platform's tables, and a trip that gave way was known to
-- one replica alone.
ALTER FUNCTION acra_express.trip_breaker(text, text, text, interval[], text) SET lock_timeout = '2s';
