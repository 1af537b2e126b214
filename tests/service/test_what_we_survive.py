"""Faults of the runbook's tables "What we survive", injected into a real process while it is idle, works on a job, or
has a paid call in flight: it names the cause, goes on by itself, and nothing is lost, doubled or paid for twice.

Some faults of server, login and session are here for every run of the tests, with those of process, host and clock;
tests/chaos/test_server_matrix.py has all of the server's.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from database_clock import ShiftedClock
from misfortunes import BROKEN, crash
from process import Process, Stage, acra_express, stage

from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.models import Provider
from acra_express_async.sandbox.postgres import EmbeddedPostgres
from acra_express_async.sandbox.simulator import Fault

pytestmark = pytest.mark.timeout(300)

COMPANIES = 4
PAID_CALL_SECONDS = 6.0
"""How long ZeroBounce takes for the call during which the fault strikes."""
SETTINGS = {"LEASE_SECONDS": "6", "HEARTBEAT_SECONDS": "1.5"}
HALF = b"GET /status.json HTTP/1.1\r\nHost: x\r\n"


@dataclass
class Arena:
    """A service that has a login to itself, so that a fault meets it and not the test."""

    standing: Stage
    server: EmbeddedPostgres
    dsn: str
    login: str
    paid_call: asyncio.Event
    clock: ShiftedClock = field(default_factory=ShiftedClock)
    open: list[socket.socket] = field(default_factory=list)
    locker: Connection | None = None
    service: Process = field(init=False)
    port: int = 0
    lines: list[str] = field(default_factory=list)

    @property
    def owner(self) -> Connection:
        return self.standing.owner

    @property
    def uens(self) -> list[str]:
        return self.standing.uens[:COMPANIES]

    async def start(self) -> None:
        self.service = await self.standing.start(**SETTINGS)
        self.port = int((await self.service.event("web.listening"))["port"])

    async def statement(self, text: str) -> None:
        database = urlsplit(self.dsn).path.lstrip("/")
        await self.owner.execute(text.replace("{database}", database).replace("{login}", self.login))

    async def end_sessions(self) -> None:
        await self.owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", self.login
        )

    async def without_sessions(self, happens: Callable[[], object]) -> None:
        """Something that ends the test's own session too."""
        self.owner.terminate()
        await asyncio.to_thread(happens)
        self.standing.owner = await connect(self.dsn, {"search_path": "public"})

    async def says(self, words: str) -> None:
        """Until the log, the page and `acra-express status` all say so; and readyz, once it is a failure."""
        verdict: dict[str, Any] = {"why": []}
        async with httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{self.port}") as client:
            while words not in "\n".join(verdict["why"]):
                while words not in await self._next_sentence():
                    continue
                verdict = (await client.get("/status.json")).json()["verdict"]
            ready = await client.get("/readyz")
        if ready.status_code == 503:
            assert words in ready.json()["checks"]["database"]["output"]
        place = {"ACRA_EXPRESS_HTTP__PORT": str(self.port), "COLUMNS": "2000"}
        code, out, err = await acra_express("status", **self.standing.environ | place)
        assert code == 0, err
        assert words in out, out

    async def _next_sentence(self) -> str:
        event = await self.service.any_event_with_facts()
        return str(event.get("error", event.get("why", "")))

    async def drained(self) -> None:
        async with asyncio.timeout(150):
            while not set(self.uens) <= (await self.standing.outcomes()).keys():
                await self.service.event("company.ended")
            while await self.owner.fetchval("SELECT count(*) FROM background_jobs WHERE status <> 'done'"):
                await self.service.event("job.ended")
        self.service.signal(signal.SIGTERM)
        assert await self.service.ended() == 0
        self.lines += self.service.lines

    async def ledgers_agree(self) -> None:
        """Every call that arrived was charged, and no address was sent twice."""
        state = self.standing.simulator.state()
        assert state["violations"] == 0
        assert state["verifications"]["sent_more_than_once"] == 0
        charged = {
            row["provider"]: row["calls"]
            for row in await self.owner.fetch(
                "SELECT provider, count(DISTINCT charge_id) AS calls FROM acra_express.budget_charges GROUP BY provider"
            )
        }
        arrived = state["requests"] | {"zerobounce": state["verifications"]["sent"]}
        assert all(arrived.get(name, 0) <= charged.get(name, 0) for name in ("duckduckgo", "jina", "zerobounce"))


@pytest_asyncio.fixture
async def arena(postgres: EmbeddedPostgres, fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Arena]:
    login = f"login_{secrets.token_hex(4)}"
    async with stage(fresh_dsn, tmp_path, scenario="full_day_500") as standing:
        await standing.owner.execute(f"CREATE ROLE {login} LOGIN NOINHERIT; GRANT acra_express TO {login}")
        standing.environ["ACRA_EXPRESS_POSTGRES_DSN"] = fresh_dsn.replace("postgres@", f"{login}@")
        arena = Arena(standing, postgres, fresh_dsn, login, told_of_paid_calls(standing))
        try:
            yield arena
        finally:
            await standing.stop_all()
            for each in arena.open:
                each.close()
            await arena.statement("DROP ROLE {login}")


def told_of_paid_calls(standing: Stage) -> asyncio.Event:
    arrived, ledger = asyncio.Event(), standing.simulator.ledger
    verify = ledger.verify

    def told(*args: Any) -> Any:
        arrived.set()
        return verify(*args)

    ledger.verify = told  # type: ignore[method-assign]
    return arrived


Step = Callable[[Arena], Awaitable[None]]


def sql(text: str, *, cut: bool = False) -> Step:
    async def step(arena: Arena) -> None:
        await arena.statement(text)
        if cut:
            await arena.end_sessions()

    return step


async def nothing(_arena: Arena) -> None:
    """The fault passes by itself."""


async def crash_server(arena: Arena) -> None:
    await arena.without_sessions(lambda: crash(arena.server))


async def lock_leases(arena: Arena) -> None:
    arena.locker = await connect(arena.dsn, {"search_path": "public"})
    await arena.locker.execute("BEGIN; LOCK TABLE acra_express.leases")


async def unlock_leases(arena: Arena) -> None:
    assert arena.locker is not None
    await arena.locker.close()


async def freeze(arena: Arena) -> None:
    """For longer than a lease: the database, which judges it, says when it is over."""
    arena.service.signal(signal.SIGSTOP)
    await arena.owner.execute("SELECT pg_sleep(8)")


async def thaw(arena: Arena) -> None:
    arena.service.signal(signal.SIGCONT)


async def kill(arena: Arena) -> None:
    await arena.service.kill()
    arena.lines += arena.service.lines
    await arena.start()


async def half_requests(arena: Arena) -> None:
    for _ in range(200):
        each = socket.create_connection(("127.0.0.1", arena.port))
        each.sendall(HALF)
        arena.open.append(each)


def stepped(by: timedelta) -> Step:
    async def step(arena: Arena) -> None:
        if not arena.clock.shift:
            await arena.clock.install(arena.owner, datetime.now(UTC))
        if by > timedelta():
            arena.standing.simulator.clock.advance(by.total_seconds())
        await arena.clock.step(arena.owner, by)

    return step


SLOW = """
    CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$;
    CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON acra_express.leases
    FOR EACH STATEMENT EXECUTE FUNCTION public.slow();
"""


@dataclass(frozen=True)
class Trouble:
    """A fault, how it ends, and the words that name it; None for one that is over before anybody could read it."""

    strike: Step
    mend: Step = nothing
    words: str | None = None


TROUBLES = {
    "backends terminated": Trouble(sql("SELECT 1", cut=True)),
    "server crashed": Trouble(crash_server),
    "login refused": Trouble(
        sql("ALTER ROLE {login} NOLOGIN", cut=True), sql("ALTER ROLE {login} LOGIN"), "is not permitted to log in"
    ),
    "statement time-outs": Trouble(
        sql(SLOW), sql("DROP TRIGGER slow ON acra_express.leases"), "canceling statement due to statement timeout"
    ),
    "rows locked by others": Trouble(lock_leases, unlock_leases, "gave way to another's lock"),
    "process frozen": Trouble(freeze, thaw),
    "process killed": Trouble(kill),
    "clock set forward": Trouble(stepped(timedelta(hours=2))),
    "clock set back": Trouble(stepped(timedelta(seconds=-20))),
    "requests half sent": Trouble(half_requests),
}


async def idle(_arena: Arena) -> None:
    """Work arrives during the fault."""


async def in_a_job(arena: Arena) -> None:
    await arena.standing.enqueue({"uens": arena.uens})
    await arena.service.event("company.ended")


async def in_a_paid_call(arena: Arena) -> None:
    arena.standing.simulator.faults.add(Fault(Provider.ZEROBOUNCE, "latency_add", PAID_CALL_SECONDS, count=1))
    await arena.standing.enqueue({"uens": arena.uens})
    await arena.paid_call.wait()


MOMENTS: dict[str, Step] = {"idle": idle, "in a job": in_a_job, "in a paid call": in_a_paid_call}
REPRESENTATIVE = {
    ("login refused", "idle"),
    ("backends terminated", "in a paid call"),
    ("server crashed", "in a job"),
    ("process frozen", "in a paid call"),
}
"""Of each kind one: login, session, server, process."""


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        pytest.param(
            name,
            moment,
            id=f"{name}, {moment}",
            marks=[] if (name, moment) in REPRESENTATIVE else pytest.mark.slow,
        )
        for name in TROUBLES
        for moment in MOMENTS
    ],
)
async def test_a_fault_is_survived_whenever_it_strikes(arena: Arena, name: str, moment: str) -> None:
    trouble = TROUBLES[name]
    await arena.start()
    await arena.service.event("listener.proven")
    await MOMENTS[moment](arena)
    await trouble.strike(arena)
    if moment == "idle":
        await arena.standing.enqueue({"uens": arena.uens})
    if trouble.words is not None:
        await arena.says(trouble.words)
    await trouble.mend(arena)
    await arena.drained()

    ended = await arena.standing.outcomes()
    assert sorted(ended) == arena.uens
    assert all(kinds in (["enriched"], ["no_website"]) for kinds in ended.values()), ended
    await arena.ledgers_agree()
    events = {json.loads(line)["event"] for line in arena.lines}
    assert not events & set(BROKEN)
