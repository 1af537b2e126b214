-- A campaign's list of UENs stands here once, under the campaign's id, and its jobs carry the campaign only: a list that
-- is copied into every continuation grows with the square of its length. And what others write into job rows is judged
-- here, before anything of it is cast, loaded or shown.

CREATE TABLE IF NOT EXISTS acra_express.campaign_uens (
    campaign_id    bigint NOT NULL,      -- the job id of the campaign's first staging job
    uen            text NOT NULL,
    place          int NOT NULL,         -- in the order of asking
    staging_job_id bigint,               -- the batch that took it; null while it waits
    listed_at      timestamptz NOT NULL, -- when the list was stored; what finished lists are pruned by
    PRIMARY KEY (campaign_id, uen)
);
CREATE INDEX IF NOT EXISTS campaign_uens_waiting ON acra_express.campaign_uens (campaign_id, place)
    WHERE staging_job_id IS NULL;
CREATE INDEX IF NOT EXISTS campaign_uens_uen ON acra_express.campaign_uens (uen);
GRANT SELECT, INSERT, UPDATE, DELETE ON acra_express.campaign_uens TO {{role}};

-- The whole number that a JSON value is, or null: a fraction, a string or a number beyond bigint is none. jsonb compares
-- numbers without casting them.
CREATE OR REPLACE FUNCTION acra_express.whole_number(p_value jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN pg_catalog.jsonb_typeof(p_value) = 'number'
                 AND p_value >= '-9223372036854775808'::pg_catalog.jsonb
                 AND p_value <= '9223372036854775807'::pg_catalog.jsonb
           THEN CASE WHEN p_value::pg_catalog.numeric = pg_catalog.trunc(p_value::pg_catalog.numeric)
                     THEN p_value::pg_catalog.int8 END END
$$;

-- How many elements a JSON value has if it is a list; of anything else 0.
CREATE OR REPLACE FUNCTION acra_express.length_of(p_value jsonb) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN pg_catalog.jsonb_typeof(p_value) = 'array' THEN pg_catalog.jsonb_array_length(p_value) ELSE 0 END
$$;

-- Why a job's params must not be loaded (a machine's word), or null. The checks go from cheap to dear, so that no row
-- costs more than a fraction of a second:
--   1. what is stored, compressed, is told by the value's header;
--   2. an element of an array is never compressed, so ARRAY[p] tells the size in memory (at most eight times the text);
--   3. 1e100000 and 0e-16383 are stored in ten bytes and printed in thousands, so numbers are judged before printing;
--      where there can be many of them (64 kB), the digits behind the point too.
CREATE OR REPLACE FUNCTION acra_express.params_fault(p_params jsonb, p_most_bytes int) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    in_memory int;
BEGIN
    IF p_params IS NULL THEN
        RETURN NULL;
    END IF;
    IF pg_column_size(p_params) > p_most_bytes THEN
        RETURN 'too_long';
    END IF;
    in_memory := pg_column_size(ARRAY[p_params]);
    IF in_memory > 8 * p_most_bytes::bigint THEN
        RETURN 'too_long';
    END IF;
    IF jsonb_path_exists(p_params, 'strict $.** ? (@ > 1e100 || @ < -1e100)') THEN
        RETURN 'number_too_long';
    END IF;
    IF in_memory > 65536 AND EXISTS (
        -- jsonb_path_query would do, but takes time by the square of what it finds
        SELECT FROM jsonb_array_elements(
            jsonb_path_query_array(p_params, 'strict $.** ? (@.type() == "number")')) AS n(value)
        WHERE scale(n.value::numeric) > 100
    ) THEN
        RETURN 'number_too_long';
    END IF;
    IF octet_length(p_params::text) > p_most_bytes THEN
        RETURN 'too_long';
    END IF;
    RETURN CASE WHEN jsonb_typeof(p_params) NOT IN ('object', 'null') THEN 'no_object' END;
EXCEPTION WHEN program_limit_exceeded OR insufficient_resources THEN
    RETURN 'too_deep';
END $$;

-- The claim of migration 0001 under a new name, for services that know where lists stand.
CREATE OR REPLACE FUNCTION acra_express.claim_jobs(p_owner text, p_lease interval, p_limit int)
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

-- The previous version of the service knows lists only as `uens` in params. What it claims gets its list back, in the
-- row itself: so a list stands in one place at any moment, and either version may go on with it.
CREATE OR REPLACE FUNCTION acra_express.claim(p_owner text, p_lease interval, p_limit int)
RETURNS TABLE (
    job_id bigint, job_type text, token bigint, params jsonb, created_at timestamptz,
    attempts int, errors int, crashes int, expired boolean, outage interval
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    claimed record;
    whole jsonb;
    listed jsonb;
BEGIN
    FOR claimed IN
        SELECT c.job_id, c.job_type, c.token, c.params, c.created_at,
               c.attempts, c.errors, c.crashes, c.expired, c.outage
        FROM acra_express.claim_jobs(p_owner, p_lease, p_limit) c
    LOOP
        whole := claimed.params;
        IF acra_express.params_fault(whole, 1048576) IS NOT NULL THEN
            whole := '{}';  -- the previous version ends such a job with a sentence of its own
        ELSIF claimed.job_type = 'acra_express_staging_upsert' AND jsonb_typeof(whole) = 'object'
              AND NOT whole ? 'uens' THEN
            WITH taken AS (
                DELETE FROM acra_express.campaign_uens u
                WHERE u.campaign_id = coalesce(acra_express.whole_number(whole #> '{campaign,id}'), claimed.job_id)
                  AND u.staging_job_id IS NULL
                RETURNING u.uen, u.place)
            SELECT jsonb_agg(t.uen ORDER BY t.place) INTO listed FROM taken t;
            IF listed IS NOT NULL THEN
                whole := whole || jsonb_build_object('uens', listed);
                UPDATE public.background_jobs b SET params = whole WHERE b.job_id = claimed.job_id;
            END IF;
        END IF;
        RETURN QUERY SELECT claimed.job_id, claimed.job_type, claimed.token, whole, claimed.created_at,
            claimed.attempts, claimed.errors, claimed.crashes, claimed.expired, claimed.outage;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION acra_express.claim_jobs(text, interval, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acra_express.claim_jobs(text, interval, int) TO {{role}};
