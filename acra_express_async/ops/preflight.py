"""What must be true before the service starts: reachable database, our schema, our role, a tenant of our own.

Everything wrong here is said in one sentence and ends the process with exit code 78; nothing here changes anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from acra_express_async import logs
from acra_express_async.db.schema.migrate import check
from acra_express_async.db.schema.platform_shape import PlatformShape, missing_required, probe
from acra_express_async.db.schema.role_limits import reach_faults
from acra_express_async.db.session.pool import AWAY, Database, connect, host_and_port, session_settings
from acra_express_async.db.session.tenant import assume_role, require_own_tenant, tenant_id_of
from acra_express_async.errors import ConfigError, DatabaseAway, SchemaError, in_words
from acra_express_async.settings.tree import Settings

log = logs.logger("preflight")

UNREACHABLE_SECONDS = 30.0
"""How long an unreachable server is tried at start-up (interfaces.md, exit codes)."""
RETRY_SECONDS = 1.0
WORK_CONNECTIONS = 3
"""With one for heartbeats that makes four, beside one LISTEN: what a guest may take (platform.md B15)."""


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """What the service stands on: sessions for work, one kept free for heartbeats, the platform's shape."""

    work: Database
    vital: Database
    tenant_id: int
    shape: PlatformShape


async def prepare(
    settings: Settings, *, clock: Callable[[], float], pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> DatabaseAccess:
    """Check everything and open the pools.

    Raises:
        ConfigError, SchemaError: one sentence for the operator.
    """
    deadline = clock() + UNREACHABLE_SECONDS
    dsn = settings.postgres_dsn.get_secret_value()
    while True:
        try:
            tenant_id, shape = await _examine(settings, dsn)
            break
        except AWAY as away:
            if clock() >= deadline:
                raise ConfigError(
                    f"PostgreSQL at {host_and_port(dsn)} could not be reached for {UNREACHABLE_SECONDS:g} s"
                    f" ({in_words(away)})"
                ) from away
            log.warning("database.unreachable", server=host_and_port(dsn), error=in_words(away))
            await pause(RETRY_SECONDS)
    pooled = settings.listen_dsn is not None
    work = Database(dsn, role=settings.tenant_role, tenant_id=tenant_id, size=WORK_CONNECTIONS, pooled=pooled)
    vital = Database(dsn, role=settings.tenant_role, tenant_id=tenant_id, size=1, pooled=pooled)
    try:
        await work.open()
        await vital.open()
    except (DatabaseAway, *AWAY) as away:
        await work.close()
        raise ConfigError(f"PostgreSQL at {host_and_port(dsn)} went away while starting: {away}") from away
    return DatabaseAccess(work, vital, tenant_id, shape)


async def _examine(settings: Settings, dsn: str) -> tuple[int, PlatformShape]:
    pooled = settings.listen_dsn is not None
    connection = await connect(dsn, {} if pooled else session_settings(settings.tenant_role, None), pooled=pooled)
    try:
        async with connection.transaction():
            await assume_role(connection, settings.tenant_role, pooled=pooled)
            await check(connection)
            tenant_id = await tenant_id_of(connection, settings.tenant_id)
            await require_own_tenant(connection, tenant_id, settings.default_tenant_id)
            shape = await probe(connection)
            faults = missing_required(shape) or await reach_faults(connection, settings.tenant_role, tenant_id)
            if faults:
                raise SchemaError("; ".join(faults))
            return tenant_id, shape
    finally:
        connection.terminate()
