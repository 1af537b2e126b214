"""Removes trigger, index, schema, grants and role; what we wrote into the platform's tables stays."""

from __future__ import annotations

import asyncpg

from acra_express_async.db.schema.ddl import execute_ddl
from acra_express_async.db.schema.migrate import LOCK_TIMEOUT
from acra_express_async.db.session.pool import Connection
from acra_express_async.errors import SchemaError


async def uninstall(connection: Connection, role: str) -> list[str]:
    """Remove everything of ours from this database, as the login account; returns one line for each step.

    Safe to repeat. The tenant's row stays as long as there are results under it, and always when `migrate` found it
    there: then it belongs to somebody else.

    Raises:
        SchemaError: a platform table stayed locked for some seconds; the steps already done stay done, repeat it.
    """
    lines = []
    await connection.execute(
        "SELECT set_config('lock_timeout', $1, false), set_config('statement_timeout', '0', false)", LOCK_TIMEOUT
    )
    try:
        await connection.execute("DROP INDEX CONCURRENTLY IF EXISTS public.acra_express_live_jobs")
        lines.append("index acra_express_live_jobs dropped")
        made = await _tenant_made(connection)
        async with connection.transaction():
            await connection.execute("DROP TRIGGER IF EXISTS acra_express_enqueued ON public.background_jobs")
            await connection.execute("DROP TRIGGER IF EXISTS acra_express_tenant ON public.background_jobs")
            await connection.execute("DROP SCHEMA IF EXISTS acra_express CASCADE")
            tenant = await _drop_tenant(connection, made)
        lines.append("triggers of background_jobs and schema acra_express dropped")
        lines.append(tenant)
        lines.append(await _drop_role(connection, role))
    except asyncpg.LockNotAvailableError as busy:
        raise SchemaError(f"a platform table stayed locked for {LOCK_TIMEOUT}; run uninstall again") from busy
    return lines


async def _tenant_made(connection: Connection) -> int | None:
    """The id of the row that `migrate` inserted; None where it found one, or where that was not recorded yet."""
    if not await connection.fetchval("SELECT to_regclass('acra_express.tenant_made') IS NOT NULL"):
        return None
    made: int | None = await connection.fetchval("SELECT min(tenant_id) FROM acra_express.tenant_made")
    return made


async def _drop_tenant(connection: Connection, made: int | None) -> str:
    """In the transaction that drops the schema, which holds the record of the row."""
    if made is None:
        return "tenant acra_express kept: `migrate` did not create its row"
    gone = await connection.fetchval(
        """
        DELETE FROM public.tenants t WHERE t.tenant_id = $1 AND t.name = 'acra_express'
          AND NOT EXISTS (SELECT FROM public.enrichment_runs r WHERE r.tenant_id = t.tenant_id)
          AND NOT EXISTS (SELECT FROM public.background_jobs b WHERE b.tenant_id = t.tenant_id)
        RETURNING true
        """,
        made,
    )
    return "tenant acra_express removed" if gone else "tenant acra_express kept: there are results or jobs under it"


async def _drop_role(connection: Connection, role: str) -> str:
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role):
        return f"role {role} did not exist"
    async with connection.transaction():
        await execute_ddl(connection, "DROP OWNED BY %I", role)
    try:
        await execute_ddl(connection, "DROP ROLE %I", role)
    except asyncpg.DependentObjectsStillExistError:
        return f"role {role} kept: another database of this server still uses it"
    return f"grants and role {role} dropped"
