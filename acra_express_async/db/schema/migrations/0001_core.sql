-- Jobs: leases, outcomes, slots of the daily cap, control, ticks; the view and the functions of the tenant role.
-- Status words stay the platform's (queued, running, done, error); everything else about a job stands here.

GRANT USAGE ON SCHEMA acra_express TO {{role}};
GRANT SELECT ON acra_express.schema_migrations TO {{role}};

-- The one clock by which leases, budgets and windows are judged. Only the sandbox replaces it, for simulated time.
-- Write `<= (SELECT acra_express.clock())`: the bare volatile call in a predicate forbids the index.
CREATE FUNCTION acra_express.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE
AS 'SELECT pg_catalog.clock_timestamp()';

-- One row for each job that was ever claimed, or that may not be claimed before a given moment.
CREATE TABLE acra_express.leases (
    job_id     bigint PRIMARY KEY,
    token      bigint NOT NULL DEFAULT 0,      -- grows with each claim; every later write must match it
    held       boolean NOT NULL DEFAULT false, -- a worker holds it: due_at is then the end of its lease
    due_at     timestamptz NOT NULL,           -- when it may be claimed next; 'infinity' once it has ended
    owner      text,                           -- host and boot of the holder; only informational
    claimed_at timestamptz,
    attempts   int NOT NULL DEFAULT 0,         -- claims that were not handed back
    errors     int NOT NULL DEFAULT 0,         -- job-specific errors since the last operator's retry
    crashes    int NOT NULL DEFAULT 0,         -- claims of an expired lease since the last committed company
    outage_since timestamptz                   -- first snooze for an outage since the last progress
);
CREATE INDEX leases_due ON acra_express.leases (due_at, job_id);
CREATE INDEX leases_put_off ON acra_express.leases (due_at, job_id) WHERE claimed_at IS NULL;

-- How each company of an enrichment job ended: written with its result, read by alerts, selection and `explain`.
CREATE TABLE acra_express.outcomes (
    job_id         bigint NOT NULL,
    company_id     bigint NOT NULL,
    uen            text,
    kind           text NOT NULL CHECK (kind IN ('enriched', 'no_website', 'skipped', 'failed')),
    reason         text NOT NULL DEFAULT '',
    staging_job_id bigint,
    staged_at      timestamptz,      -- created_at of the company's own staging job
    campaign_at    timestamptz,      -- when a person enqueued the campaign
    ended_at       timestamptz NOT NULL,
    detail         jsonb,
    PRIMARY KEY (job_id, company_id)
);
CREATE INDEX outcomes_ended ON acra_express.outcomes (ended_at);
CREATE INDEX outcomes_uen ON acra_express.outcomes (uen, ended_at DESC);
CREATE INDEX outcomes_company ON acra_express.outcomes (company_id, ended_at DESC);

-- A slot of the daily cap is the pair itself: taking it twice is taking it once, and nothing can leak.
CREATE TABLE acra_express.daily_slots (
    day        date NOT NULL,
    company_id bigint NOT NULL,
    job_id     bigint NOT NULL,
    taken_at   timestamptz NOT NULL,
    PRIMARY KEY (day, company_id)
);

-- Which enrichment job a staging job produced: at most one, whatever is repeated.
CREATE TABLE acra_express.staged (
    staging_job_id    bigint PRIMARY KEY,
    enrichment_job_id bigint,
    continuation_id   bigint,
    staged_at         timestamptz NOT NULL
);

CREATE TABLE acra_express.control (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    paused    boolean NOT NULL DEFAULT false,
    changed_by text,
    changed_at timestamptz
);
INSERT INTO acra_express.control DEFAULT VALUES;

-- A tick belongs to the replica whose insert came first.
CREATE TABLE acra_express.ticks (
    loop   text NOT NULL,
    due_at timestamptz NOT NULL,
    owner  text NOT NULL,
    PRIMARY KEY (loop, due_at)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON
    acra_express.leases, acra_express.outcomes, acra_express.daily_slots, acra_express.staged, acra_express.ticks
TO {{role}};
GRANT SELECT, UPDATE ON acra_express.control TO {{role}};

-- The tenant role's only way to job rows: our two types, and nothing can be written out of them.
CREATE VIEW acra_express.express_jobs WITH (security_barrier) AS
    SELECT job_id, tenant_id, job_type, status, created_at, started_at, ended_at, params, processed, total, error
    FROM public.background_jobs
    WHERE job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates')
    WITH CASCADED CHECK OPTION;
GRANT SELECT ON acra_express.express_jobs TO {{role}};
GRANT INSERT (tenant_id, job_type, status, params, total, created_at) ON acra_express.express_jobs TO {{role}};
GRANT UPDATE (status, started_at, ended_at, params, processed, total, error) ON acra_express.express_jobs TO {{role}};
DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO {{role}}',
                   pg_get_serial_sequence('public.background_jobs', 'job_id'));
END $$;

-- Claim up to p_limit jobs for p_owner. Owner-owned: FOR UPDATE SKIP LOCKED through the view would lock every row
-- under it. Never-served jobs come first, by id; then whichever has been due the longest; then a continuation whose
-- tick has not come. An expired lease needs no rescuer: it is simply due. Lock order: job, then lease.
CREATE FUNCTION acra_express.claim(p_owner text, p_lease interval, p_limit int)
RETURNS TABLE (
    job_id bigint, job_type text, token bigint, params jsonb, created_at timestamptz,
    attempts int, errors int, crashes int, expired boolean, outage interval
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    candidate record;
    lease record;
    found_one boolean;
    pulled boolean;
    left_over int := p_limit;
BEGIN
    IF (SELECT c.paused FROM acra_express.control c) THEN
        RETURN;
    END IF;
    WHILE left_over > 0 LOOP
        SELECT b.job_id, b.job_type, b.status, b.params, b.created_at INTO candidate
        FROM public.background_jobs b
        WHERE b.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates')
          AND b.status IN ('queued', 'running') AND b.status = 'queued' AND b.started_at IS NULL
          AND NOT EXISTS (SELECT FROM acra_express.leases l WHERE l.job_id = b.job_id)
        ORDER BY b.started_at NULLS FIRST, b.job_id
        LIMIT 1 FOR UPDATE OF b SKIP LOCKED;
        found_one := FOUND;
        IF NOT found_one THEN
            SELECT b.job_id, b.job_type, b.status, b.params, b.created_at INTO candidate
            FROM acra_express.leases l JOIN public.background_jobs b ON b.job_id = l.job_id
            WHERE l.due_at <= (SELECT acra_express.clock())
              AND b.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates')
              AND b.status IN ('queued', 'running')
            ORDER BY l.due_at, l.job_id
            LIMIT 1 FOR UPDATE OF b SKIP LOCKED;
            found_one := FOUND;
        END IF;
        pulled := false;
        IF NOT found_one AND NOT EXISTS (
            SELECT FROM acra_express.leases l
            WHERE l.due_at < 'infinity' AND NOT l.held AND l.claimed_at IS NOT NULL
        ) THEN
            -- a free worker, and nothing else waits, not even for a budget: a continuation need not wait for its tick
            SELECT b.job_id, b.job_type, b.status, b.params, b.created_at INTO candidate
            FROM acra_express.leases l JOIN public.background_jobs b ON b.job_id = l.job_id
            WHERE l.claimed_at IS NULL AND l.due_at < 'infinity'
              AND b.job_type = 'acra_express_staging_upsert' AND b.status = 'queued'
            ORDER BY l.due_at, l.job_id
            LIMIT 1 FOR UPDATE OF b SKIP LOCKED;
            found_one := FOUND;
            pulled := FOUND;
        END IF;
        EXIT WHEN NOT found_one;
        -- The candidate was chosen on a snapshot taken before its row lock: test the expiry again on the lease itself,
        -- or a lease renewed in between would be stolen.
        INSERT INTO acra_express.leases AS l (job_id, token, held, due_at, owner, claimed_at, attempts)
        VALUES (candidate.job_id, 1, true, acra_express.clock() + p_lease, p_owner, acra_express.clock(), 1)
        ON CONFLICT (job_id) DO UPDATE SET
            token = l.token + 1, held = true, due_at = excluded.due_at, owner = excluded.owner,
            claimed_at = excluded.claimed_at, attempts = l.attempts + 1,
            crashes = l.crashes + (l.held AND candidate.status = 'running')::int
        WHERE l.due_at <= acra_express.clock() OR (pulled AND l.claimed_at IS NULL)
        RETURNING l.token, l.attempts, l.errors, l.crashes, l.outage_since INTO lease;
        CONTINUE WHEN NOT FOUND;
        UPDATE public.background_jobs b SET status = 'running', started_at = acra_express.clock(), ended_at = NULL
        WHERE b.job_id = candidate.job_id;
        left_over := left_over - 1;
        RETURN QUERY SELECT candidate.job_id::bigint, candidate.job_type::text, lease.token::bigint,
            candidate.params::jsonb, candidate.created_at::timestamptz,
            lease.attempts::int, lease.errors::int, lease.crashes::int, candidate.status = 'running',
            coalesce(acra_express.clock() - lease.outage_since, interval '0');
    END LOOP;
END $$;

-- True while the token still owns a running job; locks job, then lease, until the transaction ends. Every write that
-- belongs to a claim begins with it. Two statements on purpose: the second sees what the first waited for.
CREATE FUNCTION acra_express.fence(p_job_id bigint, p_token bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM public.background_jobs b
    WHERE b.job_id = p_job_id AND b.status = 'running'
      AND b.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates')
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM FROM acra_express.leases l WHERE l.job_id = p_job_id AND l.token = p_token AND l.held FOR UPDATE;
    RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION acra_express.claim(text, interval, int), acra_express.fence(bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acra_express.claim(text, interval, int), acra_express.fence(bigint, bigint) TO {{role}};

-- A constant payload, so that the server folds the duplicates of one transaction; the listener ignores it anyway.
CREATE FUNCTION acra_express.notify_enqueued() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_notify('acra_express_jobs', 'enqueued');
    RETURN NULL;
END $$;
CREATE TRIGGER acra_express_enqueued AFTER INSERT ON public.background_jobs
    FOR EACH ROW
    WHEN (NEW.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates'))
    EXECUTE FUNCTION acra_express.notify_enqueued();

-- Our own tenant: every header and row of ours stands under it (a customer's would eat the customer's nightly cap).
INSERT INTO public.tenants (name)
SELECT 'acra_express' WHERE NOT EXISTS (SELECT FROM public.tenants WHERE name = 'acra_express');
GRANT SELECT (tenant_id, name) ON public.tenants TO {{role}};
