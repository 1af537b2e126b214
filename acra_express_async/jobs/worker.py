"""A worker takes one job at a time, extends its lease, and makes sure that the end of the attempt is written.

Nothing is written once the lease is lost. The heartbeat stops last, after the write that ends the attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import InitVar, dataclass, field

import structlog

from acra_express_async import logs
from acra_express_async.errors import AcraExpressError, DatabaseAway, LeaseLost, NotNow
from acra_express_async.jobs.attempt_ends import AttemptEnds
from acra_express_async.jobs.attempts import STATES, End, JobScope
from acra_express_async.jobs.lease_keeping import LeaseKeeper
from acra_express_async.jobs.poller import Poller
from acra_express_async.models import Job, JobType
from acra_express_async.params import campaign_of
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.dispatch import Dispatch
from acra_express_async.runtime.health import BEAT_SECONDS
from acra_express_async.runtime.realtime import real
from acra_express_async.traces import Traces, note

log = logs.logger("worker")

STEP_SECONDS = 180.0
"""Longest normal silence inside a job: a wait for a budget (60 s), the slowest try (35 s), a save that keeps giving way
to locks (24 s), and a margin."""
HAND_OVER_SECONDS = (0.5, 5.0)
"""First and longest pause between tries to hand back a job that the database could not serve."""
HAND_BACK_SECONDS = 5.0
"""Longest duration of the shielded write that hands a job back when its worker is cancelled."""


Handler = Callable[[Job, JobScope], Awaitable[End]]
"""The work of one job type. It finishes the job itself (DONE) or asks to hand it back (RELEASED)."""


@dataclass(kw_only=True, eq=False, repr=False)
class Worker:
    """One of the workers; all of them share the queue.

    Args:
        name: for logs and the status page.
        leases: keeps the lease of the job in hand.
        ends: writes how an attempt ends.
        handlers: the work of each job type.
        poller: learns when a job has ended, so that it claims only for free workers.
        stands_back: why nothing new may be started now, or None.
        traces: begins one for each attempt.
        context: its clock judges the lease.
    """

    name: str
    leases: LeaseKeeper
    ends: AttemptEnds
    handlers: Mapping[JobType, Handler]
    poller: Poller
    stands_back: Callable[[], str | None]
    traces: Traces = field(default_factory=Traces)
    dispatch: Dispatch
    context: InitVar[Context]

    def __post_init__(self, context: Context) -> None:
        self._metrics = context.metrics
        self._clock = context.clock
        self._pause = context.pause
        self.job: Job | None = None
        self.scope: JobScope | None = None
        self._beacon = context.health.beacon(self.name)
        self._asked = asyncio.Event()
        self._abandoned = False

    def look_at_lease(self) -> None:
        """Something happened to a job, perhaps to ours (a cancel): a heartbeat soon will tell. Only sets a flag."""
        self._asked.set()

    async def run(self) -> None:
        """Work until the service drains; a cancelled job is handed back."""
        while not self.dispatch.draining.is_set():
            job = await self._next_job()
            if job is None:
                continue
            self.job = job
            self._abandoned = False
            self._metrics.workers_busy.inc()
            try:
                await self._attempt(job)
            finally:
                self.job = self.scope = None
                self._metrics.workers_busy.dec()
                self.poller.worker_freed(job, abandoned=self._abandoned)

    async def _next_job(self) -> Job | None:
        """A job, or None after `BEAT_SECONDS` without one, so that an idle worker beats too."""
        self._beacon.beat()
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                return await self.dispatch.queue.get()
        except TimeoutError:
            return None

    async def _attempt(self, job: Job) -> None:
        facts = {"job_id": job.job_id, "job_type": job.job_type.value, "attempt": job.attempt}
        with (
            structlog.contextvars.bound_contextvars(
                job_id=job.job_id, campaign_id=campaign_of(job.params, job.job_id), worker=self.name
            ),
            self.traces.batch(**facts),
        ):
            log.info("job.claimed", job_type=job.job_type.word, attempt=job.attempt, expired=job.expired)
            if job.expired:
                self._metrics.lease_expiries.inc()
            if job.crashed:
                self._metrics.crashes.inc()
            if job.replaced:
                log.warning(
                    "job.id_came_again",
                    error=f"job {job.job_id} is not the one that had this ID before: background_jobs was emptied or"
                    " restored; what belonged to the earlier job was put aside",
                )
            started = self._clock()
            try:
                end = await self._leased(job)
            except asyncio.CancelledError:
                end = await asyncio.shield(self._hand_back(job))
                self._ended(job, end, started)
                raise
            self._ended(job, end, started)

    def _ended(self, job: Job, end: End, started: float) -> None:
        self._metrics.job_attempts.labels(job.job_type.value, end.value).inc()
        note(end=end.value)
        seconds = round(self._clock() - started, 3)
        log.info("job.ended", job_type=job.job_type.word, end=end.value, state=STATES.get(end), seconds=seconds)

    async def _leased(self, job: Job) -> End:
        """Run the handler and end the job, with heartbeats until the last write is done.

        A fresh claim needs no heartbeat before its handler starts. Otherwise one comes first: a process that was frozen
        after its claim learns there that another process may have the job now.
        """
        lease_ends = self.leases.first_end(job)
        fresh = lease_ends is not None
        scope = self.scope = JobScope(
            draining=self.dispatch.draining,
            clock=self._clock,
            lease_ends=self._clock() if lease_ends is None else lease_ends,
            stands_back=self.stands_back,
            moved=lambda: self._beacon.allow(STEP_SECONDS),
        )
        scope.moved()
        try:
            if not fresh and not await self.leases.extend(job, scope):
                return End.LEASE_LOST
            async with asyncio.TaskGroup() as group:
                keeping = self.leases.keep(job, scope, self._asked, confirmed=not fresh)
                beating = group.create_task(keeping, name=f"heartbeat:{job.job_id}")
                try:
                    return await self._run(job, scope)
                finally:
                    beating.cancel()
        except* LeaseLost as lost:
            log.warning("job.lease_lost", error=str(lost.exceptions[0]))
        except* NotNow as away:
            # nothing could be written: the poller hands the job back once the database answers, or the lease expires
            self._abandoned = True
            log.warning("job.left_to_its_lease", error=str(away.exceptions[0]))
        return End.LEASE_LOST

    async def _run(self, job: Job, scope: JobScope) -> End:
        try:
            return await self._work(job, scope)
        except DatabaseAway as away:
            return await self._hand_over(job, scope, away)

    async def _hand_over(self, job: Job, scope: JobScope, away: DatabaseAway) -> End:
        """Hand back a job that the database could not serve, once it answers again and while the lease is ours.

        Raises:
            DatabaseAway: it did not answer in time.
        """
        wait, longest = HAND_OVER_SECONDS
        while True:
            scope.moved()
            try:
                return await self.ends.interrupted(job, away)
            except DatabaseAway:
                if self.dispatch.draining.is_set() or self._clock() + wait >= scope.lease_ends:
                    raise
            await self._pause(wait)
            wait = min(2 * wait, longest)

    async def _work(self, job: Job, scope: JobScope) -> End:
        end = await self.ends.unfit(job)
        if end is not None:
            return end
        if self.dispatch.draining.is_set():
            return await self.ends.release(job)
        try:
            end = await self.handlers[job.job_type](job, scope)
        except (LeaseLost, DatabaseAway):
            raise
        except AcraExpressError as error:
            return await self.ends.by(job, error)
        except Exception as error:  # noqa: BLE001 - the job boundary: any error must be recorded in the job's row
            return await self.ends.unexpected(job, error)
        return await self.ends.release(job) if end is End.RELEASED else end

    async def _hand_back(self, job: Job) -> End:
        """After a cancellation (second signal): one bounded try to hand the job back; otherwise its lease expires."""
        try:
            async with asyncio.timeout(real(HAND_BACK_SECONDS)):
                return await self.ends.release(job)
        except (LeaseLost, NotNow, TimeoutError) as lost:
            log.warning("job.left_to_its_lease", error=str(lost))
            return End.LEASE_LOST
