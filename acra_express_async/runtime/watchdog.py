"""The last resort: a thread that ends the process when the event loop no longer can.

Plain Docker never restarts an unhealthy container, and a frozen loop cannot enforce a deadline. So the thread exits
with code 1 when liveness has failed for a minute, or when the stop sequence takes longer than it may.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from acra_express_async import logs
from acra_express_async.runtime.health import SILENCE_SECONDS, Health

log = logs.logger("watchdog")

EXIT_CODE = 1
LOOK_SECONDS = 5.0
LOOK_SECONDS_OF_A_STOP = 1.0
STUCK_SECONDS = 60.0
"""How long liveness must have failed; an orchestrator's own probe acts sooner."""
OVERTIME_SECONDS = 5.0
"""How much longer than DRAIN_SECONDS the stop sequence may take before the process is ended."""
LAST_LINE_SECONDS = 1.0
"""How long the reason may take to reach the log's reader."""


class Watchdog:
    """Watches the process's health from a separate thread.

    Args:
        health: read without locks, because the event loop's thread sets every field in one assignment.
        said: waits up to that many seconds until the log's last line is written; a log that is stuck does not keep the
            process alive.
        leave: ends the process; ``os._exit``, because no further Python code can be relied on at that point.
    """

    def __init__(
        self,
        health: Health,
        *,
        said: Callable[[float], object] = lambda _seconds: None,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self._health = health
        self._said = said
        self._leave = leave
        self._done = threading.Event()
        self._stuck_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """The process is ending by itself; stop watching."""
        self._done.set()

    def _run(self) -> None:
        while not self._done.wait(LOOK_SECONDS if self._health.ends_by is None else LOOK_SECONDS_OF_A_STOP):
            self.look()

    def look(self) -> None:
        """One check; ends the process when nothing else will."""
        now = self._health.clock()
        ends_by = self._health.ends_by
        if ends_by is not None and now > ends_by + OVERTIME_SECONDS:
            self._end("the stop sequence took longer than DRAIN_SECONDS")
        stuck = self._health.stuck
        if not stuck:
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = now
            log.error("watchdog.stuck", loops=stuck, silence_seconds=SILENCE_SECONDS)
        elif now - self._stuck_since > STUCK_SECONDS:
            self._end("liveness has failed for a minute")

    def _end(self, why: str) -> None:
        log.critical("watchdog.leaves", why=why, loops=self._health.stuck)
        self._said(LAST_LINE_SECONDS)
        self._leave(EXIT_CODE)
