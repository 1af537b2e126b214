"""Which company has a domain: the usual spellings at once, any other since the last tick, by indexes alone."""

from __future__ import annotations

import time

import pytest

from acra_express_async.db.companies import company_domains
from acra_express_async.db.companies.company_domains import held_by_another, spellings, update_domains
from acra_express_async.db.session.pool import Connection, Database

from .builders import a_company, an_outcome, stored

OTHER, MINE = "199000001A", "199000002B"


async def holds(database: Database, company_id: int, domain: str = "lotus.com.sg") -> bool:
    async with database.session() as connection:
        return await held_by_another(connection, company_id, domain)


@pytest.mark.parametrize("theirs", spellings("lotus.com.sg"))
async def test_usual_spellings_are_found_before_any_tick(database: Database, owner: Connection, theirs: str) -> None:
    other = await a_company(owner, OTHER, website_domain=theirs)
    mine = await a_company(owner, MINE)
    assert await holds(database, mine.company_id)
    assert not await holds(database, other.company_id), "its own domain"
    assert not await holds(database, mine.company_id, "otus.com.sg")


@pytest.mark.parametrize(
    ("theirs", "taken"),
    [
        ("Shop.Lotus.com.sg", True),
        ("https://www.lotus.com.sg/about?x#y", True),
        ("lotus.com.sg.", False),
        ("mylotus.com.sg", False),
        ("lotus.com.sg-x", False),
        ("com.sg", False),
        ("https://", False),
        ("", False),
        (None, False),
    ],
)
async def test_other_spellings_are_found_after_a_tick(
    database: Database, owner: Connection, theirs: str | None, taken: bool
) -> None:
    await a_company(owner, OTHER, website_domain=theirs)
    mine = await a_company(owner, MINE)
    await update_domains(database)
    assert await holds(database, mine.company_id) is taken


async def test_a_domain_that_was_taken_away_is_free_at_once(database: Database, owner: Connection) -> None:
    other = await a_company(owner, OTHER, website_domain="shop.lotus.com.sg")
    mine = await a_company(owner, MINE)
    await update_domains(database)
    assert await holds(database, mine.company_id)
    await owner.execute("UPDATE companies SET website_domain = NULL WHERE company_id = $1", other.company_id)
    assert not await holds(database, mine.company_id)


async def test_a_tick_repeats_every_change_of_the_platform(database: Database, owner: Connection) -> None:
    """Slices of three: new, changed, emptied and deleted rows, at the borders of slices and behind the last one."""
    await owner.execute(
        "INSERT INTO companies (uen, name, website_domain)"
        " SELECT 'U' || i, 'N', CASE WHEN i % 4 > 0 THEN 'd' || i || '.sg' END FROM generate_series(1, 20) i"
    )
    changes = (
        "SELECT 1",
        "UPDATE companies SET website_domain = 'new.' || website_domain WHERE right(uen, 1) = '3'",
        "UPDATE companies SET website_domain = NULL WHERE right(uen, 1) = '5'",
        "DELETE FROM companies WHERE right(uen, 1) IN ('1', '9')",
        "DELETE FROM companies WHERE company_id > (SELECT min(company_id) + 11 FROM companies)",
        "INSERT INTO companies (uen, name, website_domain) VALUES ('V', 'N', 'v.sg')",
        "DELETE FROM companies",
    )
    for change in changes:
        await owner.execute(change)
        await update_domains(database, 3)
        kept = await owner.fetch(
            "SELECT company_id, reverse(backwards) AS domain FROM acra_express.company_domains ORDER BY 1"
        )
        there = await owner.fetch(
            "SELECT company_id, website_domain AS domain FROM companies WHERE website_domain IS NOT NULL ORDER BY 1"
        )
        assert kept == there, change


async def test_a_domain_that_we_set_is_known_before_the_next_tick(
    database: Database, owner: Connection, shape: object
) -> None:
    company = await a_company(owner)
    await stored(database, shape, company, an_outcome())
    mine = await a_company(owner, MINE)
    assert await holds(database, mine.company_id, "com.sg"), "a subdomain of it"


async def furnished(owner: Connection, rows: int) -> None:
    """Companies of which every second has a domain, in the usual spelling or not."""
    await owner.execute(
        """
        INSERT INTO companies (uen, name, website_domain)
        SELECT 'U' || i, 'COMPANY ' || i,
               CASE i % 4 WHEN 0 THEN 'd' || i || '.com.sg' WHEN 2 THEN 'https://Shop.d' || i || '.com.sg/x' END
        FROM generate_series(1, $1::int) i
        """,
        rows,
        timeout=600,
    )


async def plans(connection: Connection, rows: int) -> str:
    """The plan after its parameters are known and the one that a prepared statement may keep."""
    texts = []
    for mode in ("force_custom_plan", "force_generic_plan"):
        await connection.execute("SELECT set_config('plan_cache_mode', $1, false)", mode)
        values = (rows // 2, "d20.com.sg"[::-1], spellings("d20.com.sg"))
        plan = await connection.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) {company_domains._HELD}", *values)
        texts += [row[0] for row in plan]
    return "\n".join(texts)


async def test_the_look_up_never_scans_all_companies(database: Database, owner: Connection) -> None:
    await furnished(owner, 40_000)
    await update_domains(database)
    await owner.execute("ANALYZE companies; ANALYZE acra_express.company_domains")
    async with database.session() as connection:
        plan = await plans(connection, 40_000)
    assert "Seq Scan" not in plan, plan
    assert "company_domains_backwards" in plan


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_the_look_up_is_flat_at_a_million_companies(database: Database, owner: Connection) -> None:
    await furnished(owner, 1_000_000)
    began = time.perf_counter()
    await update_domains(database)
    print(f"\nfirst update of 500,000 domains: {time.perf_counter() - began:.1f} s")
    await owner.execute("ANALYZE companies; ANALYZE acra_express.company_domains", timeout=120)
    began = time.perf_counter()
    await update_domains(database)
    print(f"update without a change: {time.perf_counter() - began:.1f} s")
    async with database.session() as connection:
        plan = await plans(connection, 1_000_000)
        assert "Seq Scan" not in plan, plan
        began = time.perf_counter()
        for number in range(2, 2002, 2):
            assert await held_by_another(connection, 1, f"d{number}.com.sg") is (number > 0)
        print(f"one look-up: {time.perf_counter() - began:.2f} ms")
