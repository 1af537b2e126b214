-- The domains in companies.website_domain, lower-case and without scheme, www and path, read backwards: a look-up finds a
-- domain and its subdomains by their common beginning. The table is brought up to date at ticks, in slices, so that no
-- save has to search every company. It holds nothing that companies does not.
CREATE TABLE IF NOT EXISTS acra_express.company_domains (
    company_id bigint PRIMARY KEY,
    backwards  text COLLATE "C" NOT NULL
);
CREATE INDEX IF NOT EXISTS company_domains_backwards ON acra_express.company_domains (backwards);
GRANT SELECT, INSERT, UPDATE, DELETE ON acra_express.company_domains TO {{role}};

-- A website as it stands in companies, in the form of company_domains; null where nothing is left of it.
CREATE OR REPLACE FUNCTION acra_express.domain_backwards(p_website text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT nullif(pg_catalog.reverse(pg_catalog.left(pg_catalog.regexp_replace(
        pg_catalog.lower(pg_catalog.left(p_website, 2000)),
        '^(https?://)?(www\.)?|[/:?#].*$', '', 'g'), 253)), '')
$$;

INSERT INTO acra_express.company_domains (company_id, backwards)
SELECT c.company_id, acra_express.domain_backwards(c.website_domain) FROM public.companies c
WHERE acra_express.domain_backwards(c.website_domain) IS NOT NULL
ON CONFLICT (company_id) DO NOTHING;
