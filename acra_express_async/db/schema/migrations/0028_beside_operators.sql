-- Companies that a person cancelled: the command ends with its process, so the running service counts them in its
-- metrics. The previous version neither adds to this nor takes from it.
ALTER TABLE acra_express.control ADD COLUMN IF NOT EXISTS uncounted_cancelled bigint NOT NULL DEFAULT 0;

-- A job of the nightly that shows `running` without a start (the nightly itself always sets one) held us for ever and
-- appeared nowhere. It counts from its creation now, and is shown.
CREATE OR REPLACE FUNCTION acra_express.nightly_holds(p_types text[]) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM public.background_jobs b
        WHERE b.status = 'running' AND b.job_type = ANY (p_types)
          AND coalesce(b.started_at, b.created_at) > least(acra_express.clock(), clock_timestamp()) - interval '6 hours'
          AND coalesce(b.started_at, b.created_at)
              < greatest(acra_express.clock(), clock_timestamp()) + interval '1 day')
$$;

CREATE OR REPLACE FUNCTION acra_express.nightly_jobs_running()
RETURNS TABLE (job_id bigint, job_type text, started_at timestamptz, holds_until timestamptz)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.job_id, b.job_type, r.since, r.since + interval '6 hours'
    FROM public.background_jobs b CROSS JOIN LATERAL (SELECT coalesce(b.started_at, b.created_at) AS since) r
    WHERE b.status = 'running' AND b.job_type IN ('staging_upsert', 'enrich_candidates')
      AND r.since > least(acra_express.clock(), clock_timestamp()) - interval '6 hours'
      AND r.since < greatest(acra_express.clock(), clock_timestamp()) + interval '1 day'
    ORDER BY r.since, b.job_id LIMIT 10
$$;
