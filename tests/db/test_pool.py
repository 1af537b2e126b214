"""The pool leaks no connection."""

from __future__ import annotations

import asyncio

import pytest

from acra_express_async.db.session import connection as connections
from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.errors import DatabaseAway

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
