-- Claims that do not read what ended long ago. While another session keeps an old snapshot, no vacuum removes the
-- versions of jobs and leases that have ended, and each claim read all of them again. A process now remembers below
-- which job ID and before which moment nothing was due any more, and hands both to the claim.
-- Works beside the previous version, which goes on calling claim_jobs(text, interval, int, boolean).

-- Read with a moment from which on a wait may still be there, so that dead versions before it are passed over.
CREATE INDEX IF NOT EXISTS leases_shared_waits_due ON acra_express.leases (due_at)
    WHERE waits_for IS NOT NULL AND claimed_at IS NOT NULL AND NOT held AND due_at < 'infinity';

-- As in 0016, with two marks: no fresh job has an ID below p_from_job, and no lease is due before p_from_due; null for a
-- look at everything.
CREATE OR REPLACE FUNCTION acra_express.claim_jobs(
    p_owner text, p_lease interval, p_limit int, p_confirms boolean, p_from_job bigint, p_from_due timestamptz
)
RETURNS TABLE (
    job_id bigint, job_type text, token bigint, params jsonb, created_at timestamptz,
    attempts int, errors int, crashes int, expired boolean, outage interval,
    interruptions int, crashed boolean, replaced boolean
)
-- generic plans: with the marks as constants, the server may plan each claim anew, which takes longer than the claim
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    candidate record;
    lease record;
    found_one boolean;
    pulled boolean;
    from_job bigint := coalesce(p_from_job, -9223372036854775808);  -- a row written by hand may have any ID
    from_due timestamptz := coalesce(p_from_due, '-infinity');
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
          AND b.job_id >= from_job
          AND NOT EXISTS (SELECT FROM acra_express.leases l WHERE l.job_id = b.job_id
                          AND (l.job_created_at IS NULL OR l.job_created_at = b.created_at))
        ORDER BY b.started_at NULLS FIRST, b.job_id
        LIMIT 1 FOR UPDATE OF b SKIP LOCKED;
        found_one := FOUND;
        IF found_one THEN
            replaced := acra_express.put_aside(candidate.job_id);
        ELSE
            -- `status || ''`: the row by its ID; the index of live jobs would be read from its start, dead versions too
            SELECT b.job_id, b.job_type, b.status, b.params, b.created_at INTO candidate
            FROM acra_express.leases l JOIN public.background_jobs b ON b.job_id = l.job_id
            WHERE l.due_at >= from_due AND l.due_at <= (SELECT acra_express.clock())
              AND b.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates')
              AND b.status || '' IN ('queued', 'running')
            ORDER BY l.due_at, l.job_id
            LIMIT 1 FOR UPDATE OF b SKIP LOCKED;
            found_one := FOUND;
        END IF;
        pulled := false;
        IF NOT found_one AND NOT EXISTS (
            SELECT FROM acra_express.leases w
            WHERE w.waits_for IS NOT NULL AND w.claimed_at IS NOT NULL AND NOT w.held
              AND w.due_at >= from_due AND w.due_at < 'infinity'
        ) THEN
            -- a free worker: a continuation need not wait for its tick
            SELECT b.job_id, b.job_type, b.status, b.params, b.created_at INTO candidate
            FROM acra_express.leases l JOIN public.background_jobs b ON b.job_id = l.job_id
            WHERE l.claimed_at IS NULL AND l.due_at >= from_due AND l.due_at < 'infinity'
              AND b.job_type = 'acra_express_staging_upsert' AND b.status || '' = 'queued'
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

-- What the previous version calls: always a look at everything.
CREATE OR REPLACE FUNCTION acra_express.claim_jobs(p_owner text, p_lease interval, p_limit int, p_confirms boolean)
RETURNS TABLE (
    job_id bigint, job_type text, token bigint, params jsonb, created_at timestamptz,
    attempts int, errors int, crashes int, expired boolean, outage interval,
    interruptions int, crashed boolean, replaced boolean
)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.job_id, c.job_type, c.token, c.params, c.created_at, c.attempts, c.errors, c.crashes, c.expired, c.outage,
           c.interruptions, c.crashed, c.replaced
    FROM acra_express.claim_jobs(p_owner, p_lease, p_limit, p_confirms, NULL, NULL) c
$$;

-- A look at everything: the lowest ID of a fresh job and the earliest moment at which a lease is due (null without one),
-- the highest ID given out so far (0 where the platform's IDs come from no sequence), and the moment of this look.
CREATE OR REPLACE FUNCTION acra_express.queue_marks()
RETURNS TABLE (first_job bigint, first_due timestamptz, last_job bigint, looked_at timestamptz)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (SELECT b.job_id FROM public.background_jobs b
            WHERE b.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates')
              AND b.status IN ('queued', 'running') AND b.status = 'queued' AND b.started_at IS NULL
              AND NOT EXISTS (SELECT FROM acra_express.leases l WHERE l.job_id = b.job_id
                              AND (l.job_created_at IS NULL OR l.job_created_at = b.created_at))
            ORDER BY b.started_at NULLS FIRST, b.job_id LIMIT 1),
           (SELECT l.due_at FROM acra_express.leases l WHERE l.due_at < 'infinity' ORDER BY l.due_at LIMIT 1),
           coalesce(pg_sequence_last_value(pg_get_serial_sequence('public.background_jobs', 'job_id')::regclass), 0),
           acra_express.clock()
$$;

-- Finish a job with nothing else to write: fence, row and lease in one statement. False: the token owns it no more, and
-- nothing was written.
CREATE OR REPLACE FUNCTION acra_express.finish(p_job_id bigint, p_token bigint, p_total int, p_note text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT acra_express.fence(p_job_id, p_token) THEN
        RETURN false;
    END IF;
    UPDATE public.background_jobs b
    SET status = 'done', ended_at = acra_express.clock(), processed = p_total, total = p_total, error = p_note
    WHERE b.job_id = p_job_id;
    UPDATE acra_express.leases l SET held = false, due_at = 'infinity' WHERE l.job_id = p_job_id;
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION
    acra_express.claim_jobs(text, interval, int, boolean, bigint, timestamptz),
    acra_express.queue_marks(), acra_express.finish(bigint, bigint, int, text)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    acra_express.claim_jobs(text, interval, int, boolean, bigint, timestamptz),
    acra_express.queue_marks(), acra_express.finish(bigint, bigint, int, text)
TO {{role}};
