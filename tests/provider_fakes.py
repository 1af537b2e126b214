"""Fakes of what providers and limits depend on: a scope, a ledger and a breaker store in memory, and a caller."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from contexts import Always, context_of

from acra_express_async.limits import (
    Allowance,
    Ask,
    Breaker,
    BreakerState,
    Budget,
    Charge,
    Halt,
    Kind,
    Pace,
    Refusal,
    State,
    Streak,
    Throttle,
)
from acra_express_async.limits.budget_table import budgets_of
from acra_express_async.limits.own_reach import ANSWERED_LATELY
from acra_express_async.limits.scope import Lookup
from acra_express_async.metrics import Metrics
from acra_express_async.models import JobLimits, Provider, Usage
from acra_express_async.providers.base import Caller

FAST = Pace(burst=1000, interval=0.001, in_flight=100)
MINUTE = timedelta(minutes=1)


@dataclass
class FakeScope:
    """Counts what was spent; `refuse_at` makes the n-th check raise (counted from 1)."""

    limits: JobLimits = field(default_factory=JobLimits)
    look: Lookup | None = None
    refuse_at: int | None = None
    error: Exception | None = None
    checks: int = 0
    requests: int = 0
    tokens: int = 0
    verifications: int = 0

    def check(self) -> None:
        self.checks += 1
        if self.error is not None and self.refuse_at is not None and self.checks >= self.refuse_at:
            raise self.error

    def spent(self, cost: Usage) -> None:
        self.requests += 1
        self.tokens += cost.tokens
        self.verifications += cost.verifications


@dataclass
class FakeLedger:
    """Grants every ask unless `refusals` holds an answer for the next one; records all calls in `events`."""

    refusals: deque[Refusal | Halt] = field(default_factory=deque)
    sees_breakers: bool = False
    events: list[tuple[object, ...]] = field(default_factory=list)
    charges: int = 0

    async def charge(
        self, asks: Sequence[Ask], job: JobLimits, look: Lookup | None = None, *, probe: bool = False
    ) -> Charge | Refusal | Halt:
        amounts = {ask.allowance.name: ask.amount for ask in asks}
        if self.refusals:
            self.events.append(("refused", amounts))
            return self.refusals.popleft()
        self.charges += 1
        self.events.append(("charged", amounts))
        return Charge(self.charges, breaker_closed=self.sees_breakers)

    async def settle(self, charge: Charge, amounts: Mapping[str, int]) -> None:
        self.events.append(("settled", charge.charge_id, dict(amounts)))

    async def refund(self, charge: Charge) -> None:
        self.events.append(("refunded", charge.charge_id))


class FakeBreakerStore:
    """The store of one provider on the event loop's clock; levels rise after a failed probe as in migration 0003."""

    def __init__(self) -> None:
        self.record = BreakerState()
        self.open_until = 0.0
        self.probe: datetime | None = None
        self.reads = 0
        self.trips: list[tuple[Kind, str]] = []
        self.failures: list[tuple[str, bool]] = []
        self.answers = 0
        self.elsewhere: timedelta | None = None

    async def read(self, provider: Provider) -> BreakerState:
        self.reads += 1
        if self.record.state is State.CLOSED:
            return replace(self.record, failing=bool(self.failures))
        left = self.open_until - asyncio.get_running_loop().time()
        if left > 0:
            return replace(self.record, state=State.OPEN, remaining=timedelta(seconds=left))
        return replace(self.record, state=State.HALF_OPEN, remaining=timedelta())

    async def failed(self, provider: Provider, target: str, *, about_target: bool, unreached: bool = False) -> Streak:
        if unreached and self.elsewhere is not None and self.elsewhere < ANSWERED_LATELY:
            return Streak(elsewhere=self.elsewhere)
        self.failures.append((target, about_target))
        hard = [each for each, doubted in self.failures if not doubted]
        doubted = {each for each, doubts in self.failures if doubts}
        return Streak(len(hard), len(set(hard)), len(doubted), self.elsewhere)

    async def answered(self, provider: Provider) -> None:
        self.answers += 1
        self.failures.clear()

    async def trip(
        self,
        provider: Provider,
        kind: Kind,
        reason: str,
        cooldowns: Sequence[timedelta],
        probe: datetime | None = None,
        key_print: str | None = None,
    ) -> tuple[BreakerState, bool]:
        if probe is not None and probe != self.probe:
            return await self.read(provider), False
        self.trips.append((kind, reason))
        known = await self.read(provider)
        if known.state is State.OPEN:
            return known, False
        level = min(known.level + 1, len(cooldowns) - 1) if known.state is State.HALF_OPEN else 0
        self.open_until = asyncio.get_running_loop().time() + cooldowns[level].total_seconds()
        self.record = BreakerState(State.OPEN, reason, kind, level)
        self.probe = None
        return await self.read(provider), True

    async def claim_probe(self, provider: Provider, lease: timedelta) -> datetime | None:
        if self.probe is not None or (await self.read(provider)).state is not State.HALF_OPEN:
            return None
        self.probe = datetime.fromtimestamp(asyncio.get_running_loop().time(), UTC) + lease
        return self.probe

    async def release_probe(self, provider: Provider, probe: datetime) -> None:
        if probe == self.probe:
            self.probe = None

    async def reset(self, provider: Provider, probe: datetime) -> None:
        if probe == self.probe:
            self.record, self.probe = BreakerState(), None


@dataclass
class Bench:
    """A caller together with all its fakes."""

    caller: Caller
    ledger: FakeLedger
    store: FakeBreakerStore
    breaker: Breaker
    metrics: Metrics
    scope: FakeScope
    slept: list[float]

    def calls(self, outcome: str) -> float:
        value = self.metrics.registry.get_sample_value(
            "acra_express_provider_calls_total", {"provider": self.caller.provider, "outcome": outcome}
        )
        assert value is not None
        return value

    @property
    def story(self) -> list[str]:
        return [str(event[0]) for event in self.ledger.events]


def allowances_of(provider: Provider) -> list[Allowance]:
    return [Allowance(provider, row.name, 5000, 1.0, timedelta(hours=1), MINUTE) for row in budgets_of(provider)]


def bench(provider: Provider, *, pace: Pace = FAST, breaker: bool = True) -> Bench:
    """A caller over fakes; its sleeps return at once and are recorded in `slept` (jitter is always one half)."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    context = context_of(random=Always(0.5), pause=sleep)
    waiting = replace(context, pause=asyncio.sleep)  # only the pauses between tries are recorded
    ledger, store = FakeLedger(), FakeBreakerStore()
    guard = Breaker(provider, store, context.metrics)
    throttle = Throttle(provider, pace, patience=MINUTE, context=waiting)
    budget = Budget(provider, allowances_of(provider), ledger, patience=MINUTE, context=waiting)
    caller = Caller(
        provider,
        throttle,
        budget=budget if allowances_of(provider) else None,
        breaker=guard if breaker else None,
        context=context,
    )
    return Bench(caller, ledger, store, guard, context.metrics, FakeScope(), slept)
