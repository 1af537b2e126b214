"""The cron timer: at every tick the poller looks for work, and one replica repairs what was changed by hand.

Moments are compared as instants: two aware datetimes of one zone subtract as wall time, which is an hour wrong twice a
year. The wall clock itself may be set while we wait (NTP at boot, a VM restored from a snapshot); a monotonic clock
beside it shows that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import InitVar, dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cronsim import CronSim

from acra_express_async import logs
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.health import BEAT_SECONDS
from acra_express_async.runtime.turn_loop import Loop

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


@dataclass(frozen=True, slots=True)
class Schedule:
    """The ticks of `expression`, a cron expression in the zone of `now`, the wall clock."""

    expression: str
    now: Callable[[], datetime]

    def next_tick(self) -> datetime:
        """When the next tick is due, in UTC."""
        return self.after(self.now())

    def until_tick(self) -> timedelta:
        """How long until the next tick."""
        now = self.now()
        return self.after(now) - now.astimezone(UTC)

    def after(self, moment: datetime) -> datetime:
        """The first tick after `moment`, in UTC."""
        return due_after(self.expression, moment.astimezone(self.now().tzinfo))


class Housekeeping(Protocol):
    """What one replica does at a tick, see db/ops/control.py. A Protocol because this room must not import db/."""

    async def claim_tick(self, loop: str, due_at: datetime, owner: str) -> bool: ...
    async def reconcile(self) -> int: ...
    async def prune(self) -> None: ...


@dataclass(kw_only=True, eq=False, repr=False)
class Cron:
    """Wakes the poller by `SCHEDULE`.

    Args:
        chores: further work of a tick, done by the replica that claimed it.
        context: by its monotonic clock a step of the wall clock is noticed.
    """

    schedule: Schedule
    wake: Callable[[str], None]
    housekeeping: Housekeeping
    chores: Sequence[Callable[[], Awaitable[object]]]
    owner: str
    context: InitVar[Context]

    def __post_init__(self, context: Context) -> None:
        self._metrics = context.metrics
        self._clock = context.clock
        self._now = context.now
        self._loop = Loop(LOOP, context)

    async def run(self) -> None:
        """Tick until cancelled; no moment twice, unless the wall clock was set back before it."""
        self._due_at, self._seen = self.schedule.next_tick(), self._read()
        await self._loop.repeat(self._turn, missed=lambda away: log.warning("tick.incomplete", error=str(away)))

    async def _turn(self) -> float:
        """Tick if a moment has come; how long to sleep until the next look at the clocks."""
        before, self._seen = self._seen, self._read()
        wall, due_at = self._seen[0], self._due_at
        step = (wall - before[0]) - timedelta(seconds=self._seen[1] - before[1])
        if abs(step) > STEP:
            log.warning("clock.stepped", seconds=round(step.total_seconds()))
        if step < -STEP:
            # the planned moment may be hours away by now: tick at once, and plan by the clock as it stands
            self._due_at = self.schedule.after(wall)
            await self._tick(wall)
        elif wall >= due_at:
            try:
                await self._tick(due_at)
            finally:
                # a wall clock that went back by less than STEP meanwhile must not name this moment again
                self._due_at = self.schedule.after(max(self._read()[0], due_at))
        else:
            return min((due_at - wall).total_seconds(), BEAT_SECONDS)
        return 0.0

    def _read(self) -> tuple[datetime, float]:
        return self._now().astimezone(UTC), self._clock()

    async def _tick(self, due_at: datetime) -> None:
        self._metrics.last_tick.labels(LOOP).set(due_at.timestamp())
        self.wake("tick")
        if await self.housekeeping.claim_tick(LOOP, due_at, self.owner):
            adopted = await self.housekeeping.reconcile()
            await self.housekeeping.prune()
            for chore in self.chores:
                await chore()
            if adopted:
                log.warning("jobs.adopted", count=adopted)
                self.wake("tick")
