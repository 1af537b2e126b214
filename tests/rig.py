"""A small service on a real database: real poller, workers, ends and leases with handlers supplied by the test."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from contexts import context_of
from courtesies import Allowing

from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.jobs.listen import Listener
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.jobs.attempt_ends import AttemptEnds
from acra_express_async.jobs.attempts import End, JobScope, LockRetry
from acra_express_async.jobs.lease_keeping import LeaseKeeper
from acra_express_async.jobs.poller import Poller
from acra_express_async.jobs.worker import Worker
from acra_express_async.models import Job, JobType
from acra_express_async.runtime.context import Pause
from acra_express_async.runtime.dispatch import Dispatch
from acra_express_async.runtime.supervisor import Closer, Component, Supervisor

Work = Callable[[Job, JobScope], Awaitable[End]]


def writes_of(jobs: Jobs, job: Job) -> list[Awaitable[object]]:
    """Every write with which the holder of a claim extends or ends it, except `finish`, which needs a transaction."""
    return [
        jobs.heartbeat(job),
        jobs.release(job),
        jobs.snooze(job, timedelta(seconds=60), "x"),
        jobs.retry_later(job, timedelta(seconds=60), "x"),
        jobs.fail(job, "x", reason="job_error"),
    ]


class Rig:
    """See the module; `handle` receives every job of any type."""

    def __init__(
        self,
        database: Database,
        work: Work,
        *,
        workers: int = 2,
        lease: timedelta = timedelta(seconds=3),
        heartbeat: timedelta = timedelta(seconds=0.5),
        until_idle: bool = False,
        listen_dsn: str | None = None,
        max_errors: int = 5,
        max_crashes: int = 3,
        drain_seconds: float = 10.0,
        stands_back: Callable[[], str | None] = lambda: None,
        closers: Sequence[Closer] = (),
        allowed: Callable[[], int] | None = None,
        call_seconds: float = 0.05,
        lease_clock: Callable[[], float] | None = None,
        worker_pause: Pause = asyncio.sleep,
    ) -> None:
        self._work = work
        self.database = database
        loop = asyncio.get_running_loop()
        self.context = context_of(clock=loop.time)
        self.metrics, self.health = self.context.metrics, self.context.health
        self.dispatch = Dispatch()
        self.draining, self.queue = self.dispatch.draining, self.dispatch.queue
        self.jobs = Jobs(database, database)
        self.lock_retry = LockRetry(self.context.random, lambda _reason: None)
        self.ends = AttemptEnds(
            jobs=self.jobs,
            lock_retry=self.lock_retry,
            max_errors=max_errors,
            max_crashes=max_crashes,
            context=self.context,
        )
        self.poller = Poller(
            dispatch=self.dispatch,
            jobs=self.jobs,
            owner=f"rig:{secrets.token_hex(4)}",
            lease=lease,
            courtesy=Allowing(allowed or (lambda: workers if stands_back() is None else 0), self.metrics),
            until_idle=until_idle,
            context=self.context,
        )
        working = replace(self.context, clock=lease_clock or loop.time, pause=worker_pause)
        leases = LeaseKeeper(jobs=self.jobs, heartbeat=heartbeat, call_seconds=call_seconds, context=working)
        self.workers = [
            Worker(
                name=f"worker-{number}",
                dispatch=self.dispatch,
                leases=leases,
                ends=self.ends,
                handlers=dict.fromkeys(JobType, self.handle),
                poller=self.poller,
                stands_back=stands_back,
                context=working,
            )
            for number in range(workers)
        ]
        self.listening = asyncio.Event()
        loops = [Component("poller", self.poller.run, feeds_queue=True)]
        if listen_dsn is not None:
            self.listener = Listener(
                listen_dsn,
                role="acra_express",
                wake=self._heard,
                context=self.context,
            )
            loops.append(Component("listener", self.listener.run))
        self.closed = asyncio.Event()
        self.supervisor = Supervisor(
            loops=loops,
            workers=self.workers,
            dispatch=self.dispatch,
            hand_back=self.jobs.release,
            closers=[*closers, Closer("test", self._close)],
            wake=self.poller.wake,
            drain_seconds=drain_seconds,
            context=self.context,
        )

    def _heard(self, reason: str) -> None:
        if reason == "reconnect":
            self.listening.set()
        self.poller.wake(reason)
        for worker in self.workers:
            worker.look_at_lease()

    async def handle(self, job: Job, scope: JobScope) -> End:
        return await self._work(job, scope)

    async def finish(self, job: Job) -> End:
        """What the simplest handler does: finish the job."""
        await self.jobs.end(job, total=0)
        return End.DONE

    async def _close(self) -> None:
        self.closed.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[int]]:
        """Run the service in the background; stop it at the end and check that its exit code is 0."""
        task = asyncio.create_task(self.supervisor.run())
        try:
            yield task
        finally:
            if not task.done():
                self.supervisor.request_stop("end of test")
            assert await task == 0

    def attempts(self, end: End) -> float:
        """How many attempts had this end."""
        return sum(
            self.metrics.registry.get_sample_value(
                "acra_express_job_attempts_total", {"job_type": job_type.value, "outcome": end.value}
            )
            or 0.0
            for job_type in JobType
        )


async def enqueue(owner: Connection, count: int = 1, *, job_type: JobType = JobType.STAGING) -> list[int]:
    """Insert rows as the platform would."""
    rows = await owner.fetch(
        "INSERT INTO background_jobs (job_type, status, params) SELECT $1, 'queued', '{}' FROM generate_series(1, $2)"
        " RETURNING job_id",
        job_type.value,
        count,
    )
    return [row["job_id"] for row in rows]


async def statuses(owner: Connection) -> dict[str, int]:
    """The number of express jobs in each status."""
    rows = await owner.fetch(
        "SELECT status, count(*) AS n FROM background_jobs WHERE job_type LIKE 'acra_express_%' GROUP BY status"
    )
    return {row["status"]: row["n"] for row in rows}
