"""The cron timer: at every tick the poller looks, and one replica puts in order what was changed by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from cronsim import CronSim

from acra_express_async import logs
from acra_express_async.errors import DatabaseAway, StandBack
from acra_express_async.metrics import Metrics
from acra_express_async.runtime.health import BEAT_SECONDS, Health

log = logs.logger("cron")

LOOP = "cron"


class Housekeeping(Protocol):
    """What is done once among all replicas at a tick; see db/control.py."""

    async def claim_tick(self, loop: str, due_at: datetime, owner: str) -> bool: ...
    async def reconcile(self) -> int: ...
    async def prune(self) -> None: ...


class Cron:
    """Wakes the poller by `SCHEDULE`.

    Args:
        schedule: cron expression, in the zone of `now`.
        now: the wall clock in the configured time zone.
        chores: further work of a tick, done by the replica that claimed it.
        pause: waits, in seconds.
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
        self._pause = pause

    def next_tick(self) -> datetime:
        """When the next tick is due."""
        return next(CronSim(self._schedule, self._now()))

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            due_at = self.next_tick()
            while (left := (due_at - self._now()).total_seconds()) > 0:
                self._beacon.beat()
                await self._pause(min(left, BEAT_SECONDS))
            await self._tick(due_at)

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
        except (DatabaseAway, StandBack) as away:
            log.warning("tick.incomplete", error=str(away))
