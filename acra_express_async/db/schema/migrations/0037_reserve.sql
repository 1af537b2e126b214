-- One statement before each call to a provider: what is known already, the state of the breaker, and the charge. The
-- previous version goes on calling charge(), and finds its intents by address and moment.
-- Generic plans throughout: every look goes by a key, and planning anew in each session took longer than the looks.

-- The name that a process gives an intent before it asks for it, so that it can take back one whose answer was lost.
ALTER TABLE acra_express.verifications ADD COLUMN IF NOT EXISTS intent uuid;

-- As before; an entry may also name the process that got the answer ("answered_by": "host-1"). The answer refutes the
-- failures from before it (see breakers), and is noted at most every ten seconds unless there are some. A row that
-- another session is writing at this moment is passed over: that session notes an answer as well.
CREATE OR REPLACE FUNCTION acra_express.settle_all(p_settlements jsonb) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    moment timestamptz;
    answer record;
BEGIN
    IF jsonb_array_length(p_settlements) = 0 THEN
        RETURN 0;
    END IF;
    moment := acra_express.clock();
    UPDATE acra_express.budget_charges c
    SET ages_from = least(c.ages_from, moment), amount = coalesce((s.amounts ->> c.budget)::int, c.amount)
    FROM jsonb_to_recordset(p_settlements) AS s(charge_id bigint, amounts jsonb)
    WHERE c.charge_id = s.charge_id;
    FOR answer IN
        SELECT b.provider, s.answered_by
        FROM acra_express.breakers b
        JOIN LATERAL (
            SELECT max(s.answered_by) AS answered_by
            FROM jsonb_to_recordset(p_settlements) AS s(charge_id bigint, answered_by text)
            JOIN acra_express.budget_charges c ON c.charge_id = s.charge_id
            WHERE c.provider = b.provider) s ON s.answered_by IS NOT NULL
        LEFT JOIN acra_express.provider_answers a ON a.provider = b.provider AND a.owner = s.answered_by
        WHERE coalesce(a.answered_at, '-infinity') < moment - interval '10 s'
           OR coalesce(b.answered_at, '-infinity') < moment - interval '10 s'
           OR EXISTS (SELECT FROM acra_express.provider_failures f
                      WHERE f.provider = b.provider AND f.failed_at > b.answered_at)
        ORDER BY b.provider
        FOR UPDATE OF b SKIP LOCKED
    LOOP
        UPDATE acra_express.breakers b SET answered_at = moment WHERE b.provider = answer.provider;
        INSERT INTO acra_express.provider_answers (provider, owner, answered_at)
        VALUES (answer.provider, answer.answered_by, moment)
        ON CONFLICT (provider, owner) DO UPDATE SET answered_at = excluded.answered_at;
        DELETE FROM acra_express.provider_answers a
        WHERE a.owner <> answer.answered_by AND a.answered_at < moment - interval '1 day';
    END LOOP;
    RETURN jsonb_array_length(p_settlements);
END $$;

-- What is known before a search or a read, as an object with a key for each thing that stands against the call; null
-- where nothing does. p_look: company_id, uen, asked (hash of what is asked for), most_calls and failure_age, and
--   for a search: query, age;   for a read: domains (the site's, with those above it), pages (hashes, best first), age.
-- Ages are in seconds.
CREATE OR REPLACE FUNCTION acra_express.known_of_call(p_look jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    moment timestamptz := acra_express.clock();
    company bigint := (p_look ->> 'company_id')::bigint;
    oldest_failure timestamptz := moment - make_interval(secs => (p_look ->> 'failure_age')::float8);
    oldest timestamptz := moment - make_interval(secs => (p_look ->> 'age')::float8);
    known jsonb := '{}';
    hashes bytea[];
    kept jsonb;
BEGIN
    IF EXISTS (SELECT FROM acra_express.opt_outs o WHERE o.kind = 'company' AND o.value = p_look ->> 'uen') THEN
        known := known || '{"company_opted_out": true}';
    END IF;
    IF EXISTS (
        SELECT FROM jsonb_array_elements_text(p_look -> 'domains') AS d(domain)
        JOIN acra_express.opt_outs o ON o.kind = 'domain' AND o.value = d.domain
    ) THEN
        known := known || '{"site_opted_out": true}';
    END IF;
    -- After p_look.most_calls a call with an error of its own is given up, and so is one that only times out while the
    -- provider has answered somebody since the site's first failure; a further page of such a site is called once.
    IF EXISTS (
        SELECT FROM acra_express.failed_calls f
        CROSS JOIN LATERAL (
            SELECT min(o.first_at) AS first_at,
                   bool_or(o.asked_hash <> f.asked_hash AND o.calls >= (p_look ->> 'most_calls')::int) AS gave_up_another
            FROM acra_express.failed_calls o
            WHERE o.company_id = company AND o.site_hash = f.site_hash AND o.last_at > oldest_failure) AS site
        WHERE f.company_id = company AND f.asked_hash = decode(p_look ->> 'asked', 'hex')
          AND f.last_at > oldest_failure
          AND (f.calls >= (p_look ->> 'most_calls')::int OR site.gave_up_another)
          AND (f.about_target OR EXISTS (
              SELECT FROM acra_express.breakers b
              WHERE b.provider = f.provider AND b.answered_at >= site.first_at))
    ) THEN
        known := known || '{"gave_up": true}';
    END IF;
    IF p_look ? 'query' THEN
        SELECT jsonb_build_object('hits', k.hits, 'others', k.others) INTO kept
        FROM acra_express.searches k WHERE k.query = p_look ->> 'query' AND k.searched_at > oldest;
    ELSE
        hashes := ARRAY(SELECT decode(h.hash, 'hex')
                        FROM jsonb_array_elements_text(p_look -> 'pages') WITH ORDINALITY AS h(hash, place)
                        ORDER BY h.place);
        SELECT jsonb_build_object('page', k.page) INTO kept
        FROM acra_express.pages k WHERE k.url_hash = ANY (hashes) AND k.kept_at > oldest
        ORDER BY array_position(hashes, k.url_hash) LIMIT 1;
    END IF;
    RETURN nullif(known || coalesce(kept, '{}'), '{}');
END $$;

-- What is known of mail addresses: {"addresses": [{"address": ..., "source": "ours", "status": ...}, ...]}, null where
-- nothing is. p_look: addresses [{address, hash}], listed [{address, kind, value}] (their opt-outs), definitive (words
-- of results that count), age (seconds), platform_cache (whether there is one).
CREATE OR REPLACE FUNCTION acra_express.known_of_addresses(p_look jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    moment timestamptz := acra_express.clock();
    oldest timestamptz := moment - make_interval(secs => (p_look ->> 'age')::float8);
    definitive text[] := ARRAY(SELECT jsonb_array_elements_text(p_look -> 'definitive'));
    known jsonb;
    elsewhere jsonb;
BEGIN
    SELECT jsonb_agg(to_jsonb(fact)) INTO known FROM (
        SELECT a.address, 'ours' AS source, v.status, coalesce(v.sub_status, '') AS sub_status,
               v.settled_at AS checked_at
        FROM jsonb_to_recordset(p_look -> 'addresses') AS a(address text, hash text)
        JOIN acra_express.verifications v ON v.address_hash = decode(a.hash, 'hex')
        WHERE v.status = ANY (definitive) AND v.settled_at > oldest
        UNION ALL
        SELECT l.address, 'opted_out', '', '', NULL
        FROM jsonb_to_recordset(p_look -> 'listed') AS l(address text, kind text, value text)
        JOIN acra_express.opt_outs o ON o.kind = l.kind AND o.value = l.value) AS fact;
    IF (p_look ->> 'platform_cache')::boolean THEN
        SELECT jsonb_agg(to_jsonb(fact)) INTO elsewhere FROM (
            SELECT a.address, 'platform' AS source, c.status, '' AS sub_status,
                   least(c.checked_at, moment) AS checked_at
            FROM jsonb_to_recordset(p_look -> 'addresses') AS a(address text)
            JOIN public.email_verification_cache c ON c.email = lower(btrim(a.address))
            WHERE c.status = ANY (definitive) AND c.checked_at > oldest) AS fact;
    END IF;
    IF known IS NULL AND elsewhere IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object('addresses', coalesce(elsewhere, '[]') || coalesce(known, '[]'));
END $$;

-- Opens the intent to verify the address of p_intent: {"name": uuid, "hash": ..., "holds", "unknown_holds", "age":
-- seconds, "definitive": [...]}. False where an earlier send has no result yet, an `unknown` is only hours old, or a
-- stored result is recent enough: then nothing may be sent. An intent that is open already is its own: its first try
-- was refused and cost nothing.
CREATE OR REPLACE FUNCTION acra_express.open_intent(p_intent jsonb) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    INSERT INTO acra_express.verifications AS v (address_hash, opened_at, intent)
    VALUES (decode(p_intent ->> 'hash', 'hex'), acra_express.clock(), (p_intent ->> 'name')::uuid)
    ON CONFLICT (address_hash) DO UPDATE
        SET opened_at = excluded.opened_at, intent = excluded.intent, settled_at = NULL, status = NULL, sub_status = NULL
        WHERE v.intent = excluded.intent AND v.settled_at IS NULL
           OR excluded.opened_at - coalesce(v.settled_at, v.opened_at) > make_interval(secs => CASE
            WHEN v.settled_at IS NULL THEN (p_intent ->> 'holds')::float8
            WHEN p_intent -> 'definitive' ? v.status THEN (p_intent ->> 'age')::float8
            ELSE (p_intent ->> 'unknown_holds')::float8 END);
    RETURN FOUND;
END $$;

-- All that comes before one send, in one step. First the settlements that ride along (so that no charge is judged by
-- an amount that is known to be less). Then, and only if nothing stands against it, the charge, and for a verification
-- its intent: both or neither.
--   known: what p_look found; nothing was charged.
--   breaker_open: the breaker is not closed, and this call is not its probe; nothing was charged.
--   the others: as charge() says.
CREATE OR REPLACE FUNCTION acra_express.reserve(
    p_settlements jsonb, p_look jsonb, p_probe boolean, p_provider text, p_budgets text[], p_amounts int[],
    p_ceilings int[], p_allowances int[], p_job_limits int[], p_windows interval[], p_holds interval[],
    p_elsewhere boolean[], p_job_key text,
    OUT known jsonb, OUT breaker_open boolean, OUT charge_id bigint, OUT budget text, OUT fits_in interval,
    OUT by_job boolean, OUT in_flight bigint
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    PERFORM acra_express.settle_all(p_settlements);
    breaker_open := false;
    IF p_look ? 'company_id' THEN
        known := acra_express.known_of_call(p_look);
    ELSIF p_look ? 'addresses' THEN
        known := acra_express.known_of_addresses(p_look);
    END IF;
    IF known IS NOT NULL THEN
        RETURN;
    END IF;
    breaker_open := NOT p_probe AND EXISTS (
        SELECT FROM acra_express.breakers b WHERE b.provider = p_provider AND b.open_until IS NOT NULL);
    IF breaker_open THEN
        RETURN;
    END IF;
    SELECT c.charge_id, c.budget, c.fits_in, c.by_job, c.in_flight INTO charge_id, budget, fits_in, by_job, in_flight
    FROM acra_express.charge(p_provider, p_budgets, p_amounts, p_ceilings, p_allowances, p_job_limits, p_windows,
                             p_holds, p_elsewhere, p_job_key) c;
    IF charge_id IS NULL OR p_look -> 'intent' IS NULL THEN
        RETURN;
    END IF;
    IF NOT acra_express.open_intent(p_look -> 'intent') THEN
        PERFORM acra_express.refund(charge_id);
        charge_id := NULL;
        known := '{"pending": true}';
    END IF;
END $$;

GRANT EXECUTE ON FUNCTION
    acra_express.known_of_call(jsonb), acra_express.known_of_addresses(jsonb), acra_express.open_intent(jsonb),
    acra_express.reserve(jsonb, jsonb, boolean, text, text[], int[], int[], int[], int[], interval[], interval[],
                         boolean[], text)
TO {{role}};
