-- Leases that survive a misbehaving server: tokens that never come again, crashes that are counted only for claims that
-- reached their holder, and rows of ours that know which job they belong to (job IDs come again after a restore).
-- Works beside the previous version, which goes on calling claim(text, interval, int) or
-- claim_jobs(text, interval, int) and leaves the new columns alone.

ALTER TABLE acra_express.leases
    ADD COLUMN IF NOT EXISTS job_created_at timestamptz,  -- created_at of the job that this row belongs to
    ADD COLUMN IF NOT EXISTS confirmed boolean,      -- the holder has the claim; NULL: an older version, which never says
    ADD COLUMN IF NOT EXISTS crashed_token bigint,   -- of the claim that was last counted as a crash
    ADD COLUMN IF NOT EXISTS interruptions int NOT NULL DEFAULT 0;  -- hand-backs by the database's fault since progress
ALTER TABLE acra_express.outcomes ADD COLUMN IF NOT EXISTS job_created_at timestamptz;
ALTER TABLE acra_express.staged ADD COLUMN IF NOT EXISTS job_created_at timestamptz;

-- Outcomes and staged batches of earlier versions keep NULL: their own moment tells what they belong to.
UPDATE acra_express.leases l SET job_created_at = b.created_at
FROM public.background_jobs b WHERE b.job_id = l.job_id AND l.job_created_at IS NULL;

-- A process finds what it claimed without ever getting the answer. Held leases are as few as workers.
CREATE INDEX IF NOT EXISTS leases_held ON acra_express.leases (owner) WHERE held;

-- Random, so that a token which was lost with the server's last commits is not given out a second time.
CREATE OR REPLACE FUNCTION acra_express.new_token() RETURNS bigint
LANGUAGE sql VOLATILE
AS $$ SELECT ('x' || replace(left(pg_catalog.gen_random_uuid()::text, 17), '-', ''))::bit(60)::bigint $$;

-- Job IDs come again after a restore. This moves the rows that an earlier job with this ID left to a negative ID of
-- their own, where they stay for `explain` and for figures, and removes its lease. It answers whether there were any.
-- The caller holds the lock on the job's row. A campaign has the ID of its first staging job and is made in the same
-- transaction, so one that is older by more than a minute is another.
CREATE SEQUENCE IF NOT EXISTS acra_express.replaced_job_ids;
CREATE OR REPLACE FUNCTION acra_express.put_aside(p_job_id bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made timestamptz;
    aside bigint;
BEGIN
    SELECT b.created_at INTO made FROM public.background_jobs b
    WHERE b.job_id = p_job_id
      AND b.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates');
    IF NOT FOUND OR NOT (
        EXISTS (SELECT FROM acra_express.leases l WHERE l.job_id = p_job_id AND l.job_created_at <> made)
        OR EXISTS (SELECT FROM acra_express.outcomes o
                   WHERE o.job_id = p_job_id AND coalesce(o.job_created_at <> made, o.ended_at < made))
        OR EXISTS (SELECT FROM acra_express.staged s
                   WHERE s.staging_job_id = p_job_id AND coalesce(s.job_created_at <> made, s.staged_at < made))
        OR EXISTS (SELECT FROM acra_express.campaigns c
                   WHERE c.campaign_id = p_job_id AND c.enqueued_at < made - interval '1 minute')
        OR EXISTS (SELECT FROM acra_express.campaign_uens u
                   WHERE u.campaign_id = p_job_id AND u.listed_at < made - interval '1 minute')
    ) THEN
        RETURN false;
    END IF;
    aside := -nextval('acra_express.replaced_job_ids');
    UPDATE acra_express.outcomes o SET job_id = aside
    WHERE o.job_id = p_job_id AND coalesce(o.job_created_at <> made, o.ended_at < made);
    UPDATE acra_express.staged s SET staging_job_id = aside
    WHERE s.staging_job_id = p_job_id AND coalesce(s.job_created_at <> made, s.staged_at < made);
    UPDATE acra_express.campaigns c SET campaign_id = aside
    WHERE c.campaign_id = p_job_id AND c.enqueued_at < made - interval '1 minute';
    UPDATE acra_express.campaign_uens u SET campaign_id = aside
    WHERE u.campaign_id = p_job_id AND u.listed_at < made - interval '1 minute';
    UPDATE acra_express.outcomes o SET campaign_id = aside WHERE o.campaign_id = p_job_id AND o.ended_at < made;
    UPDATE acra_express.staged s SET campaign_id = aside WHERE s.campaign_id = p_job_id AND s.staged_at < made;
    UPDATE acra_express.daily_slots d SET job_id = aside WHERE d.job_id = p_job_id AND d.taken_at < made;
    DELETE FROM acra_express.leases l WHERE l.job_id = p_job_id AND l.job_created_at <> made;
    RETURN true;
END $$;

-- Claim up to p_limit jobs for p_owner. Owner-owned: FOR UPDATE SKIP LOCKED through the view would lock every row
-- under it. Never-served jobs come first, by id; then whichever has been due the longest; then a continuation whose
-- tick has not come. An expired lease needs no rescuer: it is simply due. Lock order: job, then lease.
-- p_confirms: the caller confirms each claim before it works on it, so that one whose answer was lost on the way is no
-- crash. `crashed` says that this claim counted one; `replaced` that the job's ID had belonged to an earlier job.
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
        IF EXISTS (SELECT FROM acra_express.leases l
                   WHERE l.job_id = candidate.job_id AND l.job_created_at <> candidate.created_at) THEN
            replaced := acra_express.put_aside(candidate.job_id);
        END IF;
        -- The candidate was chosen on a snapshot taken before its row lock: test the expiry again on the lease itself,
        -- or a lease renewed in between would be stolen.
        INSERT INTO acra_express.leases AS l
            (job_id, job_created_at, token, held, confirmed, due_at, owner, claimed_at, attempts)
        VALUES (candidate.job_id, candidate.created_at, acra_express.new_token(), true,
                CASE WHEN p_confirms THEN false END, acra_express.clock() + p_lease, p_owner, acra_express.clock(), 1)
        ON CONFLICT (job_id) DO UPDATE SET
            job_created_at = excluded.job_created_at, token = excluded.token, held = true,
            confirmed = excluded.confirmed, due_at = excluded.due_at, owner = excluded.owner,
            claimed_at = excluded.claimed_at, attempts = l.attempts + 1,
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

-- What the previous version calls, by itself or through claim(text, interval, int). To be dropped with that version.
CREATE OR REPLACE FUNCTION acra_express.claim_jobs(p_owner text, p_lease interval, p_limit int)
RETURNS TABLE (
    job_id bigint, job_type text, token bigint, params jsonb, created_at timestamptz,
    attempts int, errors int, crashes int, expired boolean, outage interval
)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.job_id, c.job_type, c.token, c.params, c.created_at, c.attempts, c.errors, c.crashes, c.expired, c.outage
    FROM acra_express.claim_jobs(p_owner, p_lease, p_limit, false) c
$$;

-- A process hands back what it holds without knowing it: claims whose answer never came, and jobs that it had to leave
-- while the database was away. p_in_hand are the tokens that it does know. Where another process has claimed an
-- abandoned job meanwhile (p_abandoned_jobs with their tokens), the crash that was counted then is taken back: the
-- holder is alive. Answers how many jobs it queued again.
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
            attempts = greatest(l.attempts - 1, 0)
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
    acra_express.claim_jobs(text, interval, int, boolean), acra_express.claim_jobs(text, interval, int),
    acra_express.put_aside(bigint), acra_express.give_back(text, bigint[], bigint[], bigint[])
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    acra_express.claim_jobs(text, interval, int, boolean), acra_express.claim_jobs(text, interval, int),
    acra_express.put_aside(bigint), acra_express.give_back(text, bigint[], bigint[], bigint[])
TO {{role}};
