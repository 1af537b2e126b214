"""Each fault of server, login and link, while the service is idle, in a job, and in a paid call."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults import FaultProxy, proxied
from process import Process, Stage, stage

from acra_express_async.db.schema.migrate import migrate
from acra_express_async.db.session.pinned import OWNER_SETTINGS
from acra_express_async.db.session.pool import connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres
from acra_express_async.sandbox.simulator.faults import Fault
from acra_express_async.sandbox.testbed import DATABASE, ROLE, build_database

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

COMPANIES = 4
"""For each fault; two workers take them in batches."""
IN_FLIGHT = 2
"""Calls that may have been charged when a fault cut off the answer of the ledger: one for each worker."""
TRIGGER = """
    CREATE OR REPLACE FUNCTION public.boom() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the server says so' USING ERRCODE = '{}'; END $$;
    CREATE TRIGGER boom BEFORE INSERT OR UPDATE ON acra_express.{} FOR EACH STATEMENT EXECUTE FUNCTION public.boom()
"""


@dataclass
class Arena:
    """A server of its own, the link to it, and the service that works through both."""

    server: EmbeddedPostgres
    link: FaultProxy
    standing: Stage
    service: Process

    async def do(self, *statements: str) -> None:
        for statement in statements:
            await self.standing.owner.execute(statement)

    async def end_sessions(self) -> None:
        await self.do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guest'")

    async def again(self, how: signal.Signals) -> None:
        """Restart or crash the server; the owner's connection is made anew."""
        self.standing.owner.terminate()
        await asyncio.to_thread(self.server.restart, how=how)
        self.standing.owner = await connect(self.server.dsn(DATABASE), OWNER_SETTINGS)


Step = Callable[[Arena], Awaitable[None]]


def says(*statements: str, cut: bool = False) -> Step:
    async def step(arena: Arena) -> None:
        await arena.do(*statements)
        if cut:
            await arena.end_sessions()

    return step


async def refuse(arena: Arena) -> None:
    arena.link.refuse = True
    arena.link.cut()


async def silence(arena: Arena) -> None:
    arena.link.blackhole()


async def heal(arena: Arena) -> None:
    arena.link.heal()


async def restart(arena: Arena) -> None:
    await arena.again(signal.SIGINT)


async def crash(arena: Arena) -> None:
    await arena.again(signal.SIGQUIT)


async def grant_again(arena: Arena) -> None:
    await migrate(arena.standing.owner, ROLE)


async def nothing(_arena: Arena) -> None:
    """It is over by itself."""


FAULTS: dict[str, tuple[Step, Step]] = {
    "link cut": (refuse, heal),
    "silent": (silence, heal),
    "restart": (restart, nothing),
    "crash": (crash, nothing),
    "sessions ended": (says(cut=True), nothing),
    "read-only": (
        says(f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = on", cut=True),
        says(f"ALTER DATABASE {DATABASE} RESET default_transaction_read_only"),
    ),
    "login refused": (says("ALTER ROLE guest NOLOGIN", cut=True), says("ALTER ROLE guest LOGIN")),
    "role taken away": (says("REVOKE acra_express FROM guest", cut=True), says("GRANT acra_express TO guest")),
    "no connection free": (
        says("ALTER ROLE guest CONNECTION LIMIT 0", cut=True),
        says("ALTER ROLE guest CONNECTION LIMIT -1"),
    ),
    "grants lost": (says("REVOKE ALL ON ALL TABLES IN SCHEMA acra_express FROM acra_express"), grant_again),
    "wrapped around": (says(TRIGGER.format("54000", "leases")), says("DROP TRIGGER boom ON acra_express.leases")),
    "input/output error": (
        says(TRIGGER.format("58030", "outcomes")),
        says("DROP TRIGGER boom ON acra_express.outcomes"),
    ),
    "index corrupted": (
        says(TRIGGER.format("XX002", "verifications")),
        says("DROP TRIGGER boom ON acra_express.verifications"),
    ),
    "disk full": (
        says(TRIGGER.format("53100", "budget_charges")),
        says("DROP TRIGGER boom ON acra_express.budget_charges"),
    ),
}
SIGNS = frozenset(
    {
        "poller.away",
        "snapshot.missed",
        "listener.lost",
        "listener.silent",
        "job.interrupted",
        "job.left_to_its_lease",
        "lease.heartbeat_missed",
    }
)
BLAME = frozenset({"component.broke", "component.gave_up", "company.broke", "job.error", "job.failed"})


@asynccontextmanager
async def arena(folder: Path) -> AsyncIterator[Arena]:
    """The service under a login of its own; ZeroBounce takes its time, so that a fault can meet a paid call."""
    with EmbeddedPostgres() as server:
        owner = await build_database(server)
        await owner.execute("CREATE ROLE guest LOGIN NOINHERIT; GRANT acra_express TO guest")
        await owner.close()
        dsn = server.dsn(DATABASE)
        async with (
            proxied(server.dsn(DATABASE, "guest")) as (link, through),
            stage(dsn, folder, rows=300, latency_scale=0.05, scenario="full_day_500") as standing,
        ):
            slow = {"provider": "zerobounce", "knob": "latency_add", "value": 1.5}
            standing.simulator.faults.add(Fault.of(slow))
            service = await standing.start(POSTGRES_DSN=through, LEASE_SECONDS="20", HEARTBEAT_SECONDS="2")
            await service.event("listener.proven")
            yield Arena(server, link, standing, service)


async def while_idle(arena: Arena, cause: Step, uens: list[str]) -> None:
    await cause(arena)
    await arena.standing.enqueue({"uens": uens})


async def in_a_job(arena: Arena, cause: Step, uens: list[str]) -> None:
    await arena.standing.enqueue({"uens": uens})
    await arena.service.event("job.claimed", job_type="enrichment")
    await cause(arena)


async def in_a_paid_call(arena: Arena, cause: Step, uens: list[str]) -> None:
    sent = arena.standing.simulator.ledger.verifications_sent
    before = sent.total()
    await arena.standing.enqueue({"uens": uens})
    while sent.total() == before:
        await arena.do("SELECT 1")  # a round trip of this loop, on which the simulator runs too
    await cause(arena)


MOMENTS = {"while idle": while_idle, "in a job": in_a_job, "in a paid call": in_a_paid_call}


async def drained(arena: Arena, uens: list[str]) -> None:
    """These companies have ended, and no job is open."""
    while not set(uens) <= (await arena.standing.outcomes()).keys():
        await arena.service.event("company.ended")
    while await arena.standing.owner.fetchval("SELECT count(*) FROM background_jobs WHERE status <> 'done'"):
        await arena.service.event("job.ended")


@pytest.mark.parametrize("moment", MOMENTS)
async def test_no_fault_of_the_server_loses_or_doubles_anything(tmp_path: Path, moment: str) -> None:
    async with arena(tmp_path) as here:
        companies = iter(here.standing.uens)
        for name, (cause, mend) in FAULTS.items():
            uens = [next(companies) for _ in range(COMPANIES)]
            await MOMENTS[moment](here, cause, uens)
            while await here.service.any_event() not in SIGNS:
                assert here.service.running, name
            await mend(here)
            await drained(here, uens)
        here.service.signal(signal.SIGTERM)
        assert await here.service.ended() == 0
        blamed = [line for line in here.service.lines if any(f'"event": "{event}"' in line for event in BLAME)]
        assert not blamed
        ended = await here.standing.outcomes()
        assert len(ended) == COMPANIES * len(FAULTS)
        assert all(len(kinds) == 1 and kinds[0] in ("enriched", "no_website") for kinds in ended.values()), ended
        state = here.standing.simulator.state()
        assert (state["violations"], state["verifications"]["sent_more_than_once"]) == (0, 0)
        charged = await here.standing.owner.fetchval(
            "SELECT count(DISTINCT charge_id) FROM acra_express.budget_charges WHERE provider = 'zerobounce'"
        )
        sent = state["verifications"]["sent"]
        assert sent > 0
        assert sent <= charged <= sent + IN_FLIGHT * len(FAULTS), "a charge may be lost to a cut answer, never a send"
