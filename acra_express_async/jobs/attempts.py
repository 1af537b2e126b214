"""One attempt at a job: what its calls may know, and the ways in which it can end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from random import Random
from typing import TypeVar

from acra_express_async.errors import Draining, LeaseLost, LockBusy, StandBack
from acra_express_async.models import JobLimits, Usage

STAND_BACK_PAUSE = timedelta(seconds=60)
"""How long a job steps aside for a running nightly job, or in quiet hours, before it looks again."""
NIGHTLY_RUNNING = "nightly_running"
QUIET_HOURS = "quiet_hours"
"""Why a guest takes nothing new; labels of `nightly_yields_total`."""
_STANDING_BACK = {NIGHTLY_RUNNING: "the nightly has the right of way", QUIET_HOURS: "quiet hours: nothing is begun"}

WRITE_TRIES = 12
WRITE_PAUSE_SECONDS = 2.0
"""Full jitter up to this between tries: twelve of them outlast the nightly's longest store transaction (B3)."""

ResultT = TypeVar("ResultT")


class LockRetry:
    """Repeats a transaction that gave way to somebody's lock; nothing was written when it did.

    Args:
        random: of the jitter.
        gave_way: told of every time, with the reason (a label of `nightly_yields_total`).
        pause: waits, in seconds.
    """

    def __init__(
        self,
        random: Random,
        gave_way: Callable[[str], None],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._random = random
        self._gave_way = gave_way
        self._pause = pause

    async def write(self, transaction: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """The transaction's answer.

        Raises:
            LockBusy: it gave way `WRITE_TRIES` times; the caller steps aside.
        """
        for _ in range(WRITE_TRIES - 1):
            try:
                return await transaction()
            except LockBusy as busy:
                self._gave_way(busy.reason)
                await self._pause(self._random.random() * WRITE_PAUSE_SECONDS)
        return await transaction()


class End(StrEnum):
    """How an attempt ended; the value is the label `outcome` of `job_attempts_total`."""

    DONE = "done"
    RETRY = "retry"
    SNOOZED = "snoozed"
    FAILED = "failed"
    RELEASED = "released"
    LEASE_LOST = "lease_lost"


@dataclass(slots=True)
class JobScope:
    """What the calls of one job may know: whether a new one may start, the job's own limits, and what was spent.

    `lease_ends` is a moment of `clock` (monotonic seconds) that only a heartbeat moves on; `moved` is told of every
    check, which is the job's sign of life.
    """

    draining: asyncio.Event
    clock: Callable[[], float]
    lease_ends: float
    stands_back: Callable[[], str | None]
    moved: Callable[[], None] = lambda: None
    limits: JobLimits = field(default_factory=JobLimits)
    usage: Usage = field(default_factory=Usage)

    def check(self) -> None:
        """See models.Scope; the lease is judged by our own monotonic clock, so it holds with the database away."""
        self.moved()
        if self.clock() >= self.lease_ends:
            raise LeaseLost("the lease could have lapsed: no heartbeat got through in time")
        if self.draining.is_set():
            raise Draining("the service is stopping")
        why = self.stands_back()
        if why is not None:
            raise StandBack(_STANDING_BACK.get(why, why), reason=why, retry_after=STAND_BACK_PAUSE)

    def spent(self, cost: Usage) -> None:
        """Count what was sent for the company at hand."""
        self.usage += cost
