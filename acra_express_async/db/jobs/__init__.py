"""Express rows of `background_jobs`: leases, notifications, operators' commands, and the nightly beside us."""
