"""Claims pass over what ended long ago, and find whatever appears below the marks all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from conftest import tenant_sessions
from rig import enqueue

from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.jobs.queue_marks import DOUBT_SECONDS, LOOK_SECONDS, FullLook, QueueMarks
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.models import Job

LEASE = timedelta(hours=1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ENDED = 300
"""Jobs of ours that ended while another session kept its snapshot."""


class Seconds:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest_asyncio.fixture
async def database(fresh_dsn: str, owner: Connection) -> AsyncIterator[Database]:
    """One session, so that the one that claims can be asked how much it read."""
    async with tenant_sessions(fresh_dsn, owner, size=1) as database:
        yield database


@pytest.fixture
def jobs(database: Database, seconds: Seconds) -> Jobs:
    return Jobs(database, database, clock=seconds)


async def claimed(jobs: Jobs) -> Job | None:
    return (await jobs.claim_next("me", LEASE, nightly_first=False)).job


async def settle(jobs: Jobs, seconds: Seconds) -> None:
    """Two looks at everything, after which the marks stand at what the first one saw."""
    for _ in range(2):
        assert await claimed(jobs) is None
        seconds.now += LOOK_SECONDS
    assert await claimed(jobs) is None


@asynccontextmanager
async def old_snapshot(dsn: str) -> AsyncIterator[None]:
    session = await connect(dsn, {})
    try:
        async with session.transaction(isolation="repeatable_read"):
            await session.fetchval("SELECT count(*) FROM tenants")
            yield
    finally:
        await session.close()


async def entries_read(owner: Connection, database: Database) -> int:
    """Index entries that scans of the claim returned so far, those of dead versions included."""
    async with database.session() as connection:
        if not await connection.fetchval("SELECT to_regproc('pg_stat_force_next_flush') IS NOT NULL"):
            pytest.skip("PostgreSQL 14 counts rows at intervals")
        await connection.execute("SELECT pg_stat_force_next_flush()")
    await owner.execute("SELECT pg_stat_clear_snapshot()")
    return int(
        await owner.fetchval(
            "SELECT sum(idx_tup_read) FROM pg_stat_all_indexes WHERE relname IN ('background_jobs', 'leases')"
        )
    )


async def end_many(owner: Connection) -> None:
    """Jobs that were queued, claimed, kept alive and ended: each leaves dead versions of its row and its lease."""
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params)"
        " SELECT 'acra_express_staging_upsert', 'queued', '{}' FROM generate_series(1, $1)",
        ENDED,
    )
    await owner.execute(
        "INSERT INTO acra_express.leases (job_id, job_created_at, held, due_at, claimed_at)"
        " SELECT job_id, created_at, true, now() - interval '1 hour', now() FROM background_jobs"
    )
    for _ in range(3):
        await owner.execute("UPDATE acra_express.leases SET due_at = due_at + interval '1 s'")
    await owner.execute("UPDATE background_jobs SET status = 'done', started_at = now(), ended_at = now()")
    await owner.execute("UPDATE acra_express.leases SET held = false, due_at = 'infinity'")


async def test_claims_pass_over_dead_versions(
    jobs: Jobs, owner: Connection, database: Database, seconds: Seconds, fresh_dsn: str
) -> None:
    async with old_snapshot(fresh_dsn):
        await end_many(owner)
        before = await entries_read(owner, database)
        assert await claimed(jobs) is None
        assert await entries_read(owner, database) - before > ENDED, "a look at everything visits them"
        await settle(jobs, seconds)
        before = await entries_read(owner, database)
        for _ in range(5):
            await enqueue(owner)
            job = await claimed(jobs)
            assert job is not None
            assert await claimed(jobs) is None
            assert await jobs.next_due() is not None
            await jobs.end(job, total=0)
        assert await entries_read(owner, database) - before < ENDED


async def test_a_job_that_commits_late_is_found(
    jobs: Jobs, owner: Connection, seconds: Seconds, fresh_dsn: str
) -> None:
    """Its ID was given out before those that were claimed since, in a transaction longer than the marks allow for."""
    late = await connect(fresh_dsn, {})
    try:
        transaction = late.transaction()
        await transaction.start()
        [job_id] = await enqueue(late)
        await enqueue(owner)
        assert await claimed(jobs)
        await settle(jobs, seconds)
        await transaction.commit()
    finally:
        await late.close()
    assert await claimed(jobs) is None, "below the mark"
    seconds.now += DOUBT_SECONDS
    job = await claimed(jobs)
    assert job is not None
    assert job.job_id == job_id


async def test_a_late_job_is_found_while_others_come(
    jobs: Jobs, owner: Connection, seconds: Seconds, fresh_dsn: str
) -> None:
    """No claim is fruitless here, so only the next look finds it."""
    late = await connect(fresh_dsn, {})
    try:
        transaction = late.transaction()
        await transaction.start()
        [job_id] = await enqueue(late)
        await enqueue(owner)
        assert await claimed(jobs)
        await settle(jobs, seconds)
        await transaction.commit()
    finally:
        await late.close()
    await enqueue(owner, 3)
    first = await claimed(jobs)
    seconds.now += LOOK_SECONDS
    second = await claimed(jobs)
    assert first is not None
    assert second is not None
    assert first.job_id > job_id == second.job_id


async def test_a_short_transaction_is_never_below_the_marks(
    jobs: Jobs, owner: Connection, seconds: Seconds, fresh_dsn: str
) -> None:
    """It began after the look by which the marks stand."""
    await settle(jobs, seconds)
    late = await connect(fresh_dsn, {})
    try:
        transaction = late.transaction()
        await transaction.start()
        [job_id] = await enqueue(late)
        await enqueue(owner)
        assert await claimed(jobs)
        seconds.now += LOOK_SECONDS
        assert await claimed(jobs) is None
        await transaction.commit()
    finally:
        await late.close()
    job = await claimed(jobs)
    assert job is not None
    assert job.job_id == job_id


async def test_ids_that_begin_anew_are_found(jobs: Jobs, owner: Connection, seconds: Seconds) -> None:
    """The platform emptied its table; every new ID is below the mark."""
    await enqueue(owner, 5)
    while await claimed(jobs):
        pass
    await settle(jobs, seconds)
    await owner.execute("TRUNCATE background_jobs RESTART IDENTITY CASCADE")
    await enqueue(owner)
    seconds.now += DOUBT_SECONDS
    job = await claimed(jobs)
    assert job is not None
    assert (job.job_id, job.replaced) == (1, True)


async def test_a_lease_set_back_by_hand_is_found(jobs: Jobs, owner: Connection, seconds: Seconds) -> None:
    await enqueue(owner)
    assert await claimed(jobs)
    await settle(jobs, seconds)
    await owner.execute("UPDATE acra_express.leases SET due_at = clock_timestamp() - interval '1 day'")
    seconds.now += DOUBT_SECONDS
    job = await claimed(jobs)
    assert job is not None
    assert job.expired


async def test_released_and_snoozed_jobs_are_above_the_marks(jobs: Jobs, owner: Connection, seconds: Seconds) -> None:
    await enqueue(owner)
    job = await claimed(jobs)
    assert job is not None
    await settle(jobs, seconds)
    await jobs.release(job)
    again = await claimed(jobs)
    assert again is not None
    await jobs.snooze(again, timedelta(0), "due at once")
    assert await claimed(jobs)


def test_the_marks_need_two_looks_far_enough_apart(seconds: Seconds) -> None:
    marks = QueueMarks(seconds)
    assert marks.stale()
    assert marks.doubtful()
    marks.saw(FullLook(None, None, 70, NOON))
    assert (marks.job, marks.due, marks.stale(), marks.doubtful()) == (None, None, False, False)
    seconds.now += DOUBT_SECONDS
    assert (marks.stale(), marks.doubtful()) == (False, True)
    marks.saw(FullLook(None, None, 80, NOON + timedelta(seconds=5)))
    assert marks.job is None, "too soon after the first"
    seconds.now += LOOK_SECONDS
    marks.saw(FullLook(None, None, 90, NOON + timedelta(seconds=55)))
    assert (marks.job, marks.due) == (71, NOON)
    seconds.now += LOOK_SECONDS
    marks.saw(FullLook(60, NOON - timedelta(hours=1), 95, NOON + timedelta(seconds=105)))
    assert (marks.job, marks.due) == (60, NOON - timedelta(hours=1)), "what is still there"
    marks.saw(FullLook(99, NOON + timedelta(hours=1), 99, NOON + timedelta(seconds=106)))
    assert (marks.job, marks.due) == (91, NOON + timedelta(seconds=55))
