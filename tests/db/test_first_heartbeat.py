"""A job that ends its process as soon as its handler starts counts as a crash, also as the first job of a process."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from conftest import ROLE
from rig import enqueue

from acra_express_async.db.session.pool import Connection

SCRIPT = Path(__file__).with_name("dies_at_once.py")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("kind", ["cold", "warm"])
async def test_a_job_that_kills_at_once_is_confirmed(owner: Connection, fresh_dsn: str, kind: str, loop: str) -> None:
    await enqueue(owner, 2)
    tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), fresh_dsn, ROLE, str(tenant), kind, loop, stdout=asyncio.subprocess.PIPE
    )
    job, _ = await process.communicate()
    assert process.returncode == 9
    await gone(owner)
    assert await owner.fetchval("SELECT confirmed FROM acra_express.leases WHERE job_id = $1", int(job))


async def gone(owner: Connection) -> None:
    """Until the server has ended the sessions of the dead process, and with them what they had been sent."""
    while True:
        sessions = await owner.fetchval(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'acra-express'
            """
        )
        if not sessions:
            return
