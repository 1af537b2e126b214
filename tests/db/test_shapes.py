"""Each shape that a production database may have accepts our migrations and the result of a company."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from shapes import BARE, DUMP, MIGRATED, shaped_database

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.company_rows import Companies
from acra_express_async.db.schema.migrate import migrate
from acra_express_async.db.schema.platform_shape import PlatformShape, costs, missing_required, probe
from acra_express_async.db.schema.row_security import ISOLATED, unrestricted_tables
from acra_express_async.db.schema.uninstall import uninstall
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.errors import Away, DatabaseAway
from acra_express_async.models import Site
from acra_express_async.sandbox.postgres import EmbeddedPostgres

from .builders import a_company, a_job, an_outcome, count, one, stored


@pytest_asyncio.fixture
async def shaped(postgres: EmbeddedPostgres, request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    """The owner's connection to a database of the requested shape."""
    async with shaped_database(postgres, request.param) as dsn:
        connection = await connect(dsn, {"search_path": "public"})
        try:
            yield connection
        finally:
            await connection.close()


@pytest.mark.parametrize("shaped", [DUMP, MIGRATED, BARE], indirect=True, ids=["dump", "migrated", "bare"])
async def test_a_result_is_stored_under_the_tenant_role(shaped: Connection, postgres: EmbeddedPostgres) -> None:
    name = await shaped.fetchval("SELECT current_database()")
    tenant = await shaped.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    database = Database(postgres.dsn(name), role="acra_express", tenant_id=tenant, size=1)
    await database.open()
    try:
        async with database.session() as connection:
            shape = await probe(connection)
        assert missing_required(shape) == []
        saved = await stored(database, shape, await a_company(shaped), an_outcome())
        assert await shaped.fetchval("SELECT tenant_id FROM enrichment_runs WHERE run_id = $1", saved.run_id) == tenant
        assert await count(shaped, "company_enrichment_runs") == 1
        assert await count(shaped, "lead_emails") == 1
        async with database.session() as connection:
            assert await connection.fetchval("SELECT count(*) FROM enrichment_runs") == 1
            assert await connection.fetchval("SELECT acra_express.nightly_companies(current_date)") == 0
            assert await connection.fetchval("SELECT acra_express.verifications_elsewhere_since('-infinity')") == 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("INSERT INTO enrichment_runs (tenant_id) VALUES (777)")
    finally:
        await database.close()


@pytest.mark.parametrize("shaped", [DUMP], indirect=True)
async def test_our_policy_is_added_only_where_missing_and_for_our_role(shaped: Connection) -> None:
    rows = await shaped.fetch("SELECT tablename, roles::text FROM pg_policies WHERE policyname = 'acra_express_own'")
    assert {tuple(row) for row in rows} == {
        (table, "{acra_express}") for table in ("enrichment_runs", "run_vendor_usage", "run_event_logs")
    }


@pytest.mark.parametrize("shaped", [DUMP], indirect=True)
async def test_uninstall_removes_our_policy(shaped: Connection) -> None:
    await uninstall(shaped, "acra_express")
    assert await shaped.fetchval("SELECT count(*) FROM pg_policies") == await shaped.fetchval(
        "SELECT count(*) FROM pg_policies WHERE policyname LIKE '%_isolation'"
    )


@pytest.mark.parametrize("shaped", [MIGRATED], indirect=True)
async def test_policies_of_the_platform_are_left_alone(shaped: Connection) -> None:
    assert await shaped.fetchval("SELECT count(*) FROM pg_policies WHERE policyname = 'acra_express_own'") == 0


@pytest.mark.parametrize("shaped", [DUMP, MIGRATED, BARE], indirect=True, ids=["dump", "migrated", "bare"])
async def test_tenant_policy_exists_only_where_the_platform_uses_rls(shaped: Connection) -> None:
    secured = await shaped.fetch(
        "SELECT relname FROM pg_class WHERE relname = ANY ($1::text[]) AND relrowsecurity ORDER BY 1", list(ISOLATED)
    )
    walled = await shaped.fetch("SELECT tablename FROM pg_policies WHERE policyname = 'acra_express_only' ORDER BY 1")
    assert [row[0] for row in walled] == [row[0] for row in secured] != []
    await shaped.execute(
        "ALTER TABLE enrichment_runs DISABLE ROW LEVEL SECURITY; DROP POLICY acra_express_only ON enrichment_runs"
    )
    tenant = await shaped.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    assert await unrestricted_tables(shaped, "acra_express", tenant) == []
    await migrate(shaped, "acra_express")
    again = await shaped.fetch("SELECT tablename FROM pg_policies WHERE policyname = 'acra_express_only' ORDER BY 1")
    assert [row[0] for row in again] == [row[0] for row in walled if row[0] != "enrichment_runs"]


@pytest.mark.parametrize("shaped", [BARE], indirect=True)
async def test_each_missing_part_is_reported_on_a_line(shaped: Connection) -> None:
    lines = "\n".join(costs(await probe(shaped)))
    for word in ("email_verification_cache", "run_vendor_usage", "run_event_logs", "contacts", "ssic_ref", "sg_phone"):
        assert word in lines


def companies_of(database: Database, shape: PlatformShape, hashes: AddressHash) -> Companies:
    return Companies(database, shape=shape, hashes=hashes, store_personal_emails=False, recheck_days=7)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE companies DROP sg_phone",
        "ALTER TABLE company_enrichment_runs DROP public_emails",
        "ALTER TABLE lead_emails DROP source_json",
        "DROP TABLE run_event_logs",
        "DROP TABLE email_verification_cache",
        "ALTER TABLE companies ALTER email TYPE text[] USING string_to_array(email, ',')",
        "ALTER TABLE companies ALTER phone_number TYPE text[] USING string_to_array(phone_number, ',')",
    ],
)
async def test_a_table_altered_at_run_time_loses_no_result(
    database: Database, owner: Connection, shape: PlatformShape, hashes: AddressHash, change: str
) -> None:
    """The first saves fill the statement caches of two connections; each connection meets the change later."""
    companies = companies_of(database, shape, hashes)
    mine = [await a_company(owner, f"20190000{number}A") for number in range(4)]

    async def save(connection: Connection, number: int) -> None:
        outcome = an_outcome(site=Site(f"lotus{number}.sg", f"https://lotus{number}.sg/", 90))
        await companies.save(connection, a_job(), mine[number], outcome)

    for numbers in ((0, 1), (2, 3)):
        async with database.session() as here, database.session() as there:
            for connection, number in zip((here, there), numbers, strict=True):
                async with connection.transaction():
                    await save(connection, number)
        if numbers == (0, 1):
            await owner.execute(change)
    assert await count(owner, "enrichment_runs") == 4  # the failed attempt left no header
    assert await count(owner, "company_enrichment_runs") == 4
    last = await one(owner, "SELECT website_domain, phone_number FROM companies WHERE uen = '201900003A'")
    assert last["website_domain"] == "lotus3.sg"
    assert last["phone_number"] in ("+6561112222", ["+6561112222"])


async def test_a_lost_required_column_is_waited_for(
    database: Database, owner: Connection, shape: PlatformShape, hashes: AddressHash
) -> None:
    companies = companies_of(database, shape, hashes)
    company = await a_company(owner)
    await owner.execute("ALTER TABLE enrichment_runs RENAME tenant_id TO renter_id")
    with pytest.raises(DatabaseAway, match="tenant_id") as away:
        async with database.transaction() as connection:
            await companies.save(connection, a_job(), company, an_outcome())
    assert away.value.reason is Away.SCHEMA
    assert await count(owner, "enrichment_runs") == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE companies DROP sg_phone; ALTER TABLE companies ADD sg_phone text", "companies.sg_phone"),
        (
            "ALTER TABLE lead_emails DROP source_json; ALTER TABLE lead_emails ADD source_json jsonb",
            "lead_emails.source_json",
        ),
        (
            "CREATE TABLE new AS TABLE contacts; DROP TABLE contacts; ALTER TABLE new RENAME TO contacts",
            "contacts.email",
        ),
    ],
)
async def test_later_platform_tables_are_named_and_left_alone(
    database: Database, owner: Connection, hashes: AddressHash, change: str, named: str
) -> None:
    await owner.execute(change)
    async with database.session() as connection:
        shape = await probe(connection)
    assert named in shape.ungranted
    assert any("no grant on" in line and named in line for line in costs(shape))
    async with database.transaction() as connection:
        await companies_of(database, shape, hashes).save(connection, a_job(), await a_company(owner), an_outcome())
    assert await count(owner, "company_enrichment_runs") == 1
