"""The cron timer: at every tick the poller looks for work, and one replica repairs what was changed by hand.

Moments are compared as instants: two aware datetimes of one zone subtract as wall time, which is an hour wrong twice a
year. The wall clock itself may be set while we wait (NTP at boot, a VM restored from a snapshot); a monotonic clock
beside it shows that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cronsim import CronSim

from acra_express_async import logs
from acra_express_async.errors import NotNow
from acra_express_async.metrics import Metrics
from acra_express_async.runtime.health import BEAT_SECONDS, Health

log = logs.logger("cron")

LOOP = "cron"
STEP = timedelta(seconds=60)
"""Wall clock and monotonic clock may drift apart by this much between two looks, which are at most 10 s apart, before
the wall clock counts as set: NTP slews at most 0.5 ms a second, and a smaller step delays a tick by less than this."""


def due_after(schedule: str, moment: datetime) -> datetime:
    """The first due moment after `moment`, in UTC; the schedule is read in the zone of `moment`.

    A schedule of fixed hours (``30 2 * * *``) is due once on the day on which the clocks go back, and right after the
    gap on the day on which they go forward; a schedule in minutes (``*/15``) goes on evenly through both.
    """
    instant = moment.astimezone(UTC)
    # in the repeated hour CronSim may name the first of two equal wall times, which is over
    return next(due.astimezone(UTC) for due in CronSim(schedule, moment) if due.astimezone(UTC) > instant)


class Housekeeping(Protocol):
    """What one replica does at a tick, see db/ops/control.py. A Protocol because this room must not import db/."""

    async def claim_tick(self, loop: str, due_at: datetime, owner: str) -> bool: ...
    async def reconcile(self) -> int: ...
    async def prune(self) -> None: ...


class Cron:
    """Wakes the poller by `SCHEDULE`.

    Args:
        schedule: cron expression, in the zone of `now`.
        now: the wall clock in the configured time zone.
        chores: further work of a tick, done by the replica that claimed it.
        clock: monotonic seconds, by which a step of the wall clock is noticed.
        pause: waits, in seconds of `clock`.
    """

    def __init__(
        self,
        schedule: str,
        *,
        now: Callable[[], datetime],
        wake: Callable[[str], None],
        housekeeping: Housekeeping,
        chores: Sequence[Callable[[], Awaitable[object]]],
        owner: str,
        health: Health,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._schedule = schedule
        self._now = now
        self._wake = wake
        self._housekeeping = housekeeping
        self._chores = chores
        self._owner = owner
        self._beacon = health.beacon(LOOP)
        self._metrics = metrics
        self._clock = clock
        self._pause = pause

    def next_tick(self) -> datetime:
        """When the next tick is due, in UTC."""
        return due_after(self._schedule, self._now())

    def until_tick(self) -> timedelta:
        """How long until the next tick."""
        now = self._now()
        return due_after(self._schedule, now) - now.astimezone(UTC)

    async def run(self) -> None:
        """Tick until cancelled; no moment twice, unless the wall clock was set back before it."""
        due_at = self.next_tick()
        wall, clock = self._read()
        while True:
            self._beacon.beat()
            before = wall, clock
            wall, clock = self._read()
            step = (wall - before[0]) - timedelta(seconds=clock - before[1])
            if abs(step) > STEP:
                log.warning("clock.stepped", seconds=round(step.total_seconds()))
            if step < -STEP:
                # the planned moment may be hours away by now: tick at once, and plan by the clock as it stands
                await self._tick(wall)
                due_at = due_after(self._schedule, self._zoned(wall))
            elif wall >= due_at:
                await self._tick(due_at)
                # a wall clock that went back by less than STEP meanwhile must not name this moment again
                due_at = due_after(self._schedule, self._zoned(max(self._read()[0], due_at)))
            else:
                await self._pause(min((due_at - wall).total_seconds(), BEAT_SECONDS))

    def _read(self) -> tuple[datetime, float]:
        return self._now().astimezone(UTC), self._clock()

    def _zoned(self, instant: datetime) -> datetime:
        return instant.astimezone(self._now().tzinfo)

    async def _tick(self, due_at: datetime) -> None:
        self._metrics.last_tick.labels(LOOP).set(due_at.timestamp())
        self._wake("tick")
        try:
            if await self._housekeeping.claim_tick(LOOP, due_at, self._owner):
                adopted = await self._housekeeping.reconcile()
                await self._housekeeping.prune()
                for chore in self._chores:
                    await chore()
                if adopted:
                    log.warning("jobs.adopted", count=adopted)
                    self._wake("tick")
        except NotNow as away:
            log.warning("tick.incomplete", error=str(away))
