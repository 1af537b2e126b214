"""Jobs and their leases: who claims them, who works on them, and how an attempt ends.

`poller` claims a job for each free worker, `worker` runs it under a heartbeat, `attempts` is what the code inside a job
may know of its attempt, `ends` decides what happens to the job afterwards, `courtesy` says when to take nothing new
because the platform's nightly run, quiet hours or a crowded server have priority. The room knows no companies; the
handlers of the two job types are passed in.
"""
