-- The live jobs of one campaign, without reading those of all others.
CREATE INDEX IF NOT EXISTS leases_live ON acra_express.leases (campaign_id) WHERE due_at < 'infinity';
