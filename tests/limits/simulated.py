"""Hours of calls at full speed on simulated time: a provider, a ledger in memory, our callers and plain AsyncLimiters.

The provider counts: it records when each request arrives and when each answer leaves. The ledger is in memory here;
tests/db/test_budgets_model.py checks the real one by the same rules. `bin/bench limiters` prints the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import httpx
from aiolimiter import AsyncLimiter
from contexts import context_of
from provider_fakes import FakeScope

from acra_express_async.errors import BudgetExhausted
from acra_express_async.limits import Allowance, Ask, Budget, Charge, Pace, Refusal, Throttle, allowances
from acra_express_async.limits.budget_table import TOKENS, BudgetRow
from acra_express_async.limits.scope import Lookup
from acra_express_async.models import JobLimits, Provider
from acra_express_async.providers.base import Call, Caller, Policy
from acra_express_async.providers.wire import Answer
from acra_express_async.settings.tree import Settings, load_settings

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
    """The rules of migration 0003 on a list, with the loop's clock."""

    entries: list[Entry] = field(default_factory=list)
    charges: int = 0

    async def charge(
        self, asks: Sequence[Ask], job: JobLimits, look: Lookup | None = None, *, probe: bool = False
    ) -> Charge | Refusal:
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
    """Books requests on arrival and tokens when the answer leaves; `latency` and `tokens` are drawn per request."""

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
    """Check every window that ends at a booking; the share counts the bookings between `since` and `until`."""
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
    cost: Mapping[BudgetRow, int],
    hours: float,
    processes: int = 1,
    workers: int = 2,
    restart_every: float | None = None,
) -> None:
    """Let `workers` in each of `processes` call without pause; a refused one returns at the time given by the ledger.

    Every `restart_every` hours all processes are replaced by new ones, which know only the ledger.
    """
    ledger, provider = MemoryLedger(), figures[0].provider
    ends = now() + hours * HOUR

    async def settled(answer: Answer) -> None:
        answer.billed = {TOKENS: int(answer.text)} if TOKENS in cost else {}

    async def work(caller: Caller, http: httpx.AsyncClient, until: float) -> None:
        call = Call(lambda: http.build_request("GET", "http://vendor.test/"), settled, cost=cost)
        while now() < until:
            try:
                await caller.call(http, Policy(tries=1, try_seconds=30, body_cap=100), call, FakeScope())
            except BudgetExhausted as refused:
                pause = (refused.retry_after or timedelta()).total_seconds() + 0.001
                await asyncio.sleep(min(pause, max(until - now(), 0.001)))

    while now() < ends:
        until = ends if restart_every is None else min(ends, now() + restart_every * HOUR)
        async with httpx.AsyncClient(transport=vendor) as http, asyncio.TaskGroup() as group:
            for number in range(processes):
                random = Random(number)
                patience = timedelta(seconds=60)
                context = context_of(random=random)
                throttle = Throttle(provider, pace, patience=patience, context=context)
                budget = Budget(provider, figures, ledger, patience=patience, context=context)
                caller = Caller(provider, throttle, budget=budget, context=context)
                for _ in range(workers):
                    group.create_task(work(caller, http, until))


REQUESTS = allowances(settings())[Provider.DUCKDUCKGO]


def reading(**figures: str) -> tuple[Allowance, ...]:
    return allowances(settings(**figures))[Provider.JINA]


@dataclass(frozen=True)
class Shape:
    """One way to set up `AsyncLimiter(rate, period)` for 200 requests an hour; `safe` within a single process."""

    name: str
    rate: float
    period: float
    safe: bool


SHAPES = (
    Shape("naive", 200, HOUR, False),
    Shape("half the burst", 100, HOUR / 2, False),
    Shape("half of everything", 100, HOUR, True),
    Shape("a tenth as burst", 20, HOUR / 9, True),
    Shape("one by one, a tenth slower", 1, HOUR / 180, True),
)
"""A leaky bucket admits rate + rate x window / period within one window; it is safe if that is at most 200."""


class Limiter(AsyncLimiter):
    """Tolerates rounding errors: simulated time has no step shorter than a microsecond, so the limiter would otherwise
    wait for ever for a tiny missing capacity."""

    def _leak(self) -> None:
        super()._leak()
        self._level = round(self._level, 6)


async def limiter_arrivals(
    shape: Shape, hours: float, *, processes: int = 1, restart_every: float | None = None
) -> list[tuple[float, int]]:
    """Arrivals when two workers per process use a plain limiter at full speed, with network jitter between permit and
    arrival; every `restart_every` hours each process gets a new limiter."""
    random = Random(5)
    arrivals: list[tuple[float, int]] = []
    ends = now() + hours * HOUR

    async def work(limiter: AsyncLimiter, until: float) -> None:
        while now() < until:
            await limiter.acquire()
            await asyncio.sleep(random.uniform(0, 0.2))
            arrivals.append((now(), 1))

    while now() < ends:
        until = ends if restart_every is None else min(ends, now() + restart_every * HOUR)
        async with asyncio.TaskGroup() as group:
            for _ in range(processes):
                limiter = Limiter(shape.rate, shape.period)
                for _ in range(2):
                    group.create_task(work(limiter, until))
    return sorted(arrivals)
