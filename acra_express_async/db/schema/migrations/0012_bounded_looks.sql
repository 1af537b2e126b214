-- What we read of the platform's own rows is believed within bounds: a row dated `infinity` would hold us back for ever,
-- and a negative count would give more of an allowance than the vendor has. A day covers every clock that is set wrong.

CREATE OR REPLACE FUNCTION acra_express.nightly_holds(p_types text[]) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM public.background_jobs b
        WHERE b.status = 'running' AND b.job_type = ANY (p_types)
          AND coalesce(b.started_at > least(acra_express.clock(), clock_timestamp()) - interval '6 hours'
                       AND b.started_at < greatest(acra_express.clock(), clock_timestamp()) + interval '1 day', true))
$$;

CREATE OR REPLACE FUNCTION acra_express.verifications_elsewhere_since(p_since timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass('public.run_vendor_usage') IS NULL THEN
        RETURN 0;
    END IF;
    RETURN (
        SELECT coalesce(sum(greatest(u.calls, 0)), 0)
        FROM public.enrichment_runs r JOIN public.run_vendor_usage u ON u.run_id = r.run_id
        WHERE r.started_at >= p_since
          AND r.started_at < greatest(acra_express.clock(), clock_timestamp()) + interval '1 day'
          AND u.vendor = 'zerobounce'
          AND u.tenant_id::text IS DISTINCT FROM current_setting('request.tenant_id', true));
END $$;
