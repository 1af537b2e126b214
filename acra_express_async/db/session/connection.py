"""One connection: how it is made, from which of several servers, and JSON as Python values on it."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from acra_express_async import logs
from acra_express_async.db.session.codecs import set_codecs
from acra_express_async.db.session.dsn import (
    DsnSource,
    host_and_port,
    one_dsn_for_each_host,
    parameters,
    unreadable_file,
)
from acra_express_async.db.session.server_errors import translated
from acra_express_async.errors import Away, ConfigError, DatabaseAway, LoginRefused, SchemaError
from acra_express_async.runtime.realtime import real
from acra_express_async.settings.library_names import POSTGRES, names_set

log = logs.logger("database")

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Row: TypeAlias = asyncpg.Record
"""What a statement gives; tests/db/test_statements.py has mypy check each use of it against the real columns."""

CONNECT_TIMEOUT = timedelta(seconds=3)
"""The same as the platform's own PG_CONNECT_TIMEOUT_S."""
COMMAND_TIMEOUT = timedelta(seconds=10)
"""Client-side limit of one call; the server's `statement_timeout` (5 s) ends it first unless the server is frozen."""


async def _first_prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Terminates the connection when it fails or is cancelled, because nothing else refers to it yet."""
    ready = False
    try:
        # in a transaction: behind a pooler, two statements outside of one may run on two server sessions
        async with connection.transaction():
            await set_codecs(connection)
        ready = True
    finally:
        if not ready:
            connection.terminate()


async def forget_statements(connection: Connection) -> None:
    """Drop the prepared statements, which know the tables as they were; an open transaction continues."""
    await set_codecs(connection)  # setting a codec drops them; asyncpg's own reload would drop the codecs as well


async def connect(
    dsn: str, settings: dict[str, str], *, pooled: bool = False, setting: str = "POSTGRES_DSN"
) -> asyncpg.Connection[asyncpg.Record]:
    """One connection with `settings` in force for the session, to the first of several hosts that serves us.

    Args:
        dsn: PostgreSQL URL.
        settings: start-up parameters.
        pooled: there is a transaction pooler in front of the server, so no prepared statement survives a transaction.
        setting: where `dsn` comes from, for error messages.

    Raises:
        ConfigError: the DSN is malformed, the login is refused or the database does not exist.
        SchemaError: the role of `settings` does not exist or may not be assumed.
        DatabaseAway: the server cannot be reached now, or has no connection free.
    """
    servers = one_dsn_for_each_host(dsn)
    for server in servers[:-1]:
        try:
            return await _connect_to(server, settings, pooled=pooled, setting=setting)
        except DatabaseAway as away:
            log.info("server.passed_over", server=host_and_port(server), why=str(away))
    try:
        return await _connect_to(servers[-1], settings, pooled=pooled, setting=setting)
    except DatabaseAway as away:
        if len(servers) == 1:
            raise
        raise DatabaseAway(
            f"none of {host_and_port(dsn)} can serve us; the last error: {away}", reason=away.reason
        ) from away


async def _connect_to(
    dsn: str, settings: dict[str, str], *, pooled: bool, setting: str
) -> asyncpg.Connection[asyncpg.Record]:
    server = host_and_port(dsn)
    if missing := unreadable_file(dsn):
        raise ConfigError(f"ACRA_EXPRESS_{setting}: {missing}")
    try:
        with translated(server):
            connection = await asyncpg.connect(
                dsn,
                timeout=real(CONNECT_TIMEOUT.total_seconds()),
                command_timeout=real(COMMAND_TIMEOUT.total_seconds()),
                server_settings=settings,
                statement_cache_size=0 if pooled else 100,
            )
            await _first_prepare(connection)
    except UnicodeDecodeError as unreadable:
        raise DatabaseAway(
            f"PostgreSQL at {server} refuses, in an encoding other than UTF-8: {unreadable.object!r}"
        ) from unreadable
    except (ValueError, asyncpg.ClientConfigurationError) as wrong:
        others = ", ".join(names_set(*POSTGRES))
        also = f" (or one of {others} in the environment, which the driver reads too, is wrong)" if others else ""
        raise ConfigError(f"ACRA_EXPRESS_{setting} is not a valid connection URL{also}") from wrong
    except DatabaseAway as away:
        raise _for_the_start(away, settings, dsn, setting) from away.__cause__
    return connection


def _for_the_start(away: DatabaseAway, settings: dict[str, str], dsn: str, setting: str) -> Exception:
    """The error to raise at start-up, where faults that waiting cannot repair end the process."""
    said, server = away.__cause__, host_and_port(dsn)
    # a server says "unrecognized configuration parameter", a pooler "unsupported startup parameter"
    if isinstance(said, asyncpg.UndefinedObjectError | asyncpg.ProtocolViolationError):
        for name in parameters(dsn):
            if name in str(said):
                return ConfigError(
                    f"ACRA_EXPRESS_{setting}: {server} does not know the parameter {name} ({said}); "
                    "take it out of the URL"
                )
    if isinstance(said, asyncpg.ProtocolViolationError) and "startup parameter" in str(said):
        return ConfigError(
            f"{server} refuses session settings ({said}), as a transaction pooler does; set "
            "ACRA_EXPRESS_LISTEN_DSN to a direct connection, then role and tenant are set in every transaction"
        )
    if away.reason is Away.LOGIN:
        return LoginRefused(f"PostgreSQL at {server} refused the login: {said}")
    # a start-up parameter that the server does not take, and the role is the only one that depends on the database
    if away.reason is Away.GRANTS or isinstance(said, asyncpg.InvalidParameterValueError):
        return _no_role(settings, said)
    return away


def _no_role(settings: dict[str, str], said: BaseException | None) -> SchemaError:
    return SchemaError(
        f"the login may not act as role {settings.get('role', '?')} ({said}); "
        "run `acra-express migrate` as the owner of the platform's tables"
    )


async def connect_with(
    source: DsnSource, settings: dict[str, str], *, pooled: bool = False, setting: str = "POSTGRES_DSN"
) -> asyncpg.Connection[asyncpg.Record]:
    """`connect`, tried once more if the login was refused and the source has a newer DSN."""
    try:
        return await connect(source.value, settings, pooled=pooled, setting=setting)
    except LoginRefused as refused:
        if not source.refused():
            raise
        log.info("dsn.read_again", why=str(refused))
        return await connect(source.value, settings, pooled=pooled, setting=setting)
