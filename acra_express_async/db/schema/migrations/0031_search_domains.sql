-- For how many companies a domain turned up among search results in the last two to four weeks: a site that turns up for
-- many is rather a directory than a company's own. A row holds no company: each company sets one of 63 marks, so that one
-- that is searched for again does not count twice. Known directories are not counted. Works beside the previous version,
-- which neither counts nor reads.
CREATE TABLE IF NOT EXISTS acra_express.search_domains (
    domain  text COLLATE "C" PRIMARY KEY,
    period  int NOT NULL,               -- fortnight since 1970 of the latest find
    marks   bigint NOT NULL,            -- of the companies in that fortnight
    earlier bigint NOT NULL DEFAULT 0   -- of the companies in the one before
);
CREATE INDEX IF NOT EXISTS search_domains_period ON acra_express.search_domains (period);

-- The counts as they were when the search was made, so that a resumed company decides alike; null: not counted.
ALTER TABLE acra_express.searches ADD COLUMN IF NOT EXISTS others jsonb;

GRANT SELECT, INSERT, UPDATE, DELETE ON acra_express.search_domains TO {{role}};
