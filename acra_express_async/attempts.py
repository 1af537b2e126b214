"""One attempt at a job: what its calls may know, and the ways in which it can end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from acra_express_async.errors import Draining, LeaseLost, StandBack
from acra_express_async.models import JobLimits, Provider, Usage

STAND_BACK_PAUSE = timedelta(seconds=60)
"""How long a job steps aside for a running nightly job before it looks again."""


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
    stands_back: Callable[[], bool]
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
        if self.stands_back():
            raise StandBack("the nightly has the right of way", reason="nightly_running", retry_after=STAND_BACK_PAUSE)

    def spent(self, provider: Provider, *, requests: int = 0, tokens: int = 0, verifications: int = 0) -> None:
        """Count what was sent for the company at hand."""
        self.usage = Usage(
            searches=self.usage.searches + (requests if provider is Provider.DUCKDUCKGO else 0),
            pages=self.usage.pages + (requests if provider is Provider.JINA else 0),
            tokens=self.usage.tokens + tokens,
            verifications=self.usage.verifications + verifications,
        )
