-- What tells work that waits by rule (the daily cap, the nightly, quiet hours) from work that should move and does not.
-- Works beside the previous version, which leaves the new columns alone: its waits then count from the last one that was
-- noted, until the job makes progress.

ALTER TABLE acra_express.leases
    ADD COLUMN IF NOT EXISTS wait_reason text,         -- why the latest attempt ended without finishing the job
    ADD COLUMN IF NOT EXISTS stuck_since timestamptz;  -- first of the attempts without progress, except waits by rule

ALTER TABLE acra_express.control
    ADD COLUMN IF NOT EXISTS watched_at timestamptz,   -- when a service last looked, to a minute, while there is work
    ADD COLUMN IF NOT EXISTS held_at timestamptz;      -- when work was last held back by rule, or no service looked

-- How long the nightly's jobs take: the longest of the latest 200 that ended well, by type. Reads no customer's data.
CREATE OR REPLACE FUNCTION acra_express.nightly_usual() RETURNS TABLE (job_type text, longest interval)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT n.job_type, max(n.ended_at - n.started_at)
    FROM (SELECT b.job_type, b.started_at, b.ended_at FROM public.background_jobs b
          WHERE b.job_type IN ('staging_upsert', 'enrich_candidates') AND b.status = 'done'
            AND b.started_at > '2000-01-01' AND b.ended_at >= b.started_at AND b.ended_at < '2100-01-01'
          ORDER BY b.job_id DESC LIMIT 200) n
    GROUP BY n.job_type
$$;
REVOKE ALL ON FUNCTION acra_express.nightly_usual() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acra_express.nightly_usual() TO {{role}};
