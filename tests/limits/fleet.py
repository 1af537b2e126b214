"""Replicas that use every budget at full speed, over real sockets and one PostgreSQL; the simulators count arrivals.

A window lasts at least a minute of real time: an hour of DuckDuckGo and Jina Reader on a simulator whose clock runs 60
times as fast, a day of ZeroBounce at 1,440 times, and a minute of tokens in real time. Tokens are the second budget of
Jina Reader, so they use a separate database, and with it a separate account, from the calls.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from acra_express_async.db.session.pinned import OWNER_SETTINGS
from acra_express_async.db.session.pool import connect
from acra_express_async.models import Provider
from acra_express_async.sandbox.registry_sample import rows
from acra_express_async.sandbox.simulator import ArrivalLedger, Options, Simulator, SimulatorClock
from acra_express_async.sandbox.simulator.faults import Fault
from acra_express_async.sandbox.world import WebPage, World

HAMMER = Path(__file__).with_name("hammer.py")
LEAST_TIMEOUT = 3.0
"""Shortest time-out in seconds at any speed, so that delays of the machine do not count as time-outs."""
LATE_SHARE = 0.1
"""Share of a slow provider's answers that arrive after the time-out."""


@dataclass(frozen=True, slots=True)
class Target:
    """One budget.

    Attributes:
        title: name for reports.
        provider, budget: the budget as the service's ledger names it.
        book: the budget as the simulator's ledger names it.
        speed: speed of the simulator's clock.
        timeout: the service's time-out, in seconds of that clock.
        workers: callers per replica; `in_flight` is how many calls its pace allows at once.
        largest: the largest single charge.
        least_share: share of the allowance that must be used in an undisturbed run.
        settings: settings that differ from the defaults.
    """

    title: str
    provider: Provider
    budget: str
    book: str
    speed: float
    timeout: float
    workers: int
    in_flight: int
    largest: int = 1
    least_share: float = 0.99
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def timeout_seconds(self) -> float:
        """The time-out in real seconds."""
        return max(self.timeout / self.speed, LEAST_TIMEOUT)

    @property
    def own_account(self) -> bool:
        """True when it must not share a database with the others."""
        return self.budget == "tokens_1m"

    def faster(self, times: float) -> Target:
        """The same target on a clock that runs this many times faster."""
        return replace(self, speed=self.speed * times)


TARGETS = (
    Target("DuckDuckGo requests", Provider.DUCKDUCKGO, "requests_1h", "duckduckgo_requests", 60, 10, 2, 1),
    # Without a key, like the default; small pages, so that calls are the limit and not tokens.
    Target(
        "Jina calls", Provider.JINA, "calls_1h", "jina_calls", 60, 30, 2, 2, settings={"JINA__TOKENS_PER_PAGE": "500"}
    ),
    # Eight pages of 600 tokens fill a minute to 0.96; two of the default 2,000 would fill it only to 0.80.
    Target(
        "Jina tokens",
        Provider.JINA,
        "tokens_1m",
        "jina_tokens",
        1,
        30,
        3,
        3,
        602,
        0.80,
        {"JINA__TOKENS_PER_PAGE": "600", "JINA__API_KEY": Options().jina_key},
    ),
    Target(
        "ZeroBounce verifications",
        Provider.ZEROBOUNCE,
        "verifications_1d",
        "zerobounce_verifications",
        1440,
        35,
        2,
        1,
        settings={"ZEROBOUNCE__API_KEY": Options().zerobounce_key, "ZEROBOUNCE__SHARE": "1"},
    ),
)

BOOKED: Mapping[str, Callable[[ArrivalLedger], int]] = {
    "duckduckgo_requests": lambda ledger: ledger.arrival_counts["duckduckgo"],
    "jina_calls": lambda ledger: ledger.arrival_counts["jina"],
    "jina_tokens": lambda ledger: ledger.tokens_sent,
    "zerobounce_verifications": lambda ledger: ledger.verifications_sent.total(),
}
"""The total use of a budget as counted by the provider."""


class LongPages(World):
    """Every URL has a page that is longer than any token limit, so each read bills exactly its limit."""

    def page(self, url: str) -> WebPage:
        return WebPage(url, title="A company", main="Words about a company. " * 400)


class Replica:
    """One spending process."""

    def __init__(self, process: asyncio.subprocess.Process, said: Counter[str]) -> None:
        self._process = process
        self._said = said
        self._ready: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            text = line.decode().strip()
            if text.startswith("ready "):
                self._ready.set_result(float(text.split()[1]) - time.time())
            else:
                self._said[text] += 1
        if not self._ready.done():
            self._ready.set_exception(AssertionError("it ended before it was ready"))

    async def ready(self) -> float:
        """Wait until it spends; return by how many seconds its wall clock is ahead of ours."""
        return await self._ready

    async def kill(self) -> None:
        assert self._process.returncode is None, "it ended by itself"
        self._process.kill()
        await self._process.wait()
        await self._reading
        self._ready.exception()  # retrieved, because asyncio warns about a replica that was killed before it was ready


class Fleet:
    """Replicas that can be killed and restarted; `said` counts their failed calls by reason."""

    def __init__(self, tasks: Sequence[Mapping[str, object]]) -> None:
        self._tasks = tasks
        self._running: list[Replica] = []
        self._address = 1
        self.said: Counter[str] = Counter()
        self.kills = 0

    @property
    def size(self) -> int:
        return len(self._running)

    async def start(self, environ: Mapping[str, str] | None = None) -> Replica:
        self._address = self._address % 250 + 1
        told = {"address": f"127.0.1.{self._address}", "tasks": self._tasks}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HAMMER),
            json.dumps(told),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **(environ or {})},
        )
        replica = Replica(process, self.said)
        self._running.append(replica)
        return replica

    async def clocks_ahead(self) -> list[float]:
        """By how many seconds each replica's wall clock was ahead of ours at its start."""
        return [await replica.ready() for replica in self._running]

    async def kill(self, which: int) -> None:
        replica = self._running.pop(which)
        await replica.kill()
        self.kills += 1

    async def kill_all(self) -> None:
        while self._running:
            await self.kill(0)


@dataclass(frozen=True, slots=True)
class FleetResult:
    """The provider's view of one budget; `lost` was charged by us but never arrived there."""

    target: Target
    violations: int
    worst: float
    allowance: float
    share: float
    lost: int

    def __str__(self) -> str:
        return (
            f"{self.target.title:25} {self.violations} violations, worst window {self.worst:g} of {self.allowance:g},"
            f" {self.share:.3f} used, {self.lost} lost"
        )


class Field:
    """The simulators, the databases and the fleet."""

    def __init__(
        self, targets: Sequence[Target], simulators: Mapping[float, Simulator], fleet: Fleet, dsns: Mapping[str, str]
    ) -> None:
        self.targets = targets
        self.simulators = simulators
        self.fleet = fleet
        self._dsns = dsns
        self._since: dict[str, tuple[float, int]] = {}
        self._until: dict[str, tuple[float, int]] = {}

    async def windows(self, count: float) -> None:
        """Wait for this many windows; all windows have the same length in real time."""
        target = self.targets[0]
        seconds = self._simulator(target).ledger.budgets[target.book].seconds
        await self._simulator(target).clock.sleep(count * seconds)

    def measure(self) -> None:
        """Start measuring the used shares."""
        self._since = self._marks()

    def windows_since_measure(self) -> float:
        """How many windows have passed since `measure`."""
        target = self.targets[0]
        simulator = self._simulator(target)
        seconds = simulator.clock.now() - self._since[target.title][0]
        return seconds / simulator.ledger.budgets[target.book].seconds

    def slow_down(self) -> None:
        """Delay every answer by four fifths of the time-out; some exceed it."""
        for target in self.targets:
            for part, chance in ((0.8, 1.0), (1.3, LATE_SHARE)):
                seconds = part * target.timeout_seconds * target.speed
                self._simulator(target).faults.add(Fault(target.provider, "latency_add", seconds, probability=chance))

    def measured(self) -> None:
        """Stop measuring the used shares."""
        self._until = self._marks()

    async def judged(self) -> list[FleetResult]:
        """Kill every replica, then print and return the results."""
        if not self._until:
            self.measured()
        await self.fleet.kill_all()
        verdicts = [await self._verdict(target) for target in self.targets]
        print(*verdicts, sep="\n")
        return verdicts

    async def _verdict(self, target: Target) -> FleetResult:
        ledger = self._simulator(target).ledger
        window = ledger.budgets[target.book]
        (began, before), (ended, after) = self._since[target.title], self._until[target.title]
        owner = await connect(self._dsns[target.title], OWNER_SETTINGS)
        charged = await owner.fetchval(
            "SELECT coalesce(sum(amount), 0) FROM acra_express.budget_charges WHERE provider = $1 AND budget = $2",
            target.provider,
            target.budget,
        )
        await owner.close()
        return FleetResult(
            target,
            sum(violation.budget == target.book for violation in ledger.violations),
            window.worst,
            window.allowance,
            (after - before) / (window.allowance * (ended - began) / window.seconds),
            charged - BOOKED[target.book](ledger),
        )

    def _marks(self) -> dict[str, tuple[float, int]]:
        return {
            target.title: (self._simulator(target).clock.now(), BOOKED[target.book](self._simulator(target).ledger))
            for target in self.targets
        }

    def _simulator(self, target: Target) -> Simulator:
        return self.simulators[target.speed]


@asynccontextmanager
async def hammering(
    dsns: Sequence[str],
    *,
    targets: Sequence[Target] = TARGETS,
    replicas: int | Sequence[Mapping[str, str]] = 4,
    real_layer: bool = False,
) -> AsyncIterator[Field]:
    """Start a fleet and wait until all replicas spend; kill it at the end.

    Args:
        dsns: two migrated databases, the second one for targets that need a separate account.
        targets: the budgets to spend.
        replicas: their number, or the additional environment of each.
        real_layer: enforce the providers' own limits too.
    """
    async with AsyncExitStack() as stack:
        options = Options(latency_scale=1.0, real_layer=real_layer)
        simulators = {}
        for speed in {target.speed for target in targets}:
            clock = SimulatorClock(speed=speed)
            world = LongPages(rows(20, seed=1))
            simulators[speed] = await stack.enter_async_context(Simulator(world, options, clock=clock))
        places = {target.title: dsns[1] if target.own_account else dsns[0] for target in targets}
        fleet = Fleet([await _task(target, places[target.title], simulators[target.speed]) for target in targets])
        stack.push_async_callback(fleet.kill_all)
        environments = [{}] * replicas if isinstance(replicas, int) else replicas
        started = [await fleet.start(environ) for environ in environments]
        for replica in started:
            await replica.ready()
        yield Field(targets, simulators, fleet, places)


async def _task(target: Target, dsn: str, simulator: Simulator) -> dict[str, object]:
    owner = await connect(dsn, OWNER_SETTINGS)
    tenant = await owner.fetchval("SELECT tenant_id FROM public.tenants WHERE name = 'acra_express'")
    await owner.close()
    name = target.provider.value.upper()
    settings = {
        f"{name}__BASE_URL": simulator.base_url(target.provider),
        f"{name}__TIMEOUT_SECONDS": str(target.timeout_seconds),
        **target.settings,
    }
    return {
        "title": target.title,
        "provider": target.provider.value,
        "dsn": dsn,
        "tenant": tenant,
        "speed": target.speed,
        "workers": target.workers,
        "settings": settings,
    }
