-- How many records an export of the console handed over, and why it was broken off. Works beside the previous version,
-- which leaves both columns alone.
ALTER TABLE acra_express.console_actions ADD COLUMN IF NOT EXISTS rows_sent bigint;
ALTER TABLE acra_express.console_actions ADD COLUMN IF NOT EXISTS ended_why text;
ALTER TABLE acra_express.console_actions DROP CONSTRAINT IF EXISTS console_actions_ended_how_check;
ALTER TABLE acra_express.console_actions ADD CONSTRAINT console_actions_ended_how_check
    CHECK (ended_how IN ('done', 'refused', 'broken_off'));
