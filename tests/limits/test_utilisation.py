"""How much of an allowance is used, and how often a rolling window is exceeded: ours against plain AsyncLimiters.

Hours of hammering on simulated time. The judge is the provider: it writes down when each request arrives and when each
answer leaves. The ledger stands in memory here; tests/db/test_budgets_model.py holds the real one to the same rules.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

import httpx
import pytest
from aiolimiter import AsyncLimiter
from prometheus_client import CollectorRegistry
from provider_fakes import FakeScope

from acra_express_async.errors import BudgetExhausted
from acra_express_async.limits import Allowance, Ask, Budget, Charge, Pace, Refusal, Throttle, allowances
from acra_express_async.metrics import Metrics
from acra_express_async.models import JobLimits, Provider
from acra_express_async.providers import duckduckgo, jina
from acra_express_async.providers.base import Call, Caller, Policy
from acra_express_async.providers.wire import Answer
from acra_express_async.settings import Settings, load_settings

pytestmark = pytest.mark.looptime
HOUR = 3600.0


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Entry:
    charge: int
    budget: str
    amount: int
    ages_from: float


@dataclass
class MemoryLedger:
    """The rules of migration 0003 over a list, judged by the loop's clock."""

    entries: list[Entry] = field(default_factory=list)
    charges: int = 0

    async def charge(self, asks: Sequence[Ask], job: JobLimits) -> Charge | Refusal:
        self.entries = [entry for entry in self.entries if entry.ages_from > now() - 2 * HOUR]
        refusals = [refusal for ask in asks if (refusal := self._refusal(ask)) is not None]
        if refusals:
            return max(refusals, key=lambda refusal: refusal.fits_in)
        self.charges += 1
        for ask in asks:
            held = now() + ask.allowance.hold.total_seconds()
            self.entries.append(Entry(self.charges, ask.allowance.name, ask.amount, held))
        return Charge(self.charges)

    def _refusal(self, ask: Ask) -> Refusal | None:
        window = ask.allowance.counted_window.total_seconds()
        inside = sorted(
            (min(entry.ages_from, now()), entry.amount, entry.ages_from > now())
            for entry in self.entries
            if entry.budget == ask.allowance.name and entry.ages_from > now() - window
        )
        excess = sum(amount for _, amount, _ in inside) + ask.amount - ask.allowance.own
        flying = sum(amount for _, amount, flies in inside if flies)
        for ages_from, amount, _ in inside:
            excess -= amount if excess > 0 else 0
            if excess <= 0:
                fits_in = timedelta(seconds=ages_from + window - now())
                break
        else:
            return None
        over = sum(amount for _, amount, _ in inside) + ask.amount > ask.allowance.own
        return Refusal(ask.allowance.name, fits_in, in_flight=flying) if over else None

    async def settle(self, charge: Charge, amounts: Mapping[str, int]) -> None:
        for entry in self.entries:
            if entry.charge == charge.charge_id:
                entry.ages_from = min(entry.ages_from, now())
                entry.amount = amounts.get(entry.budget, entry.amount)

    async def refund(self, charge: Charge) -> None:
        self.entries = [entry for entry in self.entries if entry.charge != charge.charge_id]


class Vendor(httpx.AsyncBaseTransport):
    """Books requests at arrival and tokens when the answer leaves; `latency` and `tokens` are drawn per request."""

    def __init__(self, latency: Callable[[], float], tokens: Callable[[], int] = lambda: 0) -> None:
        self.arrivals: list[float] = []
        self.billed: list[tuple[float, int]] = []
        self._latency = latency
        self._tokens = tokens

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.extensions["trace"]("http11.send_request_headers.started", {})
        self.arrivals.append(now())
        await asyncio.sleep(self._latency())
        tokens = self._tokens()
        self.billed.append((now(), tokens))
        return httpx.Response(200, text=str(tokens))


@dataclass(frozen=True)
class Judgement:
    violations: int
    worst: int
    share: float


def judge(booked: Sequence[tuple[float, int]], limit: int, window: float, since: float, until: float) -> Judgement:
    """Every window that ends at a booking; the share counts what was booked between `since` and `until`."""
    violations = worst = 0
    total, first = 0, 0
    for at, amount in booked:
        total += amount
        while booked[first][0] <= at - window:
            total -= booked[first][1]
            first += 1
        worst = max(worst, total)
        violations += total > limit
    used = sum(amount for at, amount in booked if since <= at < until)
    return Judgement(violations, worst, used / (limit * (until - since) / window))


def settings(**figures: str) -> Settings:
    return load_settings({"ACRA_EXPRESS_POSTGRES_DSN": "postgresql://x@localhost/x", **figures})


async def hammer(
    figures: Sequence[Allowance],
    pace: Pace,
    vendor: Vendor,
    *,
    cost: Mapping[str, int],
    hours: float,
    processes: int = 1,
    workers: int = 2,
) -> None:
    """`workers` in each of `processes` call without pause; who is refused comes back when the ledger said."""
    ledger, provider = MemoryLedger(), figures[0].provider
    ends = now() + hours * HOUR

    async def settled(answer: Answer) -> None:
        answer.billed = {"tokens_1m": int(answer.text)} if "tokens_1m" in cost else {}

    async def work(caller: Caller, http: httpx.AsyncClient) -> None:
        call = Call(lambda: http.build_request("GET", "http://vendor.test/"), settled, cost=cost)
        while now() < ends:
            try:
                await caller.call(http, Policy(tries=1, try_seconds=30, body_cap=100), call, FakeScope())
            except BudgetExhausted as refused:
                await asyncio.sleep((refused.retry_after or timedelta()).total_seconds() + 0.001)

    async with httpx.AsyncClient(transport=vendor) as http, asyncio.TaskGroup() as group:
        for number in range(processes):
            random = Random(number)
            patience = timedelta(seconds=60)
            throttle = Throttle(provider, pace, patience=patience, random=random.random)
            budget = Budget(provider, figures, ledger, patience=patience)
            caller = Caller(provider, throttle, Metrics(CollectorRegistry()), budget=budget, random=random.random)
            for _ in range(workers):
                group.create_task(work(caller, http))


REQUESTS = allowances(settings())[Provider.DUCKDUCKGO]


def reading(**figures: str) -> tuple[Allowance, ...]:
    return allowances(settings(**figures))[Provider.JINA]


@pytest.mark.parametrize(("processes", "workers"), [(1, 2), (1, 1), (4, 2)])
async def test_requests_are_all_used_and_never_exceeded(processes: int, workers: int) -> None:
    random, pace = Random(1), duckduckgo.pace(settings().duckduckgo)
    vendor = Vendor(lambda: random.lognormvariate(-0.3, 0.5))
    await hammer(REQUESTS, pace, vendor, cost={"requests_1h": 1}, hours=3, processes=processes, workers=workers)
    said = judge([(at, 1) for at in vendor.arrivals], 200, HOUR, HOUR, 3 * HOUR)
    assert said.violations == 0
    assert said.share >= 0.99
    assert said.worst == 200
    assert judge([(at, 1) for at in vendor.arrivals], 15 * processes, 60, 0, 3 * HOUR).violations == 0


async def test_calls_are_all_used_even_at_a_slow_provider() -> None:
    random = Random(2)
    vendor = Vendor(lambda: min(random.lognormvariate(1.4, 0.9), 29), lambda: random.randint(200, 1500))
    pace = jina.pace(settings().jina)
    await hammer(reading(), pace, vendor, cost={"calls_1h": 1, "tokens_1m": 1502}, hours=3)
    said = judge([(at, 1) for at in vendor.arrivals], 120, HOUR, HOUR, 3 * HOUR)
    assert said.violations == 0
    assert said.share >= 0.99
    assert judge(vendor.billed, 5000, 60, HOUR, 3 * HOUR).violations == 0
    assert judge([(at, 1) for at in vendor.arrivals], 20, 60, 0, 3 * HOUR).violations == 0, "the vendor's own minute"


@pytest.mark.parametrize("processes", [1, 4])
async def test_tokens_are_used_to_four_fifths_and_never_exceeded(processes: int) -> None:
    """Calls are not what binds here; pages fill what was reserved, as company pages do (contracts 2.6)."""
    random = Random(3)
    vendor = Vendor(lambda: min(random.lognormvariate(1.4, 0.6), 29), lambda: 1500 - random.randint(0, 300) // 10)
    pace = Pace.of_allowance(10_000, timedelta(hours=1), burst=30, in_flight=8)
    figures = reading(ACRA_EXPRESS_JINA__CALLS_PER_HOUR="10000")
    await hammer(
        figures, pace, vendor, cost={"calls_1h": 1, "tokens_1m": 1502}, hours=1, processes=processes, workers=4
    )  # fmt: skip
    said = judge(vendor.billed, 5000, 60, 600, HOUR)
    assert said.violations == 0
    assert said.share >= 0.80


async def test_a_window_of_one_minute_is_used_too() -> None:
    """With the margin shrunk like the window, as tests in real time have it."""
    minute = tuple(
        replace(allowance, limit=60, window=timedelta(minutes=1), hold=timedelta(seconds=5)) for allowance in REQUESTS
    )
    random = Random(4)
    vendor = Vendor(lambda: random.uniform(0.01, 0.1))
    pace = Pace.of_allowance(60, timedelta(minutes=1), burst=15)
    await hammer(minute, pace, vendor, cost={"requests_1h": 1}, hours=0.2)
    said = judge([(at, 1) for at in vendor.arrivals], 60, 60, 60, 0.2 * HOUR)
    assert said.violations == 0
    assert said.share >= 0.99


async def limiter_arrivals(take: Callable[[], Awaitable[None]], hours: float) -> list[tuple[float, int]]:
    """Arrivals when two workers hammer a plain limiter, with the jitter of a network between permit and arrival."""
    random = Random(5)
    arrivals: list[tuple[float, int]] = []
    ends = now() + hours * HOUR

    async def work() -> None:
        while now() < ends:
            await take()
            await asyncio.sleep(random.uniform(0, 0.2))
            arrivals.append((now(), 1))

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(work())
    return arrivals


@pytest.mark.parametrize(
    ("rate", "period", "exceeds"),
    [
        pytest.param(200, HOUR, True, id="naive"),
        pytest.param(100, HOUR / 2, True, id="half the burst"),
        pytest.param(100, HOUR, False, id="half of everything"),
        pytest.param(1, HOUR / 180, False, id="a tenth slower"),
    ],
)
async def test_a_plain_limiter_violates_or_wastes(rate: float, period: float, exceeds: bool) -> None:
    limiter = AsyncLimiter(rate, period)
    said = judge(await limiter_arrivals(limiter.acquire, 3), 200, HOUR, HOUR, 3 * HOUR)
    print(
        f"AsyncLimiter({rate:g}, {period:g}): {said.violations} violations, worst {said.worst}, used {said.share:.2f}"
    )
    assert (said.violations > 0) == exceeds
    assert exceeds or said.share < 0.95
