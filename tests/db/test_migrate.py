"""Migrations: concurrent runners, checksums, refusals in one sentence, and a database without the platform."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from conftest import cloned_database

from acra_express_async.db.schema.grants import lost_grants
from acra_express_async.db.schema.migrate import check, migrate, migrations
from acra_express_async.db.schema.platform_shape import bootstrap_platform
from acra_express_async.db.schema.uninstall import uninstall
from acra_express_async.db.session.pool import Connection, connect, session_settings
from acra_express_async.errors import SchemaError
from acra_express_async.sandbox.postgres import EmbeddedPostgres

ROLE = "acra_express"


@pytest_asyncio.fixture
async def empty_dsn(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    async with cloned_database(postgres) as dsn:
        yield dsn


@pytest_asyncio.fixture
async def empty(empty_dsn: str) -> AsyncIterator[Connection]:
    connection = await connect(empty_dsn, {})
    try:
        yield connection
    finally:
        await connection.close()


async def test_four_concurrent_migrations_all_succeed(empty: Connection, empty_dsn: str) -> None:
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


async def test_an_index_left_invalid_by_a_kill_is_built_anew(owner: Connection) -> None:
    """CREATE INDEX CONCURRENTLY leaves it so when it is cut off, and IF NOT EXISTS would accept it."""
    name = "acra_express_live_jobs"
    await owner.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = $1::text::regclass", name)
    await owner.execute("DELETE FROM acra_express.schema_migrations WHERE version = 4")
    assert [migration.version for migration in await migrate(owner, ROLE)] == [4]
    assert await owner.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = $1::text::regclass", name)


async def test_migrate_refuses_a_database_without_the_platform(empty: Connection) -> None:
    with pytest.raises(
        SchemaError, match=r"platform's tables are missing here \(background_jobs, .*--bootstrap-platform"
    ):
        await migrate(empty, ROLE)
    assert await empty.fetchval("SELECT to_regnamespace('acra_express') IS NULL")


async def test_the_schema_check_names_the_command_to_run(empty: Connection) -> None:
    with pytest.raises(SchemaError, match=r"schema acra_express is missing .* run `acra-express migrate`"):
        await check(empty)
    await bootstrap_platform(empty)
    await migrate(empty, ROLE)
    await check(empty)
    await empty.execute("DELETE FROM acra_express.schema_migrations WHERE version = 3")
    with pytest.raises(SchemaError, match=r"the database lacks 0003_\w+; run `acra-express migrate`"):
        await check(empty)


async def test_changed_migration_is_refused_and_a_newer_one_accepted(owner: Connection) -> None:
    await owner.execute("INSERT INTO acra_express.schema_migrations VALUES (99, 'from_the_future', 'x')")
    await check(owner)
    await owner.execute("UPDATE acra_express.schema_migrations SET checksum = 'other' WHERE version = 1")
    for attempt in (check(owner), migrate(owner, ROLE)):
        with pytest.raises(SchemaError, match="0001_core was applied with a different text"):
            await attempt


async def test_the_tenant_role_can_run_the_schema_check(fresh_dsn: str) -> None:
    connection = await connect(fresh_dsn, session_settings(ROLE, None))
    try:
        assert await connection.fetchval("SELECT current_user") == ROLE
        await check(connection)
    finally:
        await connection.close()


async def test_uninstall_restores_the_catalogue(empty: Connection) -> None:
    await bootstrap_platform(empty)
    before = await catalogue(empty)
    await migrate(empty, ROLE)
    assert await catalogue(empty) != before
    lines = await uninstall(empty, ROLE)
    assert any("schema acra_express dropped" in line for line in lines)
    assert await catalogue(empty) == before
    assert await uninstall(empty, ROLE)


async def test_uninstall_restores_the_schema_dump(
    empty: Connection, empty_dsn: str, postgres: EmbeddedPostgres
) -> None:
    """`pg_dump` of the schema is the same text as before, although our migrations had changed many lines."""
    await bootstrap_platform(empty)
    pg_dump = postgres.tool("pg_dump")
    before = await schema_dump(pg_dump, empty_dsn)
    await migrate(empty, ROLE)
    installed = await schema_dump(pg_dump, empty_dsn)
    assert len(set(installed) - set(before)) > 100
    assert sum("CREATE POLICY acra_express_only" in line for line in installed) == 3
    await uninstall(empty, ROLE)
    assert await schema_dump(pg_dump, empty_dsn) == before


@pytest.mark.parametrize("platforms", [True, False], ids=["a row of the platform", "our own row"])
async def test_uninstall_deletes_only_the_tenant_it_created(
    empty: Connection, empty_dsn: str, postgres: EmbeddedPostgres, platforms: bool
) -> None:
    """Dumps with all rows, before `migrate` and after `uninstall`; a second `migrate` creates no row."""
    await bootstrap_platform(empty)
    await empty.execute("INSERT INTO tenants (tenant_id, name) VALUES (7, 'customer')")
    if platforms:
        await empty.execute("INSERT INTO tenants (tenant_id, name, status) VALUES (8, 'acra_express', 'paused')")
    pg_dump = postgres.tool("pg_dump")
    before = await whole_dump(pg_dump, empty_dsn)
    for _ in range(2):
        await migrate(empty, ROLE)
    assert await empty.fetchval("SELECT count(*) FROM tenants WHERE name = 'acra_express'") == 1
    lines = await uninstall(empty, ROLE)
    assert any("kept: `migrate` did not create its row" in line for line in lines) is platforms
    assert await whole_dump(pg_dump, empty_dsn) == before


async def test_uninstall_keeps_a_tenant_with_jobs_under_it(empty: Connection) -> None:
    await bootstrap_platform(empty)
    await migrate(empty, ROLE)
    await empty.execute(
        "INSERT INTO background_jobs (tenant_id, job_type, status)"
        " SELECT tenant_id, 'acra_express_staging_upsert', 'done' FROM tenants WHERE name = 'acra_express'"
    )
    assert "tenant acra_express kept: there are results or jobs under it" in await uninstall(empty, ROLE)
    assert await empty.fetchval("SELECT count(*) FROM tenants WHERE name = 'acra_express'") == 1


async def test_migrate_restores_the_grants_of_a_recreated_role(empty: Connection) -> None:
    """After DROP OWNED, DROP ROLE and a bare CREATE ROLE, the next `migrate` grants the same privileges again."""
    await bootstrap_platform(empty)
    await empty.execute("DROP POLICY enrichment_runs_isolation ON enrichment_runs")
    role = f"r_{secrets.token_hex(4)}"
    await migrate(empty, role)
    before = await privileges(empty, role)
    assert len(before) > 100
    await empty.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"; CREATE ROLE "{role}" NOLOGIN NOINHERIT')
    try:
        assert "EXECUTE of acra_express.claim" in await lost_grants(empty, role)
        assert await privileges(empty, role) == []
        assert await migrate(empty, role) == []
        assert await privileges(empty, role) == before
        assert await lost_grants(empty, role) == []
    finally:
        await uninstall(empty, role)


@pytest.mark.parametrize(
    "widened",
    [
        "GRANT SELECT ON background_jobs TO acra_express",
        "GRANT UPDATE (uen) ON companies TO acra_express",
        "GRANT ALL ON odoo_connections TO acra_express",
        "GRANT ALL ON SEQUENCE companies_company_id_seq TO acra_express",
    ],
)
async def test_migrate_revokes_extra_grants_on_platform_tables(owner: Connection, widened: str) -> None:
    before = await privileges(owner, ROLE)
    await owner.execute(widened)
    assert await privileges(owner, ROLE) != before
    await migrate(owner, ROLE)
    assert await privileges(owner, ROLE) == before


async def test_migrate_restores_owner_functions_granted_to_public(owner: Connection) -> None:
    """A restore without owners or ACLs leaves functions that run as the role itself and that PUBLIC may execute."""
    await owner.execute(
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA acra_express TO PUBLIC;"
        "GRANT CREATE ON SCHEMA acra_express TO acra_express;"
        "ALTER FUNCTION acra_express.claim(text, interval, int) OWNER TO acra_express;"
        "ALTER VIEW acra_express.express_jobs OWNER TO acra_express;"
        "REVOKE CREATE ON SCHEMA acra_express FROM acra_express"
    )
    await migrate(owner, ROLE)
    open_to_all = await owner.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'acra_express'::regnamespace AND prosecdef"
        " AND has_function_privilege('public', oid, 'EXECUTE')"
    )
    assert open_to_all == []
    owners = await owner.fetch(
        "SELECT DISTINCT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'acra_express'::regnamespace"
        " UNION SELECT relowner::regrole::text FROM pg_class WHERE oid = 'acra_express.express_jobs'::regclass"
    )
    assert [row[0] for row in owners] == ["postgres"]
    assert await lost_grants(owner, ROLE) == []


WALL = """
    SELECT tablename::text, p.oid, p.xmin::text, permissive, roles::text, qual, with_check
    FROM pg_policies JOIN pg_policy p ON polname = policyname AND polrelid = tablename::regclass
    WHERE policyname = 'acra_express_only' ORDER BY 1
"""


async def test_migrate_restores_only_the_missing_tenant_policies(owner: Connection, fresh_dsn: str) -> None:
    built = {row["tablename"]: row for row in await owner.fetch(WALL)}
    tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    rule = f"((tenant_id = {tenant}) OR (CURRENT_USER <> 'acra_express'::name))"
    assert set(built) == {"enrichment_runs", "run_event_logs", "run_vendor_usage"}
    assert {tuple(row)[3:] for row in built.values()} == {("RESTRICTIVE", "{acra_express}", rule, rule)}
    await owner.execute("DROP POLICY acra_express_only ON run_event_logs")
    reader = await connect(fresh_dsn, {})
    try:
        async with reader.transaction():  # like a nightly store: these two tables cannot be locked exclusively
            await reader.execute("SELECT FROM enrichment_runs, run_vendor_usage LIMIT 1")
            await migrate(owner, ROLE)
        healed = {row["tablename"]: row for row in await owner.fetch(WALL)}
        assert {name for name in built if healed[name] != built[name]} == {"run_event_logs"}
        assert tuple(healed["run_event_logs"])[3:] == tuple(built["run_event_logs"])[3:]
        async with reader.transaction():
            await reader.execute("SELECT FROM enrichment_runs, run_vendor_usage, run_event_logs LIMIT 1")
            await migrate(owner, ROLE)
        assert {row["tablename"]: row for row in await owner.fetch(WALL)} == healed
    finally:
        await reader.close()


async def test_migrate_names_and_skips_a_table_that_stays_locked(
    owner: Connection, fresh_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acra_express_async.db.schema.migrate.LOCK_TIMEOUT", "50ms")
    await owner.execute("DROP POLICY acra_express_only ON run_event_logs")
    reader = await connect(fresh_dsn, {})
    try:
        async with reader.transaction():
            await reader.execute("SELECT FROM run_event_logs LIMIT 1")
            with pytest.raises(SchemaError, match=r"a platform table stayed locked for 50ms; .* try again"):
                await migrate(owner, ROLE)
    finally:
        await reader.close()
    await migrate(owner, ROLE)
    assert len(await owner.fetch(WALL)) == 3


async def test_tenant_policy_binds_only_the_role_under_forced_rls(owner: Connection) -> None:
    """A policy `TO role` also binds members of the role, such as the shared account that `migrate` made a member."""
    account = f"account_{secrets.token_hex(4)}"
    await owner.execute("INSERT INTO enrichment_runs (tenant_id) VALUES (501), (502)")
    await owner.execute("ALTER TABLE enrichment_runs FORCE ROW LEVEL SECURITY")
    await owner.execute(f"CREATE ROLE {account} INHERIT; GRANT {ROLE} TO {account}")
    await owner.execute(f"ALTER TABLE enrichment_runs OWNER TO {account}")
    try:
        seen = {}
        for who in (account, ROLE):
            async with owner.transaction():
                await owner.execute(f"SET LOCAL ROLE {who}; SET LOCAL request.tenant_id = '501'")
                seen[who] = [row[0] for row in await owner.fetch("SELECT tenant_id FROM enrichment_runs")]
        assert seen == {account: [501], ROLE: []}
    finally:
        await owner.execute(f"REASSIGN OWNED BY {account} TO CURRENT_USER; DROP OWNED BY {account}")
        await owner.execute(f"DROP ROLE {account}")


async def test_next_migrate_grants_what_the_platform_added_later(owner: Connection) -> None:
    await owner.execute("ALTER TABLE companies DROP sg_phone; ALTER TABLE companies ADD sg_phone text")
    asked = "SELECT has_column_privilege('acra_express', 'companies', 'sg_phone', 'UPDATE')"
    assert await owner.fetchval(asked) is False
    await migrate(owner, ROLE)
    assert await owner.fetchval(asked) is True


async def test_an_older_build_keeps_the_grants_of_a_newer_one(owner: Connection) -> None:
    await owner.execute(
        "INSERT INTO acra_express.schema_migrations VALUES (99, 'from_the_future', 'x');"
        "GRANT UPDATE (employees_est) ON companies TO acra_express"
    )
    before = await privileges(owner, ROLE)
    await migrate(owner, ROLE)
    assert await privileges(owner, ROLE) == before


async def test_our_tenant_id_avoids_customers_known_only_elsewhere(empty: Connection) -> None:
    """`tenants` is empty, customers 1 and 2 exist elsewhere, DEFAULT_TENANT_ID is 3: a plain insert would take 1."""
    await bootstrap_platform(empty)
    await empty.execute(
        "INSERT INTO odoo_connections (tenant_id) VALUES (1);"
        "INSERT INTO background_jobs (tenant_id, job_type, status) VALUES (2, 'staging_upsert', 'done')"
    )
    await migrate(empty, ROLE, default_tenant_id=3)
    tenant = await empty.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    assert tenant == 4
    assert await empty.fetchval("SELECT acra_express.tenant_is_free($1)", tenant)
    assert await empty.fetchval("INSERT INTO tenants (name) VALUES ('next') RETURNING tenant_id") == 5


async def test_migrate_works_with_manually_numbered_tenants(empty: Connection) -> None:
    await bootstrap_platform(empty)
    await empty.execute("INSERT INTO tenants (tenant_id, name) VALUES (1, 'first'), (2, 'second')")
    await migrate(empty, ROLE)
    assert await empty.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'") == 3


async def privileges(connection: Connection, role: str) -> list[str]:
    """All privileges of the role itself in the database, and the policies that name it."""
    rows = await connection.fetch(
        """
        SELECT format('%s %s of %s', e.privilege_type, thing.part, thing.name) AS line FROM (
            SELECT c.oid::regclass::text AS name, '' AS part, c.relacl AS acl FROM pg_class c
            UNION ALL SELECT a.attrelid::regclass::text, a.attname, a.attacl FROM pg_attribute a
            UNION ALL SELECT f.oid::regprocedure::text, '', f.proacl FROM pg_proc f
            UNION ALL SELECT n.nspname, '', n.nspacl FROM pg_namespace n
        ) AS thing CROSS JOIN LATERAL aclexplode(thing.acl) AS e JOIN pg_roles r ON r.oid = e.grantee
        WHERE r.rolname = $1
        UNION ALL
        SELECT format('policy %s on %s', p.policyname, p.tablename) FROM pg_policies p WHERE $1::name = ANY (p.roles)
        ORDER BY 1
        """,
        role,
    )
    return [row["line"] for row in rows]


async def schema_dump(pg_dump: Path, dsn: str) -> list[str]:
    """Lines of `pg_dump --schema-only`, without the random \\restrict lines of newer versions."""
    return await dump(pg_dump, "--schema-only", dsn)


async def whole_dump(pg_dump: Path, dsn: str) -> list[str]:
    """Schema and rows. A sequence that gave out the ID of a deleted row keeps its place, so sequences are left out."""
    return [line for line in await dump(pg_dump, dsn) if "pg_catalog.setval(" not in line]


async def dump(pg_dump: Path, *arguments: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        str(pg_dump), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return [line for line in out.decode().splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


async def catalogue(connection: Connection) -> list[str]:
    """Every relation, column, index, trigger, function, policy and grant outside the system schemas."""
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
