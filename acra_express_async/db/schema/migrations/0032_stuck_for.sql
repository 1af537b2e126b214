-- What a stuck job waits for, also while an attempt is under way: the claim clears `waits_for`. Works beside the previous
-- version, which leaves the column alone.
ALTER TABLE acra_express.leases ADD COLUMN IF NOT EXISTS stuck_for text;
