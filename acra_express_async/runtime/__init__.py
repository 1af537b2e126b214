"""The life of one process: start order, guard and restart, signals, drain, exit code, and the signs of life.

`supervisor` runs the loops and stops them, `cron` is the timer, `health` holds the beacons that probes read, `watchdog`
is the thread that ends a process whose loop is stuck, `realtime` converts real seconds for the sandbox's fast loop.
`turn_loop` is the rhythm of every loop, `context` what nearly every part of the service needs, and `dispatch` what
poller, workers and supervisor share.
The room knows no companies and no database; what it starts and stops is passed in. Liveness means that every loop keeps
moving, so that a lost database never restarts the service. Rooms above it use its beacons and clock helpers, which is
why it is low in the order of imports.
"""
