"""`migrate --plan`: it names the locks that PostgreSQL really takes, and takes none itself."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio
from process import acra_express

from acra_express_async.db.schema.migrate import LEDGER, _apply, applied_checksums, migrate, migrations
from acra_express_async.db.schema.planned_steps import EFFECTS, LOCKS_OF_MIGRATIONS, in_words, planned_steps
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
    names = [f"{each.version:04d}_{each.name}" for each in migrations()]
    count = len(migrations()) + 2
    assert lines[0] == f"{count} steps to do, 3 of them with a lock on a table of the platform:"
    assert lines[1] == "  insert the tenant acra_express into public.tenants: no lock on a table of the platform"
    assert lines[2:4] == [
        "  0001_core",
        f"    public.background_jobs: SHARE ROW EXCLUSIVE ({EFFECTS['SHARE ROW EXCLUSIVE']})",
    ]
    assert "  0002_records: no lock on a table of the platform" in lines
    assert f"  0005_alerts to {names[-1]} ({len(names) - 4} steps): no lock on a table of the platform" in lines
    assert f"    public.enrichment_runs: ACCESS EXCLUSIVE ({EFFECTS['ACCESS EXCLUSIVE']})" in lines
    assert await applied_checksums(connection) == {}


async def test_the_plan_names_what_migrate_then_locks(platform: tuple[Connection, str]) -> None:
    connection, _ = platform
    planned = (await planned_steps(connection, ROLE))[-1]
    await migrate(connection, ROLE)
    policies = await connection.fetch("SELECT tablename FROM pg_policies WHERE policyname = 'acra_express_only'")
    locked = {table for table, mode in planned.locks if mode == "ACCESS EXCLUSIVE"}
    assert locked == {row["tablename"] for row in policies} != set()


async def test_the_plan_names_a_role_that_is_missing(platform: tuple[Connection, str]) -> None:
    connection, _ = platform
    assert (await planned_steps(connection, "not_there_yet"))[0].name == "create the role not_there_yet"


async def test_the_plan_of_a_wrong_database_is_refused(postgres: EmbeddedPostgres) -> None:
    code, told, err = await acra_express("migrate", "--plan", POSTGRES_DSN=postgres.dsn())
    assert (code, told) == (78, "")
    assert "is this the right database?" in err


async def test_a_plan_does_not_create_the_platform(platform: tuple[Connection, str]) -> None:
    _, dsn = platform
    code, _, err = await acra_express("migrate", "--plan", "--bootstrap-platform", POSTGRES_DSN=dsn)
    assert code == 2
    assert "cannot be combined with --bootstrap-platform" in err


async def test_an_older_build_plans_no_restrictions(platform: tuple[Connection, str]) -> None:
    connection, _ = platform
    await migrate(connection, ROLE)
    await connection.execute(
        "INSERT INTO acra_express.schema_migrations VALUES (9999, 'of_the_next_release', 'its checksum');"
        "DROP POLICY acra_express_only ON enrichment_runs"
    )
    assert await planned_steps(connection, ROLE) == []


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
