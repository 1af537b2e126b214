"""Errors of server, pooler and driver: their meaning for the caller, and whether the session is still usable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from conftest import tenant_sessions
from faults import FaultProxy, proxied

from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.db.session.server_errors import reason_of
from acra_express_async.errors import Away, DatabaseAway, LockBusy, NotNow, TookTooLong

RAISED = "DO $$ BEGIN RAISE EXCEPTION 'said by the server' USING ERRCODE = '{}'; END $$"
AWAY = {
    "08006": Away.SESSION_LOST,
    "08P01": Away.UNREACHABLE,
    "25006": Away.READ_ONLY,
    "26000": Away.POOLER,
    "28000": Away.LOGIN,
    "28P01": Away.LOGIN,
    "3D000": Away.LOGIN,
    "3F000": Away.SCHEMA,
    "40003": Away.FAULT,
    "42501": Away.GRANTS,
    "42703": Away.SCHEMA,
    "42883": Away.SCHEMA,
    "42P01": Away.SCHEMA,
    "42P05": Away.POOLER,
    "53000": Away.FULL,
    "53100": Away.FAULT,
    "53200": Away.FAULT,
    "53300": Away.FULL,
    "54000": Away.FAULT,
    "55000": Away.FAULT,
    "57P01": Away.SESSION_LOST,
    "57P03": Away.UNREACHABLE,
    "58030": Away.FAULT,
    "58P01": Away.FAULT,
    "72000": Away.FAULT,
    "F0000": Away.FAULT,
    "HV000": Away.FAULT,
    "XX000": Away.FAULT,
    "XX001": Away.FAULT,
    "XX002": Away.FAULT,
}
OURS = ("0A000", "21000", "22003", "22021", "22P05", "23502", "23505", "25P02", "42601", "44000", "54001", "P0001")


@pytest_asyncio.fixture
async def one_session(fresh_dsn: str, owner: Connection) -> AsyncIterator[Database]:
    """A pool with a single session, so that the next use shows its state."""
    async with tenant_sessions(fresh_dsn, owner, size=1) as database:
        yield database


async def backend(database: Database) -> int:
    async with database.session() as connection:
        return int(await connection.fetchval("SELECT pg_backend_pid()"))


@pytest.mark.parametrize(("state", "reason"), AWAY.items())
async def test_a_server_error_is_not_now_and_its_session_is_cut(
    one_session: Database, state: str, reason: Away
) -> None:
    before = await backend(one_session)
    with pytest.raises(DatabaseAway, match="said by the server") as away:
        async with one_session.session() as connection:
            await connection.execute(RAISED.format(state))
    assert away.value.reason is reason
    assert await backend(one_session) != before


@pytest.mark.parametrize("state", OURS)
async def test_an_error_about_our_statement_stays_what_it_is(one_session: Database, state: str) -> None:
    before = await backend(one_session)
    with pytest.raises(asyncpg.PostgresError, match="said by the server"):
        async with one_session.transaction() as connection:
            await connection.execute(RAISED.format(state))
    assert await backend(one_session) == before


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
async def test_giving_way_to_a_lock_keeps_the_session(one_session: Database, state: str) -> None:
    before = await backend(one_session)
    with pytest.raises(LockBusy):
        async with one_session.transaction() as connection:
            await connection.execute(RAISED.format(state))
    assert await backend(one_session) == before


async def test_a_statement_that_took_too_long_keeps_the_session(one_session: Database) -> None:
    before = await backend(one_session)
    sleeping = "DO $$ BEGIN PERFORM set_config('statement_timeout', '20ms', true); END $$; SELECT pg_sleep(30)"
    with pytest.raises(TookTooLong, match="statement timeout"):
        async with one_session.session() as connection:
            await connection.execute(sleeping)
    assert await backend(one_session) == before


async def test_a_value_that_no_column_takes_is_our_own_fault(one_session: Database) -> None:
    with pytest.raises(asyncpg.DataError, match="invalid input for query argument"):
        async with one_session.session() as connection:
            await connection.fetchval("SELECT $1::int", "not a number")


async def test_a_value_too_large_for_an_index_is_our_own_fault(one_session: Database, owner: Connection) -> None:
    """The same SQLSTATE protects a server from transaction id wraparound; there waiting helps, here it does not."""
    await owner.execute("CREATE TABLE wide (t text); CREATE INDEX ON wide (t); GRANT INSERT ON wide TO acra_express")
    with pytest.raises(asyncpg.ProgramLimitExceededError, match="index row requires"):
        async with one_session.session() as connection:
            await connection.execute(
                "INSERT INTO public.wide SELECT string_agg(md5(g::text), '') FROM generate_series(1, 400) AS g"
            )


async def test_a_plan_made_old_by_an_alter_table_is_repeated(one_session: Database, owner: Connection) -> None:
    await owner.execute("CREATE TABLE altered (a int); GRANT SELECT ON altered TO acra_express")
    query = "TABLE public.altered"
    async with one_session.session() as connection:
        await connection.fetch(query)
    await owner.execute("ALTER TABLE altered ADD b text")
    with pytest.raises(LockBusy, match="altered meanwhile"):
        async with one_session.transaction() as connection:
            await connection.fetch(query)
    async with one_session.transaction() as connection:
        assert await connection.fetch(query) == []


async def end_backend(owner: Connection, proxy: FaultProxy, pid: int) -> None:
    """End the backend; the client reads as much of its last message as the proxy lets through."""
    await owner.execute("SELECT pg_terminate_backend($1)", pid)
    await proxy.hung_up.get()
    for _ in range(2):
        await owner.execute("SELECT 1")  # after a round trip of the same loop, earlier bytes have been read


@pytest.mark.parametrize("kind", ["session", "transaction"])
async def test_a_goodbye_read_before_the_close_is_a_lost_session(fresh_dsn: str, owner: Connection, kind: str) -> None:
    """asyncpg then raises "cannot switch to state 12" (InternalClientError) at the next use of the connection."""
    async with proxied(fresh_dsn) as (proxy, dsn):
        proxy.hold_close = True
        database = Database(dsn, role="acra_express", tenant_id=1, size=1)
        await database.open()
        async with database.session() as connection:
            await end_backend(owner, proxy, await connection.fetchval("SELECT pg_backend_pid()"))
            with pytest.raises(asyncpg.InternalClientError, match="cannot switch to state"):
                await connection.execute("SELECT 1")
        await end_backend(owner, proxy, await backend(database))
        with pytest.raises(DatabaseAway) as away:
            async with getattr(database, kind)() as connection:
                await connection.fetchval("SELECT 1")
        assert away.value.reason is Away.SESSION_LOST
        assert await backend(database)
        await database.close()


async def test_sessions_cut_under_load_never_show_a_driver_error(fresh_dsn: str, owner: Connection) -> None:
    """Eight users; every forty answers all sessions are ended: each statement succeeds or raises `NotNow`."""
    database = Database(fresh_dsn, role="acra_express", tenant_id=1, size=4)
    await database.open()
    answered: asyncio.Queue[int] = asyncio.Queue()
    stop = asyncio.Event()
    refused: list[NotNow] = []

    async def user(number: int) -> None:
        while not stop.is_set():
            try:
                if number % 2:
                    async with database.transaction() as connection:
                        await connection.fetchval("SELECT 1")
                        await connection.execute("SELECT 2")
                else:
                    async with database.session() as connection:
                        await connection.fetchval("SELECT acra_express.clock()")
                answered.put_nowait(number)
            except NotNow as away:
                refused.append(away)

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(user(number))
        for _turn in range(25):
            for _ in range(40):
                await answered.get()
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'acra-express' AND datname = current_database()"
            )
        stop.set()
    assert refused
    await database.close()


async def test_every_fault_is_told_to_the_observer(one_session: Database) -> None:
    told: list[DatabaseAway] = []
    one_session.observe(told.append)
    for state in ("58030", "55P03", "23505"):
        with pytest.raises((NotNow, asyncpg.PostgresError)):
            async with one_session.session() as connection:
                await connection.execute(RAISED.format(state))
    assert [away.reason for away in told] == [Away.FAULT]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no more connections allowed (max_client_conn)", Away.FULL),
        ("query_wait_timeout", Away.FULL),
        ("password authentication failed", Away.LOGIN),
        ("no such user: x", Away.LOGIN),
        ("server login has been failing, try again later (server_login_retry)", Away.UNREACHABLE),
        ("pgbouncer cannot connect to server", Away.UNREACHABLE),
    ],
)
def test_the_refusals_of_pgbouncer_are_told_apart(text: str, reason: Away) -> None:
    """PgBouncer 1.18 reports all of them with SQLSTATE 08P01."""
    assert reason_of(asyncpg.ProtocolViolationError(text)) is reason


async def test_a_link_cut_after_any_byte_is_not_now(fresh_dsn: str) -> None:
    """While it connects, prepares, reads an answer or ends a transaction: asyncpg's own errors never come out."""
    outcomes: list[bool] = []
    async with proxied(fresh_dsn) as (proxy, dsn):
        for passed in range(0, 4000, 23):
            proxy.close_after = passed
            database = Database(dsn, role="acra_express", tenant_id=1, size=1)
            try:
                await database.open()
                async with database.transaction() as connection:
                    await connection.fetchval("SELECT acra_express.clock()")
                    await connection.fetch("SELECT g, repeat('x', 40) FROM pg_catalog.generate_series(1, 20) AS g")
            except NotNow:
                outcomes.append(False)
            else:
                outcomes.append(True)
            await database.close()
    assert outcomes[0] is False
    assert outcomes[-1] is True
    assert outcomes.count(False) > 50
