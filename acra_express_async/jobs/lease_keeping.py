"""Keeps the lease of a job that a worker holds: heartbeats, and what follows from one that is missed or refused."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import InitVar, dataclass
from datetime import timedelta

from acra_express_async import logs
from acra_express_async.db.jobs.claims import JobClaims
from acra_express_async.errors import LeaseLost, NotNow
from acra_express_async.jobs.attempts import JobScope
from acra_express_async.models import Job
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.realtime import real

log = logs.logger("worker")

HURRY = 8
"""A missed heartbeat is repeated after an eighth of the interval."""
CALL_SECONDS = 40.0
"""How long a call in flight may go on after the lease was lost: the slowest try takes 35 s, and it is paid for."""
LEAST_BEAT_SECONDS = 1.0
"""A heartbeat that was asked for comes no sooner than this after the one before."""
FRESH_SECONDS = 1.0
"""A job that was claimed less than this ago starts before its first heartbeat; every lease is many times as long."""
CONFIRM_SECONDS = 0.1
"""When a heartbeat confirms the claim of a job that started before it. A job that has ended by then costs none."""


@dataclass(kw_only=True, eq=False, repr=False)
class LeaseKeeper:
    """Extends the leases of all workers; it knows nothing of a job but its lease.

    Args:
        jobs: extends a lease.
        heartbeat: time between two heartbeats, at most a quarter of the lease.
        call_seconds: how long a call in flight may go on after the lease was lost; nothing new starts.
        context: its clock judges the lease.
    """

    jobs: JobClaims
    heartbeat: timedelta
    call_seconds: float = CALL_SECONDS
    context: InitVar[Context]

    def __post_init__(self, context: Context) -> None:
        self._clock = context.clock
        self._pause = context.pause

    def first_end(self, job: Job) -> float | None:
        """When the lease of a job that was claimed just now ends at the earliest; None where the claim is not fresh."""
        if job.asked is None or not 0 <= self._clock() - job.asked < FRESH_SECONDS:
            return None
        return job.asked + job.lease.total_seconds()

    async def extend(self, job: Job, scope: JobScope) -> bool:
        """One heartbeat; the deadline in `scope` counts from before it was sent. False once the job's end is committed.

        Raises:
            LeaseLost: another process has the job.
            NotNow: no answer; the lease may have been extended all the same.
        """
        asked = self._clock()
        extended = await self.jobs.heartbeat(job)
        if extended:
            scope.lease_ends = asked + job.lease.total_seconds()
        return extended

    async def keep(self, job: Job, scope: JobScope, asked: asyncio.Event, *, confirmed: bool) -> None:
        """Send heartbeats until the job's end is committed.

        Args:
            asked: set by others to have the next heartbeat soon; cleared here.
            confirmed: a heartbeat has confirmed the claim; otherwise the next one comes soon.

        Raises:
            LeaseLost: another process has the job; the call in flight was given `call_seconds`.
        """
        wait = self.heartbeat if confirmed else min(self.heartbeat, timedelta(seconds=real(CONFIRM_SECONDS)))
        while True:
            await self._rest(wait.total_seconds(), asked)
            try:
                if not await self.extend(job, scope):
                    return  # the end is committed, and its answer is on the way
            except LeaseLost:
                # no new call and no write succeeds from now on; the call in flight may end and store what was paid for
                scope.lease_ends = -math.inf
                await self._pause(self.call_seconds)
                raise
            except NotNow as away:
                # repeat a missed heartbeat soon, so that the lease does not depend on a single one
                wait = self.heartbeat / HURRY
                log.warning("lease.heartbeat_missed", error=str(away))
            else:
                wait = self.heartbeat

    async def _rest(self, seconds: float, asked: asyncio.Event) -> None:
        """Wait until the next heartbeat is due or is asked for."""
        least = min(seconds, LEAST_BEAT_SECONDS)
        await self._pause(least)
        if seconds > least and not asked.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds - least):
                    await asked.wait()
        asked.clear()
