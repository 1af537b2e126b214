-- A claim is one function that says all the poller has to know, and a job starts before the heartbeat that confirms its
-- claim. One that expires unconfirmed is therefore either a claim whose answer was lost or a job that ended its process
-- at once. The first is taken for a lost answer; when the next one expires unconfirmed too, it counts as a crash. A
-- process that lives hands back what it never learnt of, and that takes such crashes back.
-- Works beside the previous version, which confirms every claim before its job starts and goes on calling
-- claim_jobs(text, interval, int, boolean, bigint, timestamptz) or an earlier one.

ALTER TABLE acra_express.leases
    ADD COLUMN IF NOT EXISTS unanswered int NOT NULL DEFAULT 0;  -- claims in a row that expired unconfirmed

-- As in 0028, but in plpgsql: until version 18 the server plans what a function in SQL asks at each call.
CREATE OR REPLACE FUNCTION acra_express.nightly_holds(p_types text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM public.background_jobs b
        WHERE b.status = 'running' AND b.job_type = ANY (p_types)
          AND coalesce(b.started_at, b.created_at) > least(acra_express.clock(), clock_timestamp()) - interval '6 hours'
          AND coalesce(b.started_at, b.created_at)
              < greatest(acra_express.clock(), clock_timestamp()) + interval '1 day');
END $$;
CREATE OR REPLACE FUNCTION acra_express.nightly_running() RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ BEGIN RETURN acra_express.nightly_holds(ARRAY['staging_upsert', 'enrich_candidates']); END $$;

-- As in 0038, and in the same call: nothing is claimed while a job of the nightly runs, where p_nightly_first asks for
-- that; why the params of a job must not be loaded (they are null then), where p_most_bytes is given; and, in one row
-- without a job, how long until a lease is due, where nothing could be claimed.
CREATE OR REPLACE FUNCTION acra_express.claim_jobs(
    p_owner text, p_lease interval, p_limit int, p_confirms boolean, p_from_job bigint, p_from_due timestamptz,
    p_nightly_first boolean, p_most_bytes int
)
RETURNS TABLE (
    nightly_running boolean, due interval,
    job_id bigint, job_type text, token bigint, params jsonb, fault text, created_at timestamptz,
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
    paused boolean;
    fresh boolean;
    from_job bigint := coalesce(p_from_job, -9223372036854775808);  -- a row written by hand may have any ID
    from_due timestamptz := coalesce(p_from_due, '-infinity');
    left_over int := p_limit;
BEGIN
    SELECT c.paused, p_nightly_first AND acra_express.nightly_running() INTO paused, nightly_running
    FROM acra_express.control c;
    WHILE left_over > 0 AND paused IS NOT TRUE AND nightly_running IS NOT TRUE LOOP
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
        fresh := FOUND;
        IF NOT found_one THEN
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
                   WHERE l.job_id = candidate.job_id AND l.job_created_at <> candidate.created_at)
           OR fresh AND (EXISTS (SELECT FROM acra_express.outcomes o WHERE o.job_id = candidate.job_id)
                         OR EXISTS (SELECT FROM acra_express.staged s WHERE s.staging_job_id = candidate.job_id)
                         OR EXISTS (SELECT FROM acra_express.campaigns c WHERE c.campaign_id = candidate.job_id)
                         OR EXISTS (SELECT FROM acra_express.campaign_uens u WHERE u.campaign_id = candidate.job_id))
        THEN  -- rows of this ID, perhaps left by an earlier job
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
            crashes = l.crashes + (l.held AND candidate.status = 'running'
                                   AND (l.confirmed IS DISTINCT FROM false OR l.unanswered > 0))::int,
            crashed_token = CASE WHEN l.held AND candidate.status = 'running'
                                      AND (l.confirmed IS DISTINCT FROM false OR l.unanswered > 0) THEN l.token END,
            unanswered = CASE WHEN l.held AND candidate.status = 'running' AND NOT l.confirmed
                              THEN l.unanswered + 1 ELSE 0 END
        WHERE l.due_at <= acra_express.clock() OR (pulled AND l.claimed_at IS NULL)
        RETURNING l.token, l.attempts, l.errors, l.crashes, l.outage_since, l.interruptions, l.crashed_token INTO lease;
        CONTINUE WHEN NOT FOUND;
        UPDATE public.background_jobs b SET status = 'running', started_at = acra_express.clock(), ended_at = NULL
        WHERE b.job_id = candidate.job_id;
        left_over := left_over - 1;
        job_id := candidate.job_id;
        job_type := candidate.job_type;
        token := lease.token;
        fault := CASE WHEN p_most_bytes IS NOT NULL THEN acra_express.params_fault(candidate.params, p_most_bytes) END;
        params := CASE WHEN fault IS NULL THEN candidate.params END;
        created_at := candidate.created_at;
        attempts := lease.attempts;
        errors := lease.errors;
        crashes := lease.crashes;
        expired := candidate.status = 'running';
        outage := greatest(coalesce(acra_express.clock() - lease.outage_since, interval '0'), interval '0');
        interruptions := lease.interruptions;
        crashed := lease.crashed_token IS NOT NULL;
        RETURN NEXT;
    END LOOP;
    IF left_over = p_limit THEN
        due := (SELECT l.due_at - acra_express.clock() FROM acra_express.leases l
                WHERE l.due_at >= from_due AND l.due_at < 'infinity' ORDER BY l.due_at LIMIT 1);
        RETURN NEXT;
    END IF;
END $$;

-- What the previous version calls.
CREATE OR REPLACE FUNCTION acra_express.claim_jobs(
    p_owner text, p_lease interval, p_limit int, p_confirms boolean, p_from_job bigint, p_from_due timestamptz
)
RETURNS TABLE (
    job_id bigint, job_type text, token bigint, params jsonb, created_at timestamptz,
    attempts int, errors int, crashes int, expired boolean, outage interval,
    interruptions int, crashed boolean, replaced boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT c.job_id, c.job_type, c.token, c.params, c.created_at, c.attempts, c.errors, c.crashes, c.expired, c.outage,
           c.interruptions, c.crashed, c.replaced
    FROM acra_express.claim_jobs(p_owner, p_lease, p_limit, p_confirms, p_from_job, p_from_due, false, NULL) c
    WHERE c.job_id IS NOT NULL;
END $$;

-- As in 0013, but for the crashes.
CREATE OR REPLACE FUNCTION acra_express.give_back(
    p_owner text, p_in_hand bigint[], p_abandoned_jobs bigint[], p_abandoned_tokens bigint[]
) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mine record;
    given int := 0;
BEGIN
    FOR mine IN
        SELECT b.job_id, l.token
        FROM acra_express.leases l JOIN public.background_jobs b ON b.job_id = l.job_id
        WHERE l.owner = p_owner AND l.held AND NOT l.token = ANY (p_in_hand)
          AND b.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates')
        FOR UPDATE OF b SKIP LOCKED
    LOOP
        UPDATE acra_express.leases l
        SET held = false, due_at = acra_express.clock(), token = acra_express.new_token(),
            attempts = greatest(l.attempts - 1, 0),
            -- an answer that was lost: no process died of it, neither now nor before, where it counted from the second
            -- one in a row on
            crashes = greatest(l.crashes - CASE WHEN l.confirmed THEN 0 ELSE greatest(l.unanswered - 1, 0) END, 0),
            unanswered = 0
        WHERE l.job_id = mine.job_id AND l.token = mine.token AND l.held;
        IF FOUND THEN
            UPDATE public.background_jobs b SET status = 'queued' WHERE b.job_id = mine.job_id AND b.status = 'running';
            given := given + 1;
        END IF;
    END LOOP;
    UPDATE acra_express.leases l SET crashes = greatest(l.crashes - 1, 0), crashed_token = NULL
    FROM unnest(p_abandoned_jobs, p_abandoned_tokens) AS left_behind(job_id, token)
    WHERE l.job_id = left_behind.job_id AND l.crashed_token = left_behind.token;
    RETURN given;
END $$;

REVOKE ALL ON FUNCTION
    acra_express.claim_jobs(text, interval, int, boolean, bigint, timestamptz, boolean, int)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    acra_express.claim_jobs(text, interval, int, boolean, bigint, timestamptz, boolean, int)
TO {{role}};
