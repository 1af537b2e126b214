"""What a DSN says: its servers, which of them will do, and what of it may be shown."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from faults import proxied

from acra_express_async.db.session import connection as connections
from acra_express_async.db.session.connection import connect, connect_with
from acra_express_async.db.session.dsn import host_and_port, one_dsn_for_each_host
from acra_express_async.db.session.pool import Connection
from acra_express_async.errors import Away, DatabaseAway, LoginRefused


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:pa%40ss@db:6432/x", "db:6432"),
        ("postgresql://u:p@db/x", "db:5432"),
        ("postgresql://u:p@db-1:5433,db-2/x?target_session_attrs=read-write", "db-1:5433,db-2:5432"),
        ("postgresql://u:p@[2001:db8::1]:6432/x", "[2001:db8::1]:6432"),
        ("postgresql://u:p@[2001:db8::1]/x", "[2001:db8::1]:5432"),
        ("postgresql:///x?host=db-1,db-2&port=5433,5434&user=u&password=p", "db-1:5433,db-2:5434"),
        ("postgresql:///x", "localhost:5432"),
        ("postgresql://u:p@[half/x", "an unreadable host"),
    ],
)
def test_the_servers_of_a_dsn_are_shown_without_its_password(dsn: str, shown: str) -> None:
    assert host_and_port(dsn) == shown


def test_a_dsn_with_one_host_is_left_as_it_is() -> None:
    dsn = "postgresql://u:p@db:6432/x?sslmode=require"
    assert one_dsn_for_each_host(dsn) == [dsn]


def test_several_hosts_are_asked_for_one_that_takes_writes() -> None:
    assert one_dsn_for_each_host("postgresql://u:p@a:1,b:2/x?sslmode=require") == [
        "postgresql://u:p@a:1/x?sslmode=require&target_session_attrs=read-write",
        "postgresql://u:p@b:2/x?sslmode=require&target_session_attrs=read-write",
    ]


def test_what_the_dsn_asks_of_its_hosts_stands() -> None:
    [first, second] = one_dsn_for_each_host("postgresql:///x?host=a,b&port=1&user=u&target_session_attrs=any")
    assert first == "postgresql://a:1/x?user=u&target_session_attrs=any"
    assert second == "postgresql://b:1/x?user=u&target_session_attrs=any"


def both(first: str, second: str) -> str:
    return second.replace("@", f"@{urlsplit(first).netloc.rpartition('@')[2]},")


async def test_a_silent_first_host_is_passed_over(fresh_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead machine's address swallows packets: one time-out for all hosts would never come to the second."""
    monkeypatch.setattr(connections, "CONNECT_TIMEOUT", timedelta(seconds=1))
    async with proxied(fresh_dsn) as (proxy, dsn):
        proxy.blackhole()
        connection = await connect(both(dsn, fresh_dsn), {})
        assert await connection.fetchval("SELECT inet_server_port()") == urlsplit(fresh_dsn).port
        await connection.close()


async def test_no_host_that_takes_writes_is_named_as_that(fresh_dsn: str, owner: Connection) -> None:
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(DatabaseAway, match="accepts no writes") as away:
        await connect(both(fresh_dsn, fresh_dsn), {})
    assert away.value.reason is Away.READ_ONLY


class Rotated:
    """A DSN whose newer version is found once the old one is refused."""

    def __init__(self, old: str, new: str | None) -> None:
        self.value = old
        self._new = new
        self.asked = 0

    def refused(self) -> bool:
        self.asked += 1
        if self._new is None:
            return False
        self.value = self._new
        return True


async def test_a_refused_login_is_tried_again_with_the_newer_dsn(fresh_dsn: str) -> None:
    source = Rotated(fresh_dsn.replace("postgres@", "gone@"), fresh_dsn)
    connection = await connect_with(source, {})
    assert await connection.fetchval("SELECT current_user") == "postgres"
    assert source.asked == 1
    await connection.close()


async def test_a_refused_login_without_a_newer_dsn_is_said(fresh_dsn: str) -> None:
    with pytest.raises(LoginRefused, match='role "gone" does not exist'):
        await connect_with(Rotated(fresh_dsn.replace("postgres@", "gone@"), None), {})
