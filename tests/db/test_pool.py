"""The pool leaks no connection."""

from __future__ import annotations

import asyncio

import pytest

from acra_express_async.db.session import connection as connections
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.errors import DatabaseAway
from acra_express_async.sandbox.postgres import EmbeddedPostgres

NAME = "acra-express that never was"


async def until_gone(owner: Connection) -> None:
    """Wait until the connection is gone; the time-out of the test bounds the wait."""
    while await owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", NAME):
        continue


async def test_a_connection_that_fails_after_login_is_closed(
    fresh_dsn: str, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Connection] = []

    async def fail(connection: Connection) -> None:
        kept.append(connection)
        raise OSError("the link broke")

    monkeypatch.setattr(connections, "set_codecs", fail)
    with pytest.raises(DatabaseAway, match="the link broke"):
        await connect(fresh_dsn, {"application_name": NAME})
    await until_gone(owner)
    assert kept[0].is_closed()


async def test_a_connection_of_a_cancelled_caller_is_closed(
    fresh_dsn: str, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Connection] = []
    prepared = asyncio.Event()

    async def hang(connection: Connection) -> None:
        kept.append(connection)
        prepared.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(connections, "set_codecs", hang)
    making = asyncio.create_task(connect(fresh_dsn, {"application_name": NAME}))
    await prepared.wait()
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    await until_gone(owner)
    assert kept[0].is_closed()


async def test_a_session_that_the_server_ends_while_idle_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """`idle_session_timeout` of a cautious administrator: whoever comes next gets a new session and no error."""
    with EmbeddedPostgres(options={"idle_session_timeout": "200ms"}) as server:
        watcher = await connect(server.dsn(), {"idle_session_timeout": "0"})
        noticed = asyncio.Event()
        set_codecs = connections.set_codecs

        async def listen(connection: Connection) -> None:
            connection.add_termination_listener(lambda _connection: noticed.set())
            await set_codecs(connection)

        monkeypatch.setattr(connections, "set_codecs", listen)
        database = Database(server.dsn(), role=None, tenant_id=None, size=1)
        await database.open()
        async with database.session() as connection:
            first = await connection.fetchval("SELECT pg_backend_pid()")
        while await watcher.fetchval("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", first):
            continue
        await noticed.wait()  # the driver reads the server's farewell and the end of the stream one after the other
        async with database.session() as connection:
            assert await connection.fetchval("SELECT pg_backend_pid()") != first
        await database.close()
        await watcher.close()
