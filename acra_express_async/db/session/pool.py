"""Pools of connections: every session runs under the tenant role, with the tenant's id and short time-outs.

The other modules of db/ are given a `Database`; no other room uses an asyncpg pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from acra_express_async import logs
from acra_express_async.db.session.connection import (
    COMMAND_TIMEOUT,
    Connection,
    Row,
    connect,
    connect_with,
    forget_statements,
)
from acra_express_async.db.session.dsn import DsnSource, FixedDsn, host_and_port
from acra_express_async.db.session.pinned import session_settings, set_for_transaction
from acra_express_async.db.session.server_errors import DRIVER_ERRORS, as_not_now, reason_of, spoils_the_session
from acra_express_async.errors import Away, ConfigError, DatabaseAway, NotNow, SchemaError, in_words
from acra_express_async.runtime.realtime import real

__all__ = ["Connection", "Database", "Row", "connect", "forget_statements"]

log = logs.logger("database")


async def _keep_session(_connection: Connection) -> None:
    """Replaces asyncpg's RESET ALL on release, which is not needed: all of our settings are SET LOCAL."""


def require_writable(*, standby: bool, read_only: str) -> None:
    """Inside a session: refuse a server that accepts no writes, so that the pool replaces its sessions.

    Args:
        read_only: the session's `transaction_read_only`.

    Raises:
        asyncpg.ReadOnlySQLTransactionError: as the server itself does at the first write.
    """
    if standby or read_only == "on":
        raise asyncpg.ReadOnlySQLTransactionError("it is a standby" if standby else "transaction_read_only is on")


CANCEL_SECONDS = 1.0
"""How long a server may take to accept the cancellation of a statement whose session is being closed."""


async def _cut(connection: PoolConnectionProxy, error: BaseException) -> None:
    """Close the connection at once, unless the driver has done so already.

    A statement that ran into the driver's time-out is cancelled first. A backend that waits for a synchronous standby
    does not notice a closed connection: it would keep its locks and its slot, and every retry would add another one.
    """
    with suppress(asyncpg.InterfaceError):
        if isinstance(error, TimeoutError):
            with suppress(*DRIVER_ERRORS):
                async with asyncio.timeout(real(CANCEL_SECONDS)):
                    await connection.close()
        connection.terminate()


class Database:
    """A small pool of sessions under one role and tenant.

    Once the pool is open, every refusal of the server, the login or the driver is raised as `NotNow`, and its session
    is closed: it never goes back into the pool.

    Args:
        dsn: PostgreSQL URL of the login account, or where to find it.
        role: database role of every session; None keeps the login's (migrations, tests).
        tenant_id: value of `request.tenant_id` for row-level security; None before it is known.
        size: most connections at once.
        pooled: there is a transaction pooler in between, so role and tenant are set in every transaction.
        extra: more settings of every session.
    """

    def __init__(
        self,
        dsn: str | DsnSource,
        *,
        role: str | None,
        tenant_id: int | None,
        size: int,
        pooled: bool = False,
        extra: dict[str, str] | None = None,
    ) -> None:
        self._dsn = FixedDsn(dsn) if isinstance(dsn, str) else dsn
        self._role = role
        self._tenant = tenant_id
        self._size = size
        self._pooled = pooled
        self._extra = extra or {}
        self._settings = session_settings(None if pooled else role, None if pooled else tenant_id) | self._extra
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._told: Callable[[DatabaseAway], None] = lambda _away: None
        self._give_up: list[Callable[[], Awaitable[None]]] = []
        self._waiting = 0
        self._generation = 0

    @property
    def tenant_id(self) -> int:
        """The express tenant.

        Raises:
            ConfigError: it has not been looked up yet.
        """
        if self._tenant is None:
            raise ConfigError("the express tenant is not known")
        return self._tenant

    @property
    def is_pooled(self) -> bool:
        """There is a transaction pooler in between."""
        return self._pooled

    @property
    def is_short(self) -> bool:
        """A caller waits for a session, or the pool closes: none may be kept now."""
        return self._waiting > 0 or self._pool is None

    @property
    def generation(self) -> int:
        """Changes when all sessions are to be replaced; one that was taken before must be returned."""
        return self._generation

    def observe(self, told: Callable[[DatabaseAway], None]) -> None:
        """Call `told` with every `DatabaseAway` that a session raises."""
        self._told = told

    def when_exhausted(self, give_up: Callable[[], Awaitable[None]]) -> None:
        """Call `give_up` when a session is needed and the pool has none left, and before the pool closes."""
        self._give_up.append(give_up)

    async def open(self) -> None:
        """Create the pool and its first connection; the errors are those of `connect`."""
        self._pool = await asyncpg.create_pool(
            self._dsn.value,
            min_size=1,
            max_size=self._size,
            max_queries=50_000,
            max_inactive_connection_lifetime=real(300),
            connect=self._dial,
            reset=_keep_session,
        )

    async def _dial(self, *_args: object, **_kwargs: object) -> asyncpg.Connection[asyncpg.Record]:
        return await connect_with(self._dsn, {} if self._pooled else self._settings, pooled=self._pooled)

    async def ping(self) -> None:
        """Ask on a session of this pool whether the server accepts writes.

        Raises:
            NotNow: it does not, and every session of the pool will be replaced; or it does not answer.
        """
        async with self._acquired() as connection:
            row = await connection.fetchrow(
                "SELECT pg_catalog.pg_is_in_recovery() AS standby,"
                " pg_catalog.current_setting('transaction_read_only') AS read_only"
            )
            assert row is not None
            require_writable(standby=row["standby"], read_only=row["read_only"])

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode (behind a pooler one transaction, which is the same for one statement)."""
        if self._pooled:
            async with self.transaction() as connection:
                yield connection
            return
        async with self._acquired() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One short transaction; inside it, await nothing but this connection."""
        # the level is part of BEGIN: behind a pooler nothing else of the session is ours
        async with self._acquired() as connection, connection.transaction(isolation="read_committed"):
            if self._pooled:
                await self._set_local(connection)
            yield connection

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Connection]:
        pool = self._pool
        if pool is None:
            raise DatabaseAway("the database pool is not open", reason=Away.SESSION_LOST)
        if pool.get_idle_size() == 0 and pool.get_size() == pool.get_max_size():
            await self._gather_kept()
        self._waiting += 1
        try:
            connection = await pool.acquire(timeout=real(COMMAND_TIMEOUT.total_seconds()))
        except (NotNow, ConfigError, SchemaError, *DRIVER_ERRORS) as error:
            raise self._refused(error) from error
        finally:
            self._waiting -= 1
        try:
            yield connection
        except DRIVER_ERRORS as error:
            if spoils_the_session(error):
                await _cut(connection, error)
            if reason_of(error) is Away.READ_ONLY:
                self._generation += 1
                await pool.expire_connections()  # they all lead to the same server
            not_now = as_not_now(error, host_and_port(self._dsn.value))
            if not_now is None:
                raise
            raise self._noted(not_now) from error
        finally:
            await self._released(pool, connection)

    async def _gather_kept(self) -> None:
        for give_up in self._give_up:
            await give_up()

    def _refused(self, error: Exception) -> NotNow:
        """The error when no session could be opened. A fault that ends the process at its start means waiting here."""
        match error:
            case NotNow():
                return self._noted(error)
            case ConfigError():
                return self._noted(DatabaseAway(str(error), reason=Away.LOGIN))
            case SchemaError():
                return self._noted(DatabaseAway(str(error), reason=Away.GRANTS))
        known = as_not_now(error, host_and_port(self._dsn.value))
        return self._noted(known or DatabaseAway(in_words(error), reason=Away.FAULT))

    def _noted(self, not_now: NotNow) -> NotNow:
        if isinstance(not_now, DatabaseAway):
            self._told(not_now)
        return not_now

    async def _released(self, pool: asyncpg.Pool[asyncpg.Record], connection: PoolConnectionProxy) -> None:
        """Return the session to the pool. The caller's work is over already, so an error here changes nothing."""
        try:
            await pool.release(connection)
        except DRIVER_ERRORS as error:
            log.info("session.dropped", error=in_words(error))

    async def _set_local(self, connection: Connection) -> None:
        await set_for_transaction(connection, session_settings(self._role or "none", self._tenant) | self._extra)

    async def close(self, deadline: timedelta = timedelta(seconds=2)) -> None:
        """Close within `deadline`, then terminate what is left: close() alone may hang on a frozen server."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(real(deadline.total_seconds())):
                await self._gather_kept()
                await pool.close()
        except DRIVER_ERRORS as error:
            log.info("pool.cut", error=in_words(error))
            pool.terminate()
