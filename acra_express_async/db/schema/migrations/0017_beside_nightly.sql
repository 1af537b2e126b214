-- What we must know of the nightly. Works beside the previous version, which calls the same functions.

-- The codes that the nightly has pending, without leading zeros. A job in `error` with retries left is pending too: each
-- pass of the nightly begins by queueing those whose `params.retries` is below JOB_MAX_RETRIES (2) again. Only what is an
-- SSIC code (up to five digits) leaves the nightly's params: any other text there may be about a customer.
CREATE OR REPLACE FUNCTION acra_express.nightly_codes(p_hold_nights int) RETURNS SETOF text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT ltrim(btrim(code.value), '0')
    FROM public.background_jobs b
    CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE WHEN jsonb_typeof(b.params -> 'ssic_codes') = 'array' THEN b.params -> 'ssic_codes' ELSE '[]' END
    ) AS code(value)
    WHERE b.job_type = 'enrich_candidates'
      AND (b.status IN ('queued', 'running')
           OR (b.status = 'error'
               AND CASE WHEN b.params ->> 'retries' ~ '^[0-9]{1,9}$' THEN (b.params ->> 'retries')::int ELSE 0 END < 2))
      AND b.created_at > least(acra_express.clock(), clock_timestamp())
                         - make_interval(days => least(greatest(p_hold_nights, 0), 3650))
      AND btrim(code.value) ~ '^[0-9]{1,5}$'
$$;

-- The nightly's jobs that show `running`, the oldest first, at most ten. A staging job among them stops our inserts
-- until `holds_until` (see nightly_holds), also one that a crash left behind.
CREATE OR REPLACE FUNCTION acra_express.nightly_jobs_running()
RETURNS TABLE (job_id bigint, job_type text, started_at timestamptz, holds_until timestamptz)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.job_id, b.job_type, b.started_at, b.started_at + interval '6 hours'
    FROM public.background_jobs b
    WHERE b.status = 'running' AND b.job_type IN ('staging_upsert', 'enrich_candidates')
      AND b.started_at > least(acra_express.clock(), clock_timestamp()) - interval '6 hours'
      AND b.started_at < greatest(acra_express.clock(), clock_timestamp()) + interval '1 day'
    ORDER BY b.started_at, b.job_id LIMIT 10
$$;

REVOKE ALL ON FUNCTION acra_express.nightly_jobs_running() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acra_express.nightly_jobs_running() TO {{role}};
