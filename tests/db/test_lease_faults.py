"""Leases under a server that loses answers and commits, and after a restore that gives out job IDs again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from acra_express_async.db.companies.outcomes import DailyCap, Outcomes
from acra_express_async.db.jobs.job_commands import Operator
from acra_express_async.db.jobs.job_ids import ReusedIds, reused_ids
from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.ops.control import Control
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import LeaseLost
from acra_express_async.models import CompanyId, Job, JobId, JobType

from .builders import count, one, take

LEASE = timedelta(seconds=60)
EARLIER = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database, database)


async def enqueue(owner: Connection, job_type: JobType = JobType.STAGING, **params: object) -> int:
    return int(
        await owner.fetchval(
            "INSERT INTO background_jobs (job_type, status, params) VALUES ($1, 'queued', $2) RETURNING job_id",
            job_type.value,
            params,
        )
    )


async def expire(owner: Connection, job: Job) -> None:
    await owner.execute(
        "UPDATE acra_express.leases SET due_at = clock_timestamp() - interval '1 s' WHERE job_id = $1", job.job_id
    )


async def counts(owner: Connection) -> tuple[int, int]:
    """Attempts and crashes of the only lease."""
    row = await one(owner, "SELECT attempts, crashes FROM acra_express.leases")
    return row["attempts"], row["crashes"]


async def test_a_claim_that_expires_unconfirmed_is_no_crash(jobs: Jobs, owner: Connection) -> None:
    """Its answer was lost, or its process was killed by something else before the job did anything."""
    await enqueue(owner)
    for _ in range(3):
        [job] = await jobs.claim("a", LEASE, 1)
        assert (job.crashes, job.crashed) == (0, False)
        await expire(owner, job)
        [job] = await jobs.claim("b", LEASE, 1)
        assert (job.crashes, job.crashed) == (0, False)
        await jobs.release(job)


async def test_two_unconfirmed_claims_in_a_row_are_a_crash(jobs: Jobs, owner: Connection) -> None:
    """A job that ends its process at once never lets a heartbeat confirm its claim."""
    await enqueue(owner)
    for crashes in (0, 0, 1, 2):
        [job] = await jobs.claim("a", LEASE, 1)
        assert (job.crashes, job.crashed) == (crashes, crashes > 0)
        await expire(owner, job)


async def test_a_confirmed_claim_ends_the_unconfirmed_row(jobs: Jobs, owner: Connection) -> None:
    await enqueue(owner)
    for confirmed, crashes in ((False, 0), (True, 0), (False, 1), (False, 1), (False, 2)):
        [job] = await jobs.claim("a", LEASE, 1)
        assert job.crashes == crashes
        if confirmed:
            await jobs.heartbeat(job)
        await expire(owner, job)


async def test_a_living_process_takes_crashes_of_lost_answers_back(jobs: Jobs, owner: Connection) -> None:
    """The server commits claims that it does not answer, as without a synchronous standby; two replicas ask."""
    await enqueue(owner)
    for turn in range(6):
        [job] = await jobs.claim("ab"[turn % 2], LEASE, 1)
        await expire(owner, job)
    assert await jobs.give_back("b", [], []) == 1
    [job] = await jobs.claim("a", LEASE, 1)
    assert (job.crashes, job.crashed) == (0, False)


async def test_a_confirmed_claim_that_comes_back_keeps_its_crashes(jobs: Jobs, owner: Connection) -> None:
    await enqueue(owner)
    for _ in range(3):
        [job] = await jobs.claim("a", LEASE, 1)
        await expire(owner, job)
    [job] = await jobs.claim("a", LEASE, 1)
    await jobs.heartbeat(job)
    assert await jobs.give_back("a", [], []) == 1
    [job] = await jobs.claim("a", LEASE, 1)
    assert job.crashes == 2


async def test_a_process_that_dies_of_a_job_is_a_crash_each_time(jobs: Jobs, owner: Connection) -> None:
    await enqueue(owner)
    for crashes in range(4):
        [job] = await jobs.claim("a", LEASE, 1)
        assert (job.crashes, job.crashed) == (crashes, crashes > 0)
        await jobs.heartbeat(job)
        await expire(owner, job)


async def test_a_crash_under_the_previous_version_still_counts(jobs: Jobs, owner: Connection) -> None:
    """It calls claim with three arguments and never confirms."""
    job_id = await enqueue(owner)
    old = await owner.fetchrow("SELECT * FROM acra_express.claim('old', interval '60 s', 1)")
    assert old is not None
    assert set(old.keys()) == {
        "job_id",
        "job_type",
        "token",
        "params",
        "created_at",
        "attempts",
        "errors",
        "crashes",
        "expired",
        "outage",
    }
    await owner.execute("UPDATE acra_express.leases SET due_at = clock_timestamp() - interval '1 s'")
    [job] = await jobs.claim("new", LEASE, 1)
    assert (job.job_id, job.crashes, job.crashed) == (job_id, 1, True)


async def test_a_claim_without_an_answer_is_given_back(jobs: Jobs, owner: Connection) -> None:
    """Only what carries the poller's own mark and is not in its hand."""
    lost, known, foreign = [await enqueue(owner) for _ in range(3)]
    [_] = await jobs.claim("mine", LEASE, 1)
    [in_hand] = await jobs.claim("mine", LEASE, 1)
    [other] = await jobs.claim("another", LEASE, 1)
    assert (in_hand.job_id, other.job_id) == (known, foreign)
    assert await jobs.give_back("mine", [in_hand.token], []) == 1
    row = await one(owner, "SELECT status FROM background_jobs WHERE job_id = $1", lost)
    assert row["status"] == "queued"
    assert await jobs.heartbeat(in_hand)
    assert await jobs.heartbeat(other)
    [again] = await jobs.claim("another", LEASE, 3)
    assert (again.job_id, again.attempt, again.crashes) == (lost, 1, 0)
    assert await jobs.give_back("mine", [in_hand.token], []) == 0


async def test_a_claim_that_was_given_back_writes_nothing(jobs: Jobs, owner: Connection) -> None:
    await enqueue(owner)
    [job] = await jobs.claim("mine", LEASE, 1)
    assert await jobs.give_back("mine", [], []) == 1
    with pytest.raises(LeaseLost):
        await jobs.heartbeat(job)
    with pytest.raises(LeaseLost):
        await jobs.release(job)


async def test_a_holder_that_was_cut_off_and_lives_did_not_crash(jobs: Jobs, owner: Connection) -> None:
    """The database was away from it for longer than the lease; another took over meanwhile."""
    await enqueue(owner)
    [cut_off] = await jobs.claim("cut off", LEASE, 1)
    await jobs.heartbeat(cut_off)
    await expire(owner, cut_off)
    [heir] = await jobs.claim("heir", LEASE, 1)
    assert heir.crashes == 1
    assert await jobs.give_back("cut off", [], [cut_off]) == 0
    assert await counts(owner) == (2, 0)
    assert await jobs.give_back("cut off", [], [cut_off]) == 0
    assert await counts(owner) == (2, 0), "once is enough"
    assert await jobs.heartbeat(heir), "the job stays with who has it"


async def test_an_interruption_counts_as_nothing_until_progress(jobs: Jobs, owner: Connection) -> None:
    await enqueue(owner)
    for interruptions in range(3):
        [job] = await jobs.claim("a", LEASE, 1)
        assert (job.attempt, job.errors, job.crashes, job.interruptions) == (1, 0, 0, interruptions)
        await jobs.interrupt(job, timedelta(0), "PostgreSQL cancelled a statement")
        row = await one(owner, "SELECT status, error FROM background_jobs")
        assert (row["status"], row["error"]) == ("queued", "retry: PostgreSQL cancelled a statement")
    [job] = await jobs.claim("a", LEASE, 1)
    async with jobs.owned(job) as connection:
        await jobs.progress(connection, job, processed=1, total=2)
    await jobs.release(job)
    [job] = await jobs.claim("a", LEASE, 1)
    assert job.interruptions == 0


async def test_a_token_is_not_given_out_twice_after_lost_commits(jobs: Jobs, owner: Connection) -> None:
    """The server loses its last commits, a claim among them, and the job is claimed by another."""
    await enqueue(owner)
    [first] = await jobs.claim("first", LEASE, 1)
    await jobs.release(first)
    before = await one(owner, "SELECT * FROM acra_express.leases")
    [zombie] = await jobs.claim("zombie", LEASE, 1)
    await owner.execute("DELETE FROM acra_express.leases")
    await owner.execute(
        "INSERT INTO acra_express.leases SELECT (jsonb_populate_record(NULL::acra_express.leases, $1)).*",
        {key: value if not isinstance(value, datetime) else value.isoformat() for key, value in before.items()},
    )
    await owner.execute("UPDATE background_jobs SET status = 'queued'")
    [heir] = await jobs.claim("heir", LEASE, 1)
    for write in (jobs.heartbeat(zombie), jobs.release(zombie), jobs.snooze(zombie, LEASE, "x")):
        with pytest.raises(LeaseLost):
            await write
    assert await jobs.heartbeat(heir)


async def test_a_heartbeat_behind_the_own_finish_is_no_lost_lease(jobs: Jobs, owner: Connection) -> None:
    await enqueue(owner)
    [job] = await jobs.claim("a", LEASE, 1)
    async with jobs.owned(job) as connection:
        await jobs.finish(connection, job, total=0)
    assert not await jobs.heartbeat(job)


async def test_a_cancelled_job_loses_its_lease_at_the_next_heartbeat(
    jobs: Jobs, database: Database, owner: Connection
) -> None:
    await enqueue(owner)
    [job] = await jobs.claim("a", LEASE, 1)
    await Operator(database).cancel(job.job_id, "somebody")
    with pytest.raises(LeaseLost):
        await jobs.heartbeat(job)


async def an_earlier_job(database: Database, owner: Connection, job_type: JobType = JobType.ENRICHMENT) -> Job:
    """A job that was served and has ended, with all that it leaves behind; its row is gone, its ID comes again."""
    jobs = Jobs(database, database)
    job_id = await enqueue(owner, job_type, company_ids=[1, 2])
    await owner.execute("UPDATE background_jobs SET created_at = $2 WHERE job_id = $1", job_id, EARLIER)
    [job] = await jobs.claim("before", LEASE, 1)
    assert (await take(DailyCap(database, ZoneInfo("UTC")), CompanyId(1), job.job_id, 9)).ours
    await jobs.fail(job, "no", reason="job_error")
    await owner.execute("UPDATE background_jobs SET status = 'running' WHERE job_id = $1", job_id)
    async with database.transaction() as connection:
        await jobs.staged(connection, job, enrichment=None, continuation=None)
    await owner.execute(
        "INSERT INTO acra_express.campaigns (campaign_id, name, enqueued_at) VALUES ($1, 'before', $2)", job_id, EARLIER
    )
    await owner.execute("UPDATE acra_express.outcomes SET campaign_id = $1", job_id)
    await owner.execute("TRUNCATE background_jobs RESTART IDENTITY CASCADE")
    return job


async def test_a_job_whose_id_came_again_is_claimed_as_a_new_one(
    jobs: Jobs, database: Database, owner: Connection
) -> None:
    before = await an_earlier_job(database, owner)
    assert await enqueue(owner, JobType.ENRICHMENT, company_ids=[1, 2]) == before.job_id
    [job] = await jobs.claim("after", LEASE, 1)
    assert (job.job_id, job.replaced) == (before.job_id, True)
    assert (job.attempt, job.errors, job.crashes, job.outage) == (1, 0, 0, timedelta(0))
    assert await Outcomes(database).ended(owner, job.job_id) == frozenset()
    with pytest.raises(LeaseLost):
        await jobs.heartbeat(before)


async def test_a_staging_job_whose_id_came_again_can_hand_on(jobs: Jobs, database: Database, owner: Connection) -> None:
    before = await an_earlier_job(database, owner, JobType.STAGING)
    assert await enqueue(owner, uens=["x"]) == before.job_id
    [job] = await jobs.claim("after", LEASE, 1)
    async with jobs.owned(job) as connection:
        await jobs.staged(connection, job, enrichment=JobId(7), continuation=None)
    assert await count(owner, "acra_express.staged") == 2


async def test_rows_of_the_earlier_job_are_kept_under_another_id(
    jobs: Jobs, database: Database, owner: Connection
) -> None:
    before = await an_earlier_job(database, owner)
    await enqueue(owner, JobType.ENRICHMENT, company_ids=[1, 2])
    [job] = await jobs.claim("after", LEASE, 1)
    await jobs.fail(job, "no", reason="job_error")
    rows = await owner.fetch("SELECT job_id, company_id, campaign_id FROM acra_express.outcomes ORDER BY 1, 2")
    assert [tuple(row) for row in rows] == [
        (-1, 1, -1),
        (-1, 2, -1),
        (before.job_id, 1, None),
        (before.job_id, 2, None),
    ]
    assert (await one(owner, "SELECT campaign_id FROM acra_express.campaigns"))["campaign_id"] == -1
    assert (await one(owner, "SELECT job_id FROM acra_express.daily_slots"))["job_id"] == -1


async def test_an_id_that_came_again_is_cancelled_and_shown_by_itself(database: Database, owner: Connection) -> None:
    before = await an_earlier_job(database, owner)
    await enqueue(owner, JobType.ENRICHMENT, company_ids=[1, 3])
    operator = Operator(database)
    _, outcomes = await operator.shown(before.job_id)
    assert outcomes == []
    await operator.cancel(before.job_id, "somebody")
    _, outcomes = await operator.shown(before.job_id)
    assert sorted((ended.company_id, ended.reason) for ended in outcomes) == [(1, "cancelled"), (3, "cancelled")]


async def test_a_continuation_whose_id_came_again_waits_for_its_tick(
    jobs: Jobs, database: Database, owner: Connection
) -> None:
    before = await an_earlier_job(database, owner)
    async with database.transaction() as connection:
        assert await jobs.insert(connection, JobType.STAGING, {}, due_in=timedelta(hours=1)) == before.job_id
    row = await one(owner, "SELECT due_at > clock_timestamp() AS waits, claimed_at FROM acra_express.leases")
    assert (row["waits"], row["claimed_at"]) == (True, None)


async def test_a_restored_row_meets_the_outcomes_it_had(jobs: Jobs, database: Database, owner: Connection) -> None:
    """background_jobs alone is restored to before the job ended: the same job, so what is done stays done."""
    await enqueue(owner, JobType.ENRICHMENT, company_ids=[1, 2])
    saved = await one(owner, "SELECT job_id, created_at, started_at, status FROM background_jobs")
    [job] = await jobs.claim("a", LEASE, 1)
    await jobs.fail(job, "no", reason="job_error")
    await owner.execute(
        "UPDATE background_jobs SET status = $2, started_at = $3, ended_at = NULL WHERE job_id = $1",
        saved["job_id"],
        saved["status"],
        saved["started_at"],
    )
    assert await Control(database).reconcile() == 1
    [again] = await jobs.claim("b", LEASE, 1)
    assert (again.job_id, again.replaced) == (job.job_id, False)
    assert await Outcomes(database).ended(owner, again.job_id) == {1, 2}


async def test_rows_without_a_creation_time_are_told_by_their_own(
    jobs: Jobs, database: Database, owner: Connection
) -> None:
    """An earlier version wrote them: what is older than the job cannot be the job's."""
    job_id = await enqueue(owner, JobType.ENRICHMENT, company_ids=[1])
    await owner.execute(
        "INSERT INTO acra_express.outcomes (job_id, company_id, kind, ended_at) VALUES ($1, 1, 'failed', $2)",
        job_id,
        EARLIER,
    )
    [job] = await jobs.claim("a", LEASE, 1)
    assert job.replaced
    assert await Outcomes(database).ended(owner, job.job_id) == frozenset()


async def test_check_knows_that_job_ids_will_come_again(jobs: Jobs, database: Database, owner: Connection) -> None:
    async with database.session() as connection:
        assert await reused_ids(connection) is None
        for _ in range(3):
            await enqueue(owner)
        await jobs.claim("a", LEASE, 3)
        assert await reused_ids(connection) is None
        await owner.execute("TRUNCATE background_jobs RESTART IDENTITY CASCADE")
        await enqueue(owner)
        assert await reused_ids(connection) == ReusedIds(following=2, highest=3)
        for _ in range(2):
            await enqueue(owner)
        assert await reused_ids(connection) is None
