"""Each state in which the database cannot serve us is named with its cause: on readyz, the page, and by `status`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from faults import FaultProxy, proxied
from rich.console import Console

from acra_express_async.cli.status_command import screen
from acra_express_async.db.session import connection as connections
from acra_express_async.db.session import pool
from acra_express_async.db.session.pool import Connection
from acra_express_async.ops.preflight import prepare
from acra_express_async.ops.snapshot import GRANTS_EVERY
from acra_express_async.runtime.database_health import DatabaseHealth
from acra_express_async.service.composition import Composition
from acra_express_async.settings.tree import load_settings
from acra_express_async.web import liveness, readiness
from acra_express_async.web.page import page

TRIGGER = """
    CREATE OR REPLACE FUNCTION public.boom() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the server says so' USING ERRCODE = '{}'; END $$;
    CREATE TRIGGER boom BEFORE INSERT OR UPDATE ON acra_express.leases
    FOR EACH STATEMENT EXECUTE FUNCTION public.boom();
    INSERT INTO background_jobs (job_type, status, params) VALUES ('acra_express_staging_upsert', 'queued', '{{}}');
"""
UNTRIGGER = "DROP TRIGGER boom ON acra_express.leases"


class Watched(DatabaseHealth):
    """Puts the result of every claim on a queue."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.claims: asyncio.Queue[str] = asyncio.Queue()

    def claimed(self, result: str) -> None:
        super().claimed(result)
        self.claims.put_nowait(result)

    def claim_failed(self, error: Exception) -> None:
        super().claim_failed(error)
        self.claims.put_nowait("error")


@dataclass
class Arena:
    """A wired service of which only the snapshot loop and the poller turn, and a clock that only the test moves."""

    composition: Composition
    owner: Connection
    proxy: FaultProxy
    database: str
    login: str
    known: Watched
    passed: float = 0.0

    async def statement(self, text: str) -> None:
        await self.owner.execute(text.replace("{database}", self.database).replace("{login}", self.login))

    async def end_sessions(self) -> None:
        await self.owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", self.login
        )

    async def next_claim(self, *results: str) -> None:
        """Until the poller has claimed once more, with one of these results."""
        claims = self.known.claims
        while not claims.empty():
            claims.get_nowait()
        self.composition.poller.wake("due")
        while await claims.get() not in results:
            continue

    def answers(self) -> tuple[int, str, str]:
        """What readyz, page and terminal say: the code, and the sentences of all three."""
        code, body = readiness(self.composition.context.health)
        told = self.composition.status()
        console = Console(width=4000)
        with console.capture() as shown:
            console.print(screen(told))
        verdict = "\n".join(told["verdict"]["why"])
        assert verdict in unescape(page(told)).replace("</li><li>", "\n")
        assert all(sentence in shown.get() for sentence in told["verdict"]["why"])
        return code, f"{told['verdict']['word']}: {verdict}", str(body["checks"]["database"].get("output", ""))


@pytest_asyncio.fixture
async def arena(fresh_dsn: str, owner: Connection, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Arena]:
    monkeypatch.setattr(connections, "CONNECT_TIMEOUT", timedelta(seconds=1))
    monkeypatch.setattr(connections, "COMMAND_TIMEOUT", timedelta(seconds=1))
    monkeypatch.setattr(pool, "COMMAND_TIMEOUT", timedelta(seconds=1))
    login = f"login_{secrets.token_hex(4)}"
    await owner.execute(f"CREATE ROLE {login} LOGIN NOINHERIT; GRANT acra_express TO {login}")
    async with proxied(fresh_dsn.replace("postgres@", f"{login}@")) as (proxy, dsn), httpx.AsyncClient() as http:
        settings = load_settings({"ACRA_EXPRESS_POSTGRES_DSN": dsn})
        access = await prepare(settings, clock=asyncio.get_running_loop().time)
        composition = Composition(settings, access, http, until_idle=False)
        await composition.snapshot_loop.look()
        health = composition.context.health
        clock = health.clock
        known = health.database = Watched(lambda: clock() + arena.passed)
        arena = Arena(composition, owner, proxy, urlsplit(fresh_dsn).path.lstrip("/"), login, known)
        for sessions in (access.work, access.vital):
            sessions.observe(known.refused)
        async with turning(composition):
            yield arena
        proxy.heal()
        await access.work.close()
        await access.vital.close()
    await owner.execute(f"DROP ROLE {login}")


@asynccontextmanager
async def turning(composition: Composition) -> AsyncIterator[None]:
    claiming = asyncio.create_task(composition.poller.run())
    try:
        yield
    finally:
        claiming.cancel()
        await asyncio.gather(claiming, return_exceptions=True)


Step = Callable[[Arena], Awaitable[None]]


def says(*statements: str, cut: bool = False) -> Step:
    async def step(arena: Arena) -> None:
        for statement in statements:
            await arena.statement(statement)
        if cut:
            await arena.end_sessions()

    return step


async def refuse(arena: Arena) -> None:
    arena.proxy.refuse = True
    arena.proxy.cut()


async def silence(arena: Arena) -> None:
    arena.proxy.blackhole()


async def heal(arena: Arena) -> None:
    arena.proxy.heal()


STATES: dict[str, tuple[Step, Step, str]] = {
    "unreachable": (refuse, heal, "cannot be reached"),
    "silent": (silence, heal, "gave no answer in time"),
    "read-only": (
        says("ALTER DATABASE {database} SET default_transaction_read_only = on", cut=True),
        says("ALTER DATABASE {database} RESET default_transaction_read_only"),
        "accepts no writes: it is a standby, or read-only by a setting",
    ),
    "login refused": (
        says("ALTER ROLE {login} NOLOGIN", cut=True),
        says("ALTER ROLE {login} LOGIN"),
        "is not permitted to log in",
    ),
    "no connection free": (
        says("ALTER ROLE {login} CONNECTION LIMIT 0", cut=True),
        says("ALTER ROLE {login} CONNECTION LIMIT -1"),
        "has no connection free",
    ),
    "role taken away": (
        says("REVOKE acra_express FROM {login}", cut=True),
        says("GRANT acra_express TO {login}"),
        "may not act as role acra_express",
    ),
    "grant lost": (
        says("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA acra_express FROM acra_express"),
        says(
            "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA acra_express TO acra_express",
        ),
        "denies the tenant role what it needs",
    ),
    "schema gone": (
        says("ALTER SCHEMA acra_express RENAME TO elsewhere"),
        says("ALTER SCHEMA elsewhere RENAME TO acra_express"),
        "lacks a table, column or function",
    ),
    "wrapped around": (says(TRIGGER.format("54000")), says(UNTRIGGER), "the server says so, SQLSTATE 54000"),
    "input/output error": (says(TRIGGER.format("58030")), says(UNTRIGGER), "the server says so, SQLSTATE 58030"),
    "index corrupted": (says(TRIGGER.format("XX002")), says(UNTRIGGER), "the server says so, SQLSTATE XX002"),
    "statements cancelled": (says(TRIGGER.format("57014")), says(UNTRIGGER), "cancelled a statement"),
    "rows locked by others": (says(TRIGGER.format("55P03")), says(UNTRIGGER), "gave way to another's lock"),
    "disk full": (says(TRIGGER.format("53100")), says(UNTRIGGER), "the server says so, SQLSTATE 53100"),
}


@pytest.mark.parametrize("state", STATES)
async def test_the_cause_is_named_within_a_minute(arena: Arena, state: str) -> None:
    cause, mend, words = STATES[state]
    await arena.composition.snapshot_loop.look()
    await arena.next_claim("empty")
    code, verdict, output = arena.answers()
    assert (code, output) == (200, "")
    assert "no job" not in verdict

    await cause(arena)
    for _ in range(2):
        await arena.composition.snapshot_loop.look()
        await arena.next_claim("error")
        arena.passed += 31
    await arena.composition.snapshot_loop.look()
    code, verdict, output = arena.answers()
    assert code == 503
    assert verdict.startswith("fail: ")
    assert words in verdict
    assert words in output
    assert liveness(arena.composition.context.health)[0] == 200, "a restart would not help"

    await mend(arena)
    await arena.next_claim("empty", "job")
    await arena.composition.snapshot_loop.look()
    code, verdict, output = arena.answers()
    assert (code, output) == (200, "")
    assert not verdict.startswith("fail")


async def test_lost_grants_show_although_claims_go_through(arena: Arena) -> None:
    await arena.statement(
        "REVOKE UPDATE ON companies FROM acra_express; REVOKE INSERT ON acra_express.outcomes FROM acra_express"
    )
    await arena.composition.snapshot_loop.look()
    for _ in range(GRANTS_EVERY):
        await arena.composition.snapshot_loop.look()
    code, verdict, _ = arena.answers()
    assert code == 200
    assert "the tenant role has lost INSERT of acra_express.outcomes" in verdict
    assert "run `acra-express migrate`" in verdict


async def test_a_session_cut_once_is_a_warning_for_a_minute(arena: Arena) -> None:
    await arena.composition.snapshot_loop.look()
    await arena.end_sessions()
    await arena.composition.snapshot_loop.look()
    await arena.composition.snapshot_loop.look()
    await arena.next_claim("empty")
    code, verdict, _ = arena.answers()
    assert code == 200
    assert "0 s ago: PostgreSQL at" in verdict
    assert "ended the session" in verdict
    arena.passed += 61
    await arena.composition.snapshot_loop.look()
    assert "ended the session" not in arena.answers()[1]
