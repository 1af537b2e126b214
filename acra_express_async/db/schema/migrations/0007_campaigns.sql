-- A campaign is what one enqueue asked for, with every job that follows from it; its id is the job id of its first
-- staging job. The row holds what the jobs do not say: its name and who asked. A campaign that was written into
-- background_jobs by hand gets its row when its first job is claimed.
CREATE TABLE IF NOT EXISTS acra_express.campaigns (
    campaign_id  bigint PRIMARY KEY,
    name         text CHECK (char_length(name) <= 200),
    enqueued_at  timestamptz NOT NULL,
    enqueued_by  text,
    expected     int,                -- companies that the forecast promised; null where nobody asked for one
    again_by     text,               -- who asked for companies within RECHECK_DAYS too; null: nobody did
    cancelled_at timestamptz,
    cancelled_by text
);
CREATE INDEX IF NOT EXISTS campaigns_enqueued ON acra_express.campaigns (enqueued_at DESC, campaign_id DESC);
GRANT SELECT, INSERT, UPDATE, DELETE ON acra_express.campaigns TO {{role}};

-- The campaign of a staging job: a continuation names it, a first job is it. Null where the job is gone.
CREATE OR REPLACE FUNCTION acra_express.campaign_of(p_staging_job_id bigint) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN jsonb_typeof(j.params #> '{campaign,id}') = 'number'
                 AND (j.params #> '{campaign,id}') BETWEEN '1' AND '9223372036854775807'
                THEN trunc((j.params #> '{campaign,id}')::numeric)::bigint ELSE j.job_id END
    FROM acra_express.express_jobs j
    WHERE j.job_id = p_staging_job_id AND j.job_type = 'acra_express_staging_upsert'
$$;
GRANT EXECUTE ON FUNCTION acra_express.campaign_of(bigint) TO {{role}};

ALTER TABLE acra_express.outcomes ADD COLUMN IF NOT EXISTS campaign_id bigint;
ALTER TABLE acra_express.staged ADD COLUMN IF NOT EXISTS campaign_id bigint;

-- A trigger fills the column, so that it holds for rows of the previous version too.
CREATE OR REPLACE FUNCTION acra_express.fill_campaign() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.campaign_id := acra_express.campaign_of(NEW.staging_job_id);
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER outcomes_campaign BEFORE INSERT ON acra_express.outcomes
    FOR EACH ROW WHEN (NEW.campaign_id IS NULL AND NEW.staging_job_id IS NOT NULL)
    EXECUTE FUNCTION acra_express.fill_campaign();
CREATE OR REPLACE TRIGGER staged_campaign BEFORE INSERT ON acra_express.staged
    FOR EACH ROW WHEN (NEW.campaign_id IS NULL) EXECUTE FUNCTION acra_express.fill_campaign();
UPDATE acra_express.staged SET campaign_id = acra_express.campaign_of(staging_job_id) WHERE campaign_id IS NULL;
UPDATE acra_express.outcomes o SET campaign_id = s.campaign_id
FROM acra_express.staged s
WHERE o.campaign_id IS NULL AND s.staging_job_id = o.staging_job_id AND s.campaign_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS outcomes_campaign ON acra_express.outcomes (campaign_id, uen);
CREATE INDEX IF NOT EXISTS staged_campaign ON acra_express.staged (campaign_id);

-- A person's cancel is an outcome of its own, outside the failure ratio. The previous version goes on writing `failed`.
ALTER TABLE acra_express.outcomes DROP CONSTRAINT IF EXISTS outcomes_kind_check;
ALTER TABLE acra_express.outcomes ADD CONSTRAINT outcomes_kind_check
    CHECK (kind IN ('enriched', 'no_website', 'skipped', 'failed', 'cancelled'));
