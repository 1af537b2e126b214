"""Connections: every session runs under the tenant role with the tenant's id, short time-outs and a name of its own.

`Database` is what the other files of db/ are given; no other room sees an asyncpg pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeAlias
from urllib.parse import urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from acra_express_async.db.session.codecs import set_codecs
from acra_express_async.errors import ConfigError, DatabaseAway, LockBusy, SchemaError, in_words
from acra_express_async.runtime.realtime import real

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

APPLICATION_NAME = "acra-express"
CONNECT_TIMEOUT = timedelta(seconds=3)
"""The platform's own PG_CONNECT_TIMEOUT_S."""
COMMAND_TIMEOUT = timedelta(seconds=10)
"""Client-side bound of one call; the server's own `statement_timeout` (5 s) speaks first unless it is frozen."""

SESSION_SETTINGS = {
    "application_name": APPLICATION_NAME,
    # contracts/platform.md B2, B3: give way well before deadlock_timeout (1 s) makes the nightly the victim
    "lock_timeout": "300ms",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "5s",
    # pg_temp, if it is not named, comes before everything: behind a pooler others leave their tables there
    "search_path": "pg_catalog, public, pg_temp",
    "timezone": "UTC",
    "jit": "off",
}

_BAD_LOGIN = (
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)


_GAVE_WAY = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


def session_settings(role: str | None, tenant_id: int | None) -> dict[str, str]:
    """Start-up parameters of a direct session; they survive release and RESET ALL."""
    settings = dict(SESSION_SETTINGS)
    if role is not None:
        settings["role"] = role
    if tenant_id is not None:
        settings["request.tenant_id"] = str(tenant_id)
    return settings


async def set_for_transaction(connection: Connection, settings: dict[str, str]) -> None:
    """The same until the end of this transaction: all that survives a transaction pooler."""
    # a hostile search_path of the session still holds here: nothing may be left to it
    await connection.execute(
        "SELECT pg_catalog.set_config(s.name, s.value, true)"
        " FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]))"
        " AS s(name, value)",
        list(settings.keys()),
        list(settings.values()),
    )


AWAY = (
    OSError,  # TimeoutError included: a frozen server is away
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,  # shutting down, statement cancelled by its time-out
    asyncpg.InsufficientResourcesError,  # too many connections
    asyncpg.ReadOnlySQLTransactionError,  # a standby after a failover
)
LOCK_PAUSE = timedelta(seconds=30)
"""How long a job steps aside when repeating the transaction did not help."""


async def _first_prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Cancelled or failed, it cuts the connection: nobody else knows of it yet."""
    ready = False
    try:
        # in a transaction: behind a pooler two statements outside of one may meet two servers
        async with connection.transaction():
            await set_codecs(connection)
        ready = True
    finally:
        if not ready:
            connection.terminate()


async def forget_statements(connection: Connection) -> None:
    """Prepare every statement anew: those of before know the tables as they were; a transaction goes on."""
    await set_codecs(connection)  # setting a codec drops them; asyncpg's own reload would drop the codecs


async def _keep_session(_connection: Connection) -> None:
    """Stands in for asyncpg's RESET ALL on release: no body leaves settings behind (all of ours are SET LOCAL)."""


def host_and_port(dsn: str) -> str:
    """What an operator needs to see of a DSN; never its password."""
    try:
        parts = urlsplit(dsn)
        return f"{parts.hostname or 'localhost'}:{parts.port or 5432}"
    except ValueError:
        return "an unreadable host"


def unreachable(dsn: str, away: BaseException) -> DatabaseAway:
    """The one sentence about a server that cannot be reached; `away` is one of `AWAY`."""
    return DatabaseAway(f"PostgreSQL at {host_and_port(dsn)} cannot be reached ({in_words(away)})")


async def connect(
    dsn: str, settings: dict[str, str], *, pooled: bool = False, setting: str = "POSTGRES_DSN"
) -> asyncpg.Connection[asyncpg.Record]:
    """One connection with `settings` in force for the session.

    Args:
        dsn: PostgreSQL URL.
        settings: start-up parameters.
        pooled: a transaction pooler stands before the server: no prepared statement survives a transaction.
        setting: where `dsn` comes from, for errors.

    Raises:
        ConfigError: the DSN is malformed, the login is refused or the database does not exist.
        SchemaError: the role of `settings` does not exist or may not be assumed.
        OSError, asyncpg.PostgresError, TimeoutError: the server cannot be reached now.
    """
    try:
        connection = await asyncpg.connect(
            dsn,
            timeout=real(CONNECT_TIMEOUT.total_seconds()),
            command_timeout=real(COMMAND_TIMEOUT.total_seconds()),
            server_settings=settings,
            statement_cache_size=0 if pooled else 100,
        )
    except _BAD_LOGIN as refused:
        raise ConfigError(f"PostgreSQL at {host_and_port(dsn)} refused the login: {refused}") from refused
    except asyncpg.ProtocolViolationError as refused:
        raise ConfigError(
            f"{host_and_port(dsn)} refuses session settings ({refused}), as a transaction pooler does; set "
            "ACRA_EXPRESS_LISTEN_DSN to a direct connection, then role and tenant are set in every transaction"
        ) from refused
    except (ValueError, asyncpg.ClientConfigurationError) as wrong:
        raise ConfigError(f"ACRA_EXPRESS_{setting} is not a valid connection URL") from wrong
    except (asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError) as wrong:
        role = settings.get("role", "?")
        raise SchemaError(
            f"the login may not act as role {role} ({wrong}); "
            "run `acra-express migrate` as the owner of the platform's tables"
        ) from wrong
    await _first_prepare(connection)
    return connection


class Database:
    """A small pool of sessions under one role and tenant.

    Args:
        dsn: PostgreSQL URL of the login account.
        role: database role every session runs under; None stays with the login (migrations, tests).
        tenant_id: value of `request.tenant_id` for row-level security; None before it is known.
        size: most connections at once.
        pooled: a transaction pooler stands in between: role and tenant are set in every transaction instead.
        extra: more start-up parameters.
    """

    def __init__(
        self,
        dsn: str,
        *,
        role: str | None,
        tenant_id: int | None,
        size: int,
        pooled: bool = False,
        extra: dict[str, str] | None = None,
    ) -> None:
        self._dsn = dsn
        self._role = role
        self._tenant = tenant_id
        self._size = size
        self._pooled = pooled
        self._settings = session_settings(None if pooled else role, None if pooled else tenant_id) | (extra or {})
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    @property
    def tenant_id(self) -> int:
        """The express tenant.

        Raises:
            ConfigError: it was not looked up yet.
        """
        if self._tenant is None:
            raise ConfigError("the express tenant is not known")
        return self._tenant

    async def open(self) -> None:
        """Create the pool and its first connection; the errors are those of `connect`."""

        async def dial(*_args: object, **_kwargs: object) -> asyncpg.Connection[asyncpg.Record]:
            return await connect(self._dsn, {} if self._pooled else self._settings, pooled=self._pooled)

        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=1,
            max_size=self._size,
            max_queries=50_000,
            max_inactive_connection_lifetime=real(300),
            connect=dial,
            reset=_keep_session,
        )

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode (behind a pooler one transaction: the same for single statements)."""
        if self._pooled:
            async with self.transaction() as connection:
                yield connection
            return
        async with self._acquired() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One short transaction; never await anything but this connection inside it."""
        async with self._acquired() as connection, connection.transaction():
            if self._pooled:
                await self._set_local(connection)
            yield connection

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Connection]:
        if self._pool is None:
            raise DatabaseAway("the database pool is not open")
        try:
            async with self._pool.acquire(timeout=real(COMMAND_TIMEOUT.total_seconds())) as connection:
                yield connection
        except _GAVE_WAY as busy:
            raise LockBusy(
                f"gave way to another's lock: {busy}", reason="lock_timeout", retry_after=LOCK_PAUSE
            ) from busy
        except AWAY as away:
            raise DatabaseAway(f"PostgreSQL at {host_and_port(self._dsn)}: {in_words(away)}") from away

    async def _set_local(self, connection: Connection) -> None:
        await set_for_transaction(connection, session_settings(self._role or "none", self._tenant))

    async def close(self, deadline: timedelta = timedelta(seconds=2)) -> None:
        """Close politely within `deadline`, then cut what is left: close() alone may hang on a frozen server."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(real(deadline.total_seconds())):
                await pool.close()
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pool.terminate()
