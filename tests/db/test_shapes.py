"""The shapes in which production may stand (platform.md C): each takes our migration and a company's result."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from acra_express_async.db.migrate import migrate
from acra_express_async.db.platform import bootstrap_platform, costs, missing_required, probe
from acra_express_async.db.pool import Connection, Database, connect
from acra_express_async.db.uninstall import uninstall
from acra_express_async.sandbox.postgres import EmbeddedPostgres

from .builders import a_company, an_outcome, count, stored

# RLS stays enabled in the dumps, but without a policy; no index of the migrations; smtp and source_json as there
DUMP = """
    DROP POLICY enrichment_runs_isolation ON enrichment_runs;
    DROP POLICY run_vendor_usage_isolation ON run_vendor_usage;
    DROP POLICY run_event_logs_isolation ON run_event_logs;
    DROP INDEX ux_companies_website_domain, ux_contacts_company_email, idx_staging_acra_companies_ssic_norm;
    ALTER TABLE company_enrichment_runs
        DROP tenant_id, DROP public_emails, DROP verification_results, DROP embedding;
    ALTER TABLE companies DROP uen_confidence, DROP sg_phone, DROP sg_postcode, DROP sg_markers,
        DROP employee_bracket, DROP locations_est, DROP domain_hygiene;
    ALTER TABLE lead_emails DROP source_json;
    DROP TABLE service_progress;
"""
MIGRATED = "ALTER TABLE companies DROP uen_confidence, DROP employee_bracket, DROP locations_est"
BARE = (
    DUMP
    + "DROP TABLE email_verification_cache, run_vendor_usage, run_event_logs, contacts, ssic_ref, odoo_connections;"
)


@pytest_asyncio.fixture
async def shaped(postgres: EmbeddedPostgres, request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    """The owner's connection to a database of the asked shape, with our migrations on top."""
    name = f"s_{secrets.token_hex(6)}"
    server = await asyncpg.connect(postgres.dsn())
    await server.execute(f"CREATE DATABASE {name}")
    connection = await connect(postgres.dsn(name), {"search_path": "public"})
    try:
        await bootstrap_platform(connection)
        await connection.execute(request.param)
        await migrate(connection, "acra_express")
        yield connection
    finally:
        await connection.close()
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()


@pytest.mark.parametrize("shaped", [DUMP, MIGRATED, BARE], indirect=True, ids=["dump", "migrated", "bare"])
async def test_a_company_s_result_is_stored_under_the_tenant_role(
    shaped: Connection, postgres: EmbeddedPostgres
) -> None:
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
async def test_our_rule_is_added_only_where_there_is_none_and_only_for_our_role(shaped: Connection) -> None:
    rows = await shaped.fetch("SELECT tablename, roles::text FROM pg_policies WHERE policyname = 'acra_express_own'")
    assert {tuple(row) for row in rows} == {
        (table, "{acra_express}") for table in ("enrichment_runs", "run_vendor_usage", "run_event_logs")
    }


@pytest.mark.parametrize("shaped", [DUMP], indirect=True)
async def test_uninstall_takes_our_rule_away_again(shaped: Connection) -> None:
    await uninstall(shaped, "acra_express")
    assert await shaped.fetchval("SELECT count(*) FROM pg_policies") == await shaped.fetchval(
        "SELECT count(*) FROM pg_policies WHERE policyname LIKE '%_isolation'"
    )


@pytest.mark.parametrize("shaped", [MIGRATED], indirect=True)
async def test_the_platform_s_own_policies_are_left_alone(shaped: Connection) -> None:
    assert await shaped.fetchval("SELECT count(*) FROM pg_policies WHERE policyname = 'acra_express_own'") == 0


@pytest.mark.parametrize("shaped", [BARE], indirect=True)
async def test_every_lack_has_its_line(shaped: Connection) -> None:
    lines = "\n".join(costs(await probe(shaped)))
    for word in ("email_verification_cache", "run_vendor_usage", "run_event_logs", "contacts", "ssic_ref", "sg_phone"):
        assert word in lines
