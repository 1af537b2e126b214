"""How much may be spent per rolling window; the durable ledger decides, and this module knows how to wait.

A charge is the last step before a send. Its window starts when the answer arrives (`settle`), and at the latest `hold`
after the charge: by then the provider has counted it too. A charge whose request was never sent is handed back
(`refund`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

from acra_express_async.errors import Blocked, BudgetExhausted, CalledOff, JobError, NotNow
from acra_express_async.limits.breaker import BREAKER_OPEN
from acra_express_async.limits.budget_table import BUDGETS, BudgetRow, budgets_of
from acra_express_async.limits.scope import Lookup, Scope
from acra_express_async.limits.throttle import CHECK_SECONDS, LEAST_SECONDS, pause
from acra_express_async.logs import logger
from acra_express_async.models import JobLimits, Provider
from acra_express_async.runtime.context import Context
from acra_express_async.settings.tree import Settings

SEND_MARGIN = timedelta(seconds=5)
"""A request that is not sent within this time after its charge is abandoned."""
CLOCK_RATE = 1 / 2000
"""Clocks under NTP may run apart by 500 parts per million, so each window is counted as that much longer."""

_log = logger("budget")


@dataclass(frozen=True, slots=True)
class Allowance:
    """One configured allowance of a provider.

    Args:
        provider: the provider it is for.
        name: label `budget` of the metrics.
        limit: the hard limit per window.
        share: the part of it that ordinary jobs use; an approved raise may go up to `limit`.
        window: the rolling window.
        hold: the longest time from a charge until the provider has counted the request.
        elsewhere: what the platform's other tenants spend counts towards `limit`.
        jitter: a caller that waits for room waits up to this much longer.
    """

    provider: Provider
    name: str
    limit: int
    share: float
    window: timedelta
    hold: timedelta
    elsewhere: bool = False
    jitter: timedelta = timedelta()

    @property
    def own(self) -> int:
        """What express takes by itself: at least one, because none would switch the provider off."""
        return max(1, int(self.limit * self.share))

    @property
    def counted_window(self) -> timedelta:
        return self.window * (1 + CLOCK_RATE)

    def ceiling(self, job: JobLimits) -> int:
        """The limit for all of express while `job` is served; an approved raise lifts it for that job's calls."""
        return min(self.limit, max(self.own, job.providers.get((self.provider, self.name), 0)))


def allowances(
    settings: Settings, *, window_scale: float = 1.0, margin: timedelta = SEND_MARGIN
) -> dict[Provider, tuple[Allowance, ...]]:
    """The allowances of all providers.

    Args:
        window_scale: shrinks windows and margins for tests in real time.
        margin: the longest time from a charge to the first byte sent, which the callers guarantee.
    """
    return {
        provider: tuple(_allowance(row, settings, window_scale, margin * window_scale) for row in budgets_of(provider))
        for provider in dict.fromkeys(row.provider for row in BUDGETS)
    }


def _allowance(row: BudgetRow, settings: Settings, scale: float, margin: timedelta) -> Allowance:
    hold = margin
    if row.billed_within is not None:
        try_time = timedelta(seconds=settings.of(row.provider).timeout_seconds)
        hold += max(try_time, row.billed_within * scale)
    return Allowance(
        row.provider,
        row.name,
        row.figure(settings),
        row.share(settings),
        row.window * scale,
        hold,
        elsewhere=row.elsewhere,
    )


def fair_share(left: int, takers: int, most: int) -> int:
    """How many of `left` one of `takers` may use, at most `most`: spreads the day's verifications over its companies.

    While any is left, every company gets at least one: the first are served, and what some leave over (a company
    without a mail address) goes to later ones.
    """
    if left <= 0 or most <= 0:
        return 0
    return max(1, min(most, left // max(takers, 1)))


@dataclass(frozen=True, slots=True)
class Ask:
    """An amount of one allowance."""

    allowance: Allowance
    amount: int


@dataclass(frozen=True, slots=True)
class Charge:
    """A granted charge; pass it to `settle` or `refund`.

    `asked_at` is the loop's time just before the ledger was asked: the send margin starts there. `breaker_closed`: the
    ledger saw in the same step that the provider's breaker is closed.
    """

    charge_id: int
    asked_at: float = 0.0
    breaker_closed: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing was charged.

    Args:
        budget: name of the budget that has to be waited for longest.
        fits_in: when the charge would fit, if no other charge comes first and all calls in flight are billed in full.
        by_job: the job's own limit is the reason, not the shared allowance.
        in_flight: the amount of that budget reserved by calls whose answer may still reduce it.
    """

    budget: str
    fits_in: timedelta
    by_job: bool = False
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class Halt:
    """Nothing was charged: `known` is what the look found, None where the provider's breaker is not closed."""

    known: dict[str, Any] | None = None


class Ledger(Protocol):
    """The durable account of all charges: shared by all replicas, judged by the database's clock.

    A Protocol because this room must not import db/, and because tests keep an account in memory.
    """

    async def charge(
        self, asks: Sequence[Ask], job: JobLimits, look: Lookup | None = None, *, probe: bool = False
    ) -> Charge | Refusal | Halt:
        """All of `asks` (one provider) or nothing, in one round trip.

        Args:
            look: is looked up first; if it finds something, nothing is charged.
            probe: this call is the probe of a breaker that is not closed.
        """
        ...

    async def settle(self, charge: Charge, amounts: Mapping[str, int]) -> None:
        """The answer has arrived: the window starts now, with these amounts where the answer stated them."""
        ...

    def ride(self, charge: Charge, amounts: Mapping[str, int], written: Callable[[], None]) -> None:
        """As `settle`, with the next statement of this process; `written` is called then. Only sets it aside."""
        ...

    async def refund(self, charge: Charge) -> None:
        """Nothing was sent: undo the charge."""
        ...


class Budget:
    """The allowances of one provider, with a queue of waiters that is served in order of arrival.

    A large request at the head of the queue is never overtaken, so it cannot starve. A job that waits for its own limit
    leaves the shared queue and delays only its own calls.

    Args:
        provider: the provider it is for.
        allowances: what a call may be charged to, by name.
        ledger: the account that all replicas share.
        patience: the longest wait for room.
        turns: charged once for every call, whatever it costs: what the provider counts by the address it is called
            from. All replicas behind one address share them.
    """

    def __init__(
        self,
        provider: Provider,
        allowances: Sequence[Allowance],
        ledger: Ledger,
        *,
        patience: timedelta,
        turns: Sequence[Allowance] = (),
        context: Context,
    ) -> None:
        self.provider = provider
        self._allowances = {allowance.name: allowance for allowance in allowances}
        self._turns = {turn.name: turn for turn in turns}
        self._random = context.random.random
        self._ledger = ledger
        self._patience = patience.total_seconds()
        self._sleep = context.pause
        self._line = asyncio.Lock()
        self._job_lines: dict[str, tuple[asyncio.Lock, int]] = {}
        self._freed = 0

    async def charge(self, amounts: Mapping[str, int], scope: Scope, *, probe: bool = False) -> Charge:
        """Charge `amounts` (budget name -> amount), waiting for room up to the patience.

        Args:
            scope: its `look` is looked up in the statement that charges.
            probe: this call is the probe of a breaker that is not closed.

        Raises:
            CalledOff: the look found something.
            Blocked: the breaker is not closed.
            BudgetExhausted: no room within the patience; `retry_after` is when it fits, according to the ledger.
            JobError: a single call needs more than the allowance or the job's own limit, so it would never fit.
            Draining, LeaseLost, StandBack: from `scope.check()`, which is called before each try and while waiting.
        """
        asks = [Ask(self._allowances[name], amount) for name, amount in amounts.items()]
        for ask in asks:
            self._must_fit(ask, scope.limits)
        asks += [Ask(turn, 1) for turn in self._turns.values()]
        deadline = asyncio.get_running_loop().time() + self._patience
        async with self._job_line(scope.limits.key):
            while True:
                async with self._line:
                    answer = await self._try(asks, scope, probe=probe)
                    while isinstance(answer, Refusal) and not answer.by_job:
                        await self._wait(answer, scope, deadline)
                        answer = await self._try(asks, scope, probe=probe)
                if isinstance(answer, Charge):
                    return answer
                await self._wait(answer, scope, deadline)

    async def settle(self, charge: Charge, amounts: Mapping[str, int]) -> None:
        """See `Ledger.settle`; waiters then try again. Never fails: an unsettled charge simply counts in full."""
        await self._told(self._ledger.settle(charge, amounts))

    def ride(self, charge: Charge, amounts: Mapping[str, int]) -> None:
        """See `Ledger.ride`: for an answer that its receiver keeps in the database at once."""
        self._ledger.ride(charge, amounts, self._has_freed)

    def _has_freed(self) -> None:
        self._freed += 1

    async def refund(self, charge: Charge) -> None:
        """See `Ledger.refund`; waiters then try again. Never fails: the worst case is a charge for nothing."""
        await self._told(self._ledger.refund(charge))

    async def _told(self, statement: Awaitable[None]) -> None:
        try:
            await statement
        except NotNow as away:
            _log.warning("budget.unsettled", provider=self.provider, error=away)
        self._freed += 1

    async def _try(self, asks: Sequence[Ask], scope: Scope, *, probe: bool) -> Charge | Refusal:
        scope.check()
        asked_at = asyncio.get_running_loop().time()
        answer = await self._ledger.charge(asks, scope.limits, scope.look, probe=probe)
        if isinstance(answer, Halt):
            if answer.known is not None:
                raise CalledOff(answer.known)
            raise Blocked(
                f"the breaker of {self.provider} is not closed", provider=self.provider, reason=BREAKER_OPEN, sent=False
            )
        return replace(answer, asked_at=asked_at) if isinstance(answer, Charge) else answer

    async def _wait(self, refusal: Refusal, scope: Scope, deadline: float) -> None:
        """Wait until it fits, or something is freed in this process, or another replica may have freed something."""
        loop = asyncio.get_running_loop()
        # only a call still in flight can make room before the moment that the ledger names
        hopeful = refusal.in_flight > 0
        until = loop.time() + max(refusal.fits_in.total_seconds(), LEAST_SECONDS)
        if loop.time() >= deadline or (until > deadline and not hopeful):
            raise self._exhausted(refusal)
        seen = self._freed
        soon = CHECK_SECONDS
        turn = self._turns.get(refusal.budget)
        if turn is not None:
            until += turn.jitter.total_seconds() * self._random()
            if turn.limit == 1:
                # the only call in flight gives the turn up with its answer, and the window counts from there
                soon = max(turn.window.total_seconds(), LEAST_SECONDS)
        until = min(until, deadline, loop.time() + soon if hopeful else until)
        while self._freed == seen and (left := until - loop.time()) > 0:
            await pause(min(left, CHECK_SECONDS), scope, self._sleep)

    def _exhausted(self, refusal: Refusal) -> BudgetExhausted:
        seconds = refusal.fits_in.total_seconds()
        if refusal.budget in self._turns:
            return BudgetExhausted(
                f"no turn at {self.provider} within {self._patience:g} s: other replicas call it from the same address",
                provider=self.provider,
                retry_after=refusal.fits_in,
                reason="throttled",
                sent=False,
            )
        whose = "the job's own limit for" if refusal.by_job else "the allowance for"
        exhausted = BudgetExhausted(
            f"{whose} {self.provider} {refusal.budget} is used up; there is room again in {seconds:.0f} s",
            provider=self.provider,
            retry_after=refusal.fits_in,
            reason=refusal.budget,
            sent=False,
        )
        exhausted.by_job = refusal.by_job
        return exhausted

    def _must_fit(self, ask: Ask, job: JobLimits) -> None:
        ceiling = ask.allowance.ceiling(job)
        figure = job.providers.get((self.provider, ask.allowance.name), ceiling)
        if figure == 0:
            raise self._exhausted(Refusal(ask.allowance.name, ask.allowance.window, by_job=True))
        if ask.amount > min(ceiling, figure):
            raise JobError(
                f"one call needs {ask.amount} of {self.provider} {ask.allowance.name},"
                f" but only {min(ceiling, figure)} are allowed per window"
            )

    @asynccontextmanager
    async def _job_line(self, key: str) -> AsyncIterator[None]:
        """The job's own queue; created when needed and removed with its last waiter, so that none is left behind."""
        if not key:
            yield
            return
        lock, waiting = self._job_lines.get(key, (asyncio.Lock(), 0))
        self._job_lines[key] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._job_lines[key]
            if waiting > 1:
                self._job_lines[key] = (lock, waiting - 1)
            else:
                del self._job_lines[key]
