"""One call of a provider: retry( breaker -> throttle -> charge -> one send ) -> value or an error of errors.py.

The order matters. Waiting comes before the charge, because charged requests would otherwise pile up behind a wait and
arrive together. The charge is the last step before the send and is handed back only when nothing was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Generic, TypeVar

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from acra_express_async.errors import Blocked, BudgetExhausted, ProviderError, RateLimited, Transient
from acra_express_async.limits import (
    BREAKER_OPEN,
    CUT_OFF,
    KEY_ROTATED,
    SEND_MARGIN,
    Breaker,
    Budget,
    Throttle,
    pause,
)
from acra_express_async.limits.budget_table import BudgetRow, used
from acra_express_async.limits.scope import Scope
from acra_express_async.logs import logger
from acra_express_async.models import JobLimits, Provider, Refused, Usage
from acra_express_async.providers.wire import Answer, Wire
from acra_express_async.runtime.context import Context
from acra_express_async.traces import note, span

Value = TypeVar("Value")

BACKOFF_SECONDS = 20.0
"""All waiting between the tries of one call together, unless the provider itself asks for more."""
LONGEST_OBEDIENCE = timedelta(seconds=60)
"""A Retry-After up to this is waited for; for a longer one, snoozing the job is better than blocking a worker."""

_LASTING = frozenset({"markup_changed"})
"""Reasons that the next try would run into again; they still count towards the breaker's failures in a row."""

_log = logger("provider")


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how long one provider is tried.

    DuckDuckGo: 3 tries of 10 s, none after a block. Jina Reader: 2 of 30 s. ZeroBounce: 1 of 35 s, since every send may
    be paid for. Slack: 2 of 5 s, 3 after a 429.

    Args:
        tries: sends per call, including the first.
        try_seconds: from the first byte sent to the last byte read.
        body_cap: bytes of an answer that are kept.
        tries_when_limited: sends per call while the answers are 429.
    """

    tries: int
    try_seconds: float
    body_cap: int
    tries_when_limited: int | None = None

    @property
    def patience(self) -> timedelta:
        return timedelta(seconds=self.try_seconds)

    def stop(self, state: RetryCallState) -> bool:
        """Tenacity asks this after a failed try: whether to stop."""
        tries = self.tries
        if self.tries_when_limited is not None and isinstance(_error_of(state), RateLimited):
            tries = self.tries_when_limited
        if _reason_of(state) == KEY_ROTATED:
            tries += 1
        return state.attempt_number >= tries


@dataclass(frozen=True, slots=True)
class Call(Generic[Value]):
    """One request as its client describes it.

    Args:
        request: builds a new request for each try.
        judge: turns an answer into the value or raises a ProviderError; writes on the answer what was `billed`.
        target: what is asked about, as far as it can fail by itself: a site, a query, a mail domain.
        cost: what each try is charged; the company's usage is counted from it too.
        probe: runs first when this try is the breaker's probe (ZeroBounce: ask for the credits, which is free).
    """

    request: Callable[[], httpx.Request]
    judge: Callable[[Answer], Awaitable[Value]]
    target: str = ""
    cost: Mapping[BudgetRow, int] = field(default_factory=dict)
    probe: Callable[[], Awaitable[None]] | None = None


class Unscoped:
    """The scope of a call that belongs to no job (an alert, a look at the credits)."""

    limits = JobLimits()
    look = None

    def check(self) -> None:
        """A call without a job may always start."""

    def spent(self, cost: Usage) -> None:
        """Counted for no job."""


class Unguarded:
    """Used for a provider that has no breaker."""

    async def check(self, **_how: bool) -> None:
        """Never open."""

    def seen_closed(self, _at: float) -> None:
        """Always."""

    async def seen_open(self) -> Blocked:
        """Never called."""
        raise AssertionError("a provider without a breaker cannot be found open")

    @asynccontextmanager
    async def guard(self, _target: str, **_how: bool) -> AsyncIterator[bool]:
        """No try is a probe."""
        yield False


class Caller:
    """Makes the calls of one provider.

    Args:
        provider: label of metrics and errors.
        throttle: turns at this provider.
        budget: the durable allowances; None where there are none (Slack).
        breaker: None where the caller handles failures itself (Slack).
        margin: longest time from a charge to the first byte sent.
        kept: every good answer is kept in the database at once, so that its settlement may ride along.
        context: counts calls, durations, waits and tokens; its randomness is the jitter between tries.
    """

    def __init__(
        self,
        provider: Provider,
        throttle: Throttle,
        *,
        budget: Budget | None = None,
        breaker: Breaker | None = None,
        margin: timedelta = SEND_MARGIN,
        kept: bool = False,
        context: Context,
    ) -> None:
        self._kept = kept
        self.provider = provider
        self._throttle = throttle
        self._metrics = context.metrics
        self._budget = budget
        self._breaker = breaker or Unguarded()
        self._margin = margin
        self._retries = True
        self._random = context.random.random
        self._sleep = context.pause

    def single(self) -> Caller:
        """This caller with one try for each call, whatever the policy allows: its error is the provider's answer."""
        alike = copy(self)
        alike._retries = alike._kept = False  # noqa: SLF001 - a copy of this very class
        return alike

    async def call(self, http: httpx.AsyncClient, policy: Policy, call: Call[Value], scope: Scope) -> Value:
        """Try as often as `policy` allows; every try waits for its turn and is charged separately.

        Raises:
            CalledOff: what the scope's look found stands against the call; this try sent nothing.
            Transient: the last try failed (`sent` tells whether it may have arrived).
            RateLimited: every try was answered with 429, or the provider asks for a longer wait than a worker has.
            BudgetExhausted: no room within the patience; this try sent nothing.
            Blocked: the provider refuses us, or the breaker is open.
            Permanent: this request can never succeed.
            Draining, LeaseLost, StandBack: from `scope.check()`, before a wait or a send.
            DatabaseAway, LockBusy: the breaker or the ledger could not be asked; this try sent nothing.
        """

        async def sleep(seconds: float) -> None:
            await pause(seconds, scope, self._sleep)

        retrying = AsyncRetrying(
            retry=retry_if_exception(_worth_another_try),
            stop=policy.stop if self._retries else stop_after_attempt(1),
            wait=self._backoff,
            sleep=sleep,
            reraise=True,
        )
        with span("call", provider=self.provider.value):
            return await retrying(self._try, http, policy, call, scope)

    async def look(self, http: httpx.AsyncClient, policy: Policy, request: httpx.Request) -> Answer:
        """One plain request without turn, charge and breaker; it may run inside a call's turn.

        Raises:
            Transient: no complete answer.
        """
        wire = Wire(_now(), self._margin)
        return await wire.send(http, request, provider=self.provider, patience=policy.patience, cap=policy.body_cap)

    async def _try(self, http: httpx.AsyncClient, policy: Policy, call: Call[Value], scope: Scope) -> Value:
        scope.check()
        began = _now()
        try:
            await self._breaker.check(early=True)
            async with (
                self._throttle.turn(scope),
                self._breaker.guard(call.target, early=True, noted=self._kept and bool(call.cost)) as probe,
            ):
                if probe and call.probe is not None:
                    await call.probe()
                async with self._charged(call, scope, probe=probe) as wire:
                    waited = _now() - began
                    self._metrics.throttle_wait.labels(self.provider).observe(waited)
                    if not probe:
                        await self._breaker.check()  # it may have opened while this try waited for its budget
                    scope.check()
                    with span("send", provider=self.provider.value, waited_seconds=round(waited, 3)):
                        return await self._send(http, policy, call, wire, scope, waited)
        except BudgetExhausted:
            self._count("budget_denied")
            raise
        except Blocked as refused:
            if refused.reason in (BREAKER_OPEN, CUT_OFF):
                self._count(BREAKER_OPEN)
            raise

    @asynccontextmanager
    async def _charged(self, call: Call[Value], scope: Scope, *, probe: bool) -> AsyncIterator[Wire]:
        """The charge around one send: handed back if nothing was sent, settled when the answer has arrived.

        A send without an answer stays reserved in full until the ledger's hold is over: it may have been billed.
        """
        if self._budget is None or not call.cost:
            yield Wire(_now(), self._margin)
            return
        amounts = {row.name: amount for row, amount in call.cost.items()}
        try:
            charge = await self._budget.charge(amounts, scope, probe=probe)
        except Blocked as refused:
            raise await self._breaker.seen_open() from refused
        if charge.breaker_closed:
            self._breaker.seen_closed(charge.asked_at)
        wire = Wire(charge.asked_at, self._margin)
        kept = False
        try:
            yield wire
            kept = self._kept
        finally:
            if not wire.sent:
                await self._budget.refund(charge)
            elif wire.answer is not None:
                billed = {row.name: amount for row, amount in wire.answer.billed.items()}
                if kept:
                    self._budget.ride(charge, billed)
                else:
                    await self._budget.settle(charge, billed)

    async def _send(
        self, http: httpx.AsyncClient, policy: Policy, call: Call[Value], wire: Wire, scope: Scope, waited: float
    ) -> Value:
        self._throttle.started()
        began = _now()
        outcome, free, refused = "error", False, None
        try:
            answer = await wire.send(
                http, call.request(), provider=self.provider, patience=policy.patience, cap=policy.body_cap
            )
            value = await call.judge(answer)
        except ProviderError as error:
            outcome, free = _outcome(error), not error.sent
            refused = Refused(self.provider, outcome, error.reason, free)
            if isinstance(error, RateLimited) and error.retry_after is not None:
                self._throttle.hold(error.retry_after)
            _log.info("provider.try_failed", provider=self.provider, reason=error.reason, sent=wire.sent)
            raise
        else:
            outcome = "ok"
            return value
        finally:
            self._count(outcome)
            note(outcome=outcome, sent=wire.sent)
            self._metrics.provider_call_duration.labels(self.provider).observe(_now() - began)
            if wire.sent:
                spent = used(call.cost, {} if wire.answer is None else wire.answer.billed, free=free)
                if spent.tokens:
                    note(tokens=spent.tokens)
                    self._metrics.tokens.labels(self.provider).inc(spent.tokens)
                scope.spent(replace(spent, refused=() if refused is None else (refused,), waited=waited))

    def _backoff(self, state: RetryCallState) -> float:
        """Full jitter on 5 s, 15 s …, at most `BACKOFF_SECONDS` in total; a Retry-After is obeyed, plus jitter."""
        error = _error_of(state)
        if isinstance(error, ProviderError) and error.retry_after is not None:
            return error.retry_after.total_seconds() + self._random()
        cap: float = min(5.0 * 3.0 ** (state.attempt_number - 1), max(BACKOFF_SECONDS - state.idle_for, 0.0))
        return cap * self._random()

    def _count(self, outcome: str) -> None:
        self._metrics.provider_calls.labels(self.provider, outcome).inc()


def _worth_another_try(error: BaseException) -> bool:
    """Whether the failure may go away within the time a worker can wait; changed markup or a refusal does not."""
    if not isinstance(error, Transient) or error.reason in _LASTING:
        return False
    return error.retry_after is None or error.retry_after <= LONGEST_OBEDIENCE


def _outcome(error: ProviderError) -> str:
    """Label `outcome` of `provider_calls_total`."""
    if isinstance(error, RateLimited):
        return "rate_limited"
    if isinstance(error, Blocked):
        return "blocked"
    return "timeout" if error.reason == "timeout" else "error"


def rotated(refused: Blocked) -> Transient:
    """The error in place of `refused` after a new key was read: the same request may be sent again with it."""
    return Transient(str(refused), provider=refused.provider, reason=KEY_ROTATED, sent=refused.sent)


def _reason_of(state: RetryCallState) -> str | None:
    error = _error_of(state)
    return error.reason if isinstance(error, ProviderError) else None


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _now() -> float:
    return asyncio.get_running_loop().time()
