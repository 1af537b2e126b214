-- A breaker that opened for a bad key or an empty account remembers a keyed fingerprint of the key. A process that has
-- another key need not wait out the cool-down: it probes at once. Works beside the previous version, whose trips name no
-- key, so that its breakers wait as before.

ALTER TABLE acra_express.breakers
    ADD COLUMN IF NOT EXISTS key_print text,        -- of the key that was refused; null when the reason is another one
    ADD COLUMN IF NOT EXISTS mended_at timestamptz; -- when another key was last let through before its time

-- As in 0003, and with another key the first cool-down again: what the old key was told says nothing about the new one.
CREATE OR REPLACE FUNCTION acra_express.trip_breaker(
    p_provider text, p_kind text, p_reason text, p_cooldowns interval[], p_key_print text
)
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
            WHEN b.kind IS DISTINCT FROM p_kind OR b.key_print <> p_key_print THEN 0
            WHEN b.open_until IS NOT NULL OR b.closed_at > moment - p_cooldowns[least(b.level, top) + 1]
                THEN least(b.level + 1, top)
            ELSE 0 END;
        b.kind := p_kind;
        b.reason := p_reason;
        b.key_print := p_key_print;
    END IF;
    UPDATE acra_express.breakers r
    SET kind = b.kind, reason = b.reason, level = b.level, key_print = b.key_print, opened_at = moment,
        probe_until = NULL, open_until = moment + p_cooldowns[CASE WHEN keeps_block THEN 0 ELSE b.level END + 1]
    WHERE r.provider = p_provider;
    RETURN true;
END $$;

-- What the previous version calls. To be dropped with that version.
CREATE OR REPLACE FUNCTION acra_express.trip_breaker(
    p_provider text, p_kind text, p_reason text, p_cooldowns interval[]
)
RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT acra_express.trip_breaker(p_provider, p_kind, p_reason, p_cooldowns, NULL) $$;

-- Ends the cool-down of each breaker that opened for another key than the caller's (p_key_prints[i] of p_providers[i]),
-- and makes the jobs that wait for it due once every replica has read the new state (p_fresh). At most once in p_pause
-- for each provider: where one replica still has the refused key, the two must not open and close it in turn. Answers
-- the providers whose breaker is open for a key, and whether the cool-down was ended now.
CREATE OR REPLACE FUNCTION acra_express.mend_breakers(
    p_providers text[], p_key_prints text[], p_pause interval, p_fresh interval
)
RETURNS TABLE (provider text, mended boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := acra_express.clock();
    mine record;
BEGIN
    FOR mine IN
        SELECT b.provider, k.key_print, b.key_print AS refused, b.mended_at
        FROM unnest(p_providers, p_key_prints) AS k(provider, key_print)
        JOIN acra_express.breakers b ON b.provider = k.provider
        WHERE b.open_until > moment AND b.key_print IS NOT NULL
        ORDER BY b.provider
    LOOP
        provider := mine.provider;
        UPDATE acra_express.breakers b SET open_until = moment, probe_until = NULL, mended_at = moment
        WHERE b.provider = mine.provider AND b.open_until > moment AND b.key_print = mine.refused
          AND b.key_print <> mine.key_print AND (b.mended_at IS NULL OR b.mended_at <= moment - p_pause);
        mended := FOUND;
        IF mended THEN
            UPDATE acra_express.leases l SET due_at = moment + p_fresh
            FROM (SELECT w.job_id FROM acra_express.leases w
                  WHERE w.waits_for = mine.provider AND w.claimed_at IS NOT NULL AND NOT w.held
                    AND w.due_at < 'infinity' AND w.due_at > moment + p_fresh
                  ORDER BY w.job_id FOR UPDATE SKIP LOCKED) waiting
            WHERE l.job_id = waiting.job_id;
            PERFORM pg_notify('acra_express_jobs', 'mended');
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION
    acra_express.trip_breaker(text, text, text, interval[], text),
    acra_express.trip_breaker(text, text, text, interval[]),
    acra_express.mend_breakers(text[], text[], interval, interval)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    acra_express.trip_breaker(text, text, text, interval[], text),
    acra_express.trip_breaker(text, text, text, interval[]),
    acra_express.mend_breakers(text[], text[], interval, interval)
TO {{role}};
