"""Checks what every session under the tenant role needs: role, settings, our schema, and the express tenant."""

from __future__ import annotations

from collections.abc import Callable

from acra_express_async.db.schema.migrate import check as check_schema
from acra_express_async.db.schema.seeds import require_seeds
from acra_express_async.db.session.connection import Connection
from acra_express_async.db.session.dsn import host_and_port
from acra_express_async.db.session.pinned import settings_fault
from acra_express_async.db.session.tenant import assume_role, require_own_tenant, tenant_id_of
from acra_express_async.errors import ConfigError
from acra_express_async.settings.tree import Settings


async def require_tenant(
    connection: Connection, settings: Settings, *, pooled: bool, passed: Callable[[str], object] = lambda _: None
) -> int:
    """The express tenant's id, after all of these checks.

    Args:
        connection: in a transaction when `pooled`, because the role then holds only that long.
        passed: called with one sentence for each check that passes.

    Raises:
        ConfigError, SchemaError: the first check that fails, in one sentence; later ones were not made.
    """
    role = settings.tenant_role
    await assume_role(connection, role, pooled=pooled)
    passed(f"database: {host_and_port(settings.postgres_dsn.get_secret_value())} answers under the role {role}")
    if (fault := await settings_fault(connection)) is not None:
        raise ConfigError(fault)
    await check_schema(connection)
    passed("schema: every migration is applied")
    await require_seeds(connection)
    tenant_id = await tenant_id_of(connection, settings.tenant_id)
    await require_own_tenant(connection, tenant_id, settings.default_tenant_id)
    passed(f"tenant: {tenant_id} is express's own")
    return tenant_id
