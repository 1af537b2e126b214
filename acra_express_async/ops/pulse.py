"""How late the event loop runs its timers, when each loop last made progress, and what the log has lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from acra_express_async.metrics import BEATING, Metrics
from acra_express_async.runtime.health import Health

PULSE_SECONDS = 1.0
"""How often the event loop's lag is measured."""
SIGNS_EVERY = 5
"""Pulses between two publications of the loops' last beats: every 5 s."""


class Pulse:
    """Measures how late the event loop runs its timers; publishes each loop's last beat and what the log has lost.

    Args:
        clock: the loop's clock, seconds.
        now: the wall clock.
        log_lines_dropped: how many log lines were dropped since the start.
        pause: waits, in seconds.
    """

    def __init__(
        self,
        *,
        health: Health,
        metrics: Metrics,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        log_lines_dropped: Callable[[], int] = lambda: 0,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._health = health
        self._metrics = metrics
        self._log_lines_dropped = log_lines_dropped
        self._dropped = 0
        self._clock = clock
        self._now = now
        self._pause = pause
        # the cron loop sets its own value at each tick; until the first tick the start of the process is used
        metrics.last_tick.labels("cron").set(now().timestamp())

    async def run(self) -> None:
        """Measure until cancelled."""
        turn = 0
        while True:
            if turn % SIGNS_EVERY == 0:
                self._publish()
            turn += 1
            due = self._clock() + PULSE_SECONDS
            await self._pause(PULSE_SECONDS)
            self._metrics.event_loop_lag.observe(max(0.0, self._clock() - due))

    def _publish(self) -> None:
        now = self._now().timestamp()
        for name in BEATING:
            beacon = self._health.beacons.get(name)
            if beacon is not None:
                self._metrics.last_tick.labels(name).set(now - beacon.age)
        dropped = self._log_lines_dropped()
        self._metrics.log_lines_dropped.inc(dropped - self._dropped)
        self._dropped = dropped
