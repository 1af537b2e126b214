"""A provider is away for an hour or for a day, on a clock that the test advances."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

import pytest
from database_clock import Clock
from rig import Rig, enqueue, statuses

from acra_express_async.db.jobs.job_commands import Operator
from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.ops.control import Control
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import BudgetExhausted, JobError, LeaseLost, StandBack, Transient
from acra_express_async.jobs.attempts import End, JobScope
from acra_express_async.models import Job, JobType


async def until_next_due(rig: Rig, clock: Clock) -> timedelta:
    """Advance the clock to the moment at which the next snoozed job is due; return the time passed."""
    due = await rig.jobs.next_due()
    assert due is not None
    await clock.advance(due + timedelta(milliseconds=1))
    return due


async def test_an_hour_of_503_fails_no_job_and_costs_no_attempt(
    database: Database, owner: Connection, clock: Clock
) -> None:
    away_until = clock.now + timedelta(hours=1)

    async def work(job: Job, scope: JobScope) -> End:
        if clock.now < away_until:
            raise Transient("HTTP 503", provider="jina", reason="http_503")
        return await rig.finish(job)

    await enqueue(owner, 3)
    tries = 0
    while await statuses(owner) != {"done": 3}:
        rig = Rig(database, work, until_idle=True)
        assert await rig.supervisor.run() == 0
        tries += 1
        assert "error" not in await statuses(owner)
        if await statuses(owner) == {"queued": 3}:
            assert await owner.fetchval("SELECT bool_and(error = 'deferred: HTTP 503') FROM background_jobs")
        if await rig.jobs.next_due() is not None:
            await until_next_due(rig, clock)
    assert tries > 2
    assert await owner.fetchval("SELECT array_agg(DISTINCT attempts) FROM acra_express.leases") == [1]


async def test_a_day_without_a_provider_fails_the_job_and_names_it(
    database: Database, owner: Connection, clock: Clock
) -> None:
    async def work(job: Job, scope: JobScope) -> End:
        raise Transient("HTTP 503", provider="jina", reason="http_503", retry_after=timedelta(hours=4))

    [job_id] = await enqueue(owner, 1, job_type=JobType.ENRICHMENT)
    await owner.execute("UPDATE background_jobs SET params = $1", {"company_ids": [1, 2]})
    began = clock.now
    while await statuses(owner) == {"queued": 1}:
        rig = Rig(database, work, until_idle=True)
        assert await rig.supervisor.run() == 0
        if await statuses(owner) == {"queued": 1}:
            await until_next_due(rig, clock)
    assert timedelta(hours=24) <= clock.now - began < timedelta(hours=30)
    error = await owner.fetchval("SELECT error FROM background_jobs WHERE job_id = $1", job_id)
    assert error == "jina was not available for 24 hours: HTTP 503"
    rows = await owner.fetch("SELECT company_id, kind, reason FROM acra_express.outcomes ORDER BY 1")
    assert [tuple(row) for row in rows] == [
        (1, "failed", "provider_unavailable"),
        (2, "failed", "provider_unavailable"),
    ]


async def test_backoff_after_job_errors_is_jittered_and_bounded(
    database: Database, owner: Connection, clock: Clock
) -> None:
    async def work(job: Job, scope: JobScope) -> End:
        raise ValueError("boom")

    await enqueue(owner, 1)
    waits = []
    for attempt in range(4):
        rig = Rig(database, work, until_idle=True)
        assert await rig.supervisor.run() == 0
        waits.append(await until_next_due(rig, clock))
        assert waits[-1] <= min(timedelta(minutes=15), timedelta(seconds=30) * 2**attempt)
    assert await Rig(database, work, until_idle=True).supervisor.run() == 0
    assert await statuses(owner) == {"error": 1}


async def test_a_running_job_without_a_lease_is_adopted_after_30_min(
    database: Database, owner: Connection, clock: Clock
) -> None:
    jobs = Jobs(database, database)
    await enqueue(owner, 1)
    await owner.execute("UPDATE background_jobs SET status = 'running', started_at = $1", clock.now)
    await enqueue(owner, 1, job_type=JobType.ENRICHMENT)
    foreign = "INSERT INTO background_jobs (job_type, status, started_at) VALUES ('staging_upsert', 'running', $1)"
    await owner.execute(foreign, clock.now)
    control = Control(database)
    await clock.advance(timedelta(minutes=29))
    assert await control.reconcile() == 0
    await clock.advance(timedelta(minutes=2))
    assert await control.reconcile() == 1
    assert len(await jobs.claim("a", timedelta(seconds=60), 5)) == 2
    assert await owner.fetchval("SELECT status FROM background_jobs WHERE job_type = 'staging_upsert'") == "running"


async def test_concurrent_writes_of_all_kinds_never_deadlock(database: Database, owner: Connection) -> None:
    """Claims, finishes, heartbeats and an operator on few rows at once: the lock order prevents deadlocks."""
    jobs = Jobs(database, database)
    operator = Operator(database)
    job_ids = await enqueue(owner, 6)
    dice = Random(5)
    lease = timedelta(seconds=60)
    stop = asyncio.Event()

    async def worker(name: str) -> None:
        while not stop.is_set():
            for job in await jobs.claim(name, lease, 2):
                beating = asyncio.gather(*(jobs.heartbeat(job) for _ in range(3)), return_exceptions=True)
                try:
                    if dice.random() < 0.5:
                        await jobs.release(job)
                    else:
                        async with jobs.owned(job) as connection:
                            await jobs.progress(connection, job, processed=1, total=2)
                            await jobs.finish(connection, job, total=1)
                except (LeaseLost, StandBack) as lost:
                    seen.append(type(lost).__name__)
                await beating

    async def meddler() -> None:
        for _ in range(60):
            try:
                await operator.retry(dice.choice(job_ids))
                await operator.cancel(dice.choice(job_ids), "meddler")
            except (JobError, StandBack) as refused:
                seen.append(type(refused).__name__)
        stop.set()

    seen: list[str] = []
    before = await deadlocks(owner)
    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(worker(f"w{number}"))
        group.create_task(meddler())
    assert await deadlocks(owner) == before
    assert "JobError" in seen


async def deadlocks(owner: Connection) -> int:
    return int(await owner.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))


async def test_a_stubborn_handler_is_cancelled_at_the_deadline(database: Database, owner: Connection) -> None:
    """It ignores the drain, but DRAIN_SECONDS bounds it, and the job is released."""
    await enqueue(owner, 1)
    inside = asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        inside.set()
        await asyncio.Event().wait()
        return End.DONE

    rig = Rig(database, work, workers=1, drain_seconds=1)
    async with rig.running():
        await inside.wait()
    assert await statuses(owner) == {"queued": 1}


async def test_an_idle_service_stops_with_exit_code_0(database: Database) -> None:
    async def work(job: Job, scope: JobScope) -> End:
        return pytest.fail("nothing was enqueued")

    rig = Rig(database, work)
    async with rig.running():
        rig.supervisor.request_stop("SIGTERM")
    assert rig.closed.is_set()


async def test_a_budget_wait_stops_the_clock_of_an_outage(database: Database, owner: Connection, clock: Clock) -> None:
    """It neither restarts the clock, nor does the time count that the job waited for something else."""
    jobs = Jobs(database, database)
    await enqueue(owner)
    told = []
    for why in ("outage", "outage", "budget", "outage", "budget", "outage"):
        [job] = await jobs.claim("x", timedelta(seconds=60), 1)
        told.append(job.outage // timedelta(hours=1))
        await jobs.snooze(job, timedelta(hours=8), why, outage=why == "outage")
        await clock.advance(timedelta(hours=8))
    assert told == [0, 8, 16, 16, 24, 24]


async def test_an_outage_ends_a_job_that_waits_for_budgets_between(
    database: Database, owner: Connection, clock: Clock
) -> None:
    tries = 0

    async def work(job: Job, scope: JobScope) -> End:
        nonlocal tries
        tries += 1
        if tries % 3 == 0:
            raise BudgetExhausted("used up", provider="jina", retry_after=timedelta(minutes=30), sent=False)
        raise Transient("HTTP 503", provider="jina", reason="http_503", retry_after=timedelta(hours=2))

    await enqueue(owner)
    began = clock.now
    while await statuses(owner) == {"queued": 1}:
        assert await Rig(database, work, until_idle=True).supervisor.run() == 0
        if await statuses(owner) == {"queued": 1}:
            await until_next_due(Rig(database, work), clock)
    assert await statuses(owner) == {"error": 1}
    assert timedelta(hours=24) <= clock.now - began < timedelta(hours=36)
