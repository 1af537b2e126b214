"""Jobs and their leases: who claims them, who works on them, and how an attempt ends.

`poller` claims a job for each free worker, `worker` runs it, `lease_keeping` sends the heartbeats, `attempts` is what
the code inside a job may know of its attempt, `attempt_ends` decides what happens to the job afterwards, and `courtesy`
says when to take nothing new because the platform's nightly run, quiet hours or a crowded server have priority. The
room knows no companies; the handlers of the two job types are passed in. An attempt is counted when it is claimed, so
that a crash counts; one that ends for a reason outside the job (a budget, an outage, the nightly, a deploy) is handed
back. Every write carries the token of its claim, so a process that wakes up after losing its lease changes nothing.
"""
