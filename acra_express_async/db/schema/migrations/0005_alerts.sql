-- What is known of each alert, one row each, shared by all replicas. Every change is a compare-and-set on `version`, so
-- that neither a second replica nor a restart says anything twice. What Slack has not taken yet stays in `unsent`.
CREATE TABLE acra_express.alerts (
    key           text PRIMARY KEY,              -- the alert's name, and after a colon what it is about
    version       bigint NOT NULL,
    firing        boolean NOT NULL,
    since         timestamptz NOT NULL,          -- start of the present state
    pending_since timestamptz,                   -- over the limit since then, not yet for long enough to fire
    cooled_at     timestamptz,                   -- resolved lately: nothing fires before this moment
    missed        jsonb,                         -- what was over the limit during the cooldown
    unsent        text CHECK (unsent IN ('firing', 'reminder', 'resolved', 'missed')),
    sending_until timestamptz,                   -- a replica is sending it, or the next try waits
    told_at       timestamptz,                   -- when Slack last took a message about the present firing
    detail        jsonb NOT NULL DEFAULT '{}'    -- figures for people; no company, no address, no secret
);
GRANT SELECT, INSERT, UPDATE ON acra_express.alerts TO {{role}};
