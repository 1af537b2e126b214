-- Every company that a campaign was asked for is in exactly one state. Most states are outcomes; a listed UEN that never
-- became a company (not in the registry, not live, cancelled before its batch) has its state here.
ALTER TABLE acra_express.campaign_uens ADD COLUMN IF NOT EXISTS kind text CHECK (kind IN ('skipped', 'cancelled'));
ALTER TABLE acra_express.campaign_uens ADD COLUMN IF NOT EXISTS reason text;

-- Companies of a selection that were not staged when somebody cancelled it.
ALTER TABLE acra_express.campaigns ADD COLUMN IF NOT EXISTS unstaged_cancelled int NOT NULL DEFAULT 0;

-- Campaigns of the time before this table.
INSERT INTO acra_express.campaigns (campaign_id, enqueued_at)
SELECT DISTINCT ON (s.campaign_id) s.campaign_id, coalesce(j.created_at, s.staged_at)
FROM acra_express.staged s LEFT JOIN public.background_jobs j ON j.job_id = s.campaign_id
WHERE s.campaign_id IS NOT NULL
ORDER BY s.campaign_id, s.staged_at
ON CONFLICT (campaign_id) DO NOTHING;
