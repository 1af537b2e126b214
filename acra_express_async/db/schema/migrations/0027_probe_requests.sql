-- A person's request that the running service probe a provider now: the latest one of each provider. The previous version
-- of the service does not know the table; a request that no service takes within half a minute is void.
CREATE TABLE IF NOT EXISTS acra_express.probe_requests (
    provider     text PRIMARY KEY,
    requested_at timestamptz NOT NULL,
    requested_by text NOT NULL,
    taken_at     timestamptz,   -- when a replica took it; the next one is possible five minutes later
    taken_by     text,
    ended_at     timestamptz,
    answered     boolean,       -- whether the provider serves us
    answer       text           -- one sentence
);
GRANT SELECT, INSERT, UPDATE, DELETE ON acra_express.probe_requests TO {{role}};
