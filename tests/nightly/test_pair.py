"""The nightly alone compared with the nightly beside express at full speed: it must end as if we were not there."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import asyncpg
import pytest
from rig import enqueue

from acra_express_async.db.companies.company_domains import update_domains
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.sandbox.nightly import Figures, alerts, run_apart
from acra_express_async.sandbox.postgres import EmbeddedPostgres

from .bad_guests import BadGuest, CompaniesFirst, InsertRace, LongTransaction, StolenDomain, WrongTenant
from .guest import Guest
from .lock_waits import LockWaits, watched_waits
from .worlds import (
    CODES,
    CUSTOMERS,
    RETRIED,
    crowd,
    deadlocks,
    furnish,
    job_to_retry,
    nightly_jobs,
    rows_without_uen,
    twins,
)

TERMS = (("pump",), ("bakery",), ("vegetables",), ("pump",))
PASSES = 3
"""Staging jobs create enrichment jobs that only the next pass sees; the third one meets what the second left over."""
HELD_UP_MS = 50
"""What a transaction of ours may cost the nightly on a quiet machine; longer waits are counted and printed."""
LONGEST_WAIT_MS = 1000
"""A crowded machine may stop a transaction of ours for many time slices; a guest that waits within one waits longer."""


@asynccontextmanager
async def world(
    postgres: EmbeddedPostgres, template: str, rows: int, domains: int
) -> AsyncIterator[tuple[Connection, str]]:
    """A separate filled database with what the platform's nightly meets and a crowd of domains; dropped afterwards."""
    name = f"n_{secrets.token_hex(6)}"
    server = await asyncpg.connect(postgres.dsn())
    await server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    owner = await connect(postgres.dsn(name), {"search_path": "public"})
    try:
        await furnish(owner, rows)
        await job_to_retry(owner)
        await rows_without_uen(owner, rows // 60)
        await crowd(owner, domains)
        await nightly_jobs(owner, TERMS)
        await owner.execute("ANALYZE", timeout=120)
        yield owner, postgres.dsn(name)
    finally:
        await owner.close()
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()


async def alone(postgres: EmbeddedPostgres, template: str, rows: int, domains: int) -> Figures:
    async with world(postgres, template, rows, domains) as (_, dsn), watched_waits(dsn):
        return await run_apart(dsn, PASSES)


@dataclass(frozen=True, slots=True)
class Beside:
    """One night with express.

    `held_up` are the nightly's waits for locks that we held, in ms; `twins` counts names that two companies share.
    """

    figures: Figures
    guest: Guest
    deadlocks: int
    alerts: set[str]
    held_up: list[float]
    twins: int
    waits: LockWaits


async def beside(
    postgres: EmbeddedPostgres,
    template: str,
    rows: int,
    domains: int,
    *,
    stand_back: bool = False,
    kind: type[Guest] = Guest,
    aside: Callable[[str], AbstractAsyncContextManager[object]] | None = None,
) -> Beside:
    """Run both at once. Express waits for no provider, so without standing back this is the worst case.

    Args:
        aside: what else goes on meanwhile, made of the database's DSN.
    """
    async with world(postgres, template, rows, domains) as (owner, dsn):
        ours = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
        bad = issubclass(kind, BadGuest)
        database = Database(
            dsn,
            role=None if bad else "acra_express",
            tenant_id=CUSTOMERS[0] if kind is WrongTenant else ours,
            size=4,
            extra={"lock_timeout": "0", "statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
            if bad
            else {},
        )
        await database.open()
        try:
            await update_domains(database)
            guest = await kind.made(database, [*CODES, RETRIED], stand_back=stand_back)
            await enqueue(owner, rows // guest.batch)
            async with AsyncExitStack() as beside_it:
                waits = await beside_it.enter_async_context(watched_waits(dsn))
                if aside is not None:
                    await beside_it.enter_async_context(aside(dsn))
                await beside_it.enter_async_context(guest.running())
                figures = await run_apart(dsn, PASSES)
            complaints = {line for line in await alerts(owner) if line.startswith(f"tenant {ours}:")}
            count = await twins(owner)
            return Beside(figures, guest, await deadlocks(owner), complaints, waits.lengths, count, waits)
        finally:
            await database.close()


def complaints(night: Beside, undisturbed: Figures) -> list[str]:
    """The ways in which the guest harmed the nightly; none for a good guest.

    Stored and skipped may shift (B6): the nightly skips what we enriched, and a skip does not count against its cap, so
    it reaches other companies and may even defer less.
    """
    figures = night.figures
    judged = {
        "jobs by status": dict(figures.jobs) == dict(undisturbed.jobs),
        "staged": figures.staged == undisturbed.staged,
        "lost staging jobs": figures.lost_staging_jobs == 0,
        "failed": (figures.failed.total(), figures.failed_jobs) == (0, 0),
        "deferred": figures.deferred <= undisturbed.deferred,
        "handled": figures.stored + figures.skipped >= undisturbed.stored + undisturbed.skipped,
        "deadlocks": night.deadlocks == 0,
        "held up": max(night.held_up, default=0.0) < LONGEST_WAIT_MS,
        "twins": night.twins == 0,
        "alerts": night.alerts == set(),
    }
    return [what for what, good in judged.items() if not good]


def told(alone: Figures, night: Beside) -> str:
    """A pair on one line: alone -> beside."""
    figures, guest = night.figures, night.guest
    return (
        f"{alone.seconds:.2f} -> {figures.seconds:.2f} s; jobs {dict(sorted(figures.jobs.items()))} (the same);"
        f" staged {alone.staged} -> {figures.staged}, stored {alone.stored} -> {figures.stored},"
        f" skipped {alone.skipped} -> {figures.skipped}, deferred {alone.deferred} -> {figures.deferred},"
        f" lost {figures.lost_staging_jobs}, failed {figures.failed.total()}, deadlocks {night.deadlocks},"
        f" waits for us {len(night.held_up)}, longest {max(night.held_up, default=0):.0f} ms, twins {night.twins},"
        f" longest statement {alone.longest_statement:.2f} -> {figures.longest_statement:.2f} s;"
        f" express saved {guest.saved}, gave way {dict(guest.gave_way)}"
    )


@pytest.mark.parametrize("stand_back", [True, False], ids=["standing back", "not standing back"])
async def test_express_leaves_a_nightly_run_unchanged(
    postgres: EmbeddedPostgres, template_database: str, stand_back: bool
) -> None:
    undisturbed = await alone(postgres, template_database, 240, 2000)
    night = await beside(postgres, template_database, 240, 2000, stand_back=stand_back)
    print(told(undisturbed, night))
    assert complaints(night, undisturbed) == []
    assert night.guest.saved > 0
    assert undisturbed.lost_staging_jobs == 0
    assert undisturbed.jobs["staging_upsert:done"] == len(TERMS)
    assert undisturbed.jobs["enrich_candidates:error"] == 0, "queued again, and done"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("stand_back", [True, False], ids=["standing back", "not standing back"])
async def test_ten_interleaved_pairs_leave_the_nightly_unchanged(
    postgres: EmbeddedPostgres, template_database: str, record_property: Any, stand_back: bool
) -> None:
    """Half of the pairs start with express, so that a machine that becomes slower or faster favours neither."""
    ratios: list[float] = []
    held_up: list[float] = []
    stored: list[tuple[int, int]] = []
    for pair in range(10):
        if pair % 2:
            night = await beside(postgres, template_database, 4000, 100_000, stand_back=stand_back)
            undisturbed = await alone(postgres, template_database, 4000, 100_000)
        else:
            undisturbed = await alone(postgres, template_database, 4000, 100_000)
            night = await beside(postgres, template_database, 4000, 100_000, stand_back=stand_back)
        assert complaints(night, undisturbed) == []
        assert night.guest.saved > 0
        figures = night.figures
        ratios.append(figures.seconds / undisturbed.seconds)
        print(f"\npair {pair + 1}: ratio {ratios[-1]:.2f}; {told(undisturbed, night)}", flush=True)
        held_up += night.held_up
        stored.append((undisturbed.stored, night.figures.stored))
    longer = sum(ms > HELD_UP_MS for ms in held_up)
    longest = max(held_up, default=0.0)
    print(f"\nwaits for us: {len(held_up)}, of more than {HELD_UP_MS} ms: {longer}, longest {longest:.0f} ms")
    print(f"companies stored, alone and beside us: {stored}")
    print(f"\nwall time with express / alone: median {median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")
    record_property("wall_time_ratio", median(ratios))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        (WrongTenant, "deferred"),
        (CompaniesFirst, "deadlocks"),
        (InsertRace, "lost staging jobs"),
        (LongTransaction, "held up"),
        (StolenDomain, "failed"),
    ],
)
async def test_the_pair_detects_a_bad_guest(
    postgres: EmbeddedPostgres, template_database: str, kind: type[BadGuest], complaint: str
) -> None:
    undisturbed = await alone(postgres, template_database, 600, 1000)
    night = await beside(postgres, template_database, 600, 1000, kind=kind)
    found = complaints(night, undisturbed)
    print(f"\n{kind.__name__}: {', '.join(found)}; {told(undisturbed, night)}")
    assert complaint in found
