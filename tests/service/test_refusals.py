"""A provider refuses us: which breaker opens, when the jobs return, and that only probes arrive meanwhile.

Real clients, workers, breakers and budgets on a real database; the simulator counts arrivals. Its clock and the
database's are advanced together, and each round of work uses a new replica, so a restart cannot avoid a block.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

import httpx
import pytest
import pytest_asyncio
from contexts import context_of
from database_clock import Clock
from rig import Rig, enqueue, statuses

from acra_express_async.db.limits.breaker_rows import BreakerRows
from acra_express_async.db.limits.budget_ledger import BudgetLedger
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.jobs.attempts import End, JobScope
from acra_express_async.limits.breaker import BLOCKED_COOLDOWNS
from acra_express_async.limits.scope import Scope
from acra_express_async.models import Job, Provider
from acra_express_async.sandbox.registry_sample import rows
from acra_express_async.sandbox.simulator import Fault, Options, Simulator, SimulatorClock
from acra_express_async.sandbox.world import World
from acra_express_async.service.clients import Providers, build_providers
from acra_express_async.settings.tree import load_settings

WORKERS = 2
JOBS = 4
MARGIN = timedelta(seconds=6)
"""A snoozed job returns up to five seconds late."""
MINUTE = timedelta(minutes=1)

CALLS: dict[Provider, Callable[[Providers, str, Scope], Awaitable[object]]] = {
    Provider.DUCKDUCKGO: lambda providers, name, scope: providers.duckduckgo.search(f"company {name}", scope),
    Provider.JINA: lambda providers, name, scope: providers.jina.read(f"https://kopi.com.sg/{name}", scope),
    Provider.ZEROBOUNCE: lambda providers, name, scope: providers.zerobounce.verify(f"{name}@kopi.com.sg", scope),
}


class Readable(World):
    def page(self, url: str) -> Any:
        return super().page(f"https://{self.truth(next(self.uens())).own_domain or 'x.sg'}/")


class Ground:
    """Database, simulator and jobs of one test; each job makes one call of `provider`."""

    def __init__(
        self,
        provider: Provider,
        database: Database,
        owner: Connection,
        clock: Clock,
        simulator: Simulator,
        http: httpx.AsyncClient,
    ) -> None:
        self.provider = provider
        self.database = database
        self.owner = owner
        self.clock = clock
        self.simulator = simulator
        self._http = http
        self.began = clock.now
        self.settings = load_settings(
            {
                "POSTGRES_DSN": "postgresql://unused",
                "ACRA_EXPRESS_DUCKDUCKGO__BASE_URL": simulator.base_url(Provider.DUCKDUCKGO),
                "ACRA_EXPRESS_DUCKDUCKGO__SPACING_SECONDS": "0",
                "ACRA_EXPRESS_JINA__BASE_URL": simulator.base_url(Provider.JINA),
                "ACRA_EXPRESS_JINA__API_KEY": simulator.options.jina_key,
                # All jobs must fit within one minute of the stopped clock, because a wait would take real time.
                "ACRA_EXPRESS_JINA__TOKENS_PER_PAGE": "500",
                "ACRA_EXPRESS_ZEROBOUNCE__BASE_URL": simulator.base_url(Provider.ZEROBOUNCE),
                "ACRA_EXPRESS_ZEROBOUNCE__API_KEY": simulator.options.zerobounce_key,
            }
        )

    def refuse(self, *knobs: tuple[str, Any]) -> None:
        for knob, value in knobs:
            self.simulator.faults.add(Fault(self.provider, knob, value))

    def heal(self) -> None:
        self.simulator.faults.clear()
        self.simulator.zerobounce.credits = 1000

    async def work(self) -> timedelta | None:
        """Let a new replica do what is due; return the time until something is due again."""
        providers = build_providers(
            self.settings,
            self._http,
            ledger=BudgetLedger(self.database),
            breaker_store=BreakerRows(self.database),
            context=context_of(random=Random(1)),
        )

        async def work(job: Job, scope: JobScope) -> End:
            await CALLS[self.provider](providers, f"n{job.job_id}", scope)
            return await rig.finish(job)

        rig = Rig(self.database, work, workers=WORKERS, until_idle=True)
        assert await rig.supervisor.run() == 0
        return await rig.jobs.next_due()

    async def live(self, span: timedelta) -> int:
        """Alternate work and waiting until this much time has passed; return the number of rounds."""
        rounds, until = 0, self.clock.now + span
        while (due := await self.work()) is not None and self.clock.now + due < until:
            rounds += 1
            await self._pass(due + timedelta(milliseconds=1))
        await self._pass(until - self.clock.now)
        return rounds

    async def _pass(self, step: timedelta) -> None:
        await self.clock.advance(step)
        self.simulator.clock.advance(step.total_seconds())

    def arrived(self, *routes: str) -> list[timedelta]:
        """Arrival times of requests since the start, only of `routes` if any are given."""
        return [
            timedelta(seconds=arrival.at - self.simulator.started_at)
            for arrival in self.simulator.ledger.arrivals
            if not routes or arrival.route.strip("/") in routes
        ]

    async def breaker(self) -> tuple[str | None, str, int]:
        row = await self.owner.fetchrow(
            "SELECT CASE WHEN open_until IS NULL THEN NULL ELSE kind END AS kind, reason, level"
            " FROM acra_express.breakers WHERE provider = $1",
            self.provider,
        )
        return row["kind"], row["reason"], row["level"]


@pytest_asyncio.fixture
async def ground_of(database: Database, owner: Connection) -> AsyncIterator[Callable[[Provider], Awaitable[Ground]]]:
    clock = Clock(owner)
    await clock.install()
    world = Readable(rows(20, seed=3), site_share=1.0)
    quiet = SimulatorClock(speed=0, start=clock.now.timestamp())
    async with (
        Simulator(world, Options(latency_scale=0), clock=quiet) as simulator,
        httpx.AsyncClient(trust_env=False) as http,
    ):

        async def ground(provider: Provider) -> Ground:
            await enqueue(owner, JOBS)
            return Ground(provider, database, owner, clock, simulator, http)

        yield ground


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a provider refuses, the expected reason of the breaker, and the free request that its probe uses."""

    provider: Provider
    knobs: tuple[tuple[str, Any], ...]
    reason: str
    probe: str = ""


BLOCKS = {
    "DuckDuckGo's challenge under 202": Refusal(Provider.DUCKDUCKGO, (("status", 202),), "challenge"),
    "DuckDuckGo's 429": Refusal(Provider.DUCKDUCKGO, (("status", 429),), "http_429"),
    "Reader's 402, balance empty": Refusal(Provider.JINA, (("key_state", "empty"),), "no_credits"),
    "Reader's 402 in an answer of 200": Refusal(
        Provider.JINA, (("key_state", "empty"), ("envelope_200", True)), "no_credits"
    ),
    "Reader's 401, bad key": Refusal(Provider.JINA, (("key_state", "unknown"),), "bad_key"),
    "ZeroBounce's bad key as JSON under 200": Refusal(
        Provider.ZEROBOUNCE, (("key_state", "unknown"),), "bad_key", "v2/getcredits"
    ),
    "ZeroBounce's bad key as HTML under 403": Refusal(
        Provider.ZEROBOUNCE, (("key_state", "unknown"), ("shield", "on")), "shield_or_key", "v2/getcredits"
    ),
    "ZeroBounce's empty account": Refusal(
        Provider.ZEROBOUNCE, (("key_state", "empty"),), "no_credits", "v2/getcredits"
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
async def test_only_probes_are_sent_while_a_provider_blocks_us(
    ground_of: Callable[[Provider], Awaitable[Ground]], name: str
) -> None:
    """Cool-downs of 15 minutes, an hour, four hours; then the block is lifted."""
    refusal = BLOCKS[name]
    ground = await ground_of(refusal.provider)
    ground.refuse(*refusal.knobs)
    rounds = await ground.live(sum(BLOCKED_COOLDOWNS, timedelta()))
    assert await ground.breaker() == ("blocked", refusal.reason, 2)
    at_once = [at for at in ground.arrived() if at < MINUTE]
    later = [at for at in ground.arrived() if at >= MINUTE]
    paid = ground.arrived("html", "", "v2/validate")
    assert len(paid) - (0 if refusal.probe else len(later)) <= WORKERS, "what was on its way when the first was refused"
    assert at_once
    assert len(later) == 2, "one probe when a cool-down is over, and none while it lasts"
    fifteen, hour, _ = BLOCKED_COOLDOWNS
    for at, cooldowns in zip(later, (fifteen, fifteen + hour), strict=True):
        assert cooldowns <= at <= cooldowns + 2 * MARGIN
    if refusal.probe:
        assert ground.arrived(refusal.probe)[-2:] == later, "the probe costs nothing"
    assert rounds <= JOBS * (len(later) + 2), "a job that meets an open breaker comes back when it may be over"
    assert await statuses(ground.owner) == {"queued": JOBS}
    assert await ground.owner.fetchval("SELECT bool_and(error LIKE 'deferred: %') FROM background_jobs")

    ground.heal()
    await ground.live(5 * MINUTE)
    assert await statuses(ground.owner) == {"done": JOBS}
    assert (await ground.breaker())[0] is None
    assert await ground.owner.fetchval("SELECT array_agg(DISTINCT attempts) FROM acra_express.leases") == [1]
    assert ground.simulator.violations == []


async def test_a_block_that_requests_prolong_is_waited_out(
    ground_of: Callable[[Provider], Awaitable[Ground]],
) -> None:
    """DuckDuckGo lifts a block after an hour without requests, so the probe at minute 15 restarts that hour."""
    ground = await ground_of(Provider.DUCKDUCKGO)
    ground.simulator.reset(scenario="ddg_blocked_first_hour")
    await ground.live(timedelta(hours=2))
    assert await statuses(ground.owner) == {"done": JOBS}
    first, probe, *rest = ground.arrived()
    assert (first, probe // MINUTE, rest[0] // MINUTE) == (timedelta(), 15, 75)
    assert len(rest) == JOBS


@dataclass(frozen=True, slots=True)
class Patience:
    """A 429, and how long no call is made."""

    provider: Provider
    retry_after: Any
    wait: timedelta


PATIENCE = {
    "Reader, absurd": Patience(Provider.JINA, "huge", timedelta(minutes=5)),
    "Reader, four minutes": Patience(Provider.JINA, 240, timedelta(minutes=4)),
    "ZeroBounce, absent": Patience(Provider.ZEROBOUNCE, "absent", timedelta(minutes=1)),
    "ZeroBounce, seconds": Patience(Provider.ZEROBOUNCE, 90, timedelta(seconds=90)),
    "ZeroBounce, a date": Patience(Provider.ZEROBOUNCE, "date", timedelta(seconds=30)),
    "ZeroBounce, absurd": Patience(Provider.ZEROBOUNCE, "huge", timedelta(minutes=5)),
}


@pytest.mark.parametrize("name", PATIENCE)
async def test_a_long_retry_after_snoozes_the_job_for_that_time(
    ground_of: Callable[[Provider], Awaitable[Ground]], name: str
) -> None:
    """The breaker stays closed, because the provider works and only asks for a pause."""
    case = PATIENCE[name]
    ground = await ground_of(case.provider)
    await ground.owner.execute("DELETE FROM background_jobs WHERE job_id <> (SELECT min(job_id) FROM background_jobs)")
    ground.refuse(("status", 429), ("retry_after", case.retry_after))
    await ground.live(4 * case.wait)
    assert (await ground.breaker())[0] is None
    arrived = ground.arrived()
    assert len(arrived) in (3, 4)
    for earlier, later in pairwise(arrived):
        assert case.wait <= later - earlier <= case.wait + MARGIN
    ground.heal()
    await ground.live(2 * case.wait)
    assert await statuses(ground.owner) == {"done": 1}
