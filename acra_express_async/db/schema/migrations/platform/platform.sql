-- The platform's tables, for a database that has none: demo, tests, development.
-- Each section is run only where its table is missing, so an existing platform is never altered.

-- table: tenants
CREATE TABLE public.tenants (
    tenant_id serial PRIMARY KEY,
    name      text NOT NULL,
    status    text DEFAULT 'active'
);

-- table: odoo_connections
CREATE TABLE public.odoo_connections (
    tenant_id int PRIMARY KEY,
    active    boolean NOT NULL DEFAULT true
);

-- table: background_jobs
CREATE TABLE public.background_jobs (
    job_id     bigserial PRIMARY KEY,
    tenant_id  int,
    job_type   text NOT NULL,
    status     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    ended_at   timestamptz,
    params     jsonb,
    processed  int DEFAULT 0,
    total      int DEFAULT 0,
    error      text
);
CREATE INDEX idx_background_jobs_status ON public.background_jobs (status);
CREATE UNIQUE INDEX uq_bg_next40_batch_unique ON public.background_jobs ((params ->> 'batch_id'))
    WHERE job_type = 'web_discovery_bg_enrich';

-- table: staging_acra_companies
CREATE TABLE public.staging_acra_companies (
    uen text PRIMARY KEY,
    issuance_agency_id text,
    entity_name text,
    entity_type_description text,
    business_constitution_description text,
    company_type_description text,
    paf_constitution_description text,
    entity_status_description text,
    registration_incorporation_date text,
    uen_issue_date text,
    address_type text,
    block text,
    street_name text,
    level_no text,
    unit_no text,
    building_name text,
    postal_code text,
    other_address_line1 text,
    other_address_line2 text,
    account_due_date text,
    annual_return_date text,
    primary_ssic_code integer,
    primary_ssic_description text,
    primary_user_described_activity text,
    secondary_ssic_code text,
    secondary_ssic_description text,
    secondary_user_described_activity text,
    no_of_officers int,
    former_entity_name1 text, former_entity_name2 text, former_entity_name3 text, former_entity_name4 text,
    former_entity_name5 text, former_entity_name6 text, former_entity_name7 text, former_entity_name8 text,
    former_entity_name9 text, former_entity_name10 text, former_entity_name11 text, former_entity_name12 text,
    former_entity_name13 text, former_entity_name14 text, former_entity_name15 text,
    uen_of_audit_firm1 text, name_of_audit_firm1 text,
    uen_of_audit_firm2 text, name_of_audit_firm2 text,
    uen_of_audit_firm3 text, name_of_audit_firm3 text,
    uen_of_audit_firm4 text, name_of_audit_firm4 text,
    uen_of_audit_firm5 text, name_of_audit_firm5 text
);
CREATE INDEX idx_staging_acra_companies_ssic_norm
    ON public.staging_acra_companies (regexp_replace(primary_ssic_code::text, '\D', '', 'g'));
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE INDEX idx_staging_acra_companies_name_trgm ON public.staging_acra_companies
            USING gin (entity_name gin_trgm_ops);
    END IF;
END $$;

-- table: ssic_ref
CREATE TABLE public.ssic_ref (
    code             text PRIMARY KEY,
    title            text NOT NULL,
    description      text,
    version          text NOT NULL,
    effective_date   date,
    source_file_hash text NOT NULL,
    created_at       timestamptz DEFAULT now(),
    fts              tsvector
);
CREATE OR REPLACE FUNCTION public.ssic_ref_keep_fts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.fts := to_tsvector('english', coalesce(NEW.title, '') || ' ' || coalesce(NEW.description, ''));
    RETURN NEW;
END $$;
CREATE TRIGGER trg_ssic_ref_fts BEFORE INSERT OR UPDATE ON public.ssic_ref
    FOR EACH ROW EXECUTE FUNCTION public.ssic_ref_keep_fts();
CREATE INDEX idx_ssic_ref_fts ON public.ssic_ref USING gin (fts);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE INDEX idx_ssic_ref_title_trgm ON public.ssic_ref USING gin (title gin_trgm_ops);
        CREATE INDEX idx_ssic_ref_description_trgm ON public.ssic_ref USING gin (description gin_trgm_ops);
    END IF;
END $$;

-- table: companies
CREATE TABLE public.companies (
    company_id bigserial PRIMARY KEY,
    uen text,
    name text,
    industry_norm text,
    employees_est int,
    revenue_bucket text,
    incorporation_year int,
    sg_registered boolean DEFAULT true,
    last_seen timestamptz DEFAULT now(),
    website_domain text,
    industry_code text,
    company_size int,
    annual_revenue text,
    hq_city text,
    hq_country text,
    linkedin_url text,
    founded_year int,
    tech_stack text[],
    ownership_type text,
    funding_status jsonb,
    employee_turnover float8,
    web_traffic bigint,
    email text,
    phone_number text,
    location_city text,
    location_country text,
    uen_confidence numeric,
    sg_phone text,
    sg_postcode text,
    sg_markers text[],
    employee_bracket text,
    locations_est int,
    domain_hygiene boolean,
    CONSTRAINT companies_uen_key UNIQUE (uen)
);
CREATE UNIQUE INDEX ux_companies_website_domain ON public.companies (website_domain)
    WHERE website_domain IS NOT NULL;
CREATE INDEX idx_companies_name_lower ON public.companies (lower(name));
CREATE INDEX idx_companies_industry_norm_lower ON public.companies (lower(industry_norm));
CREATE INDEX idx_companies_website_domain ON public.companies (website_domain);
CREATE INDEX idx_companies_uen ON public.companies (uen);
CREATE INDEX idx_companies_sg_registered ON public.companies (sg_registered);

-- table: enrichment_runs
CREATE TABLE public.enrichment_runs (
    run_id              bigserial PRIMARY KEY,
    started_at          timestamptz DEFAULT now(),
    tenant_id           int,
    ended_at            timestamptz,
    status              text,
    langsmith_trace_url text,
    degraded            boolean DEFAULT false
);
ALTER TABLE public.enrichment_runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY enrichment_runs_isolation ON public.enrichment_runs
    USING (tenant_id::text = current_setting('request.tenant_id', true))
    WITH CHECK (tenant_id::text = current_setting('request.tenant_id', true));

-- table: company_enrichment_runs
CREATE TABLE public.company_enrichment_runs (
    company_id bigint NOT NULL REFERENCES public.companies (company_id) ON DELETE CASCADE,
    run_id bigint NOT NULL REFERENCES public.enrichment_runs (run_id),
    domain text,
    about_text text,
    tech_stack text[],
    jobs_count int,
    linkedin_url text,
    news_latest_at date,
    source_json jsonb,
    updated_at timestamptz DEFAULT now(),
    degraded_reasons text,
    tenant_id int,
    public_emails text[],
    verification_results jsonb,
    embedding float8[],
    PRIMARY KEY (company_id, run_id)
);
ALTER TABLE public.company_enrichment_runs ADD CONSTRAINT company_enrichment_runs_tenant_fk
    FOREIGN KEY (tenant_id) REFERENCES public.tenants (tenant_id) ON DELETE SET NULL NOT VALID;

-- table: contacts
CREATE TABLE public.contacts (
    contact_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id bigint NOT NULL REFERENCES public.companies (company_id),
    full_name text,
    email text,
    email_verified boolean,
    verification_confidence float8,
    job_title text,
    department text,
    linkedin_profile text,
    phone_number text,
    seniority text,
    location_city text,
    location_country text,
    contact_source text,
    email_engagement jsonb,
    last_interaction timestamptz,
    preferred_contact_method text,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
CREATE UNIQUE INDEX ux_contacts_company_email ON public.contacts (company_id, email) WHERE email IS NOT NULL;

-- table: lead_emails
CREATE TABLE public.lead_emails (
    email text PRIMARY KEY,
    company_id bigint REFERENCES public.companies (company_id),
    first_name text,
    last_name text,
    role_title text,
    verification_status text,
    smtp_confidence numeric,
    left_company boolean,
    role_last_seen date,
    source text,
    last_verified_at timestamptz,
    bounce_count int DEFAULT 0,
    source_json jsonb
);

-- table: email_verification_cache
CREATE TABLE public.email_verification_cache (
    email      text PRIMARY KEY,
    status     text,
    confidence float8,
    checked_at timestamptz DEFAULT now()
);

-- table: run_stage_stats
CREATE TABLE public.run_stage_stats (
    run_id        bigint NOT NULL,
    tenant_id     int NOT NULL,
    stage         varchar(64) NOT NULL,
    count_total   int,
    count_success int,
    count_error   int,
    p50_ms        int,
    p95_ms        int,
    p99_ms        int,
    PRIMARY KEY (run_id, tenant_id, stage)
);
ALTER TABLE public.run_stage_stats ENABLE ROW LEVEL SECURITY;
CREATE POLICY run_stage_stats_isolation ON public.run_stage_stats
    USING (tenant_id::text = current_setting('request.tenant_id', true))
    WITH CHECK (tenant_id::text = current_setting('request.tenant_id', true));

-- table: run_vendor_usage
CREATE TABLE public.run_vendor_usage (
    run_id          bigint NOT NULL,
    tenant_id       int NOT NULL,
    vendor          varchar(64) NOT NULL,
    calls           int DEFAULT 0,
    errors          int DEFAULT 0,
    tokens_input    int DEFAULT 0,
    tokens_output   int DEFAULT 0,
    cost_usd        numeric(12, 4) DEFAULT 0,
    rate_limit_hits int DEFAULT 0,
    quota_exhausted boolean DEFAULT false,
    PRIMARY KEY (run_id, tenant_id, vendor)
);
ALTER TABLE public.run_vendor_usage ENABLE ROW LEVEL SECURITY;
CREATE POLICY run_vendor_usage_isolation ON public.run_vendor_usage
    USING (tenant_id::text = current_setting('request.tenant_id', true))
    WITH CHECK (tenant_id::text = current_setting('request.tenant_id', true));

-- table: run_event_logs
CREATE TABLE public.run_event_logs (
    run_id      bigint NOT NULL,
    tenant_id   int NOT NULL,
    stage       varchar(64) NOT NULL,
    company_id  int,
    event       varchar(64) NOT NULL,
    status      varchar(32) NOT NULL,
    error_code  varchar(64),
    duration_ms int,
    trace_id    text,
    extra       jsonb,
    ts          timestamptz DEFAULT now()
);
ALTER TABLE public.run_event_logs ENABLE ROW LEVEL SECURITY;
CREATE POLICY run_event_logs_isolation ON public.run_event_logs
    USING (tenant_id::text = current_setting('request.tenant_id', true))
    WITH CHECK (tenant_id::text = current_setting('request.tenant_id', true));

-- table: run_summaries
CREATE TABLE public.run_summaries (
    run_id     bigint PRIMARY KEY,
    tenant_id  int NOT NULL,
    candidates int,
    processed  int,
    batches    int,
    created_at timestamptz DEFAULT now()
);
ALTER TABLE public.run_summaries ENABLE ROW LEVEL SECURITY;
CREATE POLICY run_summaries_isolation ON public.run_summaries
    USING (tenant_id::text = current_setting('request.tenant_id', true))
    WITH CHECK (tenant_id::text = current_setting('request.tenant_id', true));

-- table: run_manifests
CREATE TABLE public.run_manifests (
    run_id       bigint PRIMARY KEY,
    tenant_id    int NOT NULL,
    selected_ids bigint[] NOT NULL,
    created_at   timestamptz DEFAULT now()
);
ALTER TABLE public.run_manifests ENABLE ROW LEVEL SECURITY;
CREATE POLICY run_manifests_isolation ON public.run_manifests
    USING (tenant_id::text = current_setting('request.tenant_id', true))
    WITH CHECK (tenant_id::text = current_setting('request.tenant_id', true));

-- table: service_progress
CREATE TABLE public.service_progress (
    service_key text PRIMARY KEY,
    last_id     bigint,
    last_uen    text,
    updated_at  timestamptz DEFAULT now()
);
