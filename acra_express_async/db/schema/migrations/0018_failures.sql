-- Whether a failure is the provider's or that of what it was asked for. Replicas put together what each of them met:
-- failures of different targets without an answer between them are the provider's. The previous version of the service
-- counts by itself and leaves these tables alone.

ALTER TABLE acra_express.breakers ADD COLUMN IF NOT EXISTS answered_at timestamptz;  -- latest success, to ten seconds

CREATE TABLE IF NOT EXISTS acra_express.provider_failures (
    provider     text NOT NULL,
    target_hash  bytea NOT NULL,       -- of the site, query or mail domain that was asked for
    about_target boolean NOT NULL,     -- the provider answered, and its error was about the target
    failed_at    timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS provider_failures_latest ON acra_express.provider_failures (provider, failed_at);

-- How often a page or a search failed for one company, so that it is given up after a few calls.
CREATE TABLE IF NOT EXISTS acra_express.failed_calls (
    company_id   bigint NOT NULL,
    asked_hash   bytea NOT NULL,       -- of the page, the footer or the query
    site_hash    bytea NOT NULL,       -- of the page's host, or of the query
    provider     text NOT NULL,
    calls        int NOT NULL,
    about_target boolean NOT NULL,     -- the latest one
    first_at     timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    PRIMARY KEY (company_id, asked_hash)
);
CREATE INDEX IF NOT EXISTS failed_calls_age ON acra_express.failed_calls (last_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON acra_express.provider_failures, acra_express.failed_calls TO {{role}};
GRANT UPDATE (answered_at) ON acra_express.breakers TO {{role}};
