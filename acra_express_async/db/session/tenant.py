"""The platform's tenant under which all rows of express are written."""

from __future__ import annotations

import asyncpg

from acra_express_async.db.session.connection import Connection
from acra_express_async.db.session.pinned import session_settings, set_for_transaction
from acra_express_async.errors import ConfigError, SchemaError

NAME = "acra_express"


async def assume_role(connection: Connection, role: str, *, pooled: bool) -> None:
    """Behind a pooler, set role and settings for this transaction; then make sure that the session acts as the role.

    Raises:
        SchemaError: it does not; nothing was read or written under the wrong role.
    """
    if pooled:
        try:
            await set_for_transaction(connection, session_settings(role, None))
        except (asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError) as wrong:
            raise SchemaError(
                f"the login may not act as role {role} ({wrong}); "
                "run `acra-express migrate` as the owner of the platform's tables"
            ) from wrong
    acting = await connection.fetchval("SELECT current_user")
    if acting != role:
        raise SchemaError(
            f"the session acts as {acting}, not as the tenant role {role}; where a pooler drops start-up parameters, "
            "set ACRA_EXPRESS_LISTEN_DSN to a direct connection, and the role is taken in every transaction"
        )


async def tenant_id_of(connection: Connection, configured: int | None) -> int:
    """The configured tenant id if it exists, else the one named acra_express.

    Raises:
        ConfigError: there is no such tenant.
    """
    found = await connection.fetchval(
        """
        SELECT min(tenant_id) FROM public.tenants
        WHERE CASE WHEN $1::int IS NULL THEN name = $2 ELSE tenant_id = $1 END
        """,
        configured,
        NAME,
    )
    if found is None:
        missing = f"with id {configured} (ACRA_EXPRESS_TENANT_ID)" if configured is not None else f"named {NAME}"
        raise ConfigError(f"there is no tenant {missing} in this database; run `acra-express migrate`")
    return int(found)


async def tenant_is_free(connection: Connection, tenant_id: int) -> bool:
    """Whether neither a customer nor a job of the nightly uses this tenant; an owner's function answers it."""
    return bool(await connection.fetchval("SELECT acra_express.tenant_is_free($1)", tenant_id))


async def require_own_tenant(connection: Connection, tenant_id: int, default_tenant_id: int | None) -> None:
    """Express works under a separate tenant: not the platform's DEFAULT_TENANT_ID, and not a customer's.

    Raises:
        ConfigError: it is one of these.
    """
    if tenant_id == default_tenant_id:
        raise ConfigError(
            f"the express tenant ({tenant_id}) is the platform's DEFAULT_TENANT_ID; express needs a separate tenant"
        )
    if not await tenant_is_free(connection, tenant_id):
        raise ConfigError(
            f"tenant {tenant_id} belongs to a customer of the nightly; work under it would use up the customer's cap. "
            "Set ACRA_EXPRESS_TENANT_ID to the express tenant or leave it out"
        )
