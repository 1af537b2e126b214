"""`bin/bench`: our figures beside those of the best-known Postgres queues, in one run on one machine."""
