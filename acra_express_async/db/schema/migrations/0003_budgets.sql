-- What was spent on providers, and which of them are not to be called. Judged by acra_express.clock() alone; figures,
-- windows and cool-downs come as arguments from the settings, so that no stale row can contradict them.

-- One row per provider, locked by each charge: that makes "sum, compare, insert" one step for all replicas.
CREATE TABLE acra_express.budget_locks (provider text PRIMARY KEY);
INSERT INTO acra_express.budget_locks VALUES ('duckduckgo'), ('jina'), ('zerobounce');

-- A charge has one row per budget it draws on. It counts until `ages_from` + window: `ages_from` is first the latest
-- moment at which the provider can have booked it, then, once the answer came, that moment. So in flight = in the future.
CREATE SEQUENCE acra_express.charge_ids;
CREATE TABLE acra_express.budget_charges (
    charge_id  bigint NOT NULL,
    provider   text NOT NULL,
    budget     text NOT NULL,
    amount     int NOT NULL CHECK (amount >= 0),
    job_key    text,                     -- names a job that has figures of its own, with its continuations
    charged_at timestamptz NOT NULL,
    ages_from  timestamptz NOT NULL,
    PRIMARY KEY (charge_id, budget)
);
CREATE INDEX budget_charges_window ON acra_express.budget_charges (provider, budget, ages_from)
    INCLUDE (amount, job_key);
-- A row lives for a day or two and the table is small: without this, dead rows would outnumber the living.
ALTER TABLE acra_express.budget_charges SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);

-- Spends all of p_amounts or nothing. Budget i holds p_amounts[i] while, in its window:
--   express together <= p_ceilings[i], this job's own rows <= p_job_limits[i] (null: none),
--   and, where p_elsewhere[i], express + the platform's other tenants <= p_allowances[i].
-- Refused: charge_id is null, and fits_in says when it fits if nobody else comes first and what is in flight is billed
-- in full and now. The clock is read behind the lock: a charge that waited must not be dated before one that did not.
CREATE FUNCTION acra_express.charge(
    p_provider text, p_budgets text[], p_amounts int[], p_ceilings int[], p_allowances int[], p_job_limits int[],
    p_windows interval[], p_holds interval[], p_elsewhere boolean[], p_job_key text,
    OUT charge_id bigint, OUT budget text, OUT fits_in interval, OUT by_job boolean, OUT in_flight bigint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'  -- our own rows, held for a millisecond; the session's 300 ms are for the platform's tables
AS $$
DECLARE
    moment timestamptz;
    used bigint;
    used_by_job bigint;
    flying bigint;
    others bigint;
    wait interval;
    job_binds boolean;
BEGIN
    PERFORM FROM acra_express.budget_locks l WHERE l.provider = p_provider FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no budgets are kept for %', p_provider;
    END IF;
    moment := acra_express.clock();
    by_job := false;
    in_flight := 0;
    FOR i IN 1 .. cardinality(p_budgets) LOOP
        SELECT coalesce(sum(c.amount), 0), coalesce(sum(c.amount) FILTER (WHERE c.job_key = p_job_key), 0),
               coalesce(sum(c.amount) FILTER (WHERE c.ages_from > moment), 0)
        INTO used, used_by_job, flying
        FROM acra_express.budget_charges c
        WHERE c.provider = p_provider AND c.budget = p_budgets[i] AND c.ages_from > moment - p_windows[i];
        wait := NULL;
        job_binds := false;
        IF used + p_amounts[i] > p_ceilings[i] THEN
            wait := acra_express.frees_in(
                p_provider, p_budgets[i], NULL, used + p_amounts[i] - p_ceilings[i], p_windows[i], moment);
        END IF;
        IF used_by_job + p_amounts[i] > p_job_limits[i] THEN
            job_binds := wait IS NULL;  -- the job steps out of the line only when it is alone in having to wait
            wait := greatest(wait, acra_express.frees_in(
                p_provider, p_budgets[i], p_job_key, used_by_job + p_amounts[i] - p_job_limits[i], p_windows[i], moment));
        END IF;
        IF p_elsewhere[i] THEN
            others := acra_express.verifications_elsewhere_since(moment - p_windows[i]);
            IF used + others + p_amounts[i] > p_allowances[i] THEN
                job_binds := false;
                wait := greatest(wait, acra_express.frees_beside_others_in(
                    p_provider, p_budgets[i], p_allowances[i] - p_amounts[i], p_windows[i], moment));
            END IF;
        END IF;
        IF wait IS NOT NULL AND (fits_in IS NULL OR wait > fits_in) THEN
            fits_in := wait;
            budget := p_budgets[i];
            by_job := job_binds;
            in_flight := flying;
        END IF;
    END LOOP;
    IF fits_in IS NOT NULL THEN
        RETURN;
    END IF;
    charge_id := nextval('acra_express.charge_ids');
    INSERT INTO acra_express.budget_charges (charge_id, provider, budget, amount, job_key, charged_at, ages_from)
    SELECT charge.charge_id, p_provider, a.budget, a.amount, p_job_key, moment, moment + a.hold
    FROM unnest(p_budgets, p_amounts, p_holds) AS a(budget, amount, hold);
END $$;

-- How long until `p_excess` of the window's sum has aged out, oldest first; the whole window if it never does.
CREATE FUNCTION acra_express.frees_in(
    p_provider text, p_budget text, p_job_key text, p_excess bigint, p_window interval, p_moment timestamptz
) RETURNS interval
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(min(least(freed.ages_from, p_moment)) + p_window - p_moment, p_window)
    FROM (
        SELECT c.ages_from, sum(c.amount) OVER (ORDER BY c.ages_from, c.charge_id) AS so_far
        FROM acra_express.budget_charges c
        WHERE c.provider = p_provider AND c.budget = p_budget AND c.ages_from > p_moment - p_window
          AND (p_job_key IS NULL OR c.job_key = p_job_key)
    ) AS freed
    WHERE freed.so_far >= p_excess
$$;

-- The same where others spend too: of them only a count since a moment is known, so the answer is found by halving the
-- window, to a 4096th of it (21 s of a day), never too early.
CREATE FUNCTION acra_express.frees_beside_others_in(
    p_provider text, p_budget text, p_most bigint, p_window interval, p_moment timestamptz
) RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    too_early interval := interval '0';
    fits interval := p_window;
    middle interval;
    used bigint;
BEGIN
    FOR step IN 1 .. 12 LOOP
        middle := (too_early + fits) / 2;
        SELECT coalesce(sum(c.amount), 0) INTO used
        FROM acra_express.budget_charges c
        WHERE c.provider = p_provider AND c.budget = p_budget AND c.ages_from > p_moment - p_window
          AND least(c.ages_from, p_moment) > p_moment + middle - p_window;
        IF used + acra_express.verifications_elsewhere_since(p_moment + middle - p_window) <= p_most THEN
            fits := middle;
        ELSE
            too_early := middle;
        END IF;
    END LOOP;
    RETURN fits;
END $$;

-- The answer came: what it drew ages from now, at the latest from where it was held; where the answer told an amount,
-- that is what it drew (more than was reserved is a debt that later charges wait for).
CREATE FUNCTION acra_express.settle(p_charge_id bigint, p_budgets text[], p_amounts int[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE acra_express.budget_charges c
    SET ages_from = least(c.ages_from, acra_express.clock()),
        amount = coalesce((SELECT a.amount FROM unnest(p_budgets, p_amounts) AS a(budget, amount)
                           WHERE a.budget = c.budget), c.amount)
    WHERE c.charge_id = p_charge_id
$$;

-- Nothing was sent.
CREATE FUNCTION acra_express.refund(p_charge_id bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM acra_express.budget_charges c WHERE c.charge_id = p_charge_id
$$;

-- Removes up to p_limit rows that left their window long ago; returns how many.
CREATE FUNCTION acra_express.prune_charges(p_providers text[], p_budgets text[], p_keeps interval[], p_limit int)
RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH old AS (
        SELECT c.charge_id, c.budget
        FROM unnest(p_providers, p_budgets, p_keeps) AS k(provider, budget, keep)
        JOIN acra_express.budget_charges c
          ON c.provider = k.provider AND c.budget = k.budget
         AND c.ages_from < (SELECT acra_express.clock()) - k.keep
        LIMIT p_limit
    ), gone AS (
        DELETE FROM acra_express.budget_charges c USING old
        WHERE c.charge_id = old.charge_id AND c.budget = old.budget
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- Breakers, shared by all replicas. closed: open_until is null; open: it lies ahead; half open: it has passed, and one
-- replica may hold the probe until probe_until.
CREATE TABLE acra_express.breakers (
    provider    text PRIMARY KEY,
    kind        text CHECK (kind IN ('blocked', 'outage')),
    reason      text NOT NULL DEFAULT '',
    level       int NOT NULL DEFAULT 0,      -- which cool-down of its row of them, from 0
    opened_at   timestamptz,
    open_until  timestamptz,
    probe_until timestamptz,
    closed_at   timestamptz
);
INSERT INTO acra_express.breakers (provider) VALUES ('duckduckgo'), ('jina'), ('zerobounce');

-- Opens a breaker; true if this call did it. One that is open stays as it is. After a failed probe, or within one
-- cool-down of having been closed, it opens one level higher. An outage met by the probe of a block changes neither
-- kind nor level: it says nothing about the block.
CREATE FUNCTION acra_express.trip_breaker(p_provider text, p_kind text, p_reason text, p_cooldowns interval[])
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz;
    b acra_express.breakers;
    top int := cardinality(p_cooldowns) - 1;
    keeps_block boolean;
BEGIN
    SELECT * INTO b FROM acra_express.breakers r WHERE r.provider = p_provider FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no breaker is kept for %', p_provider;
    END IF;
    moment := acra_express.clock();
    IF b.open_until > moment THEN
        RETURN false;
    END IF;
    keeps_block := b.open_until IS NOT NULL AND b.kind = 'blocked' AND p_kind = 'outage';
    IF NOT keeps_block THEN
        b.level := CASE
            WHEN b.kind IS DISTINCT FROM p_kind THEN 0
            WHEN b.open_until IS NOT NULL OR b.closed_at > moment - p_cooldowns[least(b.level, top) + 1]
                THEN least(b.level + 1, top)
            ELSE 0 END;
        b.kind := p_kind;
        b.reason := p_reason;
    END IF;
    UPDATE acra_express.breakers r
    SET kind = b.kind, reason = b.reason, level = b.level, opened_at = moment, probe_until = NULL,
        open_until = moment + p_cooldowns[CASE WHEN keeps_block THEN 0 ELSE b.level END + 1]
    WHERE r.provider = p_provider;
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION
    acra_express.charge(text, text[], int[], int[], int[], int[], interval[], interval[], boolean[], text),
    acra_express.frees_in(text, text, text, bigint, interval, timestamptz),
    acra_express.frees_beside_others_in(text, text, bigint, interval, timestamptz),
    acra_express.settle(bigint, text[], int[]), acra_express.refund(bigint),
    acra_express.prune_charges(text[], text[], interval[], int),
    acra_express.trip_breaker(text, text, text, interval[])
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    acra_express.charge(text, text[], int[], int[], int[], int[], interval[], interval[], boolean[], text),
    acra_express.settle(bigint, text[], int[]), acra_express.refund(bigint),
    acra_express.prune_charges(text[], text[], interval[], int),
    acra_express.trip_breaker(text, text, text, interval[])
TO {{role}};
GRANT SELECT ON acra_express.budget_charges, acra_express.breakers TO {{role}};
GRANT UPDATE (open_until, probe_until, closed_at) ON acra_express.breakers TO {{role}};
