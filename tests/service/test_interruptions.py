"""What a misbehaving server does to jobs that are being worked on: never an error, never a crash, and they go on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from conftest import ROLE, tenant_sessions
from database_clock import Clock
from rig import Rig, enqueue, statuses
from structlog.testing import capture_logs

from acra_express_async.db.jobs.claims import Claimed
from acra_express_async.db.jobs.job_commands import Operator
from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.jobs.listen import new_echo
from acra_express_async.db.ops.quick_look import quick_look
from acra_express_async.db.session import connection
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import DatabaseAway, LeaseLost
from acra_express_async.jobs.attempts import End, JobScope
from acra_express_async.models import Job

HOUR = timedelta(hours=1)
DEADLY = Path(__file__).with_name("dies_at_once.py")
MOST_ROUNDS = 8
"""More than MAX_CRASHES and MAX_ERRORS together would allow, were they counted."""


@pytest_asyncio.fixture
async def impatient(fresh_dsn: str, owner: Connection) -> AsyncIterator[Database]:
    """Sessions whose statements are cancelled after 200 ms."""
    async with tenant_sessions(fresh_dsn, owner, size=4, extra={"statement_timeout": "200ms"}) as database:
        yield database


async def counted(owner: Connection) -> tuple[int, int, int]:
    """Attempts, errors and crashes of the only job."""
    row = await owner.fetchrow("SELECT attempts, errors, crashes FROM acra_express.leases")
    assert row is not None
    return row["attempts"], row["errors"], row["crashes"]


async def test_statement_timeouts_never_end_a_job(impatient: Database, owner: Connection, clock: Clock) -> None:
    """A slow trigger of the platform's: one statement of the job runs into its time-out until somebody mends it."""
    waits = []

    async def work(job: Job, scope: JobScope) -> End:
        if len(waits) < MOST_ROUNDS:
            async with impatient.session() as connection:
                await connection.execute("SELECT pg_sleep(5)")
        return await rig.finish(job)

    await enqueue(owner)
    while await statuses(owner) != {"done": 1}:
        rig = Rig(impatient, work, until_idle=True)
        assert await rig.supervisor.run() == 0
        due = await rig.jobs.next_due()
        if due is None:
            break
        error = await owner.fetchval("SELECT error FROM background_jobs")
        assert error.startswith("retry: PostgreSQL at ")
        assert "statement timeout" in error
        assert await counted(owner) == (0, 0, 0)
        waits.append(due)
        await clock.advance(due + timedelta(milliseconds=1))
    assert len(waits) == MOST_ROUNDS
    assert all(wait <= min(timedelta(minutes=15), 2**n * timedelta(seconds=5)) for n, wait in enumerate(waits))
    assert await statuses(owner) == {"done": 1}


async def test_a_job_whose_session_broke_does_not_wait_for_its_lease(database: Database, owner: Connection) -> None:
    tries: list[Job] = []

    async def work(job: Job, scope: JobScope) -> End:
        tries.append(job)
        if len(tries) == 1:
            raise DatabaseAway("PostgreSQL ended the session")
        return await rig.finish(job)

    await enqueue(owner)
    rig = Rig(database, work, lease=HOUR, heartbeat=timedelta(minutes=1), until_idle=True)
    rig.ends._random.random = lambda: 0.0  # type: ignore[method-assign]
    assert await rig.supervisor.run() == 0
    assert await statuses(owner) == {"done": 1}
    assert [(job.attempt, job.errors, job.crashes, job.interruptions) for job in tries] == [(1, 0, 0, 0), (1, 0, 0, 1)]


async def test_a_claim_whose_answer_was_lost_is_done_all_the_same(
    database: Database, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server commits the claim, and the poller never hears of it; the lease would hold for an hour."""
    seen: list[Job] = []

    async def work(job: Job, scope: JobScope) -> End:
        seen.append(job)
        return await rig.finish(job)

    rig = Rig(database, work, lease=HOUR, heartbeat=timedelta(minutes=1), until_idle=True)
    rig.poller._random.random = lambda: 0.0  # type: ignore[method-assign]
    claim, lost = rig.jobs.claim_next, 3

    async def deaf(owner_name: str, lease: timedelta, *, nightly_first: bool) -> Claimed:
        nonlocal lost
        found = await claim(owner_name, lease, nightly_first=nightly_first)
        if lost:
            lost -= 1
            raise DatabaseAway("no answer in time")
        return found

    monkeypatch.setattr(rig.jobs, "claim_next", deaf)
    await enqueue(owner, 2)
    assert await rig.supervisor.run() == 0
    assert await statuses(owner) == {"done": 2}
    assert {(job.attempt, job.crashes) for job in seen} == {(1, 0)}


async def test_a_job_left_while_the_database_was_away_is_no_crash(
    database: Database, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither end nor hand-back could be written; another replica claims the job first, then we are back."""
    away, back = True, asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        raise DatabaseAway("cut off")

    rig = Rig(database, work, workers=1, lease=timedelta(seconds=1), heartbeat=timedelta(seconds=0.2))
    for name in ("interrupt", "heartbeat", "claim_next", "give_back"):
        real = getattr(rig.jobs, name)

        async def cut(*args: object, real: object = real, name: str = name, **options: object) -> object:
            if away and (name not in ("heartbeat", "claim_next") or started.is_set()):
                raise DatabaseAway("cut off")
            if name == "heartbeat":
                started.set()
            answer = await real(*args, **options)  # type: ignore[operator]
            if name == "give_back":
                back.set()
            return answer

        monkeypatch.setattr(rig.jobs, name, cut)
    started = asyncio.Event()
    [job_id] = await enqueue(owner)
    other = Jobs(database, database)
    async with rig.running():
        await started.wait()
        heirs: list[Job] = []
        while not heirs:
            heirs = await other.claim("another replica", HOUR, 1)
        assert (heirs[0].job_id, heirs[0].crashes) == (job_id, 1)
        away = False
        await back.wait()
    assert (await counted(owner))[2] == 0
    assert await other.heartbeat(heirs[0])


async def test_a_process_frozen_behind_its_claim_starts_nothing(database: Database, owner: Connection) -> None:
    """It stood still between the claim and the work for longer than the lease; the job is another's by now."""
    called = False

    async def work(job: Job, scope: JobScope) -> End:
        nonlocal called
        called = True
        return await rig.finish(job)

    rig = Rig(database, work, workers=1)
    await enqueue(owner)
    [frozen] = await rig.jobs.claim("frozen", timedelta(seconds=3), 1)
    await owner.execute("UPDATE acra_express.leases SET due_at = clock_timestamp()")
    [heir] = await rig.jobs.claim("another replica", HOUR, 1)
    rig.queue.put_nowait(frozen)
    freed = asyncio.Event()
    rig.poller.worker_freed = lambda _job, *, abandoned: freed.set()
    async with rig.running():
        await freed.wait()
    assert not called
    assert rig.attempts(End.LEASE_LOST) == 1
    assert await rig.jobs.heartbeat(heir)


async def test_a_claimed_job_starts_before_its_first_heartbeat(database: Database, owner: Connection) -> None:
    """Its deadline is that of the claim until then."""
    working = asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        assert 0 < scope.lease_ends - asyncio.get_running_loop().time() <= 60
        working.set()
        await confirmed.wait()
        return await rig.finish(job)

    rig = Rig(database, work, workers=1, lease=timedelta(seconds=60), heartbeat=timedelta(seconds=15), until_idle=True)
    beat, confirmed = rig.jobs.heartbeat, asyncio.Event()

    async def told(job: Job) -> bool:
        assert working.is_set()
        extended = await beat(job)
        confirmed.set()
        return extended

    rig.jobs.heartbeat = told  # type: ignore[method-assign]
    await enqueue(owner)
    assert await rig.supervisor.run() == 0
    assert rig.attempts(End.DONE) == 1


async def test_a_job_that_kills_its_process_at_once_ends_in_error(owner: Connection, fresh_dsn: str) -> None:
    """No heartbeat ever confirms its claims; the first death may be a lost answer, the next ones count."""
    await enqueue(owner)
    tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    deaths = 0
    while await owner.fetchval("SELECT status FROM background_jobs") != "error":
        process = await asyncio.create_subprocess_exec(sys.executable, str(DEADLY), fresh_dsn, ROLE, str(tenant))
        deaths += await process.wait() == 9
        await owner.execute("UPDATE acra_express.leases SET due_at = clock_timestamp() WHERE held")
    assert deaths == 4
    assert await owner.fetchval("SELECT crashes FROM acra_express.leases") == 3


async def test_a_lost_first_heartbeat_is_repeated_soon(database: Database, owner: Connection) -> None:
    beats, twice = 0, asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        await twice.wait()
        return await rig.finish(job)

    rig = Rig(database, work, workers=1, lease=HOUR, heartbeat=timedelta(seconds=0.1), until_idle=True)
    beat = rig.jobs.heartbeat

    async def flaky(job: Job) -> bool:
        nonlocal beats
        beats += 1
        if beats == 1:
            raise DatabaseAway("no connection free")
        extended = await beat(job)
        twice.set()
        return extended

    rig.jobs.heartbeat = flaky  # type: ignore[method-assign]
    await enqueue(owner)
    assert await rig.supervisor.run() == 0
    assert rig.attempts(End.DONE) == 1
    assert await owner.fetchval("SELECT crashes FROM acra_express.leases") == 0


async def test_a_lease_lost_behind_its_claim_ends_the_attempt(database: Database, owner: Connection) -> None:
    """The handler has begun by then; it starts no new call, and nothing that it writes counts."""
    cut = asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        try:
            await asyncio.Event().wait()
        finally:
            with pytest.raises(LeaseLost):
                scope.check()
            cut.set()
        return End.DONE

    rig = Rig(database, work, workers=1, lease=HOUR, heartbeat=timedelta(minutes=1))
    beat = rig.jobs.heartbeat

    async def stolen(job: Job) -> bool:
        await owner.execute("UPDATE acra_express.leases SET token = token + 1")
        return await beat(job)

    rig.jobs.heartbeat = stolen  # type: ignore[method-assign]
    await enqueue(owner)
    async with rig.running():
        await cut.wait()
    assert rig.attempts(End.LEASE_LOST) == 1


async def test_the_deadline_counts_from_before_the_confirmation(database: Database, owner: Connection) -> None:
    """A confirmation that took long has used up a part of the lease that it asked for."""
    now = 100.0
    left: list[float] = []

    async def work(job: Job, scope: JobScope) -> End:
        left.append(scope.lease_ends - now)
        return await rig.finish(job)

    rig = Rig(
        database,
        work,
        workers=1,
        lease=timedelta(seconds=60),
        heartbeat=timedelta(seconds=15),
        until_idle=True,
        lease_clock=lambda: now,
    )
    beat = rig.jobs.heartbeat

    async def slow(job: Job) -> bool:
        nonlocal now
        extended = await beat(job)
        now += 20
        return extended

    rig.jobs.heartbeat = slow  # type: ignore[method-assign]
    await enqueue(owner)
    assert await rig.supervisor.run() == 0
    assert left == [40]


async def test_a_heartbeat_behind_the_commit_of_finish_loses_nothing(database: Database, owner: Connection) -> None:
    """The finish is committed and its answer still on the way when the heartbeat looks for the lease."""
    beaten = asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        end = await rig.finish(job)
        beaten.clear()
        await beaten.wait()
        return end

    rig = Rig(database, work, workers=1, heartbeat=timedelta(milliseconds=20), until_idle=True)
    beat = rig.jobs.heartbeat

    async def told(job: Job) -> bool:
        try:
            return await beat(job)
        finally:
            beaten.set()

    rig.jobs.heartbeat = told  # type: ignore[method-assign]
    await enqueue(owner)
    assert await rig.supervisor.run() == 0
    assert (rig.attempts(End.DONE), rig.attempts(End.LEASE_LOST)) == (1, 0)


async def test_an_id_that_came_again_is_told_in_the_log(database: Database, owner: Connection) -> None:
    async def work(job: Job, scope: JobScope) -> End:
        return await rig.finish(job)

    await enqueue(owner)
    rig = Rig(database, work, until_idle=True)
    assert await rig.supervisor.run() == 0
    await owner.execute("TRUNCATE background_jobs RESTART IDENTITY CASCADE")
    await enqueue(owner)
    rig = Rig(database, work, until_idle=True)
    with capture_logs() as logs:
        assert await rig.supervisor.run() == 0
    [told] = [entry for entry in logs if entry["event"] == "job.id_came_again"]
    assert "background_jobs was emptied or restored" in told["error"]
    assert await statuses(owner) == {"done": 1}


@asynccontextmanager
async def without_its_standby(owner: Connection) -> AsyncIterator[None]:
    """A server whose synchronous standby is lost: every commit is made here and waits for ever for the other's word."""
    await owner.execute("SET synchronous_commit = local")
    await owner.execute("ALTER SYSTEM SET synchronous_standby_names = 'gone'")
    await owner.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        await owner.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await owner.execute("SELECT pg_reload_conf()")


async def test_a_lost_synchronous_standby_costs_no_job_anything(
    fresh_dsn: str, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims do not wait for it; what ends a job does."""
    monkeypatch.setattr(connection, "COMMAND_TIMEOUT", timedelta(seconds=0.5))
    async with tenant_sessions(fresh_dsn, owner, size=6) as database:
        unanswered: asyncio.Queue[int] = asyncio.Queue()

        async def work(job: Job, scope: JobScope) -> End:
            try:
                return await rig.finish(job)
            except DatabaseAway:
                unanswered.put_nowait(1)
                raise

        rig = Rig(database, work, lease=timedelta(seconds=2))
        async with without_its_standby(owner):
            await enqueue(owner, 2)
            async with rig.running():
                for _ in range(2):
                    await unanswered.get()
                await owner.execute("ALTER SYSTEM RESET synchronous_standby_names")
                await owner.execute("SELECT pg_reload_conf()")
                while await statuses(owner) != {"done": 2}:
                    continue
    rows = await owner.fetch("SELECT errors, crashes FROM acra_express.leases")
    assert [(row["errors"], row["crashes"]) for row in rows] == [(0, 0)] * 2


async def test_a_look_does_without_its_echo_in_a_jam(fresh_dsn: str, owner: Connection, database: Database) -> None:
    """Commits with a NOTIFY take turns, and the first one may wait for a standby that is gone."""
    other = await connection.connect(fresh_dsn, {"search_path": "public"})
    async with without_its_standby(owner):
        stuck = asyncio.create_task(enqueue(other))
        while not await owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"):
            await owner.execute("SELECT pg_stat_clear_snapshot()")
        look = await quick_look(database, new_echo())
        assert not look.live
        assert not stuck.done()
    await stuck
    assert (await quick_look(database, new_echo())).live
    await other.close()


async def test_a_cancel_lets_the_call_in_flight_end(database: Database, owner: Connection, fresh_dsn: str) -> None:
    """The worker is told an hour before its next heartbeat. It keeps what it has paid for and starts nothing more."""
    calling, told, refused = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        scope.check()
        calling.set()
        await told.wait()  # a provider answers after the cancel
        with pytest.raises(LeaseLost):
            scope.check()
        refused.set()
        scope.check()
        return End.DONE

    async def paced(seconds: float) -> None:
        if seconds == 60:
            told.set()
        await asyncio.sleep(seconds)

    rig = Rig(
        database,
        work,
        workers=1,
        lease=HOUR,
        heartbeat=HOUR / 4,
        listen_dsn=fresh_dsn,
        call_seconds=60,
        worker_pause=paced,
    )
    async with rig.running():
        await rig.listening.wait()
        [job_id] = await enqueue(owner)
        await calling.wait()
        await Operator(database).cancel(job_id, "somebody")
        await refused.wait()
    assert rig.attempts(End.LEASE_LOST) == 1
    assert await statuses(owner) == {"error": 1}
