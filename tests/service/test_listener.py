"""The listener under connection faults: it proves its connection, detects a fault and reconnects."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from contexts import context_of
from faults import proxied

from acra_express_async.db.jobs import listen
from acra_express_async.db.jobs.listen import CHANNEL, ECHO_SECONDS, PING_SECONDS, Listener, new_echo
from acra_express_async.db.ops.quick_look import quick_look
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.sandbox.postgres import EmbeddedPostgres

ECHO = new_echo()


class Ear:
    """A listener whose wake-ups can be waited for."""

    def __init__(self, dsn: str) -> None:
        self.wakes: asyncio.Queue[str] = asyncio.Queue()
        context = context_of(pause=lambda _seconds: asyncio.sleep(0.01))
        self.health, self.metrics = context.health, context.metrics
        self.listener = Listener(
            dsn,
            role="acra_express",
            wake=self.wakes.put_nowait,
            echo=ECHO,
            context=context,
        )
        self.down = asyncio.Event()
        self.patience: asyncio.Queue[float] = asyncio.Queue()
        told, waited = self.listener._up, self.listener._echo_within

        async def echo_within(seconds: float) -> bool:
            self.patience.put_nowait(seconds)
            return await waited(seconds)

        def up(*, proven: bool) -> None:
            told(proven=proven)
            (self.down.clear if proven else self.down.set)()

        self.listener._up = up  # type: ignore[method-assign]
        self.listener._echo_within = echo_within  # type: ignore[method-assign]

    async def heard(self, reason: str) -> None:
        while await self.wakes.get() != reason:
            continue

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.listener.run())
        try:
            await self.heard("reconnect")
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter deadlines, so that a frozen peer is detected quickly."""
    monkeypatch.setattr(listen, "PING_SECONDS", 0.2)
    monkeypatch.setattr(listen, "PING_DEADLINE_SECONDS", 0.5)


@pytest.fixture
def backends(owner: Connection) -> Callable[[], object]:
    async def count() -> int:
        return int(
            await owner.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'acra-express listener'"
                " AND datname = current_database()"
            )
        )

    return count


async def test_garbage_and_large_payloads_only_wake(fresh_dsn: str, owner: Connection) -> None:
    ear = Ear(fresh_dsn)
    async with ear.open():
        for payload in ("", "garbage \u2603 {", "x" * 7900, "probe:not-ours"):
            await owner.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
        await owner.execute("SELECT pg_notify($1, 'last')", CHANNEL)
        for _ in range(4):
            assert await ear.wakes.get() == "notify"
    assert ear.wakes.empty()


async def test_a_terminated_connection_is_replaced_by_one_other(
    fresh_dsn: str, owner: Connection, backends: Callable[[], object]
) -> None:
    ear = Ear(fresh_dsn)
    async with ear.open():
        for _ in range(3):
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'acra-express listener' AND datname = current_database()"
            )
            await ear.heard("reconnect")
            assert ear.health.listener_proven
        assert await backends() == 1  # type: ignore[misc]
    assert ear.metrics.registry.get_sample_value("acra_express_listener_reconnects_total") == 3


async def test_the_echo_of_a_look_proves_the_connection(fresh_dsn: str, database: Database) -> None:
    ear = Ear(fresh_dsn)
    async with ear.open():
        assert await ear.patience.get() == PING_SECONDS
        for _ in range(3):
            await quick_look(database, ECHO)
            assert await ear.patience.get() == ECHO_SECONDS
        await quick_look(database, new_echo())  # another process's
        await quick_look(database)  # a command's
        await quick_look(database, ECHO)
        assert await ear.patience.get() == ECHO_SECONDS
        assert ear.patience.empty()
        assert ear.wakes.empty()


@pytest.mark.usefixtures("hasty")
async def test_a_missing_echo_makes_the_listener_ask(
    fresh_dsn: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "ECHO_SECONDS", 0.3)
    async with proxied(fresh_dsn) as (proxy, dsn):
        ear = Ear(dsn)
        async with ear.open():
            await quick_look(database, ECHO)
            while await ear.patience.get() != listen.ECHO_SECONDS:
                await quick_look(database, ECHO)
            while await ear.patience.get() != listen.PING_SECONDS:  # none came, and its own NOTIFY did
                continue
            assert ear.health.listener_proven
            await quick_look(database, ECHO)
            proxy.blackhole()
            await ear.down.wait()
            proxy.cut()
            proxy.heal()
            await ear.heard("reconnect")


@pytest.mark.usefixtures("hasty")
async def test_a_blackholed_link_is_detected_and_replaced(fresh_dsn: str) -> None:
    async with proxied(fresh_dsn) as (proxy, dsn):
        ear = Ear(dsn)
        async with ear.open():
            proxy.blackhole()
            await ear.down.wait()
            proxy.cut()
            proxy.heal()
            await ear.heard("reconnect")
            assert ear.health.listener_proven


@pytest.mark.usefixtures("hasty")
async def test_a_refusing_server_is_retried_for_ever(fresh_dsn: str) -> None:
    async with proxied(fresh_dsn) as (proxy, dsn):
        ear = Ear(dsn)
        async with ear.open():
            proxy.refuse = True
            proxy.cut()
            for _ in range(30):
                await proxy.refused.get()
            proxy.heal()
            await ear.heard("reconnect")


@pytest.mark.usefixtures("hasty")
async def test_a_frozen_backend_is_detected(fresh_dsn: str, owner: Connection) -> None:
    ear = Ear(fresh_dsn)
    async with ear.open():
        pid = await owner.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'acra-express listener'"
            " AND datname = current_database()"
        )
        os.kill(pid, signal.SIGSTOP)
        try:
            await ear.heard("reconnect")
            assert ear.health.listener_proven
        finally:
            os.kill(pid, signal.SIGCONT)


async def test_the_listener_reconnects_to_a_restarted_server() -> None:
    with EmbeddedPostgres() as server:
        ear = Ear(server.dsn())
        ear.listener._settings.pop("role")
        async with ear.open():
            await asyncio.to_thread(server.restart)
            await ear.heard("reconnect")
            assert ear.health.listener_proven


@pytest.mark.usefixtures("hasty")
async def test_a_connection_without_its_own_notify_is_not_trusted(
    fresh_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a transaction pooler LISTEN raises no error, but nothing ever arrives."""
    monkeypatch.setattr(listen, "FIRST_PROOF_SECONDS", 0.2)
    monkeypatch.setattr(Listener, "_on_notify", lambda *_args: None)
    ear = Ear(fresh_dsn)
    task = asyncio.create_task(ear.listener.run())
    await ear.down.wait()
    assert not ear.health.listener_proven
    assert ear.wakes.empty()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
