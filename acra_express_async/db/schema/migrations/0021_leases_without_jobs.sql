-- Leases of jobs whose rows the platform had removed before 0013 do not say which job they belonged to. They serve
-- nobody, and a job that gets one of their IDs again must begin anew. Works beside the previous version.
DELETE FROM acra_express.leases l
WHERE l.job_created_at IS NULL AND NOT l.held
  AND NOT EXISTS (SELECT FROM public.background_jobs b WHERE b.job_id = l.job_id);
