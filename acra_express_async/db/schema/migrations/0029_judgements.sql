-- What people say about a company's website and contacts, and the samples from which accuracy is estimated. Works beside
-- the previous version of the service, which knows no judgements: while both run, it may still answer a rejected site.

-- A random sample of answers, drawn with a seed, so that it can be drawn again.
CREATE TABLE IF NOT EXISTS acra_express.samples (
    sample_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    drawn_at   timestamptz NOT NULL,
    drawn_by   text NOT NULL,
    seed       bigint NOT NULL,
    wanted     int NOT NULL,
    population bigint NOT NULL,          -- answered companies that could have been drawn
    ssic_codes text[]                    -- the selection; null: all companies
);
CREATE TABLE IF NOT EXISTS acra_express.sample_members (
    sample_id    bigint NOT NULL REFERENCES acra_express.samples ON DELETE CASCADE,
    place        int NOT NULL,
    uen          text NOT NULL,
    company_id   bigint NOT NULL,
    job_id       bigint NOT NULL,        -- with company_id the outcome that was drawn
    domain       text NOT NULL,
    points       int NOT NULL,
    level        text NOT NULL,
    level_table  int NOT NULL,           -- version of the thresholds behind `level`
    PRIMARY KEY (sample_id, uen)
);
CREATE INDEX IF NOT EXISTS sample_members_uen ON acra_express.sample_members (uen);

-- One row for each thing a person said. A row stands until ended_at: it was cleared, or a later judgement replaced it.
CREATE TABLE IF NOT EXISTS acra_express.judgements (
    judgement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uen          text NOT NULL,
    field        text NOT NULL CHECK (field IN ('site', 'email', 'phone')),
    value        text,                   -- domain, address or number; null for `none` and where only a hash may be kept
    address_hash bytea,                  -- of every address
    judgement    text NOT NULL CHECK (judgement IN ('accept', 'set', 'reject', 'none', 'bounced')),
    judged_by    text NOT NULL,
    judged_at    timestamptz NOT NULL,
    note         text,
    sample_id    bigint REFERENCES acra_express.samples ON DELETE SET NULL,
    ended_at     timestamptz,
    ended_by     text,
    ended_how    text CHECK (ended_how IN ('cleared', 'replaced')),
    CHECK ((field = 'email') = (address_hash IS NOT NULL)),
    CHECK (field = 'email' OR (value IS NULL) = (judgement = 'none')),
    CHECK ((ended_at IS NULL) = (ended_how IS NULL))
);
CREATE UNIQUE INDEX IF NOT EXISTS judgements_standing ON acra_express.judgements
    (uen, field, coalesce(encode(address_hash, 'hex'), value, '')) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS judgements_one_answer ON acra_express.judgements (uen)
    WHERE ended_at IS NULL AND field = 'site' AND judgement IN ('accept', 'set', 'none');
CREATE INDEX IF NOT EXISTS judgements_sample ON acra_express.judgements (sample_id) WHERE sample_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS judgements_newest ON acra_express.judgements (judged_at DESC, judgement_id DESC);

GRANT SELECT, INSERT, UPDATE, DELETE ON
    acra_express.samples, acra_express.sample_members, acra_express.judgements
TO {{role}};

-- Whether a standing judgement contradicts an answer: its site was rejected, another one was set, or the company has
-- none. An opt-out stands above every judgement, so `site_opted_out` is never overruled.
CREATE OR REPLACE FUNCTION acra_express.is_overruled(p_uen text, p_kind text, p_reason text, p_detail jsonb)
RETURNS boolean LANGUAGE sql STABLE
AS $$
    SELECT p_kind IN ('enriched', 'no_website') AND p_uen IS NOT NULL AND EXISTS (
        SELECT FROM acra_express.judgements j
        WHERE j.uen = p_uen AND j.field = 'site' AND j.ended_at IS NULL
          AND CASE j.judgement
                  WHEN 'none' THEN p_kind = 'enriched'
                  WHEN 'reject' THEN p_kind = 'enriched' AND p_detail #>> '{site,domain}' = j.value
                  ELSE CASE p_kind WHEN 'enriched' THEN p_detail #>> '{site,domain}' IS DISTINCT FROM j.value
                                   ELSE p_reason <> 'site_opted_out' END
              END)
$$;
GRANT EXECUTE ON FUNCTION acra_express.is_overruled(text, text, text, jsonb) TO {{role}};

-- Whether a table of the platform has all these columns; a deployment may lack some.
CREATE OR REPLACE FUNCTION acra_express.has_columns(p_table text, VARIADIC p_columns text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) = cardinality(p_columns) FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = to_regclass('public.' || quote_ident(p_table)) AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attname = ANY (p_columns)
$$;

-- Takes back what we stored about a company from one site (`site`, a domain), or one address or number of it (`email`,
-- `phone`); answers how many rows and cells that were. Only rows with our source, and cells equal to what an outcome of
-- ours recorded for this company. In the nightly's lock order: history, companies, contacts, lead_emails. The cached
-- verdict on an address goes when we had asked for it and no row of lead_emails names the address any more.
CREATE OR REPLACE FUNCTION acra_express.withdraw(p_company bigint, p_kind text, p_value text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    domains text[] := '{}';
    addresses text[] := '{}';
    numbers text[] := '{}';
    links text[] := '{}';
    postals text[] := '{}';
    verdicts jsonb := '[]';
    removed bigint := 0;
    counted bigint;
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('site', 'email', 'phone') THEN
        RAISE EXCEPTION 'withdraw knows site, email and phone, not %', p_kind
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- What our outcomes recorded. The paths are lax: a detail of another shape gives nothing.
    SELECT coalesce(array_agg(DISTINCT found.value) FILTER (WHERE found.what = 'domain'), '{}'),
           coalesce(array_agg(DISTINCT found.value) FILTER (WHERE found.what = 'address'), '{}'),
           coalesce(array_agg(DISTINCT found.value) FILTER (WHERE found.what = 'number'), '{}'),
           coalesce(array_agg(DISTINCT found.value) FILTER (WHERE found.what = 'link'), '{}'),
           coalesce(array_agg(DISTINCT found.value) FILTER (WHERE found.what = 'postal'), '{}'),
           coalesce(jsonb_agg(found.verdict) FILTER (WHERE found.verdict IS NOT NULL), '[]')
    INTO domains, addresses, numbers, links, postals, verdicts
    FROM acra_express.outcomes o
    CROSS JOIN LATERAL (
        SELECT 'domain' AS what, o.detail #>> '{site,domain}' AS value, NULL::jsonb AS verdict WHERE p_kind = 'site'
        UNION ALL
        SELECT 'address', e ->> 'address', jsonb_build_object('address', e ->> 'address', 'verdict', e -> 'verdict')
        FROM jsonb_path_query(o.detail, '$.emails[*] ? (exists (@.address))') AS e
        WHERE p_kind = 'site' OR (p_kind = 'email' AND e ->> 'address' = lower(p_value))
        UNION ALL
        SELECT 'number', e ->> 'number', NULL FROM jsonb_path_query(o.detail, '$.phones[*]') AS e
        WHERE p_kind = 'site' OR (p_kind = 'phone' AND e ->> 'number' = p_value)
        UNION ALL
        SELECT 'link', e ->> 'url', NULL FROM jsonb_path_query(o.detail, '$.socials[*]') AS e WHERE p_kind = 'site'
        UNION ALL
        SELECT 'postal', o.detail #>> '{postal_code,value}', NULL WHERE p_kind = 'site'
    ) AS found
    WHERE o.company_id = p_company AND found.value IS NOT NULL
      AND (p_kind <> 'site' OR o.detail #>> '{site,domain}' = p_value);

    IF acra_express.has_columns('company_enrichment_runs', 'domain', 'source_json') THEN
        IF p_kind = 'site' THEN
            DELETE FROM public.company_enrichment_runs h
            WHERE h.company_id = p_company AND h.source_json ->> 'service' = 'acra-express' AND h.domain = p_value;
        ELSE
            UPDATE public.company_enrichment_runs h SET source_json = h.source_json
                || jsonb_build_object('emails', jsonb_path_query_array(
                       h.source_json, '$.emails[*] ? (!(@.address == $gone[*]))',
                       jsonb_build_object('gone', to_jsonb(addresses))))
                || jsonb_build_object('phones', jsonb_path_query_array(
                       h.source_json, '$.phones[*] ? (!(@.number == $gone[*]))',
                       jsonb_build_object('gone', to_jsonb(numbers))))
            WHERE h.company_id = p_company AND h.source_json ->> 'service' = 'acra-express'
              AND jsonb_path_exists(h.source_json,
                      '$ ? (@.emails[*].address == $addresses[*] || @.phones[*].number == $numbers[*])',
                      jsonb_build_object('addresses', to_jsonb(addresses), 'numbers', to_jsonb(numbers)));
        END IF;
        GET DIAGNOSTICS counted = ROW_COUNT;
        removed := removed + counted;
        IF p_kind = 'email' AND acra_express.has_columns(
            'company_enrichment_runs', 'public_emails', 'verification_results')
        THEN
            UPDATE public.company_enrichment_runs h SET
                public_emails = array_remove(h.public_emails, lower(p_value)),
                verification_results = CASE jsonb_typeof(h.verification_results) WHEN 'array'
                    THEN jsonb_path_query_array(h.verification_results, '$[*] ? (!(@.email == $gone))',
                                                jsonb_build_object('gone', lower(p_value)))
                    ELSE h.verification_results END
            WHERE h.company_id = p_company AND h.source_json ->> 'service' = 'acra-express'
              AND lower(p_value) = ANY (addresses) AND lower(p_value) = ANY (h.public_emails);
        END IF;
    END IF;

    -- A column is text, or text[] with our one value.
    SELECT count(*) INTO counted
    FROM public.companies c
    CROSS JOIN LATERAL (VALUES
        (c.website_domain = ANY (domains)),
        (c.email::text = ANY (addresses || (SELECT array_agg('{' || a || '}') FROM unnest(addresses) AS a))),
        (c.phone_number::text = ANY (numbers || (SELECT array_agg('{' || n || '}') FROM unnest(numbers) AS n))),
        (c.linkedin_url = ANY (links))) AS cell(ours)
    WHERE c.company_id = p_company AND cell.ours;
    IF counted > 0 THEN
        UPDATE public.companies c SET
            website_domain = CASE WHEN c.website_domain = ANY (domains) THEN NULL ELSE c.website_domain END,
            email = CASE WHEN c.email::text = ANY (
                addresses || (SELECT array_agg('{' || a || '}') FROM unnest(addresses) AS a))
                THEN NULL ELSE c.email END,
            phone_number = CASE WHEN c.phone_number::text = ANY (
                numbers || (SELECT array_agg('{' || n || '}') FROM unnest(numbers) AS n))
                THEN NULL ELSE c.phone_number END,
            linkedin_url = CASE WHEN c.linkedin_url = ANY (links) THEN NULL ELSE c.linkedin_url END,
            last_seen = acra_express.clock()
        WHERE c.company_id = p_company;
        DELETE FROM acra_express.company_domains d
        WHERE d.company_id = p_company AND NOT EXISTS (
            SELECT FROM public.companies c WHERE c.company_id = p_company AND c.website_domain IS NOT NULL);
    END IF;
    removed := removed + counted;
    IF acra_express.has_columns('companies', 'sg_phone', 'sg_postcode') THEN
        SELECT count(*) INTO counted
        FROM public.companies c
        CROSS JOIN LATERAL (VALUES (c.sg_phone = ANY (numbers)), (c.sg_postcode = ANY (postals))) AS cell(ours)
        WHERE c.company_id = p_company AND cell.ours;
        IF counted > 0 THEN
            UPDATE public.companies c SET
                sg_phone = CASE WHEN c.sg_phone = ANY (numbers) THEN NULL ELSE c.sg_phone END,
                sg_postcode = CASE WHEN c.sg_postcode = ANY (postals) THEN NULL ELSE c.sg_postcode END,
                last_seen = acra_express.clock()
            WHERE c.company_id = p_company;
        END IF;
        removed := removed + counted;
    END IF;

    IF acra_express.has_columns('contacts', 'company_id', 'email', 'contact_source') THEN
        DELETE FROM public.contacts k
        WHERE k.company_id = p_company AND k.contact_source = 'acra_express' AND lower(k.email) = ANY (addresses);
        GET DIAGNOSTICS counted = ROW_COUNT;
        removed := removed + counted;
    END IF;
    IF acra_express.has_columns('lead_emails', 'company_id', 'email', 'source') THEN
        DELETE FROM public.lead_emails e
        WHERE e.email = ANY (addresses) AND e.company_id = p_company AND e.source = 'acra_express';
        GET DIAGNOSTICS counted = ROW_COUNT;
        removed := removed + counted;
        IF acra_express.has_columns('email_verification_cache', 'email', 'status') THEN
            DELETE FROM public.email_verification_cache v
            WHERE v.email = ANY (addresses) AND EXISTS (
                SELECT FROM jsonb_array_elements(verdicts) AS t(told)
                WHERE t.told ->> 'address' = v.email AND t.told #>> '{verdict,status}' = v.status
                  AND t.told #>> '{verdict,source}' = 'zerobounce')
              AND NOT EXISTS (SELECT FROM public.lead_emails e WHERE e.email = v.email);
            GET DIAGNOSTICS counted = ROW_COUNT;
            removed := removed + counted;
        END IF;
    END IF;
    RETURN removed;
END $$;

REVOKE ALL ON FUNCTION acra_express.withdraw(bigint, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acra_express.withdraw(bigint, text, text) TO {{role}};
