"""`bin/bench`: our figures compared with those of the best-known PostgreSQL queues, in one run on one machine."""
