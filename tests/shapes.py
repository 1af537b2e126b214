"""The shapes that a production database may have, made by removing parts from the newest one.

Which of the platform's migrations were applied is unknown: one of them does not parse, and its runner applies all files
in one transaction.

| shape | stands for |
|---|---|
| `NEWEST` | everything that the platform's code knows: optional columns and tables, policies, unique indexes |
| `MIGRATED` | a dump with all migrations, without the columns that only the newest onboarding script creates |
| `DUMP` | a dump without migrations: RLS enabled but no policies, no unique index for ON CONFLICT, fewer columns |
| `BARE` | the same dump without any optional table |
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from acra_express_async.db.schema.migrate import migrate
from acra_express_async.db.schema.platform_shape import bootstrap_platform
from acra_express_async.db.session.pool import connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres

# In dumps RLS is enabled but has no policies, and the indexes of the migrations are missing.
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
NEWEST = "SELECT 1"
BARE = (
    DUMP
    + "DROP TABLE email_verification_cache, run_vendor_usage, run_event_logs, contacts, ssic_ref, odoo_connections;"
)


@asynccontextmanager
async def shaped_database(postgres: EmbeddedPostgres, shape: str) -> AsyncIterator[str]:
    """The DSN (superuser) of a database with this shape and our migrations on top."""
    name = f"s_{secrets.token_hex(6)}"
    server = await asyncpg.connect(postgres.dsn())
    await server.execute(f"CREATE DATABASE {name}")
    try:
        connection = await connect(postgres.dsn(name), {"search_path": "public"})
        try:
            await bootstrap_platform(connection)
            await connection.execute(shape)
            await migrate(connection, "acra_express")
        finally:
            await connection.close()
        yield postgres.dsn(name)
    finally:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()
