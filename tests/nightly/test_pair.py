"""The nightly alone against the nightly with express at full speed: it must end as if we were not there."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import asyncpg
import pytest
from rig import enqueue

from acra_express_async.db.pool import Connection, Database, connect
from acra_express_async.sandbox.nightly import Figures, alerts, run_apart
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


@dataclass(frozen=True, slots=True)
class Beside:
    """One night with express."""

    figures: Figures
    guest: Guest
    deadlocks: int
    alerts: set[str]


async def beside(postgres: EmbeddedPostgres, template: str, rows: int, *, stand_back: bool) -> Beside:
    """Both at once, express without any provider to wait for; without standing back it is the harshest case."""
    async with world(postgres, template, rows) as (owner, dsn):
        tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
        database = Database(dsn, role="acra_express", tenant_id=tenant, size=4)
        await database.open()
        try:
            guest = await Guest.made(database, CODES, stand_back=stand_back)
            await enqueue(owner, rows // guest.batch)
            async with guest.running():
                figures = await run_apart(dsn, PASSES)
            ours = {line for line in await alerts(owner) if line.startswith(f"tenant {tenant}:")}
            return Beside(figures, guest, await deadlocks(owner), ours)
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


def assert_beside(night: Beside, undisturbed: Figures) -> None:
    assert_unharmed(night.figures, undisturbed)
    assert night.deadlocks == 0
    assert night.alerts == set()
    assert night.guest.saved > 0


def told(alone: Figures, night: Beside) -> str:
    """A pair in one line: alone -> beside."""
    figures, guest = night.figures, night.guest
    return (
        f"{alone.seconds:.2f} -> {figures.seconds:.2f} s; jobs {dict(sorted(figures.jobs.items()))} (the same);"
        f" staged {alone.staged} -> {figures.staged}, stored {alone.stored} -> {figures.stored},"
        f" skipped {alone.skipped} -> {figures.skipped}, deferred {alone.deferred} -> {figures.deferred},"
        f" lost {figures.lost_staging_jobs}, failed {figures.failed.total()}, deadlocks {night.deadlocks},"
        f" longest statement {alone.longest_statement:.2f} -> {figures.longest_statement:.2f} s;"
        f" express saved {guest.saved}, gave way {dict(guest.gave_way)}"
    )


@pytest.mark.parametrize("stand_back", [True, False], ids=["standing back", "not standing back"])
async def test_a_pair(postgres: EmbeddedPostgres, template_database: str, stand_back: bool) -> None:
    undisturbed = await alone(postgres, template_database, 240)
    night = await beside(postgres, template_database, 240, stand_back=stand_back)
    assert_beside(night, undisturbed)
    assert undisturbed.lost_staging_jobs == 0
    assert undisturbed.jobs["staging_upsert:done"] == len(TERMS)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("stand_back", [True, False], ids=["standing back", "not standing back"])
async def test_ten_interleaved_pairs(
    postgres: EmbeddedPostgres, template_database: str, record_property: Any, stand_back: bool
) -> None:
    """Half of the pairs begin with express, so that a machine that grows slower or faster favours neither."""
    ratios, lines = [], []
    for pair in range(10):
        if pair % 2:
            night = await beside(postgres, template_database, 4000, stand_back=stand_back)
            undisturbed = await alone(postgres, template_database, 4000)
        else:
            undisturbed = await alone(postgres, template_database, 4000)
            night = await beside(postgres, template_database, 4000, stand_back=stand_back)
        assert_beside(night, undisturbed)
        figures = night.figures
        ratios.append(figures.seconds / undisturbed.seconds)
        lines.append(f"{pair + 1:>2}: ratio {ratios[-1]:.2f}; {told(undisturbed, night)}")
    print("\n" + "\n".join(lines))
    print(f"wall time with express / alone: median {median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")
    record_property("wall_time_ratio", median(ratios))
