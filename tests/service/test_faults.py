"""Faults of a running service: frozen, cut off, its database restarted or gone during the stop."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta

import pytest
from conftest import tenant_sessions
from faults import proxied
from rig import Rig, enqueue, statuses, writes_of

from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import LeaseLost
from acra_express_async.jobs.attempts import End, JobScope
from acra_express_async.models import Job
from acra_express_async.sandbox.postgres import EmbeddedPostgres

LEASE = timedelta(seconds=3)


async def test_a_new_job_waits_for_at_most_one_company(database: Database, owner: Connection) -> None:
    """Sixty jobs of many companies each have been served; a new job gets a worker after the next committed company."""
    old = set(await enqueue(owner, 60))
    order: list[int] = []
    newcomer: list[int] = []

    async def work(job: Job, scope: JobScope) -> End:
        order.append(job.job_id)
        if job.job_id in old:
            if len(order) == 70:
                newcomer.extend(await enqueue(owner, 1))
            # One company is committed here; the rest of the job is for a later turn.
            async with rig.jobs.owned(job) as connection:
                fresh_waits = await rig.jobs.progress(connection, job, processed=1, total=2)
            if len(order) < 90 and (fresh_waits or order.count(job.job_id) < 2):
                return End.RELEASED
        return await rig.finish(job)

    rig = Rig(database, work, workers=1, until_idle=True)
    assert await rig.supervisor.run() == 0
    assert order[70] == newcomer[0]
    assert await statuses(owner) == {"done": 61}


async def test_every_write_of_a_zombie_is_refused(database: Database, owner: Connection) -> None:
    """A process that was frozen in mid-job resumes after another one finished the job: all its writes are refused."""
    jobs = Jobs(database, database)
    await enqueue(owner)
    [frozen] = await jobs.claim("frozen", LEASE, 1)
    await owner.execute("UPDATE acra_express.leases SET due_at = clock_timestamp()")
    [heir] = await jobs.claim("heir", LEASE, 1)
    async with jobs.owned(heir) as connection:
        await jobs.finish(connection, heir, total=1)
    before = await owner.fetch("SELECT * FROM background_jobs")
    leases = await owner.fetch("SELECT * FROM acra_express.leases")
    for write in writes_of(jobs, frozen):
        with pytest.raises(LeaseLost):
            await write
    with pytest.raises(LeaseLost):
        async with jobs.owned(frozen) as connection:
            await jobs.finish(connection, frozen, total=99)
    assert await owner.fetch("SELECT * FROM background_jobs") == before
    assert await owner.fetch("SELECT * FROM acra_express.leases") == leases


async def test_no_call_starts_past_the_local_deadline_of_the_lease(fresh_dsn: str, owner: Connection) -> None:
    """The link is cut for longer than the lease: the scope refuses before another worker could claim the job."""
    async with proxied(fresh_dsn) as (proxy, dsn), tenant_sessions(dsn, owner, size=3) as database:
        refused = asyncio.Event()

        async def work(job: Job, scope: JobScope) -> End:
            proxy.refuse = True
            proxy.cut()
            while True:
                try:
                    scope.check()
                except LeaseLost:
                    refused.set()
                    raise
                await rig.beaten.get()

        rig = Beating(database, work, workers=1, lease=timedelta(seconds=1), heartbeat=timedelta(seconds=0.2))
        await enqueue(owner)
        running = asyncio.create_task(rig.supervisor.run())
        await refused.wait()
        proxy.heal()
        rig.supervisor.request_stop("end of test")
        assert await running == 0


class Beating(Rig):
    """A rig whose heartbeats, including missed ones, can be waited for."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.beaten: asyncio.Queue[int] = asyncio.Queue()
        beat = self.jobs.heartbeat

        async def told(job: Job) -> bool:
            try:
                return await beat(job)
            finally:
                self.beaten.put_nowait(1)

        self.jobs.heartbeat = told  # type: ignore[method-assign]


async def test_the_service_outlives_a_restart_of_the_server() -> None:
    """Every connection is lost in mid-job; the same process still finishes the job."""
    from conftest import ROLE

    from acra_express_async.db.schema.migrate import migrate
    from acra_express_async.db.schema.platform_shape import bootstrap_platform
    from acra_express_async.db.session.pool import connect

    with EmbeddedPostgres() as server:
        owner = await connect(server.dsn(), {})
        await bootstrap_platform(owner)
        await migrate(owner, ROLE)
        tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
        await enqueue(owner, 3)
        await owner.close()
        database = Database(server.dsn(), role=ROLE, tenant_id=tenant, size=3)
        await database.open()
        restarted = asyncio.Event()
        done: asyncio.Queue[int] = asyncio.Queue()

        async def work(job: Job, scope: JobScope) -> End:
            if not restarted.is_set():
                restarted.set()
                await asyncio.to_thread(server.restart)
            end = await rig.finish(job)
            done.put_nowait(job.job_id)
            return end

        rig = Rig(database, work, workers=1, listen_dsn=server.dsn(), lease=LEASE)
        async with rig.running():
            finished = {await done.get() for _ in range(3)}
        assert len(finished) == 3
        await database.close()


async def test_a_frozen_server_does_not_delay_the_stop(fresh_dsn: str, owner: Connection) -> None:
    """SIGTERM while nothing answers: every step has a deadline, and the exit code is still 0."""
    async with proxied(fresh_dsn) as (proxy, dsn), tenant_sessions(dsn, owner, size=3) as database:
        inside = asyncio.Event()

        async def work(job: Job, scope: JobScope) -> End:
            inside.set()
            await rig.draining.wait()
            scope.check()
            return End.DONE

        rig = Rig(database, work, workers=1, drain_seconds=4)
        await enqueue(owner)
        running = asyncio.create_task(rig.supervisor.run())
        await inside.wait()
        proxy.blackhole()
        rig.supervisor.request_stop("test")
        assert await running == 0
        await database.close(timedelta(seconds=0.5))
    assert await statuses(owner) == {"running": 1}


async def test_the_service_waits_for_a_standby_to_be_promoted(database: Database, owner: Connection) -> None:
    """Read-only after a failover: nothing is lost, and the claim succeeds once writing is possible again."""
    await enqueue(owner)
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'acra-express'"
    )
    failed = asyncio.Event()
    done = asyncio.Event()

    async def work(job: Job, scope: JobScope) -> End:
        end = await rig.finish(job)
        done.set()
        return end

    async def pause(_seconds: float) -> None:
        failed.set()
        await asyncio.sleep(0.01)

    rig = Rig(database, work)
    rig.poller._loop._pause = pause
    async with rig.running():
        await failed.wait()
        await owner.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'acra-express'"
        )
        await done.wait()
    assert await statuses(owner) == {"done": 1}


async def test_frozen_pool_connections_are_abandoned(fresh_dsn: str, owner: Connection) -> None:
    """A stopped backend does not answer; the call ends by its time-out as DatabaseAway."""
    from acra_express_async.db.session import pool
    from acra_express_async.errors import DatabaseAway

    tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    database = Database(fresh_dsn, role="acra_express", tenant_id=tenant, size=1)
    original = pool.COMMAND_TIMEOUT
    pool.COMMAND_TIMEOUT = timedelta(seconds=1)
    try:
        await database.open()
        async with database.session() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(DatabaseAway):
                async with database.session() as connection:
                    await connection.fetchval("SELECT 1")
        finally:
            os.kill(pid, signal.SIGCONT)
        async with database.session() as connection:
            assert await connection.fetchval("SELECT 1") == 1
    finally:
        pool.COMMAND_TIMEOUT = original
        await database.close()
