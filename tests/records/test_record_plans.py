"""Every query of records, export, campaigns and history uses an index, however many companies there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from conftest import tenant_sessions
from records.crowd import CAMPAIGN, crowd

from acra_express_async.db.companies.campaign_rows import Campaigns
from acra_express_async.db.companies.decisions import explain
from acra_express_async.db.console.company_search import CompanySearch
from acra_express_async.db.console.console_rows import ConsoleRows
from acra_express_async.db.jobs.uen_lists import UenLists, list_progress
from acra_express_async.db.records.field_history import FieldHistory
from acra_express_async.db.records.freshness_rows import FreshnessRows
from acra_express_async.db.records.record_pages import RecordPages, Wanted
from acra_express_async.db.records.review_rows import ReviewRows
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database

LARGE = (
    "outcomes companies staging_acra_companies company_enrichment_runs field_history campaign_uens code_members "
    "background_jobs"
).split()
"""Tables that grow with the companies or the years; the others are small."""
MOST_READ = 30_000
"""Entries of indexes that one operation may read; the largest counts ten campaigns of a thousand companies."""
DAY = timedelta(days=1)
ANSWERED = "000000002A"


async def first(pages: AsyncIterator[list[Any]], count: int = 3) -> None:
    """Read the first pages; none of them may need the ones that follow."""
    seen = 0
    async for _ in pages:
        seen += 1
        if seen == count:
            return


def operations(database: Database, shape: PlatformShape) -> dict[str, Callable[[], Awaitable[Any]]]:
    records, history, lists = RecordPages(database, shape), FieldHistory(database), UenLists(database)
    campaigns = Campaigns(database)
    fresh = FreshnessRows(database, shape=shape, include_sole_proprietors=False)
    now = datetime.now(UTC)
    uens = [f"{number:09d}A" for number in range(1000, 1500)]

    async def progress() -> None:
        async with database.session() as connection:
            await list_progress(connection, 3)

    search, trail = CompanySearch(database), ConsoleRows(database)

    return {
        "a UEN in the console": lambda: search.knows("000001000A"),
        "a domain in the console": lambda: search.by_domain("company1000.com.sg"),
        "a name in the console": lambda: search.by_name("firm 1"),
        "a review in the console": lambda: first(ReviewRows(database).pages(None, size=100, most=500), 5),
        "changes of a company": lambda: history.of_company("000001000A", 60),
        "the trail": lambda: trail.actions(200),
        "a session": lambda: trail.is_alive(b"x" * 18, now.timestamp()),
        "all records": lambda: first(records.pages(Wanted())),
        "records since a moment": lambda: first(records.pages(Wanted(since=now - DAY))),
        "records of codes": lambda: first(records.pages(Wanted(ssic_codes=("10007",)))),
        "records of a campaign": lambda: first(records.pages(Wanted(campaign_id=3))),
        "records of UENs": lambda: first(records.pages(Wanted(), uens)),
        "records with an outcome": lambda: first(records.pages(Wanted(outcome="no_website", reason="no_proof"))),
        "records of everything at once": lambda: first(
            records.pages(Wanted(campaign_id=3, since=now - 90 * DAY, ssic_codes=("10007",), outcome="enriched"))
        ),
        "records among UENs": lambda: records.among(Wanted(outcome="enriched"), uens),
        "changes": lambda: first(history.pages(now - 50 * DAY)),
        "pruned changes": lambda: history.prune(400 * DAY),
        "pruned lists": lambda: lists.prune(400 * DAY),
        "next of a list": lambda: lists.next_of(3, 5),
        "progress of a list": progress,
        "newest campaigns": lambda: campaigns.newest(10),
        "one campaign": lambda: campaigns.one(3),
        "companies of a campaign": lambda: campaigns.companies(3, 50),
        "a decision": lambda: explain(database, ANSWERED),
        "a past decision": lambda: explain(database, ANSWERED, now - 45 * DAY),
        "freshness of a code": lambda: fresh.window("10007", ""),
        "freshness of UENs": lambda: fresh.named(uens, ["10007", "10008"]),
        "codes asked for": fresh.codes_asked_for,
        "the pace": fresh.pace,
    }


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Any, ...]]:
    """Every statement that is sent from now on, with the values of the last time."""
    sent: dict[str, tuple[Any, ...]] = {}
    execute = asyncpg.Connection._execute

    async def noting(self: Any, query: str, args: Any, *rest: Any, **more: Any) -> Any:
        if query.lstrip().startswith(("SELECT", "WITH", "UPDATE", "DELETE", "INSERT")):
            sent[query] = tuple(args)
        return await execute(self, query, args, *rest, **more)

    monkeypatch.setattr(asyncpg.Connection, "_execute", noting)
    return sent


async def assert_by_index(
    fresh_dsn: str, owner: Connection, shape: PlatformShape, statements: dict[str, tuple[Any, ...]]
) -> None:
    for mode in ("force_custom_plan", "force_generic_plan"):
        async with tenant_sessions(fresh_dsn, owner, size=1, extra={"plan_cache_mode": mode}) as database:
            for name, operation in operations(database, shape).items():
                statements.clear()
                before = await reads(database)
                await operation()
                scanned, fetched = (now - then for now, then in zip(await reads(database), before, strict=True))
                asked = dict(statements)
                plans = [await plan(database, query, args) for query, args in asked.items() if "pg_stat" not in query]
                print(f"{mode}: {name}: {fetched} entries of indexes")
                assert scanned == 0, (mode, name, plans)
                assert fetched <= MOST_READ, (mode, name, plans)
                assert plans
                seen = [each for each in plans for table in LARGE if f"Seq Scan on {table} " in each]
                assert not seen, (mode, name, seen)


async def plan(database: Database, query: str, values: tuple[Any, ...]) -> str:
    async with database.session() as connection:
        return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {query}", *values))


async def reads(database: Database) -> tuple[int, int]:
    """Rows that scans and entries that indexes gave this session so far, of the large tables."""
    async with database.session() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        row = await connection.fetchrow(
            """
            SELECT (SELECT sum(t.seq_tup_read) FROM pg_stat_all_tables t
                    WHERE t.relname = ANY ($1::text[]))::bigint AS scanned,
                   (SELECT sum(i.idx_tup_read) FROM pg_stat_all_indexes i
                    WHERE i.relname = ANY ($1::text[]))::bigint AS read
            """,
            LARGE,
        )
    assert row is not None
    return row["scanned"], row["read"]


@pytest.mark.timeout(180)
async def test_records_are_read_by_index(
    fresh_dsn: str, owner: Connection, shape: PlatformShape, statements: dict[str, tuple[Any, ...]]
) -> None:
    await crowd(owner, 50 * CAMPAIGN, details=False)
    await assert_by_index(fresh_dsn, owner, shape, statements)


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_a_million_companies_are_read_by_index(
    fresh_dsn: str, owner: Connection, shape: PlatformShape, statements: dict[str, tuple[Any, ...]]
) -> None:
    """With two million outcomes."""
    await crowd(owner, 1000 * CAMPAIGN, details=False)
    await assert_by_index(fresh_dsn, owner, shape, statements)
