"""A claim does not wait for the disk; what becomes of it when the server crashes before it is there."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from conftest import ROLE, tenant_sessions
from rig import enqueue, statuses, writes_of

from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.schema.migrate import migrate
from acra_express_async.db.schema.platform_shape import bootstrap_platform
from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.errors import DatabaseAway, LeaseLost
from acra_express_async.models import Job
from acra_express_async.sandbox.postgres import EmbeddedPostgres

LEASE = timedelta(seconds=60)


@pytest_asyncio.fixture
async def dsn() -> AsyncIterator[str]:
    """A migrated database on a server that a test may crash; nothing else writes there."""
    with EmbeddedPostgres(options={"autovacuum": "off"}) as server:
        owner = await connect(server.dsn(), {})
        await bootstrap_platform(owner)
        await migrate(owner, ROLE)
        await owner.close()
        yield server.dsn()


async def pid_of(owner: Connection, kind: str) -> int:
    return int(await owner.fetchval("SELECT pid FROM pg_stat_activity WHERE backend_type = $1", kind))


async def back(dsn: str) -> Connection:
    """A session of the server once it has recovered."""
    while True:
        try:
            return await connect(dsn, {})
        except DatabaseAway:
            continue


async def claimed(jobs: Jobs) -> Job:
    job = (await jobs.claim_next("me", LEASE, nightly_first=True)).job
    assert job is not None
    return job


async def test_a_claim_that_a_server_crash_undoes_is_made_anew(dsn: str) -> None:
    owner = await connect(dsn, {})
    await enqueue(owner)
    async with tenant_sessions(dsn, owner, size=2) as database:
        jobs = Jobs(database, database)
        writer = await pid_of(owner, "walwriter")
        os.kill(writer, signal.SIGSTOP)  # nothing brings the claim to the disk
        lost = await claimed(jobs)
        assert await statuses(owner) == {"running": 1}
        os.kill(writer, signal.SIGKILL)  # the server takes that for a crash, and recovers
        owner = await back(dsn)
        assert await statuses(owner) == {"queued": 1}
        for write in writes_of(jobs, lost):
            with pytest.raises((LeaseLost, DatabaseAway)):
                await write
        job = await claimed(jobs)
        assert (job.job_id, job.attempt, job.crashes) == (lost.job_id, 1, 0)
        assert job.token != lost.token
        with pytest.raises(LeaseLost):
            await jobs.heartbeat(lost)
        await owner.close()


async def test_the_next_durable_commit_keeps_the_claim(dsn: str) -> None:
    owner = await connect(dsn, {})
    await enqueue(owner, 2)
    async with tenant_sessions(dsn, owner, size=2) as database:
        jobs = Jobs(database, database)
        writer = await pid_of(owner, "walwriter")
        os.kill(writer, signal.SIGSTOP)
        kept, ended = await claimed(jobs), await claimed(jobs)
        await jobs.end(ended, total=0)
        os.kill(writer, signal.SIGKILL)
        owner = await back(dsn)
        assert await statuses(owner) == {"done": 1, "running": 1}
        assert await owner.fetchval("SELECT token FROM acra_express.leases WHERE held") == kept.token
        await owner.close()
