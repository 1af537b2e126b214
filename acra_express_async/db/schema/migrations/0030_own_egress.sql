-- Whether a host cannot reach a provider that another host reaches: then the fault is the host's, and it opens no breaker
-- for all of them. The previous version notes neither its name nor its answers, and is judged as before.
CREATE TABLE IF NOT EXISTS acra_express.provider_answers (
    provider    text NOT NULL,
    owner       text NOT NULL,         -- the process that got the answer
    answered_at timestamptz NOT NULL,  -- its latest one, to ten seconds
    PRIMARY KEY (provider, owner)
);
ALTER TABLE acra_express.provider_failures
    ADD COLUMN IF NOT EXISTS owner text,
    ADD COLUMN IF NOT EXISTS unreached boolean NOT NULL DEFAULT false;  -- nothing left this host
GRANT SELECT, INSERT, UPDATE, DELETE ON acra_express.provider_answers TO {{role}};
