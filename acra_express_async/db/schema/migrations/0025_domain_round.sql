-- What stood in companies.website_domain when a domain was taken from it: a tick then works out only what has changed,
-- and looks at a limited number of rows. The previous version leaves the column empty, which counts as changed.
ALTER TABLE acra_express.company_domains ADD COLUMN IF NOT EXISTS website text;

-- How far the ticks have read companies; no row before the first one.
CREATE TABLE IF NOT EXISTS acra_express.domain_round (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    newest   bigint NOT NULL,  -- every company up to here was read once
    after_id bigint NOT NULL   -- where the next tick goes on reading them again
);
GRANT SELECT, INSERT, UPDATE, DELETE ON acra_express.company_domains, acra_express.domain_round TO {{role}};
