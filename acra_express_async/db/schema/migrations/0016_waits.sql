-- A waiting job holds back only the continuations that would wait for the same thing. `waits_for` names what all
-- campaigns share (a provider, or `service` for a fault in our own code); null says that the job waits for something of
-- its own: the cap or limit of its campaign, the backoff after an error, a lock. A continuation finds out by itself
-- whether the day's cap has room for it.
-- Works beside the previous version: the claim clears the column, and that version's waits stay null.

ALTER TABLE acra_express.leases
    ADD COLUMN IF NOT EXISTS waits_for text,
    ADD COLUMN IF NOT EXISTS campaign_id bigint;

-- Waiting jobs are few beside the leases of those that ended.
CREATE INDEX IF NOT EXISTS leases_waiting ON acra_express.leases (campaign_id)
    WHERE claimed_at IS NOT NULL AND NOT held AND due_at < 'infinity';
CREATE INDEX IF NOT EXISTS leases_shared_waits ON acra_express.leases (waits_for)
    WHERE waits_for IS NOT NULL AND claimed_at IS NOT NULL AND NOT held AND due_at < 'infinity';

-- The campaign that a job belongs to: its own id where it names none. Params above 1 MB are not read.
CREATE OR REPLACE FUNCTION acra_express.campaign_in(p_job_id bigint, p_job_type text, p_params jsonb) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_params IS NULL OR pg_column_size(p_params) > 1048576 THEN
        RETURN p_job_id;
    END IF;
    IF p_job_type = 'acra_express_staging_upsert' THEN
        RETURN coalesce(acra_express.whole_number(p_params #> '{campaign,id}'), p_job_id);
    END IF;
    RETURN coalesce(acra_express.whole_number(p_params -> 'campaign_id'),
                    acra_express.campaign_of(acra_express.whole_number(p_params -> 'staging_job_id')), p_job_id);
END $$;

UPDATE acra_express.leases l SET campaign_id = acra_express.campaign_in(b.job_id, b.job_type, b.params)
FROM public.background_jobs b
WHERE b.job_id = l.job_id AND l.campaign_id IS NULL AND l.due_at < 'infinity';

-- As in 0013, but for the continuations, which are pulled when nothing waits for what they would need too.
CREATE OR REPLACE FUNCTION acra_express.claim_jobs(p_owner text, p_lease interval, p_limit int, p_confirms boolean)
RETURNS TABLE (
    job_id bigint, job_type text, token bigint, params jsonb, created_at timestamptz,
    attempts int, errors int, crashes int, expired boolean, outage interval,
    interruptions int, crashed boolean, replaced boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    candidate record;
    lease record;
    found_one boolean;
    pulled boolean;
    replaced boolean;
    left_over int := p_limit;
BEGIN
    IF (SELECT c.paused FROM acra_express.control c) THEN
        RETURN;
    END IF;
    WHILE left_over > 0 LOOP
        replaced := false;
        SELECT b.job_id, b.job_type, b.status, b.params, b.created_at INTO candidate
        FROM public.background_jobs b
        WHERE b.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates')
          AND b.status IN ('queued', 'running') AND b.status = 'queued' AND b.started_at IS NULL
          AND NOT EXISTS (SELECT FROM acra_express.leases l WHERE l.job_id = b.job_id
                          AND (l.job_created_at IS NULL OR l.job_created_at = b.created_at))
        ORDER BY b.started_at NULLS FIRST, b.job_id
        LIMIT 1 FOR UPDATE OF b SKIP LOCKED;
        found_one := FOUND;
        IF found_one THEN
            replaced := acra_express.put_aside(candidate.job_id);
        ELSE
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
            SELECT FROM acra_express.leases w
            WHERE w.waits_for IS NOT NULL AND w.claimed_at IS NOT NULL AND NOT w.held AND w.due_at < 'infinity'
        ) THEN
            -- a free worker: a continuation need not wait for its tick
            SELECT b.job_id, b.job_type, b.status, b.params, b.created_at INTO candidate
            FROM acra_express.leases l JOIN public.background_jobs b ON b.job_id = l.job_id
            WHERE l.claimed_at IS NULL AND l.due_at < 'infinity'
              AND b.job_type = 'acra_express_staging_upsert' AND b.status = 'queued'
              AND NOT EXISTS (
                  SELECT FROM acra_express.leases w
                  WHERE w.campaign_id = acra_express.campaign_in(b.job_id, b.job_type, b.params)
                    AND w.claimed_at IS NOT NULL AND NOT w.held AND w.due_at < 'infinity')
            ORDER BY l.due_at, l.job_id
            LIMIT 1 FOR UPDATE OF b SKIP LOCKED;
            found_one := FOUND;
            pulled := FOUND;
        END IF;
        EXIT WHEN NOT found_one;
        IF EXISTS (SELECT FROM acra_express.leases l
                   WHERE l.job_id = candidate.job_id AND l.job_created_at <> candidate.created_at) THEN
            replaced := acra_express.put_aside(candidate.job_id);
        END IF;
        -- The candidate was chosen on a snapshot taken before its row lock: test the expiry again on the lease itself,
        -- or a lease renewed in between would be stolen.
        INSERT INTO acra_express.leases AS l
            (job_id, job_created_at, token, held, confirmed, due_at, owner, claimed_at, attempts, campaign_id)
        VALUES (candidate.job_id, candidate.created_at, acra_express.new_token(), true,
                CASE WHEN p_confirms THEN false END, acra_express.clock() + p_lease, p_owner, acra_express.clock(), 1,
                acra_express.campaign_in(candidate.job_id, candidate.job_type, candidate.params))
        ON CONFLICT (job_id) DO UPDATE SET
            job_created_at = excluded.job_created_at, token = excluded.token, held = true,
            confirmed = excluded.confirmed, due_at = excluded.due_at, owner = excluded.owner,
            claimed_at = excluded.claimed_at, attempts = l.attempts + 1,
            campaign_id = excluded.campaign_id, waits_for = NULL,
            -- confirmed is false where nobody ever learnt of the claim: then nobody can have died of the job
            crashes = l.crashes
                + (l.held AND candidate.status = 'running' AND l.confirmed IS DISTINCT FROM false)::int,
            crashed_token = CASE
                WHEN l.held AND candidate.status = 'running' AND l.confirmed IS DISTINCT FROM false THEN l.token END
        WHERE l.due_at <= acra_express.clock() OR (pulled AND l.claimed_at IS NULL)
        RETURNING l.token, l.attempts, l.errors, l.crashes, l.outage_since, l.interruptions, l.crashed_token INTO lease;
        CONTINUE WHEN NOT FOUND;
        UPDATE public.background_jobs b SET status = 'running', started_at = acra_express.clock(), ended_at = NULL
        WHERE b.job_id = candidate.job_id;
        left_over := left_over - 1;
        RETURN QUERY SELECT candidate.job_id::bigint, candidate.job_type::text, lease.token::bigint,
            candidate.params::jsonb, candidate.created_at::timestamptz,
            lease.attempts::int, lease.errors::int, lease.crashes::int, candidate.status = 'running',
            greatest(coalesce(acra_express.clock() - lease.outage_since, interval '0'), interval '0'),
            lease.interruptions::int, lease.crashed_token IS NOT NULL, replaced;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION
    acra_express.claim_jobs(text, interval, int, boolean), acra_express.campaign_in(bigint, text, jsonb)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acra_express.claim_jobs(text, interval, int, boolean) TO {{role}};
