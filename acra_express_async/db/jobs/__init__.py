"""Express rows of the platform's `background_jobs`: leases, notifications, operators' commands, and the nightly.

The platform's columns keep its own status words (queued, running, done, error); everything else about a job is in our
schema `acra_express`. The tenant role sees the table only through a view with our two job types. Claiming and fencing
are owner's functions (migration 0001), because FOR UPDATE SKIP LOCKED through a view would lock every row under it.
Locks are taken in one order, job before lease; the reverse order would deadlock.
"""
