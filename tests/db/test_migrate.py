"""Migrations: several runners at once, checksums, refusals in one sentence, and a database without the platform."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from acra_express_async.db.migrate import check, migrate, migrations
from acra_express_async.db.platform import bootstrap_platform
from acra_express_async.db.pool import Connection, connect, session_settings
from acra_express_async.db.uninstall import uninstall
from acra_express_async.errors import SchemaError
from acra_express_async.sandbox.postgres import EmbeddedPostgres

ROLE = "acra_express"


@pytest_asyncio.fixture
async def empty_dsn(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    name = f"e_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(postgres.dsn())
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        yield postgres.dsn(name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest_asyncio.fixture
async def empty(empty_dsn: str) -> AsyncIterator[Connection]:
    connection = await connect(empty_dsn, {})
    try:
        yield connection
    finally:
        await connection.close()


async def test_four_runners_at_once_all_succeed(empty: Connection, empty_dsn: str) -> None:
    await bootstrap_platform(empty)

    async def runner() -> int:
        connection = await connect(empty_dsn, {})
        try:
            return len(await migrate(connection, ROLE))
        finally:
            await connection.close()

    applied = await asyncio.gather(*(runner() for _ in range(4)))
    assert sorted(applied) == [0, 0, 0, len(migrations())]
    assert await empty.fetchval("SELECT count(*) FROM acra_express.schema_migrations") == len(migrations())


async def test_a_database_without_the_platform_is_refused_in_one_sentence(empty: Connection) -> None:
    with pytest.raises(
        SchemaError, match=r"platform's tables are missing here \(background_jobs, .*--bootstrap-platform"
    ):
        await migrate(empty, ROLE)
    assert await empty.fetchval("SELECT to_regnamespace('acra_express') IS NULL")


async def test_check_names_what_to_run(empty: Connection) -> None:
    with pytest.raises(SchemaError, match=r"schema acra_express is missing .* run `acra-express migrate`"):
        await check(empty)
    await bootstrap_platform(empty)
    await migrate(empty, ROLE)
    await check(empty)
    await empty.execute("DELETE FROM acra_express.schema_migrations WHERE version = 3")
    with pytest.raises(SchemaError, match=r"the database lacks 0003_\w+; run `acra-express migrate`"):
        await check(empty)


async def test_a_changed_migration_is_noticed_and_a_newer_one_is_not_minded(owner: Connection) -> None:
    await owner.execute("INSERT INTO acra_express.schema_migrations VALUES (99, 'from_the_future', 'x')")
    await check(owner)
    await owner.execute("UPDATE acra_express.schema_migrations SET checksum = 'other' WHERE version = 1")
    for attempt in (check(owner), migrate(owner, ROLE)):
        with pytest.raises(SchemaError, match="0001_core was applied with another text"):
            await attempt


async def test_the_role_may_read_what_the_start_up_check_asks(fresh_dsn: str) -> None:
    connection = await connect(fresh_dsn, session_settings(ROLE, None))
    try:
        assert await connection.fetchval("SELECT current_user") == ROLE
        await check(connection)
    finally:
        await connection.close()


async def test_uninstall_leaves_the_catalogue_as_it_was(empty: Connection) -> None:
    await bootstrap_platform(empty)
    before = await catalogue(empty)
    await migrate(empty, ROLE)
    assert await catalogue(empty) != before
    lines = await uninstall(empty, ROLE)
    assert any("schema acra_express dropped" in line for line in lines)
    assert await catalogue(empty) == before
    assert await uninstall(empty, ROLE)


async def test_uninstall_leaves_the_dump_as_it_was(
    empty: Connection, empty_dsn: str, postgres: EmbeddedPostgres
) -> None:
    """What `pg_dump` says of the schema is the same text, in which our migrations had changed more than a line."""
    await bootstrap_platform(empty)
    pg_dump = postgres.tool("pg_dump")
    before = await schema_dump(pg_dump, empty_dsn)
    await migrate(empty, ROLE)
    installed = await schema_dump(pg_dump, empty_dsn)
    assert len(set(installed) - set(before)) > 100
    await uninstall(empty, ROLE)
    assert await schema_dump(pg_dump, empty_dsn) == before


async def schema_dump(pg_dump: Path, dsn: str) -> list[str]:
    """Lines of `pg_dump --schema-only`, without the random guard that newer versions put around them."""
    process = await asyncio.create_subprocess_exec(
        str(pg_dump), "--schema-only", dsn, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return [line for line in out.decode().splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


async def catalogue(connection: Connection) -> list[str]:
    """Every relation, column, index, trigger, function, policy and grant outside the system's own schemas."""
    rows = await connection.fetch(
        r"""
        SELECT format('%s %s.%s %s', c.relkind, n.nspname, c.relname, coalesce(
                   c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) AS line
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        UNION ALL
        SELECT format('column %s.%s %s %s', attrelid::regclass, attname, atttypid::regtype, nullif(a.attacl, '{}'))
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND attnum > 0
        UNION ALL SELECT format('trigger %s %s', tgrelid::regclass, tgname) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT format('function %s %s', p.oid::regprocedure, proacl) FROM pg_proc p
        JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        UNION ALL SELECT format('policy %s %s', polrelid::regclass, polname) FROM pg_policy
        UNION ALL SELECT format('schema %s %s', nspname, coalesce(nspacl, acldefault('n', nspowner)))
        FROM pg_namespace WHERE nspname !~ '^pg_'
        ORDER BY 1
        """
    )
    return [row["line"] for row in rows]
