"""The nightly alone against the nightly with express at full speed: it must end as if we were not there."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import asyncpg
import pytest
from rig import enqueue

from acra_express_async.db.pool import Connection, Database, connect
from acra_express_async.sandbox.nightly import Figures, run_apart
from acra_express_async.sandbox.postgres import EmbeddedPostgres

from .guest import Guest
from .worlds import CODES, deadlocks, furnish, nightly_jobs

TERMS = (("pump",), ("bakery",), ("vegetables",), ("pump",))
PASSES = 2
"""Staging jobs bear enrichment jobs that only the next pass sees."""


@asynccontextmanager
async def world(postgres: EmbeddedPostgres, template: str, rows: int) -> AsyncIterator[tuple[Connection, str]]:
    """A furnished database of its own, gone afterwards."""
    name = f"n_{secrets.token_hex(6)}"
    server = await asyncpg.connect(postgres.dsn())
    await server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    owner = await connect(postgres.dsn(name), {"search_path": "public"})
    try:
        await furnish(owner, rows)
        await nightly_jobs(owner, TERMS)
        await owner.execute("ANALYZE")
        yield owner, postgres.dsn(name)
    finally:
        await owner.close()
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()


async def alone(postgres: EmbeddedPostgres, template: str, rows: int) -> Figures:
    async with world(postgres, template, rows) as (_, dsn):
        return await run_apart(dsn, PASSES)


async def beside(postgres: EmbeddedPostgres, template: str, rows: int) -> tuple[Figures, Guest, int]:
    """Both at once; express never stands back by itself, which is the harshest case."""
    async with world(postgres, template, rows) as (owner, dsn):
        tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
        database = Database(dsn, role="acra_express", tenant_id=tenant, size=4)
        await database.open()
        try:
            guest = await Guest.made(database, CODES)
            await enqueue(owner, rows // guest.batch)
            async with guest.running():
                figures = await run_apart(dsn, PASSES)
            return figures, guest, await deadlocks(owner)
        finally:
            await database.close()


def assert_unharmed(figures: Figures, undisturbed: Figures) -> None:
    """The same jobs in the same status, nothing lost, nothing failed, nothing deferred that would not have been.

    Stored and skipped shift (B6): what we enriched it skips, and a skip costs nothing of its cap, so it gets on to
    others and may even defer less.
    """
    assert dict(figures.jobs) == dict(undisturbed.jobs)
    assert figures.staged == undisturbed.staged
    assert (figures.lost_staging_jobs, dict(figures.failed)) == (0, {})
    assert figures.deferred <= undisturbed.deferred
    assert figures.stored + figures.skipped >= undisturbed.stored + undisturbed.skipped


async def test_a_pair(postgres: EmbeddedPostgres, template_database: str) -> None:
    undisturbed = await alone(postgres, template_database, 240)
    figures, guest, locked = await beside(postgres, template_database, 240)
    assert_unharmed(figures, undisturbed)
    assert undisturbed.lost_staging_jobs == 0
    assert undisturbed.jobs["staging_upsert:done"] == len(TERMS)
    assert locked == 0
    assert guest.saved > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_ten_interleaved_pairs(postgres: EmbeddedPostgres, template_database: str, record_property: Any) -> None:
    ratios, waits, saved = [], [], 0
    for _ in range(10):
        undisturbed = await alone(postgres, template_database, 4000)
        figures, guest, locked = await beside(postgres, template_database, 4000)
        assert_unharmed(figures, undisturbed)
        assert locked == 0
        ratios.append(figures.seconds / undisturbed.seconds)
        waits.append(figures.longest_statement)
        saved += guest.saved
    print(
        f"\nwall time with express / alone: median {median(ratios):.2f}, worst {max(ratios):.2f};"
        f" longest statement of the nightly {max(waits):.2f} s; companies saved beside it {saved}"
    )
    record_property("wall_time_ratio", median(ratios))
    assert saved > 0
