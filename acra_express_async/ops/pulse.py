"""How late the event loop runs its timers, when each loop last made progress, and what the log has lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass

from acra_express_async.metrics import BEATING
from acra_express_async.runtime.context import Context

PULSE_SECONDS = 1.0
"""How often the event loop's lag is measured while this process has a job."""
SIGNS_SECONDS = 5.0
"""How often the loops' last beats are published. An idle process measures its lag as often: every wake-up costs CPU."""


@dataclass(kw_only=True, eq=False, repr=False)
class Pulse:
    """Measures how late the event loop runs its timers; publishes each loop's last beat and what the log has lost.

    Args:
        log_lines_dropped: how many log lines were dropped since the start.
        busy: whether this process has a job in hand.
    """

    log_lines_dropped: Callable[[], int] = lambda: 0
    busy: Callable[[], bool] = lambda: True
    context: InitVar[Context]

    def __post_init__(self, context: Context) -> None:
        self._health = context.health
        self._metrics = context.metrics
        self._clock = context.clock
        self._now = context.now
        self._pause = context.pause
        self._dropped = 0
        # the cron loop sets its own value at each tick; until the first tick the start of the process is used
        context.metrics.last_tick.labels("cron").set(context.now().timestamp())

    async def run(self) -> None:
        """Measure until cancelled."""
        publish_at = self._clock()
        while True:
            if self._clock() >= publish_at:
                self._publish()
                publish_at = self._clock() + SIGNS_SECONDS
            seconds = PULSE_SECONDS if self.busy() else SIGNS_SECONDS
            due = self._clock() + seconds
            await self._pause(seconds)
            self._metrics.event_loop_lag.observe(max(0.0, self._clock() - due))

    def _publish(self) -> None:
        now = self._now().timestamp()
        for name in BEATING:
            beacon = self._health.beacons.get(name)
            if beacon is not None:
                self._metrics.last_tick.labels(name).set(now - beacon.age)
        dropped = self.log_lines_dropped()
        self._metrics.log_lines_dropped.inc(dropped - self._dropped)
        self._dropped = dropped
