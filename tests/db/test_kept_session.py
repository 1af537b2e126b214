"""A kept session: one backend for its user's statements, and never one too few for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import pytest
from conftest import tenant_sessions
from structlog.testing import capture_logs

from acra_express_async.db.session.kept import KeptSession
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import DatabaseAway

PID = "SELECT pg_backend_pid()"


async def backend(connection: Connection) -> int:
    return int(await connection.fetchval(PID))


@pytest.fixture
def kept(database: Database) -> KeptSession:
    return KeptSession(database)


async def test_statements_share_a_session_that_others_do_not_get(database: Database, kept: KeptSession) -> None:
    first = await kept.run(backend)
    async with database.session() as other:
        assert await backend(other) != first
    assert await kept.run(backend) == first


async def test_the_pool_gets_its_last_session_back(fresh_dsn: str, owner: Connection) -> None:
    async with tenant_sessions(fresh_dsn, owner, size=1) as database:
        kept = KeptSession(database)
        first = await kept.run(backend)
        async with database.session() as other:
            assert await backend(other) == first
        assert await kept.run(backend) == first


async def waiter_behind(database: Database, meanwhile: Callable[[], Coroutine[Any, Any, Any]]) -> tuple[int, Any]:
    """The backend of a statement on a kept session, and what `meanwhile` gave, which began to wait during it."""
    begun = asyncio.Event()

    async def goes_on_until_somebody_waits(connection: Connection) -> int:
        begun.set()
        while not database.is_short:
            await backend(connection)
        return await backend(connection)

    first = asyncio.create_task(KeptSession(database).run(goes_on_until_somebody_waits))
    await begun.wait()
    second = await meanwhile()
    return await first, second


async def test_who_waits_during_a_statement_gets_the_session_next(fresh_dsn: str, owner: Connection) -> None:
    async with tenant_sessions(fresh_dsn, owner, size=1) as database:

        async def other() -> int:
            async with database.session() as connection:
                return await backend(connection)

        first, second = await waiter_behind(database, other)
    assert first == second


async def test_a_pool_that_closes_during_a_statement_is_not_cut(fresh_dsn: str, owner: Connection) -> None:
    async with tenant_sessions(fresh_dsn, owner, size=2) as database:
        with capture_logs() as lines:
            await waiter_behind(database, database.close)
    assert "pool.cut" not in [line["event"] for line in lines]


async def test_a_cancelled_statement_leaves_no_session_taken(fresh_dsn: str, owner: Connection) -> None:
    async with tenant_sessions(fresh_dsn, owner, size=1) as database:
        kept = KeptSession(database)
        await kept.run(backend)
        begun = asyncio.Event()

        async def hangs(connection: Connection) -> None:
            begun.set()
            await connection.fetchval("SELECT pg_sleep(600)")

        task = asyncio.create_task(kept.run(hangs))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with database.session() as other:
            assert await backend(other)
        assert await kept.run(backend)


async def test_a_second_statement_meanwhile_has_its_own_session(kept: KeptSession) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waits(connection: Connection) -> int:
        begun.set()
        await ended.wait()
        return await backend(connection)

    first = asyncio.create_task(kept.run(waits))
    await begun.wait()
    second = await kept.run(backend)
    ended.set()
    assert await first != second
    assert await kept.run(backend) == await first


async def test_a_session_that_had_an_error_is_not_kept(database: Database, kept: KeptSession) -> None:
    first = await kept.run(backend)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await kept.run(lambda connection: connection.fetchval("SELECT 1 / 0"))
    async with database.session() as other:
        assert await backend(other) == first, "it is back in the pool"


async def test_a_session_that_the_server_ended_is_replaced(kept: KeptSession, owner: Connection) -> None:
    over = asyncio.Event()

    async def watched(connection: Connection) -> int:
        connection.add_termination_listener(lambda _connection: over.set())
        return await backend(connection)

    first = await kept.run(watched)
    await owner.execute("SELECT pg_terminate_backend($1)", first)
    await over.wait()
    assert await kept.run(backend) != first


async def test_a_session_is_replaced_with_those_of_its_pool(database: Database, kept: KeptSession) -> None:
    """One session finds that the server accepts no writes any more; an older one may still be let in."""
    first = await kept.run(backend)
    async with database.session() as other:
        await other.execute("SET default_transaction_read_only = on")
    with pytest.raises(DatabaseAway, match="accepts no writes"):
        await database.ping()
    assert await kept.run(backend) != first


async def test_it_goes_back_to_the_pool_from_time_to_time(kept: KeptSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool replaces a session after some ten thousand statements; one that never came back would live for ever."""
    monkeypatch.setattr("acra_express_async.db.session.kept.STATEMENTS", 2)
    returned = []
    give_back = kept._return

    async def counted() -> None:
        returned.append(kept._left)
        await give_back()

    monkeypatch.setattr(kept, "_return", counted)
    for _ in range(6):
        await kept.run(backend)
    assert returned == [0] * 3


async def test_a_pool_closes_at_once_beside_a_kept_session(fresh_dsn: str, owner: Connection) -> None:
    with capture_logs() as lines:
        async with tenant_sessions(fresh_dsn, owner, size=2) as database:
            await KeptSession(database).run(backend)
    assert "pool.cut" not in [line["event"] for line in lines]
