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


async def test_a_tick_reads_a_limited_number_of_companies(database: Database, owner: Connection) -> None:
    """New ones first; the others come round again, in slices of two and at most eight a tick."""
    await owner.execute(
        "INSERT INTO companies (uen, name, website_domain) SELECT 'U' || i, 'N', 'd' || i || '.sg'"
        " FROM generate_series(1, 20) i"
    )
    while await known(owner) < 20:
        assert 0 < await update_domains(database, 2, 8) <= 8 + 2
    await owner.execute("UPDATE companies SET website_domain = 'new.' || website_domain")
    await owner.execute("INSERT INTO companies (uen, name, website_domain) VALUES ('V', 'N', 'new.v.sg')")
    await update_domains(database, 2, 8)
    assert (
        await owner.fetchval("SELECT website FROM acra_express.company_domains ORDER BY company_id DESC LIMIT 1")
        == "new.v.sg"
    ), "the new one, before the round comes to it"
    ticks = 1
    while await known(owner, "new.%") < 21:
        ticks += 1
        assert ticks <= 4, "a round of 21 rows takes three ticks"
        await update_domains(database, 2, 8)


async def known(owner: Connection, like: str = "%") -> int:
    """How many domains are known, under their websites, in the form that companies would have now."""
    return int(
        await owner.fetchval(
            "SELECT count(*) FROM acra_express.company_domains d WHERE d.website LIKE $1"
            " AND d.backwards = acra_express.domain_backwards(d.website)",
            like,
        )
    )


async def test_a_tick_works_out_no_domain_that_it_knows(database: Database, owner: Connection) -> None:
    """An unchanged row is not touched; one that the previous version wrote, without the website, is once."""
    await a_company(owner, OTHER, website_domain="https://Shop.lotus.com.sg/x")
    await a_company(owner, MINE, website_domain="mine.sg")
    await update_domains(database)
    versions = "SELECT array_agg(xmin::text ORDER BY company_id) FROM acra_express.company_domains"
    first = await owner.fetchval(versions)
    await update_domains(database)
    assert await owner.fetchval(versions) == first
    await owner.execute("UPDATE acra_express.company_domains SET website = NULL WHERE website = 'mine.sg'")
    await update_domains(database)
    assert await known(owner) == 2


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


async def plans(connection: Connection, statement: str, *values: object) -> str:
    """The plan after its parameters are known and the one that a prepared statement may keep."""
    texts = []
    for mode in ("force_custom_plan", "force_generic_plan"):
        await connection.execute("SELECT set_config('plan_cache_mode', $1, false)", mode)
        plan = await connection.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}", *values)
        texts += [row[0] for row in plan]
    return "\n".join(texts)


async def look_up_plans(connection: Connection, rows: int) -> str:
    values = (rows // 2, "d20.com.sg"[::-1], spellings("d20.com.sg"))
    return await plans(connection, company_domains._HELD, *values)


async def slice_plans(connection: Connection) -> str:
    """Of the first slice, whose lower bound tells the planner nothing, and of one in the middle."""
    middle = await connection.fetchval("SELECT max(company_id) / 2 FROM public.companies")
    texts = [await plans(connection, company_domains._UPDATE, after, 500) for after in (company_domains.FIRST, middle)]
    return "\n".join(texts)


async def test_the_look_up_never_scans_all_companies(database: Database, owner: Connection) -> None:
    await furnished(owner, 40_000)
    await update_domains(database)
    await owner.execute("ANALYZE companies; ANALYZE acra_express.company_domains")
    async with database.session() as connection:
        plan = await look_up_plans(connection, 40_000)
    assert "Seq Scan" not in plan, plan
    assert "company_domains_backwards" in plan


async def test_a_slice_never_scans_all_companies(database: Database, owner: Connection) -> None:
    """Neither when nothing has changed, nor for rows that changed, vanished or are new to it."""
    await furnished(owner, 40_000)
    await update_domains(database)
    await owner.execute("ANALYZE companies; ANALYZE acra_express.company_domains")
    async with database.session() as connection:
        unchanged = await slice_plans(connection)
    await owner.execute("UPDATE companies SET website_domain = 'n.' || website_domain WHERE company_id % 3 = 0")
    await owner.execute("UPDATE companies SET website_domain = NULL WHERE company_id % 5 = 0")
    async with database.session() as connection:
        changed = await slice_plans(connection)
    assert "Seq Scan" not in unchanged, unchanged
    assert "Seq Scan" not in changed, changed


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_the_look_up_is_flat_at_a_million_companies(database: Database, owner: Connection) -> None:
    await furnished(owner, 1_000_000)
    began = time.perf_counter()
    await update_domains(database, most=2_000_000)
    print(f"\nfirst update of 500,000 domains: {time.perf_counter() - began:.1f} s")
    await owner.execute("ANALYZE companies; ANALYZE acra_express.company_domains", timeout=120)
    for tick in range(5):
        began = time.perf_counter()
        read = await update_domains(database)
        print(f"tick {tick} without a change: {read} companies in {time.perf_counter() - began:.2f} s")
        assert read <= company_domains.MOST + company_domains.SLICE
    async with database.session() as connection:
        plan = await look_up_plans(connection, 1_000_000) + await slice_plans(connection)
        assert "Seq Scan" not in plan, plan
        began = time.perf_counter()
        for number in range(2, 2002, 2):
            assert await held_by_another(connection, 1, f"d{number}.com.sg") is (number > 0)
        print(f"one look-up: {time.perf_counter() - began:.2f} ms")
