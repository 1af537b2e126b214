"""Claims, fencing tokens, heartbeats and every end of an attempt, on real rows."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from rig import writes_of
from server_defaults import under_any_defaults

from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import LeaseLost
from acra_express_async.models import Job, JobType

pytestmark = under_any_defaults

LEASE = timedelta(seconds=60)


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database, database)


async def enqueue(owner: Connection, count: int = 1, job_type: str = JobType.STAGING.value) -> list[int]:
    rows = await owner.fetch(
        "INSERT INTO background_jobs (job_type, status, params) SELECT $1, 'queued', '{}' FROM generate_series(1, $2)"
        " RETURNING job_id",
        job_type,
        count,
    )
    return [row["job_id"] for row in rows]


async def expire(owner: Connection, job: Job) -> None:
    await owner.execute(
        "UPDATE acra_express.leases SET due_at = clock_timestamp() - interval '1 s' WHERE job_id = $1", job.job_id
    )


async def status(owner: Connection, job_id: int) -> str:
    return str(await owner.fetchval("SELECT status FROM background_jobs WHERE job_id = $1", job_id))


async def test_claims_jobs_in_order_and_only_of_express_types(jobs: Jobs, owner: Connection) -> None:
    await enqueue(owner, 2, "staging_upsert")
    first, second, third = await enqueue(owner, 3)
    claimed = await jobs.claim("me", LEASE, 2)
    assert [job.job_id for job in claimed] == [first, second]
    assert [(job.attempt, job.expired) for job in claimed] == [(1, False), (1, False)]
    assert claimed[0].token != claimed[1].token
    assert [job.job_id for job in await jobs.claim("me", LEASE, 5)] == [third]
    assert await jobs.claim("me", LEASE, 5) == []
    assert await owner.fetchval("SELECT count(*) FROM background_jobs WHERE status = 'queued'") == 2


async def test_claims_nothing_while_paused(jobs: Jobs, owner: Connection) -> None:
    await enqueue(owner)
    await owner.execute("UPDATE acra_express.control SET paused = true")
    assert await jobs.claim("me", LEASE, 1) == []


async def test_expired_lease_gets_a_new_token_and_counts_as_a_crash(jobs: Jobs, owner: Connection) -> None:
    await enqueue(owner)
    [zombie] = await jobs.claim("a", LEASE, 1)
    assert await jobs.heartbeat(zombie), "confirmed"
    await expire(owner, zombie)
    [heir] = await jobs.claim("b", LEASE, 1)
    assert (heir.job_id, heir.crashes, heir.expired, heir.crashed) == (zombie.job_id, 1, True, True)
    assert heir.token != zombie.token
    for write in writes_of(jobs, zombie):
        with pytest.raises(LeaseLost):
            await write
    assert await status(owner, heir.job_id) == "running"
    await jobs.heartbeat(heir)


async def test_a_manual_status_change_cancels_the_job(jobs: Jobs, owner: Connection) -> None:
    await enqueue(owner)
    [job] = await jobs.claim("a", LEASE, 1)
    await owner.execute("UPDATE background_jobs SET status = 'error' WHERE job_id = $1", job.job_id)
    with pytest.raises(LeaseLost):
        await jobs.heartbeat(job)
    with pytest.raises(LeaseLost):
        await jobs.release(job)


async def test_finish_needs_the_token_and_ends_the_job(jobs: Jobs, owner: Connection) -> None:
    await enqueue(owner)
    [job] = await jobs.claim("a", LEASE, 1)
    async with jobs.owned(job) as connection:
        await jobs.finish(connection, job, total=5)
    row = await owner.fetchrow("SELECT status, processed, total, ended_at, error FROM background_jobs")
    assert row is not None
    assert (row["status"], row["processed"], row["total"], row["error"]) == ("done", 5, 5, None)
    assert await jobs.claim("a", LEASE, 1) == []
    assert await jobs.next_due() is None


async def test_snooze_hands_the_attempt_back_in_the_platform_wording(jobs: Jobs, owner: Connection) -> None:
    await enqueue(owner)
    [job] = await jobs.claim("a", LEASE, 1)
    await jobs.snooze(job, timedelta(hours=1), "daily cap reached")
    row = await owner.fetchrow("SELECT status, error FROM background_jobs")
    assert row is not None
    assert (row["status"], row["error"]) == ("queued", "deferred: daily cap reached")
    assert await jobs.claim("a", LEASE, 1) == []
    due = await jobs.next_due()
    assert due is not None
    assert timedelta(minutes=59) < due <= timedelta(hours=1)
    await expire(owner, job)
    [again] = await jobs.claim("a", LEASE, 1)
    assert (again.attempt, again.crashes, again.errors, again.outage) == (1, 0, 0, timedelta(0))


async def test_errors_and_outages_are_counted_separately(jobs: Jobs, owner: Connection) -> None:
    await enqueue(owner)
    [job] = await jobs.claim("a", LEASE, 1)
    await jobs.retry_later(job, timedelta(0), "boom")
    [job] = await jobs.claim("a", LEASE, 1)
    assert (job.attempt, job.errors, job.crashes) == (2, 1, 0)
    await jobs.snooze(job, timedelta(0), "jina is away", outage=True)
    await owner.execute("UPDATE acra_express.leases SET outage_since = outage_since - interval '2 hours'")
    [job] = await jobs.claim("a", LEASE, 1)
    assert (job.attempt, job.errors) == (2, 1)
    assert job.outage > timedelta(hours=2)


async def test_never_served_jobs_come_before_released_ones(jobs: Jobs, owner: Connection) -> None:
    [old] = await enqueue(owner)
    [job] = await jobs.claim("a", LEASE, 1)
    [new] = await enqueue(owner)
    async with jobs.owned(job) as connection:
        assert await jobs.progress(connection, job, processed=1, total=2), "a job waits that was never claimed"
    await jobs.release(job)
    claimed = await jobs.claim("a", LEASE, 2)
    assert [j.job_id for j in claimed] == [new, old]
    async with jobs.owned(claimed[1]) as connection:
        assert not await jobs.progress(connection, claimed[1], processed=1, total=2)


async def test_fail_writes_an_outcome_for_each_unfinished_company(jobs: Jobs, owner: Connection) -> None:
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params) VALUES ($1, 'queued', $2)",
        JobType.ENRICHMENT.value,
        {"company_ids": [1, 2, 2, 3], "staged_at": "garbage"},
    )
    [job] = await jobs.claim("a", LEASE, 1)
    await owner.execute(
        "INSERT INTO acra_express.outcomes (job_id, company_id, kind, ended_at)"
        " VALUES ($1, 2, 'enriched', clock_timestamp())",
        job.job_id,
    )
    waited = await jobs.fail(job, "no good", reason="job_error")
    assert len(waited) == 2
    rows = await owner.fetch("SELECT company_id, kind, reason FROM acra_express.outcomes ORDER BY company_id")
    assert [(r["company_id"], r["kind"], r["reason"]) for r in rows] == [
        (1, "failed", "job_error"),
        (2, "enriched", ""),
        (3, "failed", "job_error"),
    ]
    assert await status(owner, job.job_id) == "error"


@pytest.mark.parametrize("count", [500, pytest.param(5000, marks=pytest.mark.slow)])
async def test_sixteen_concurrent_claimers_take_each_job_once(jobs: Jobs, owner: Connection, count: int) -> None:
    foreign = await enqueue(owner, 50, "enrich_candidates")
    mine = await enqueue(owner, count)
    taken: list[int] = []

    async def claimer(name: str) -> None:
        while claimed := await jobs.claim(name, LEASE, 3):
            for job in claimed:
                taken.append(job.job_id)
                async with jobs.owned(job) as connection:
                    await jobs.finish(connection, job, total=0)

    async with asyncio.TaskGroup() as group:
        for number in range(16):
            group.create_task(claimer(f"c{number}"))
    assert sorted(taken) == mine
    assert await owner.fetchval("SELECT count(*) FROM background_jobs WHERE status = 'done'") == count
    untouched = await owner.fetchval(
        "SELECT count(*) FROM background_jobs WHERE job_id = ANY($1) AND status = 'queued' AND started_at IS NULL",
        foreign,
    )
    assert untouched == 50


async def test_an_insert_notifies_and_a_finish_does_not(jobs: Jobs, database: Database, owner: Connection) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    await owner.execute("LISTEN acra_express_jobs")
    await owner.add_listener("acra_express_jobs", lambda *args: heard.put_nowait(args[-1]))  # type: ignore[arg-type]
    async with database.transaction() as connection:
        for _ in range(3):
            await jobs.insert(connection, JobType.STAGING, {"uens": ["x"]})
    assert await heard.get() == "enqueued"
    for job in await jobs.claim("a", LEASE, 3):
        async with jobs.owned(job) as connection:
            await jobs.finish(connection, job, total=0)
    await owner.execute("SELECT pg_notify('acra_express_jobs', 'marker')")
    assert await heard.get() == "marker"
