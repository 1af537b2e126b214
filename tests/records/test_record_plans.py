"""Every query of the records desk uses an index, however many companies there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from conftest import tenant_sessions
from records.crowd import CAMPAIGN, crowd

from acra_express_async.db.companies.address_hash import AddressHash, load_address_hash
from acra_express_async.db.companies.campaign_rows import Campaigns
from acra_express_async.db.companies.decisions import explain
from acra_express_async.db.companies.forget import forget
from acra_express_async.db.companies.selection import Selection
from acra_express_async.db.console.company_search import CompanySearch
from acra_express_async.db.console.console_rows import ConsoleRows
from acra_express_async.db.jobs.uen_lists import UenLists, list_progress
from acra_express_async.db.records.field_history import FieldHistory
from acra_express_async.db.records.freshness_rows import FreshnessRows
from acra_express_async.db.records.judgement_rows import Field, NewJudgement, Word
from acra_express_async.db.records.judging import Judgements
from acra_express_async.db.records.record_pages import RecordPages, Wanted
from acra_express_async.db.records.review_rows import ReviewRows
from acra_express_async.db.records.sample_rows import AnswerKey, Samples
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pinned import OWNER_SETTINGS
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.records.accuracy import drawn, member_of

LARGE = (
    "outcomes companies staging_acra_companies company_enrichment_runs field_history campaign_uens code_members "
    "background_jobs judgements"
).split()
"""Tables that grow with the companies or the years; the others are small."""
SEARCHED = [table for table in LARGE if table != "judgements"]
"""Those that `forget` walks for a domain or an address; of the judgements, which people write, it reads all."""
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


def operations(
    database: Database, shape: PlatformShape, hashes: AddressHash
) -> dict[str, Callable[[], Awaitable[Any]]]:
    records, history, lists = RecordPages(database, shape), FieldHistory(database), UenLists(database)
    chosen = Selection(database, shape=shape, include_sole_proprietors=False, recheck_days=7, hold_nights=2)
    campaigns, reviewed, samples = Campaigns(database), ReviewRows(database), Samples(database)
    judgements = Judgements(database, hashes)
    fresh = FreshnessRows(database, shape=shape, include_sole_proprietors=False)
    now = datetime.now(UTC)
    uens = [f"{number:09d}A" for number in range(1000, 1500)]

    async def sample() -> None:
        keys, _ = await drawn(pages_of(await samples.answers(None).__anext__()), 100, 7)
        members = [member for told in await samples.told(keys) if (member := member_of(told)) is not None]
        await samples.store(members, by="mei", seed=7, wanted=100, population=1000, ssic_codes=None)

    async def listed(uen: str | None, sample_id: int | None) -> None:
        for ended in (False, True):
            await judgements.listed(uen=uen, sample_id=sample_id, ended=ended, limit=50)

    def said(word: Word, value: str, field: Field = "site") -> NewJudgement:
        return NewJudgement(uen=ANSWERED, field=field, judgement=word, value=value, by="mei")

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
        "records with a reason": lambda: first(records.pages(Wanted(reason="no_proof"))),
        "records without a match": lambda: first(records.pages(Wanted(outcome="cancelled"))),
        "why UENs have no record": lambda: records.why_missing(uens),
        "records with an outcome": lambda: first(records.pages(Wanted(outcome="no_website", reason="no_proof"))),
        "records of everything at once": lambda: first(
            records.pages(Wanted(campaign_id=3, since=now - 90 * DAY, ssic_codes=("10007",), outcome="enriched"))
        ),
        "records among UENs": lambda: records.among(Wanted(outcome="enriched"), uens),
        "changes": lambda: first(history.pages(now - 50 * DAY)),
        "pruned changes": lambda: history.prune(400 * DAY),
        "pruned lists": lambda: lists.prune(400 * DAY),
        "next of a list": lambda: chosen.look(3, 5, zone="UTC", cap=300),
        "progress of a list": progress,
        "newest campaigns": lambda: campaigns.newest(10),
        "one campaign": lambda: campaigns.one(3),
        "companies of a campaign": lambda: campaigns.companies(3, 50),
        "a decision": lambda: explain(database, ANSWERED),
        "a past decision": lambda: explain(database, ANSWERED, now - 20 * DAY),
        "what to review": lambda: first(reviewed.pages(None)),
        "what to review of codes": lambda: first(reviewed.pages(["10007"])),
        "answers to draw from": lambda: first(samples.answers(None)),
        "answers of codes to draw from": lambda: first(samples.answers(["10007"])),
        "a sample": sample,
        "judged members of a sample": lambda: samples.judged(1),
        "judged members of all samples": lambda: samples.judged(None),
        "verdicts by level": samples.verdicts,
        "newest judgements": lambda: listed(None, None),
        "judgements of a company": lambda: listed("000000010A", None),
        "judgements of a sample": lambda: listed(None, 1),
        "a judgement on a site": lambda: judgements.record(said(Word.SET, "right.sg"), look_again=True),
        "a judgement on an address": lambda: judgements.record(
            said(Word.BOUNCED, "info@company2.com.sg", "email"), look_again=False
        ),
        "a file's judgements": lambda: judgements.look_again(uens, "mei"),
        "cleared judgements": lambda: judgements.clear(ANSWERED, "site", None, "mei", look_again=True),
        "codes of a selection": lambda: fresh.codes((), ["10007"]),
        "freshness of a code": lambda: fresh.window("10007", ""),
        "freshness of UENs": lambda: fresh.named(uens, ["10007", "10008"]),
        "codes asked for": fresh.codes_asked_for,
        "the pace": fresh.pace,
    }


async def pages_of(page: list[AnswerKey]) -> AsyncIterator[list[AnswerKey]]:
    yield page


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
    hashes = await load_address_hash(owner)
    for mode in ("force_custom_plan", "force_generic_plan"):
        async with tenant_sessions(fresh_dsn, owner, size=1, extra={"plan_cache_mode": mode}) as database:
            for name, operation in operations(database, shape, hashes).items():
                statements.clear()
                before = await reads_of(database)
                await operation()
                scanned, fetched = (now - then for now, then in zip(await reads_of(database), before, strict=True))
                async with database.session() as connection:
                    plans = await plans_of(connection, dict(statements))
                print(f"{mode}: {name}: {fetched} entries of indexes")
                assert_no_scan((mode, name), scanned, plans, LARGE)
                assert fetched <= MOST_READ, (mode, name, plans)
        await assert_forget_by_index(fresh_dsn, mode, shape, hashes, statements)


async def assert_forget_by_index(
    fresh_dsn: str, mode: str, shape: PlatformShape, hashes: AddressHash, statements: dict[str, tuple[Any, ...]]
) -> None:
    """A company goes by its keys; for a domain or an address each large table is walked once, page by page."""
    number = {"force_custom_plan": 4, "force_generic_plan": 6}[mode]
    connection = await connect(fresh_dsn, OWNER_SETTINGS | {"plan_cache_mode": mode})
    uen = f"2019{number:05d}K"  # the others have no form of a UEN
    try:
        for table in ("public.companies", "acra_express.outcomes"):
            await connection.execute(f"UPDATE {table} SET uen = $1 WHERE uen = $2", uen, f"{number:09d}A")
        for each in (number, number + 4, number + 8):
            domain = f"company{each}.com.sg"
            found = {"site": {"domain": domain}, "emails": [{"address": f"info@{domain}", "kind": "role"}]}
            await connection.execute("UPDATE acra_express.outcomes SET detail = $2 WHERE company_id = $1", each, found)
        for subject in (uen, f"company{number + 4}.com.sg", f"info@company{number + 8}.com.sg"):
            statements.clear()
            before = await reads(connection, SEARCHED)
            done = await forget(connection, subject, shape=shape, hashes=hashes)
            assert done.removed["acra_express.outcomes"] == 2, done
            now = await reads(connection, SEARCHED)
            plans = await plans_of(connection, dict(statements))
            print(f"{mode}: forget {subject}: {now[1] - before[1]} entries of indexes")
            assert_no_scan((mode, subject), now[0] - before[0], plans, SEARCHED)
    finally:
        await connection.close()


def assert_no_scan(what: object, scanned: int, plans: list[str], tables: list[str]) -> None:
    assert plans
    assert scanned == 0, (what, plans)
    seen = [each for each in plans for table in tables if f"Seq Scan on {table} " in each]
    assert not seen, (what, seen)


async def plans_of(connection: Connection, asked: dict[str, tuple[Any, ...]]) -> list[str]:
    return [
        "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {query}", *values))
        for query, values in asked.items()
        if "pg_stat" not in query
    ]


async def reads_of(database: Database) -> tuple[int, int]:
    async with database.session() as connection:
        return await reads(connection, LARGE)


async def reads(connection: Connection, tables: list[str]) -> tuple[int, int]:
    """Rows that scans and entries that indexes gave this session so far, of these tables."""
    await connection.execute("SELECT pg_stat_force_next_flush()")
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    row = await connection.fetchrow(
        """
        SELECT (SELECT sum(t.seq_tup_read) FROM pg_stat_all_tables t
                WHERE t.relname = ANY ($1::text[]))::bigint AS scanned,
               (SELECT sum(i.idx_tup_read) FROM pg_stat_all_indexes i
                WHERE i.relname = ANY ($1::text[]))::bigint AS read
        """,
        tables,
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
