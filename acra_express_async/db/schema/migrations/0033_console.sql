-- What the console stores: who did what there, and sessions that were signed out. The previous version of the service
-- knows neither.

-- One row for each action of a person, written before the action and completed after it. Kept for HISTORY_DAYS.
CREATE TABLE IF NOT EXISTS acra_express.console_actions (
    action_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    acted_at    timestamptz NOT NULL,
    acted_by    text NOT NULL,
    signed_in   text NOT NULL CHECK (signed_in IN ('password', 'proxy')), -- who vouches for the name: the person, the proxy
    peer        text NOT NULL,          -- the address from which the request came
    action      text NOT NULL,
    uen         text,                   -- of the company that was judged; `forget` takes it away
    campaign_id bigint,
    provider    text,
    ended_how   text CHECK (ended_how IN ('done', 'refused')) -- null: the process ended, or the database went away
);
CREATE INDEX IF NOT EXISTS console_actions_acted ON acra_express.console_actions (acted_at DESC, action_id DESC);
CREATE INDEX IF NOT EXISTS console_actions_uen ON acra_express.console_actions (uen) WHERE uen IS NOT NULL;

-- Sessions that were signed out before they expired; a row is needed for as long as a cookie is valid.
CREATE TABLE IF NOT EXISTS acra_express.console_sign_outs (
    session_id bytea PRIMARY KEY,       -- random; tells nothing about a person
    ended_at   timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS console_sign_outs_ended ON acra_express.console_sign_outs (ended_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON acra_express.console_actions, acra_express.console_sign_outs TO {{role}};
