-- When a tick was claimed, by the deciding clock: a wall clock that is set back brings the same moments again, and the
-- shared work of a tick must not wait until it has caught up. The previous version leaves the column to its default.
ALTER TABLE acra_express.ticks
    ADD COLUMN IF NOT EXISTS claimed_at timestamptz NOT NULL DEFAULT acra_express.clock();
