"""Poller, workers, ends of attempts and supervisor on a real database, with handlers defined by the tests."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import count

import pytest
from rig import Rig, enqueue, statuses

from acra_express_async.db.jobs.claims import Claimed
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import Blocked, BudgetExhausted, CapReached, DatabaseAway, JobError, StandBack
from acra_express_async.jobs.attempts import End, JobScope
from acra_express_async.models import Job
from acra_express_async.runtime.supervisor import Closer


async def test_two_workers_drain_20_jobs_without_notify_or_tick(database: Database, owner: Connection) -> None:
    await enqueue(owner, 20)

    async def work(job: Job, scope: JobScope) -> End:
        return await rig.finish(job)

    rig = Rig(database, work, until_idle=True)
    assert await rig.supervisor.run() == 0
    assert await statuses(owner) == {"done": 20}
    assert rig.attempts(End.DONE) == 20


async def test_a_job_enqueued_while_idle_is_picked_up_by_its_notify(
    database: Database, owner: Connection, fresh_dsn: str
) -> None:
    seen: asyncio.Queue[int] = asyncio.Queue()

    async def work(job: Job, scope: JobScope) -> End:
        seen.put_nowait(job.job_id)
        return await rig.finish(job)

    rig = Rig(database, work, listen_dsn=fresh_dsn)
    looked, claim = asyncio.Event(), rig.jobs.claim_next

    async def told(owner_name: str, lease: timedelta, *, nightly_first: bool) -> Claimed:
        proven = rig.listening.is_set()
        claimed = await claim(owner_name, lease, nightly_first=nightly_first)
        if proven:
            looked.set()
        return claimed

    rig.jobs.claim_next = told  # type: ignore[method-assign]
    async with rig.running():
        # An unproven listener would poll, and its proof wakes the poller: after that only the notification can.
        await looked.wait()
        [job_id] = await enqueue(owner)
        assert await seen.get() == job_id
        assert rig.metrics.registry.get_sample_value("acra_express_wakes_total", {"reason": "notify"}) == 1


async def test_until_idle_claims_again_after_a_worker_added_a_job(
    database: Database, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first job inserts another when it ends; a concurrent claim looked before that and returns after it."""
    looked, freed = asyncio.Event(), asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        if rig.attempts(End.DONE) == 0:
            await looked.wait()
            await enqueue(owner)
        return await rig.finish(job)

    rig = Rig(database, work, until_idle=True)
    claim, worker_freed = rig.jobs.claim_next, rig.poller.worker_freed

    calls = count(1)

    async def slow_claim(name: str, lease: timedelta, *, nightly_first: bool) -> Claimed:
        number = next(calls)
        found = await claim(name, lease, nightly_first=nightly_first)
        if number == 2:  # nothing for the second worker yet; check again
            rig.poller.wake("tick")
        if number == 3:
            looked.set()
            await freed.wait()
        return found

    def free(job: Job, *, abandoned: bool) -> None:
        worker_freed(job, abandoned=abandoned)
        freed.set()

    monkeypatch.setattr(rig.jobs, "claim_next", slow_claim)
    monkeypatch.setattr(rig.poller, "worker_freed", free)
    await enqueue(owner)
    assert await rig.supervisor.run() == 0
    assert await statuses(owner) == {"done": 2}


async def test_a_notify_during_the_claim_is_not_lost(
    database: Database, owner: Connection, fresh_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second job is inserted after the claim's query and before its return."""
    done: asyncio.Queue[int] = asyncio.Queue()

    async def work(job: Job, scope: JobScope) -> End:
        done.put_nowait(job.job_id)
        return await rig.finish(job)

    rig = Rig(database, work, listen_dsn=fresh_dsn)
    claim = rig.jobs.claim_next
    inserted = asyncio.Event()

    async def claim_then_insert(owner_name: str, lease: timedelta, *, nightly_first: bool) -> Claimed:
        claimed = await claim(owner_name, lease, nightly_first=nightly_first)
        if rig.health.listener_proven and not inserted.is_set():
            inserted.set()
            await enqueue(owner)
        return claimed

    monkeypatch.setattr(rig.jobs, "claim_next", claim_then_insert)
    async with rig.running():
        await inserted.wait()
        assert await done.get() > 0


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (JobError("params names no terms"), "error", "params names no terms"),
        (CapReached("daily cap reached", retry_after=timedelta(hours=1)), "queued", "deferred: daily cap reached"),
        (
            BudgetExhausted("jina calls_1h", provider="jina", retry_after=timedelta(minutes=5)),
            "queued",
            "deferred: jina calls_1h",
        ),
        (
            Blocked("challenge", provider="duckduckgo", retry_after=timedelta(minutes=15)),
            "queued",
            "deferred: challenge",
        ),
        (
            StandBack("a nightly job is running", reason="nightly_running", retry_after=timedelta(minutes=1)),
            "queued",
            "deferred: a nightly job is running",
        ),
        (ValueError("boom"), "queued", "retry: ValueError: boom"),
    ],
)
async def test_each_error_ends_a_job_in_its_way(
    database: Database, owner: Connection, error: Exception, status: str, says: str
) -> None:
    [job_id] = await enqueue(owner)

    async def work(job: Job, scope: JobScope) -> End:
        raise error

    rig = Rig(database, work, until_idle=True)
    assert await rig.supervisor.run() == 0
    row = await owner.fetchrow("SELECT status, error FROM background_jobs WHERE job_id = $1", job_id)
    assert row is not None
    assert (row["status"], row["error"]) == (status, says)
    if status == "queued":
        due = await rig.jobs.next_due()
        assert due is not None
        asked = getattr(error, "retry_after", None)
        if asked is not None:
            assert asked - timedelta(seconds=30) < due < asked + timedelta(seconds=30)


async def test_a_poison_job_fails_clearly_and_its_neighbours_are_done(database: Database, owner: Connection) -> None:
    poison, *_others = await enqueue(owner, 5)

    async def work(job: Job, scope: JobScope) -> End:
        if job.job_id == poison:
            raise ZeroDivisionError("division by zero")
        return await rig.finish(job)

    rig = Rig(database, work, max_errors=3, until_idle=True)
    for _ in range(3):
        rig = Rig(database, work, max_errors=3, until_idle=True)
        assert await rig.supervisor.run() == 0
        await owner.execute("UPDATE acra_express.leases SET due_at = clock_timestamp() WHERE due_at < 'infinity'")
    row = await owner.fetchrow("SELECT status, error FROM background_jobs WHERE job_id = $1", poison)
    assert row is not None
    assert (row["status"], row["error"]) == ("error", "ZeroDivisionError: division by zero")
    assert await statuses(owner) == {"done": 4, "error": 1}


async def test_a_job_that_kills_its_process_is_failed(database: Database, owner: Connection) -> None:
    [job_id] = await enqueue(owner)

    async def work(job: Job, scope: JobScope) -> End:
        return await rig.finish(job)

    rig = Rig(database, work, max_crashes=3, until_idle=True)
    for _ in range(3):
        [dying] = await rig.jobs.claim("dying", timedelta(seconds=3), 1)
        await rig.jobs.heartbeat(dying)
        await owner.execute("UPDATE acra_express.leases SET due_at = clock_timestamp()")
    assert await rig.supervisor.run() == 0
    error = await owner.fetchval("SELECT error FROM background_jobs WHERE job_id = $1 AND status = 'error'", job_id)
    assert error == "the process crashed 3 times while it held this job, without any progress"


async def test_a_stop_in_mid_job_releases_it_without_an_attempt(database: Database, owner: Connection) -> None:
    [job_id] = await enqueue(owner)
    inside = asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        inside.set()
        await rig.draining.wait()
        scope.check()
        return End.DONE

    rig = Rig(database, work)
    async with rig.running():
        await inside.wait()
    row = await owner.fetchrow(
        "SELECT b.status, l.attempts, l.held FROM background_jobs b JOIN acra_express.leases l USING (job_id)"
        " WHERE job_id = $1",
        job_id,
    )
    assert row is not None
    assert (row["status"], row["attempts"], row["held"]) == ("queued", 0, False)
    assert rig.closed.is_set()
    assert rig.attempts(End.RELEASED) == 1


async def test_a_claim_in_flight_at_the_stop_is_handed_back(
    database: Database, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has granted the claim, and its answer is on the way when the service drains."""
    [job_id] = await enqueue(owner)
    granted = asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        return pytest.fail("a draining service starts nothing")

    rig = Rig(database, work)
    claim = rig.jobs.claim_next

    async def late_answer(name: str, lease: timedelta, *, nightly_first: bool) -> Claimed:
        claimed = await claim(name, lease, nightly_first=nightly_first)
        granted.set()
        await rig.draining.wait()
        for _ in range(20):  # turns of the loop, in which a stop that does not wait would cut this off
            await asyncio.sleep(0)
        return claimed

    monkeypatch.setattr(rig.jobs, "claim_next", late_answer)
    async with rig.running():
        await granted.wait()
    row = await owner.fetchrow("SELECT attempts, held FROM acra_express.leases WHERE job_id = $1", job_id)
    assert row is not None
    assert (row["attempts"], row["held"]) == (0, False)
    assert await statuses(owner) == {"queued": 1}


@pytest.mark.parametrize("error", [KeyError("a bug"), DatabaseAway("gone"), OSError("cut"), TimeoutError()])
async def test_a_closing_step_that_fails_skips_no_other(database: Database, error: Exception) -> None:
    async def work(job: Job, scope: JobScope) -> End:
        return pytest.fail("nothing was enqueued")

    async def fail() -> None:
        raise error

    rig = Rig(database, work, closers=[Closer("first", fail), Closer("second", fail)])
    async with rig.running():
        rig.supervisor.request_stop("SIGTERM")
    assert rig.closed.is_set()


async def test_a_second_signal_cancels_a_stubborn_handler(database: Database, owner: Connection) -> None:
    await enqueue(owner)
    inside = asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        inside.set()
        await asyncio.Event().wait()
        return End.DONE

    # one worker: for a free one the poller might just be claiming the job that is handed back
    rig = Rig(database, work, drain_seconds=3600, workers=1)
    async with rig.running():
        await inside.wait()
        rig.supervisor.request_stop("first")
        await rig.draining.wait()
        rig.supervisor.request_stop("second")
    assert await statuses(owner) == {"queued": 1}
    assert await owner.fetchval("SELECT attempts FROM acra_express.leases") == 0


async def test_heartbeats_keep_a_long_job_until_the_lease_is_lost(database: Database, owner: Connection) -> None:
    await enqueue(owner)
    beats = 0
    cancelled = asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return End.DONE

    rig = Rig(database, work, heartbeat=timedelta(milliseconds=20))
    beat = rig.jobs.heartbeat

    async def counted(job: Job) -> bool:
        nonlocal beats
        extended = await beat(job)
        beats += 1
        if beats == 3:
            await owner.execute("UPDATE background_jobs SET status = 'error', error = 'by hand'")
        return extended

    rig.jobs.heartbeat = counted  # type: ignore[method-assign]
    async with rig.running():
        await cancelled.wait()
    assert await owner.fetchval("SELECT status || ': ' || error FROM background_jobs") == "error: by hand"
    assert rig.attempts(End.LEASE_LOST) == 1


async def test_a_storm_of_notifications_causes_few_claims(
    database: Database, owner: Connection, fresh_dsn: str
) -> None:
    """5,000 notifications with different payloads; the last one comes with a job, which is found."""
    done = asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        end = await rig.finish(job)
        done.set()
        return end

    rig = Rig(database, work, listen_dsn=fresh_dsn)
    async with rig.running():
        await rig.listening.wait()
        await owner.execute("SELECT pg_notify('acra_express_jobs', n::text) FROM generate_series(1, 5000) n")
        await enqueue(owner)
        await done.wait()
    value = rig.metrics.registry.get_sample_value
    assert (value("acra_express_wakes_total", {"reason": "notify"}) or 0) >= 5000
    claims = sum(value("acra_express_claims_total", {"result": result}) or 0 for result in ("job", "empty", "error"))
    assert claims < 50
