-- The role's rows stand under the express tenant only. The trigger that `migrate` puts on background_jobs, with role and
-- tenant as its arguments and for our two job types alone, calls this; it lets everybody else pass, and cannot fail.
CREATE OR REPLACE FUNCTION acra_express.hold_to_tenant() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_user = TG_ARGV[0] AND NEW.tenant_id IS DISTINCT FROM TG_ARGV[1]::int THEN
        RAISE EXCEPTION 'the role % may enqueue jobs of tenant % only', TG_ARGV[0], TG_ARGV[1]
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

-- The codes that the nightly has pending, without leading zeros. Only what is an SSIC code (up to five digits) leaves
-- the nightly's params: any other text there may be about a customer.
CREATE OR REPLACE FUNCTION acra_express.nightly_codes(p_hold_nights int) RETURNS SETOF text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT ltrim(btrim(code.value), '0')
    FROM public.background_jobs b
    CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE WHEN jsonb_typeof(b.params -> 'ssic_codes') = 'array' THEN b.params -> 'ssic_codes' ELSE '[]' END
    ) AS code(value)
    WHERE b.job_type = 'enrich_candidates' AND b.status IN ('queued', 'running')
      AND b.created_at > least(acra_express.clock(), clock_timestamp())
                         - make_interval(days => least(greatest(p_hold_nights, 0), 3650))
      AND btrim(code.value) ~ '^[0-9]{1,5}$'
$$;
