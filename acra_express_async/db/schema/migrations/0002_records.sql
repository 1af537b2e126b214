-- Records: what we remember beside the platform's tables, the owner's functions and the least grants to write them.

-- Keyed hashes stand for addresses that must not be stored; the key is made here and never leaves this database.
CREATE TABLE acra_express.hash_key (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    key      bytea NOT NULL
);
INSERT INTO acra_express.hash_key (key)
VALUES (pg_catalog.sha256((pg_catalog.gen_random_uuid()::text || pg_catalog.gen_random_uuid()::text)::bytea));
GRANT SELECT ON acra_express.hash_key TO {{role}};

-- One row for each address ever sent to the verifier, committed before the send. Without settled_at the answer is not
-- known: it counts as spent. The address itself does not stand here.
CREATE TABLE acra_express.verifications (
    address_hash bytea PRIMARY KEY,
    opened_at    timestamptz NOT NULL,
    settled_at   timestamptz,
    status       text,
    sub_status   text
);

-- Answers of search and reading, so that a resumed company repeats no call.
CREATE TABLE acra_express.searches (
    query       text PRIMARY KEY CHECK (octet_length(query) <= 1000),
    hits        jsonb NOT NULL,
    searched_at timestamptz NOT NULL
);
CREATE INDEX searches_age ON acra_express.searches (searched_at);
CREATE TABLE acra_express.pages (
    url_hash bytea PRIMARY KEY,
    url      text NOT NULL,
    domain   text NOT NULL,
    page     jsonb NOT NULL,
    kept_at  timestamptz NOT NULL
);
CREATE INDEX pages_age ON acra_express.pages (kept_at);
CREATE INDEX pages_domain ON acra_express.pages (domain);

-- Who asked to be left alone: a UEN, a domain, or the keyed hash of an address (hex).
CREATE TABLE acra_express.opt_outs (
    kind        text NOT NULL CHECK (kind IN ('company', 'domain', 'address')),
    value       text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (kind, value)
);

-- The live rows of the registry by SSIC code (digits without leading zeros), in the order in which a selection walks
-- them. A code is filled when a job first asks for it and again when a day has passed or a registry was loaded: the
-- registry itself carries no index of ours and is never scanned or sorted for a job.
CREATE TABLE acra_express.code_members (
    code            text NOT NULL,
    uen             text NOT NULL,
    sole_proprietor boolean NOT NULL,
    PRIMARY KEY (code, uen)
);
CREATE TABLE acra_express.code_fills (
    code            text PRIMARY KEY,
    filled_at       timestamptz NOT NULL,
    members         int NOT NULL,
    sole_proprietors int NOT NULL
);

-- How many registry rows share a postal code; only codes with more than one.
CREATE TABLE acra_express.postal_counts (
    postal_code text PRIMARY KEY,
    companies   int NOT NULL
);
CREATE TABLE acra_express.registry_state (
    only_row           boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    loaded_at          timestamptz,
    postals_counted_at timestamptz
);
INSERT INTO acra_express.registry_state DEFAULT VALUES;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    acra_express.verifications, acra_express.searches, acra_express.pages, acra_express.opt_outs,
    acra_express.code_members, acra_express.code_fills, acra_express.postal_counts
TO {{role}};
GRANT SELECT, UPDATE ON acra_express.registry_state TO {{role}};

-- True while the platform's nightly holds a job. Its maintenance revives a job after 30 minutes, but only at the next
-- pass, so a crashed one may show `running` for a day: after 6 hours (twelve times that) we no longer believe it.
CREATE FUNCTION acra_express.nightly_holds(p_types text[]) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM public.background_jobs b
        WHERE b.status = 'running' AND b.job_type = ANY (p_types)
          AND coalesce(b.started_at > least(acra_express.clock(), clock_timestamp()) - interval '6 hours', true))
$$;

CREATE FUNCTION acra_express.nightly_running() RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT acra_express.nightly_holds(ARRAY['staging_upsert', 'enrich_candidates']) $$;

-- Digits of the SSIC codes that a queued or running nightly enrichment stands for, without leading zeros. Such a job
-- may never finish, so it holds its codes only for p_hold_nights nights from its enqueue.
CREATE FUNCTION acra_express.nightly_codes(p_hold_nights int) RETURNS SETOF text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT ltrim(regexp_replace(code.value, '\D', '', 'g'), '0')
    FROM public.background_jobs b
    CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE WHEN jsonb_typeof(b.params -> 'ssic_codes') = 'array' THEN b.params -> 'ssic_codes' ELSE '[]' END
    ) AS code(value)
    WHERE b.job_type = 'enrich_candidates' AND b.status IN ('queued', 'running')
      AND b.created_at > least(acra_express.clock(), clock_timestamp()) - make_interval(days => p_hold_nights)
$$;

-- May this tenant id be ours? Not when it is connected to a customer's Odoo, nor when the platform's own jobs or
-- headers of another's making stand under it.
CREATE FUNCTION acra_express.tenant_is_free(p_tenant_id int) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_tenant_id IS NULL THEN
        RETURN false;
    END IF;
    IF to_regclass('public.odoo_connections') IS NOT NULL THEN
        IF EXISTS (SELECT FROM public.odoo_connections o WHERE o.tenant_id = p_tenant_id) THEN
            RETURN false;
        END IF;
    END IF;
    RETURN NOT EXISTS (
        SELECT FROM public.background_jobs b
        WHERE b.tenant_id = p_tenant_id AND b.job_type IN ('staging_upsert', 'enrich_candidates'));
END $$;

-- Verifications that all other tenants booked since a moment (one vendor key serves the whole platform).
CREATE FUNCTION acra_express.verifications_elsewhere_since(p_since timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass('public.run_vendor_usage') IS NULL THEN
        RETURN 0;
    END IF;
    RETURN (
        SELECT coalesce(sum(u.calls), 0)
        FROM public.enrichment_runs r JOIN public.run_vendor_usage u ON u.run_id = r.run_id
        WHERE r.started_at >= p_since AND u.vendor = 'zerobounce'
          AND u.tenant_id::text IS DISTINCT FROM current_setting('request.tenant_id', true));
END $$;

-- Companies for which the nightly wrote history on a day of the session's time zone.
CREATE FUNCTION acra_express.nightly_companies(p_day date) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(DISTINCT h.company_id)
    FROM public.enrichment_runs r JOIN public.company_enrichment_runs h ON h.run_id = r.run_id
    WHERE r.started_at >= p_day::timestamptz AND r.started_at < (p_day + 1)::timestamptz
      AND r.tenant_id::text IS DISTINCT FROM current_setting('request.tenant_id', true)
$$;

-- Make a company, or say why not now (contracts/platform.md B1). The nightly looks a UEN up and inserts it later in
-- one long transaction; a row that appears in between rolls its whole job back. So: the strongest lock first, without
-- waiting, then look whether a nightly staging job runs, insert, and the caller commits at once. A weaker lock lets
-- the nightly's SELECT pass while we hold it. `refused` is null, 'table_busy' or 'nightly_running'.
CREATE FUNCTION acra_express.insert_company(
    p_uen text, p_name text, p_industry_norm text, p_industry_code text, p_incorporation_year int,
    OUT company_id bigint, OUT refused text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'insert_company needs READ COMMITTED: its check must see what is committed after the lock';
    END IF;
    IF p_uen IS NULL OR p_name IS NULL THEN
        RAISE EXCEPTION 'a company needs a UEN and a name' USING ERRCODE = 'not_null_violation';
    END IF;
    SELECT c.company_id INTO company_id FROM public.companies c WHERE c.uen = p_uen;
    IF FOUND THEN
        RETURN;
    END IF;
    BEGIN
        LOCK TABLE public.companies IN ACCESS EXCLUSIVE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available THEN
        refused := 'table_busy';
        RETURN;
    END;
    IF acra_express.nightly_holds(ARRAY['staging_upsert']) THEN
        refused := 'nightly_running';
        RETURN;
    END IF;
    SELECT c.company_id INTO company_id FROM public.companies c WHERE c.uen = p_uen;
    IF NOT FOUND THEN
        INSERT INTO public.companies AS c (uen, name, industry_norm, industry_code, incorporation_year, last_seen)
        VALUES (p_uen, p_name, p_industry_norm, p_industry_code, p_incorporation_year, acra_express.clock())
        RETURNING c.company_id INTO company_id;
    END IF;
END $$;

REVOKE ALL ON FUNCTION
    acra_express.nightly_holds(text[]), acra_express.nightly_running(), acra_express.nightly_codes(int),
    acra_express.tenant_is_free(int), acra_express.verifications_elsewhere_since(timestamptz),
    acra_express.nightly_companies(date), acra_express.insert_company(text, text, text, text, int)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    acra_express.nightly_running(), acra_express.nightly_codes(int),
    acra_express.tenant_is_free(int), acra_express.verifications_elsewhere_since(timestamptz),
    acra_express.nightly_companies(date), acra_express.insert_company(text, text, text, text, int)
TO {{role}};

-- The least grants on the platform's tables: read what is compared, write exactly the columns we fill. Columns and
-- tables that a deployment lacks are passed over.
GRANT USAGE ON SCHEMA public TO {{role}};
DO $$
DECLARE
    wish record;
    columns text;
BEGIN
    FOR wish IN
        SELECT * FROM (VALUES
            ('staging_acra_companies', 'SELECT', NULL::text[]),
            ('ssic_ref', 'SELECT', NULL),
            ('companies', 'SELECT', NULL),
            ('companies', 'UPDATE', ARRAY['name', 'industry_norm', 'industry_code', 'incorporation_year', 'last_seen',
                'website_domain', 'email', 'phone_number', 'linkedin_url', 'sg_phone', 'sg_postcode']),
            ('enrichment_runs', 'SELECT', NULL),
            ('enrichment_runs', 'INSERT', ARRAY['started_at', 'ended_at', 'tenant_id', 'status']),
            ('company_enrichment_runs', 'SELECT', NULL),
            ('company_enrichment_runs', 'INSERT', ARRAY['company_id', 'run_id', 'domain', 'about_text', 'linkedin_url',
                'source_json', 'updated_at', 'tenant_id', 'public_emails', 'verification_results']),
            ('contacts', 'SELECT', NULL),
            ('contacts', 'INSERT', ARRAY['company_id', 'email', 'email_verified', 'contact_source', 'created_at',
                'updated_at']),
            ('contacts', 'UPDATE', ARRAY['email_verified', 'updated_at']),
            ('lead_emails', 'SELECT', NULL),
            ('lead_emails', 'INSERT', ARRAY['email', 'company_id', 'verification_status', 'source',
                'last_verified_at', 'source_json']),
            ('lead_emails', 'UPDATE', ARRAY['company_id', 'verification_status', 'last_verified_at', 'source_json']),
            ('email_verification_cache', 'SELECT', NULL),
            ('email_verification_cache', 'INSERT', ARRAY['email', 'status', 'confidence', 'checked_at']),
            ('email_verification_cache', 'UPDATE', ARRAY['status', 'confidence', 'checked_at']),
            ('run_vendor_usage', 'SELECT', NULL),
            ('run_vendor_usage', 'INSERT', ARRAY['run_id', 'tenant_id', 'vendor', 'calls', 'tokens_output']),
            ('run_event_logs', 'SELECT', NULL),
            ('run_event_logs', 'INSERT', ARRAY['run_id', 'tenant_id', 'stage', 'company_id', 'event', 'status',
                'error_code', 'duration_ms', 'extra', 'ts'])
        ) AS wishes(relation, privilege, columns)
        WHERE to_regclass('public.' || relation) IS NOT NULL
    LOOP
        IF wish.columns IS NULL THEN
            EXECUTE format('GRANT %s ON public.%I TO {{role}}', wish.privilege, wish.relation);
        ELSE
            SELECT string_agg(quote_ident(a.attname), ', ') INTO columns
            FROM pg_attribute a
            WHERE a.attrelid = to_regclass('public.' || wish.relation) AND a.attnum > 0 AND NOT a.attisdropped
              AND a.attname = ANY (wish.columns);
            EXECUTE format('GRANT %s (%s) ON public.%I TO {{role}}', wish.privilege, columns, wish.relation);
        END IF;
    END LOOP;
    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO {{role}}',
                   pg_get_serial_sequence('public.enrichment_runs', 'run_id'));
END $$;

-- The dumps enable row-level security without a single policy: nobody but the owner could write there. Where that is
-- so, our role (only ours) gets the platform's own rule; where the platform has policies, nothing is added.
DO $$
DECLARE
    relation text;
BEGIN
    FOR relation IN
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity
          AND c.relname IN ('enrichment_runs', 'run_vendor_usage', 'run_event_logs', 'company_enrichment_runs')
          AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
          AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
    LOOP
        EXECUTE format(
            'CREATE POLICY acra_express_own ON public.%I TO {{role}} '
            'USING (tenant_id::text = current_setting(''request.tenant_id'', true)) '
            'WITH CHECK (tenant_id::text = current_setting(''request.tenant_id'', true))', relation);
    END LOOP;
END $$;
