"""Creating and loading companies: when an insert stands back, and what a load returns."""

from __future__ import annotations

from datetime import timedelta

import pytest

from acra_express_async.db.companies.company_rows import load_company
from acra_express_async.db.companies.company_upserts import Inserted, insert_companies, upsert_company
from acra_express_async.db.registry.registry_rows import count_postal_codes
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.errors import NotStaged, StandBack
from acra_express_async.models import CompanyId
from acra_express_async.registry import RegistryRow

from .builders import AT, a_company, a_registry_row, one

ROW = RegistryRow("201912345K", "LOTUS PUMPS PTE. LTD.", "1111", "GROWING OF FOOD", "2019-04-01")


async def checked_within(owner: Connection, company_id: CompanyId, days: int) -> bool:
    company = await load_company(owner, company_id, recheck=timedelta(days=days))
    assert company is not None
    return company.recently_checked


async def upserted(database: Database, shape: PlatformShape, row: RegistryRow = ROW, **more: frozenset[str]) -> int:
    async with database.transaction() as connection:
        return await upsert_company(connection, row, shape, **more)


async def test_new_company_is_written_as_the_platform_writes_it(
    database: Database, owner: Connection, shape: PlatformShape
) -> None:
    await owner.execute(
        "INSERT INTO ssic_ref (code, title, version, source_file_hash) VALUES ('01111', 'Vegetables', '2025', 'x')"
    )
    company_id = await upserted(database, shape)
    row = await one(owner, "SELECT * FROM companies")
    assert (row["company_id"], row["uen"], row["name"]) == (company_id, ROW.uen, ROW.name)
    assert (row["industry_code"], row["industry_norm"], row["incorporation_year"]) == ("1111", "Vegetables", 2019)
    assert row["website_domain"] is None
    assert await upserted(database, shape) == company_id


@pytest.mark.parametrize("uen", [None, "", " "])
async def test_no_twin_of_a_row_without_uen_is_inserted(
    database: Database, owner: Connection, shape: PlatformShape, uen: str | None
) -> None:
    """The nightly finds the customer's row by its name and fills it, as long as no other row has the UEN."""
    theirs = await a_company(owner, uen, name=ROW.name.title())  # type: ignore[arg-type]
    before = await one(owner, "SELECT * FROM companies")
    with pytest.raises(NotStaged, match=rf"company {theirs.company_id} has this name and no UEN"):
        await upserted(database, shape)
    assert await one(owner, "SELECT * FROM companies") == before
    await owner.execute("UPDATE companies SET uen = $1", ROW.uen)
    assert await upserted(database, shape) == theirs.company_id


async def test_a_namesake_with_a_uen_holds_nobody_up(
    database: Database, owner: Connection, shape: PlatformShape
) -> None:
    theirs = await a_company(owner, "199000001A", name=ROW.name)
    assert await upserted(database, shape) != theirs.company_id


async def test_an_existing_company_keeps_all_values_but_its_name(
    database: Database, owner: Connection, shape: PlatformShape
) -> None:
    await a_company(owner, name="OLD NAME", industry_code="99999", industry_norm="pumps", last_seen=AT)
    await upserted(database, shape)
    row = await one(owner, "SELECT name, industry_code, industry_norm, incorporation_year, last_seen FROM companies")
    assert row.pop("last_seen") > AT
    assert row == {
        "name": ROW.name,
        "industry_code": "99999",
        "industry_norm": "pumps",
        "incorporation_year": 2019,
    }


async def test_an_upsert_without_news_changes_nothing(
    database: Database, owner: Connection, shape: PlatformShape
) -> None:
    await a_company(
        owner, name="Lotus  Pumps Pte. Ltd.", industry_code="1", industry_norm="x", incorporation_year=1, last_seen=AT
    )
    before = await one(owner, "SELECT * FROM companies")
    await upserted(database, shape)
    assert await one(owner, "SELECT * FROM companies") == before


async def test_existing_company_gets_no_code_pending_in_the_nightly(
    database: Database, owner: Connection, shape: PlatformShape
) -> None:
    await a_company(owner, industry_code=None)
    await upserted(database, shape, held_codes=frozenset({"1111"}))
    assert await owner.fetchval("SELECT industry_code FROM companies") is None
    await upserted(database, shape)
    assert await owner.fetchval("SELECT industry_code FROM companies") == "1111"


async def test_b1_insert_waits_for_an_open_nightly_staging_transaction(
    database: Database, owner: Connection, shape: PlatformShape, fresh_dsn: str
) -> None:
    """The exact interleaving: the nightly looked the UEN up and will insert it later in the same transaction."""
    nightly = await connect(fresh_dsn, {})
    try:
        async with nightly.transaction():
            assert await nightly.fetchval("SELECT company_id FROM public.companies WHERE uen = $1", ROW.uen) is None
            with pytest.raises(StandBack) as refusal:
                await upserted(database, shape)
            assert refusal.value.reason == "table_busy"
            await nightly.execute("INSERT INTO public.companies (uen, name) VALUES ($1, 'THEIRS')", ROW.uen)
    finally:
        await nightly.close()
    await upserted(database, shape)
    assert await owner.fetchval("SELECT count(*) FROM companies") == 1


async def test_b1_insert_stands_back_while_a_nightly_staging_job_runs(
    database: Database, owner: Connection, shape: PlatformShape
) -> None:
    """Between two statements of the nightly no lock is held; only the status of the job shows that it runs."""
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, started_at) VALUES ('staging_upsert', 'running', now())"
    )
    with pytest.raises(StandBack) as refusal:
        await upserted(database, shape)
    assert refusal.value.reason == "nightly_running"
    assert refusal.value.retry_after > timedelta(0)
    assert await owner.fetchval("SELECT count(*) FROM companies") == 0
    await a_company(owner)
    await upserted(database, shape)  # updating an existing row needs neither lock nor check


async def test_b1_the_lock_is_taken_before_the_check(
    database: Database, owner: Connection, shape: PlatformShape
) -> None:
    """In the other order a nightly job could start and look its UENs up between our check and our lock."""
    await owner.execute(
        """
        CREATE OR REPLACE FUNCTION acra_express.nightly_holds(p_types text[]) RETURNS boolean LANGUAGE sql AS $$
            SELECT NOT EXISTS (
                SELECT FROM pg_locks l WHERE l.pid = pg_backend_pid() AND l.relation = 'public.companies'::regclass
                  AND l.mode = 'AccessExclusiveLock' AND l.granted)
        $$
        """
    )
    await upserted(database, shape)
    assert await owner.fetchval("SELECT count(*) FROM companies") == 1


async def test_b1_check_sees_commits_after_our_transaction_began(
    database: Database, owner: Connection, shape: PlatformShape
) -> None:
    async with database.transaction() as connection:
        await connection.fetchval("SELECT count(*) FROM public.companies WHERE uen = 'none'")
        await owner.execute("INSERT INTO background_jobs (job_type, status) VALUES ('staging_upsert', 'running')")
        with pytest.raises(StandBack):
            await upsert_company(connection, ROW, shape)


def rows_of(*numbers: int) -> list[RegistryRow]:
    return [RegistryRow(f"20190000{number}K", f"NEW {number}", "1111", "FOOD", "2019-04-01") for number in numbers]


async def inserted(database: Database, shape: PlatformShape, rows: list[RegistryRow]) -> Inserted:
    async with database.transaction() as connection:
        return await insert_companies(connection, rows, shape)


async def test_new_companies_are_inserted_in_one_transaction(
    database: Database, owner: Connection, shape: PlatformShape
) -> None:
    rows = rows_of(1, 2, 3)
    made = await inserted(database, shape, rows)
    stored = await owner.fetch("SELECT company_id, uen, name, industry_code, industry_norm, xmin::text FROM companies")
    assert {row["uen"]: row["company_id"] for row in stored} == made.companies
    assert {(row["name"], row["industry_code"], row["industry_norm"]) for row in stored} == {
        (row.name, "1111", "FOOD") for row in rows
    }
    assert len({row["xmin"] for row in stored}) == 1
    assert (await inserted(database, shape, rows)).companies == made.companies
    assert await owner.fetchval("SELECT count(*) FROM companies") == 3


async def test_rows_that_need_more_than_an_insert_are_left_out(
    database: Database, owner: Connection, shape: PlatformShape
) -> None:
    """A new name, a value that is missing, a namesake: each needs a transaction that is about it alone."""
    renamed, empty, same, namesake, new = rows = rows_of(1, 2, 3, 4, 5)
    full = {"industry_code": "1", "industry_norm": "x", "incorporation_year": 1}
    await a_company(owner, renamed.uen, name="OLD NAME", **full)
    await a_company(owner, empty.uen, name=empty.name, industry_code=None)
    await a_company(owner, same.uen, name=same.name.title(), **full)
    await a_company(owner, None, name=namesake.name)  # type: ignore[arg-type]
    made = await inserted(database, shape, rows)
    assert set(made.companies) == {same.uen, new.uen}
    assert made.gave_way is None
    assert await owner.fetchval("SELECT count(*) FROM companies") == 5


async def test_b1_a_group_of_inserts_stands_back_as_one_does(
    database: Database, owner: Connection, shape: PlatformShape, fresh_dsn: str
) -> None:
    rows = rows_of(1, 2)
    nightly = await connect(fresh_dsn, {})
    try:
        async with nightly.transaction():
            await nightly.fetchval("SELECT company_id FROM public.companies WHERE uen = $1", rows[0].uen)
            made = await inserted(database, shape, rows)
    finally:
        await nightly.close()
    assert (made.companies, made.gave_way and made.gave_way.reason) == ({}, "table_busy")
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, started_at) VALUES ('staging_upsert', 'running', now())"
    )
    made = await inserted(database, shape, rows)
    assert (made.companies, made.gave_way and made.gave_way.reason) == ({}, "nightly_running")
    assert await owner.fetchval("SELECT count(*) FROM companies") == 0


async def test_a_company_is_loaded_with_its_registry_facts(
    database: Database, owner: Connection, shape: PlatformShape
) -> None:
    for number in range(3):
        await a_registry_row(owner, f"20191234{number}A", postal_code="49514" if number else "049514")
    await a_registry_row(
        owner,
        "201912345K",
        entity_name="LOTUS PUMPS PTE. LTD.",
        postal_code="049514",
        former_entity_name1="LILY PUMPS",
        former_entity_name2="na",
        former_entity_name3="ROSE PUMPS",
        building_name="na",
        street_name="CHULIA STREET",
        primary_ssic_code=1111,
    )
    company = await a_company(owner, name="an older name", website_domain="lotus.sg")
    loaded = await load_company(owner, company.company_id)
    assert loaded is not None
    assert loaded.shared_postal == 0  # unknown, because postal codes were never counted
    assert await count_postal_codes(owner) is True
    assert await count_postal_codes(owner) is False  # at most once a day
    loaded = await load_company(owner, company.company_id)
    assert loaded is not None
    assert (loaded.name, loaded.former_names) == ("LOTUS PUMPS PTE. LTD.", ("LILY PUMPS", "ROSE PUMPS"))
    assert (loaded.postal_code, loaded.shared_postal) == ("049514", 4)
    assert (loaded.building_name, loaded.street_name, loaded.ssic_code) == (None, "CHULIA STREET", "1111")
    assert loaded.website_domain == "lotus.sg"
    assert await load_company(owner, CompanyId(999_999)) is None


async def test_a_company_missing_from_the_registry_is_loaded_too(owner: Connection) -> None:
    company = await a_company(owner, uen=None)  # type: ignore[arg-type]
    loaded = await load_company(owner, company.company_id)
    assert loaded is not None
    assert (loaded.uen, loaded.name, loaded.ssic_code) == ("", "LOTUS PUMPS PTE. LTD.", "33120")


async def test_recent_platform_history_or_our_outcome_skips_a_company(owner: Connection) -> None:
    company = await a_company(owner)
    assert not await checked_within(owner, company.company_id, 7)
    run = await owner.fetchval("INSERT INTO enrichment_runs DEFAULT VALUES RETURNING run_id")
    await owner.execute(
        "INSERT INTO company_enrichment_runs (company_id, run_id, updated_at)"
        " VALUES ($1, $2, now() - interval '6 days')",
        company.company_id,
        run,
    )
    assert await checked_within(owner, company.company_id, 7)
    assert not await checked_within(owner, company.company_id, 6)
    assert not await checked_within(owner, company.company_id, 0)
    await owner.execute("UPDATE company_enrichment_runs SET updated_at = NULL")
    assert await checked_within(owner, company.company_id, 1)


@pytest.mark.parametrize(
    ("kind", "checked"), [("no_website", True), ("enriched", True), ("failed", False), ("skipped", False)]
)
async def test_only_answered_outcomes_count_as_checked(owner: Connection, kind: str, checked: bool) -> None:
    company = await a_company(owner)
    await owner.execute(
        "INSERT INTO acra_express.outcomes (job_id, company_id, kind, ended_at) VALUES (7, $1, $2, now())",
        company.company_id,
        kind,
    )
    assert await checked_within(owner, company.company_id, 7) is checked
