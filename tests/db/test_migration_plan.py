"""`migrate --plan`: it names the locks that PostgreSQL really takes, and takes none itself."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio
from process import acra_express

from acra_express_async.db.schema.migrate import LEDGER, _apply, applied_checksums, migrate, migrations
from acra_express_async.db.schema.planned_steps import LOCKS_OF_MIGRATIONS, in_words, planned_steps
from acra_express_async.db.schema.platform_shape import bootstrap_platform
from acra_express_async.db.session.pinned import OWNER_SETTINGS
from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres

ROLE = "acra_express"
MODES = {"ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE", "AccessExclusiveLock": "ACCESS EXCLUSIVE"}
HARMLESS = ("AccessShareLock", "RowShareLock", "RowExclusiveLock")
"""What every reader or writer of a table takes."""


@pytest_asyncio.fixture
async def platform(postgres: EmbeddedPostgres) -> AsyncIterator[tuple[Connection, str]]:
    """A database with the platform's tables and nothing of ours, and its DSN."""
    name = f"p_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute(f"CREATE DATABASE {name}")
    connection = await connect(postgres.dsn(name), OWNER_SETTINGS)
    await bootstrap_platform(connection)
    try:
        yield connection, postgres.dsn(name)
    finally:
        await connection.close()
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


async def locks_held(connection: Connection) -> set[tuple[str, str]]:
    """The locks on the platform's tables that the present transaction holds."""
    rows = await connection.fetch(
        """
        SELECT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
        WHERE l.pid = pg_backend_pid() AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
          AND l.mode <> ALL ($1::text[])
        """,
        list(HARMLESS),
    )
    return {(row["relname"], MODES[row["mode"]]) for row in rows}


async def test_each_migration_takes_the_locks_that_are_named(platform: tuple[Connection, str]) -> None:
    connection, _ = platform
    await migrate(connection, ROLE)
    await connection.execute(
        "DROP SCHEMA acra_express CASCADE; DROP TRIGGER IF EXISTS acra_express_notify ON background_jobs"
    )
    found = {}
    await connection.execute(LEDGER)
    for migration in migrations():
        if not migration.transactional:
            await _apply(connection, migration, ROLE)  # CREATE INDEX CONCURRENTLY, whose lock its documentation names
            continue
        async with connection.transaction():
            await connection.execute(migration.sql(ROLE))
            found[migration.version] = await locks_held(connection)
    assert {version: locks for version, locks in found.items() if locks} == {
        version: set(locks) for version, locks in LOCKS_OF_MIGRATIONS.items() if version in found
    }


async def test_the_plan_changes_and_locks_nothing(platform: tuple[Connection, str]) -> None:
    connection, dsn = platform
    blocker = await connect(dsn, OWNER_SETTINGS)
    try:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE background_jobs IN ROW EXCLUSIVE MODE")
            code, told, err = await acra_express("migrate", "--plan", POSTGRES_DSN=dsn)
    finally:
        await blocker.close()
    assert (code, err) == (0, "")
    lines = told.splitlines()
    assert lines[0] == "0001_core"
    assert lines[1] == "  public.background_jobs: SHARE ROW EXCLUSIVE (reads go on, writes wait for it)"
    assert "0002_records: locks nothing of the platform's" in lines
    assert await applied_checksums(connection) == {}


async def test_the_plan_of_a_migrated_database_is_empty(platform: tuple[Connection, str]) -> None:
    connection, _ = platform
    await migrate(connection, ROLE)
    assert await planned_steps(connection, ROLE) == []
    assert in_words([])[0].startswith("nothing to migrate")


async def test_the_plan_names_a_restriction_that_was_lost(platform: tuple[Connection, str]) -> None:
    connection, _ = platform
    await migrate(connection, ROLE)
    await connection.execute("DROP POLICY acra_express_only ON enrichment_runs")
    [step] = await planned_steps(connection, ROLE)
    assert step.locks == [("enrichment_runs", "ACCESS EXCLUSIVE")]
