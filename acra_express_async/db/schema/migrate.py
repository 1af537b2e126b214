"""Migrations: plain `.sql` files with a ledger of checksums, forward only, safe with several runners at once.

`run` never migrates; it calls `check` and refuses to start on a database that lacks a migration.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import Final

import asyncpg

from acra_express_async.db.schema.ddl import execute_ddl
from acra_express_async.db.schema.grants import grant_all
from acra_express_async.db.schema.row_security import restrict_to_tenant
from acra_express_async.db.schema.seeds import put_seeds_back
from acra_express_async.db.session.pool import Connection
from acra_express_async.db.session.tenant import NAME as TENANT
from acra_express_async.db.session.tenant import require_own_tenant, tenant_id_of
from acra_express_async.errors import SchemaError

LOCK_KEY: Final = 0x6163_7261  # "acra"
LOCK_ATTEMPTS: Final = 300
LOCK_POLL_SECONDS: Final = 0.2
"""A blocking pg_advisory_lock would deadlock with CREATE INDEX CONCURRENTLY, which waits for all transactions."""
LOCK_TIMEOUT: Final = "5s"
"""Longer than the service's 300 ms: creating the trigger must wait for the platform's transactions, within limits."""

_FILE = re.compile(r"^(\d{4})_(\w+)\.sql$")
_NO_TRANSACTION = "-- no transaction"

LEDGER = """
CREATE SCHEMA IF NOT EXISTS acra_express;
CREATE TABLE IF NOT EXISTS acra_express.schema_migrations (
    version    int PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS acra_express.tenant_made (
    tenant_id int PRIMARY KEY,
    made_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""
"""The ledger of migrations, and the row of `public.tenants` that `migrate` inserted, which `uninstall` may delete."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file; the checksum covers its text, in which the role is still a placeholder."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def transactional(self) -> bool:
        return not self.text.startswith(_NO_TRANSACTION)

    def sql(self, role: str) -> str:
        """The text with the tenant role filled in; settings/tree.py allows only plain identifiers."""
        return self.text.replace("{{role}}", f'"{role}"')


def migrations() -> list[Migration]:
    """All files of `db/schema/migrations`, in order.

    Raises:
        SchemaError: two files share a number.
    """
    found = []
    for entry in resources.files("acra_express_async.db.schema").joinpath("migrations").iterdir():
        match = _FILE.match(entry.name)
        if match:
            found.append(Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.version)
    if len({migration.version for migration in found}) != len(found):
        raise SchemaError("two migrations of this installation share a number; install it again")
    return found


async def migrate(
    connection: Connection, role: str, *, tenant_id: int | None = None, default_tenant_id: int | None = None
) -> list[Migration]:
    """Apply what is missing, renew the role's grants and restrict it to its tenant; returns what was applied.

    Runs as the login account. Several runners may start at once: one works, and the others wait and find nothing left
    to do. A build that is older than the database leaves the grants to the newer build.

    Args:
        tenant_id: the express tenant, if it is not the one named acra_express.
        default_tenant_id: the platform's, which ours must not be.

    Raises:
        ConfigError: the tenant does not exist, or is the platform's or a customer's.
        SchemaError: an applied file was changed, the hash key is lost, the platform's tables are missing, the role
            cannot be created, or another runner holds the lock for longer than a minute.
    """
    await connection.execute(
        "SELECT set_config('lock_timeout', $1, false), set_config('statement_timeout', '0', false)", LOCK_TIMEOUT
    )
    await _lock(connection)
    try:
        await require_platform(connection)
        await _ensure_role(connection, role)
        await connection.execute(LEDGER)
        await _ensure_tenant(connection, default_tenant_id)
        applied = await _applied(connection)
        done = []
        for migration in migrations():
            if migration.version in applied:
                _require_unchanged(migration, applied[migration.version])
                continue
            await _apply(connection, migration, role)
            done.append(migration)
        if not applied or max(applied) <= migrations()[-1].version:
            tenant = await tenant_id_of(connection, tenant_id)
            await require_own_tenant(connection, tenant, default_tenant_id)
            await _grant(connection, role, tenant)
            await put_seeds_back(connection)
        return done
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", LOCK_KEY)


async def check(connection: Connection) -> None:
    """Whether every migration of this build is applied; a database that is newer is fine (rolling deploy).

    Raises:
        SchemaError: one sentence that says which command to run.
    """
    try:
        applied = await _applied(connection)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.InsufficientPrivilegeError) as missing:
        raise SchemaError(
            "the schema acra_express is missing in this database; run `acra-express migrate`"
        ) from missing
    wanted = migrations()
    lacking = [m for m in wanted if m.version not in applied]
    if lacking:
        names = ", ".join(f"{m.version:04d}_{m.name}" for m in lacking)
        raise SchemaError(f"the database lacks {names}; run `acra-express migrate`")
    for migration in wanted:
        _require_unchanged(migration, applied[migration.version])


def _require_unchanged(migration: Migration, checksum: str) -> None:
    if migration.checksum != checksum:
        raise SchemaError(
            f"migration {migration.version:04d}_{migration.name} was applied with a different text; "
            "this database belongs to another build"
        )


async def require_platform(connection: Connection) -> None:
    """Whether the tables of the platform that we use are here.

    Raises:
        SchemaError: some are missing; it names them.
    """
    missing = await connection.fetchval(
        """
        SELECT string_agg(name, ', ') FROM unnest(ARRAY[
            'background_jobs', 'staging_acra_companies', 'companies', 'company_enrichment_runs', 'enrichment_runs',
            'lead_emails', 'tenants']) AS wanted(name)
        WHERE to_regclass('public.' || name) IS NULL
        """
    )
    if missing:
        raise SchemaError(
            f"the platform's tables are missing here ({missing}); is this the right database? "
            "`acra-express migrate --bootstrap-platform` creates them in an empty one"
        )


async def applied_checksums(connection: Connection) -> dict[int, str]:
    """Version -> checksum of each migration in the ledger; empty before the first `migrate`."""
    if not await connection.fetchval("SELECT to_regclass('acra_express.schema_migrations') IS NOT NULL"):
        return {}
    return await _applied(connection)


async def _applied(connection: Connection) -> dict[int, str]:
    rows = await connection.fetch("SELECT version, checksum FROM acra_express.schema_migrations")
    return {row["version"]: row["checksum"] for row in rows}


async def _lock(connection: Connection) -> None:
    for _ in range(LOCK_ATTEMPTS):
        if await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK_KEY):
            return
        await asyncio.sleep(LOCK_POLL_SECONDS)
    raise SchemaError("another `acra-express migrate` has been running for a minute; try again when it is done")


async def _ensure_role(connection: Connection, role: str) -> None:
    """The role protects others from our mistakes. It has no login; the login account must be able to assume it."""
    try:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role):
            await _create_role(connection, role)
        if not await _may_assume(connection, role):
            await execute_ddl(connection, "GRANT %I TO CURRENT_USER", role)
    except asyncpg.InsufficientPrivilegeError as refused:
        raise SchemaError(
            f"this login may not create or assume the role {role} ({refused}); have an administrator run "
            f'CREATE ROLE "{role}" NOLOGIN NOINHERIT; GRANT "{role}" TO <login>; and try again'
        ) from refused


async def _ensure_tenant(connection: Connection, default_tenant_id: int | None) -> None:
    """Create the express tenant with an unused id, and remember that the row is ours to delete.

    Some customers appear only in jobs or connections, and rows with an explicit id do not advance the sequence, so the
    highest id in use is looked up.
    """
    async with connection.transaction():
        if await connection.fetchval("SELECT EXISTS (SELECT FROM public.tenants WHERE name = $1)", TENANT):
            return
        highest = default_tenant_id or 0
        for table in await connection.fetch(
            """
            SELECT format('SELECT coalesce(max(tenant_id), 0) FROM %s', a.attrelid::regclass) AS asked
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE c.relnamespace = 'public'::regnamespace AND a.attname = 'tenant_id' AND NOT a.attisdropped
              AND c.relname IN ('tenants', 'odoo_connections', 'background_jobs', 'enrichment_runs')
            """
        ):
            highest = max(highest, await connection.fetchval(table["asked"]))
        await connection.execute(
            """
            WITH made AS (
                INSERT INTO public.tenants (tenant_id, name)
                SELECT CASE WHEN s.name IS NULL THEN $2 + 1 ELSE setval(s.name, greatest(nextval(s.name), $2 + 1)) END,
                       $1
                FROM pg_get_serial_sequence('public.tenants', 'tenant_id') AS s(name)
                RETURNING tenant_id)
            INSERT INTO acra_express.tenant_made (tenant_id) SELECT tenant_id FROM made ON CONFLICT DO NOTHING
            """,
            TENANT,
            highest,
        )


async def _create_role(connection: Connection, role: str) -> None:
    try:
        await execute_ddl(connection, "CREATE ROLE %I NOLOGIN NOINHERIT", role)
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        # roles belong to the whole server: another of its databases may be migrated at the same moment
        await connection.execute("SELECT 1")


async def _may_assume(connection: Connection, role: str) -> bool:
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('role', $1, true)", role)
    except asyncpg.InsufficientPrivilegeError:
        return False
    return True


async def _apply(connection: Connection, migration: Migration, role: str) -> None:
    ledger = "INSERT INTO acra_express.schema_migrations (version, name, checksum) VALUES ($1, $2, $3)"
    row = (migration.version, migration.name, migration.checksum)
    try:
        if migration.transactional:
            async with connection.transaction():
                await connection.execute(migration.sql(role))
                await connection.execute(ledger, *row)
            return
        await _drop_invalid_indexes(connection)
        await connection.execute(migration.sql(role))
        await connection.execute(ledger, *row)
    except asyncpg.LockNotAvailableError as busy:
        raise SchemaError(
            f"migration {migration.version:04d}_{migration.name} could not lock a platform table "
            f"within {LOCK_TIMEOUT}; nothing was changed, try again outside the nightly"
        ) from busy
    except asyncpg.InsufficientPrivilegeError as refused:
        raise SchemaError(
            f"migration {migration.version:04d}_{migration.name} needs the owner of the platform's tables: {refused}"
        ) from refused


async def _grant(connection: Connection, role: str, tenant_id: int) -> None:
    try:
        await restrict_to_tenant(connection, role, tenant_id)
        async with connection.transaction():
            await grant_all(connection, role)
    except asyncpg.LockNotAvailableError as busy:
        raise SchemaError(
            f"a platform table stayed locked for {LOCK_TIMEOUT}; the grants are unchanged, try again"
        ) from busy
    except asyncpg.InsufficientPrivilegeError as refused:
        raise SchemaError(f"the grants of the role {role} need the owner of the tables: {refused}") from refused


async def _drop_invalid_indexes(connection: Connection) -> None:
    """An interrupted CREATE INDEX CONCURRENTLY leaves an invalid index, which IF NOT EXISTS would accept."""
    statement = await connection.fetchval(
        """
        SELECT format('DROP INDEX CONCURRENTLY IF EXISTS %s', i.indexrelid::regclass)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE NOT i.indisvalid AND c.relname = 'acra_express_live_jobs'
        """
    )
    if statement is not None:
        await connection.execute(statement)
