-- Every judgement on a company, ended ones too: `judgements list --uen`, `explain --at`, `forget`. The index of those that
-- stand does not have them. Nothing changes for the previous version of the service.
CREATE INDEX IF NOT EXISTS judgements_uen ON acra_express.judgements (uen, judged_at DESC);
