"""One attempt at a job: what the calls made for it may know, and the ways in which it can end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from random import Random
from typing import TypeVar

from acra_express_async.errors import Draining, LeaseLost, LockBusy, StandBack
from acra_express_async.limits.scope import Lookup
from acra_express_async.models import JobLimits, Usage

STAND_BACK_PAUSE = timedelta(seconds=60)
"""How long a job steps aside for a running nightly job, or in quiet hours, before it looks again."""
NIGHTLY_RUNNING = "nightly_running"
QUIET_HOURS = "quiet_hours"
"""Why nothing new is taken; labels of `nightly_yields_total`."""
_STANDING_BACK = {NIGHTLY_RUNNING: "the nightly run goes first", QUIET_HOURS: "quiet hours: nothing is started"}

WRITE_TRIES = 12
WRITE_PAUSE_SECONDS = 2.0
"""Full jitter up to this between tries: twelve tries outlast the nightly's longest store transaction (B3)."""

ResultT = TypeVar("ResultT")


class LockRetry:
    """Repeats a transaction that gave way to another session's lock, in which case it wrote nothing.

    Args:
        random: for the jitter.
        gave_way: called each time, with the reason (a label of `nightly_yields_total`).
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
        """The transaction's result.

        Raises:
            LockBusy: it gave way `WRITE_TRIES` times; the job is snoozed.
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


STATES = {
    End.DONE: "done",
    End.RETRY: "snoozed",
    End.SNOOZED: "snoozed",
    End.FAILED: "error",
    End.RELEASED: "due",
}
"""The job's state afterwards, by the words of commands and page; unknown once another worker has it."""


@dataclass(slots=True)
class JobScope:
    """What the calls of one job may know: whether a new one may start, the job's own limits, and what was spent.

    `lease_ends` is a moment of `clock` (monotonic seconds) that only a heartbeat moves forward. `moved` is called at
    every check, which shows that the job makes progress.
    """

    draining: asyncio.Event
    clock: Callable[[], float]
    lease_ends: float
    stands_back: Callable[[], str | None]
    moved: Callable[[], None] = lambda: None
    limits: JobLimits = field(default_factory=JobLimits)
    usage: Usage = field(default_factory=Usage)
    look: Lookup | None = None

    def check(self) -> None:
        """See models.Scope. The lease is judged by our monotonic clock, so the check works with the database away."""
        self.moved()
        if self.clock() >= self.lease_ends:
            raise LeaseLost("the lease may have expired: no heartbeat got through in time")
        if self.draining.is_set():
            raise Draining("the service is stopping")
        why = self.stands_back()
        if why is not None:
            raise StandBack(_STANDING_BACK.get(why, why), reason=why, retry_after=STAND_BACK_PAUSE)

    def spent(self, cost: Usage) -> None:
        """Count what was sent for the present company."""
        self.usage += cost
