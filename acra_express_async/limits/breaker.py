"""Stop calling a provider that refuses us or is away; all replicas share what one of them has found out.

closed -> open (a block, or `FAILURES` failures in a row) -> half_open when the cool-down is over, when one replica
claims the probe -> closed, or open again for longer. The store judges times by the database's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from acra_express_async.errors import (
    Blocked,
    DatabaseAway,
    Permanent,
    ProviderError,
    RateLimited,
    StandBack,
    Transient,
)
from acra_express_async.logs import logger
from acra_express_async.metrics import Metrics
from acra_express_async.models import Provider

BREAKER_OPEN = "breaker_open"
"""Reason of the errors that mean "not called at all"; also the label of `provider_calls_total`."""
KEY_ROTATED = "key_rotated"
"""Reason of an error after which a new key was read from its file; it says nothing about the provider."""
FAILURES = 5
"""This many failed tries in a row, in one process, are an outage."""
FRESH = timedelta(seconds=2)
"""How old the known state may be: the other replicas notice an opened breaker within this time."""
PROBE_STEP = timedelta(minutes=1)
"""Beyond its wait for a budget a probe takes at most 35 s; after a crash another may be made once its lease is over."""
BUDGET_WAIT = timedelta(minutes=1)
"""Default of BUDGET_WAIT_SECONDS."""
BLOCKED_COOLDOWNS = (timedelta(minutes=15), timedelta(minutes=60), timedelta(hours=4))
"""Requests during a block prolong it (DuckDuckGo lifts one after about an hour without any request, ZeroBounce's
blocks last up to an hour), so there is a single probe between two cool-downs."""
OUTAGE_COOLDOWNS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
"""The end of an outage of half an hour is noticed within a quarter of an hour."""

_log = logger("breaker")


class State(StrEnum):
    """Label `state` of `breaker_state`."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Kind(StrEnum):
    """Why it is open: the provider refuses us, or it is down for everyone."""

    BLOCKED = "blocked"
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class BreakerState:
    """The stored state: `remaining` of the cool-down or of another replica's probe; `level` counts reopenings."""

    state: State = State.CLOSED
    reason: str = ""
    kind: Kind | None = None
    level: int = 0
    remaining: timedelta = timedelta()


class BreakerStore(Protocol):
    """Durable and shared. Every method is one atomic statement."""

    async def read(self, provider: Provider) -> BreakerState:
        """The state now."""
        ...

    async def trip(
        self, provider: Provider, kind: Kind, reason: str, cooldowns: Sequence[timedelta]
    ) -> tuple[BreakerState, bool]:
        """Open, one level higher after a failed probe or soon after a close; True when this call opened it.

        An open breaker stays as it is, so that two replicas that run into the same block do not count it twice. An
        outage during the probe of a block keeps the level.
        """
        ...

    async def claim_probe(self, provider: Provider, lease: timedelta) -> bool:
        """True for exactly one caller once the cool-down is over; the claim expires after `lease`."""
        ...

    async def release_probe(self, provider: Provider) -> None:
        """The claimed probe was not sent."""
        ...

    async def reset(self, provider: Provider) -> None:
        """Close."""
        ...


class Breaker:
    """One per provider and process, for one event loop.

    Args:
        provider: whose calls are guarded.
        store: the shared state.
        metrics: `breaker_state` shows what this process knows.
        failures: failed tries in a row that count as an outage.
        blocked, outage: cool-downs by level; the last one repeats.
        fresh: how long a state that was read is relied on.
        budget_wait: how long a probe may wait for its budget; no other is made meanwhile.
    """

    def __init__(
        self,
        provider: Provider,
        store: BreakerStore,
        metrics: Metrics,
        *,
        failures: int = FAILURES,
        blocked: Sequence[timedelta] = BLOCKED_COOLDOWNS,
        outage: Sequence[timedelta] = OUTAGE_COOLDOWNS,
        fresh: timedelta = FRESH,
        budget_wait: timedelta = BUDGET_WAIT,
    ) -> None:
        self.state = BreakerState()
        self._provider = provider
        self._store = store
        self._metrics = metrics
        self._failures = failures
        self._cooldowns = {Kind.BLOCKED: tuple(blocked), Kind.OUTAGE: tuple(outage)}
        self._fresh = fresh
        self._probe_lease = budget_wait + PROBE_STEP
        self._read_at: float | None = None
        self._in_a_row = 0

    async def check(self) -> None:
        """Needs a query only when the known state is older than `fresh`.

        Raises:
            Blocked: the breaker is open; `retry_after` is what is left of the cool-down.
        """
        now = asyncio.get_running_loop().time()
        if self._read_at is None or now - self._read_at >= self._fresh.total_seconds():
            await self.refresh()
        if self.state.state is State.OPEN:
            raise self._open()

    @asynccontextmanager
    async def guard(self) -> AsyncIterator[bool]:
        """Wraps one try, whose result decides the breaker's state. Yields True when this try is the probe.

        A try that ended before it was sent (no budget, draining, cancelled) says nothing about the provider.

        Raises:
            Blocked: open, or half open while another replica's probe is under way.
        """
        await self.check()
        probe = self.state.state is State.HALF_OPEN
        if probe:
            if not await self._store.claim_probe(self._provider, self._probe_lease):
                raise self._open()
            _log.info("breaker.probe", provider=self._provider, reason=self.state.reason)
        judged = False
        try:
            yield probe
            judged = True
            await self._succeeded(probe=probe)
        except (Blocked, Transient, Permanent) as error:
            if error.reason not in (BREAKER_OPEN, KEY_ROTATED):
                judged = True
                await self._failed(error, probe=probe)
            raise
        finally:
            if probe and not judged:
                self._read_at = None
                await self._shared(self._store.release_probe(self._provider))

    async def refresh(self) -> BreakerState:
        """Read the shared state now, for status page and gauges."""
        self._learn(await self._store.read(self._provider))
        return self.state

    async def _succeeded(self, *, probe: bool) -> None:
        self._in_a_row = 0
        if probe:
            await self._shared(self._store.reset(self._provider))
            self._learn(BreakerState())
            _log.info("breaker.closed", provider=self._provider)

    async def _failed(self, error: ProviderError, *, probe: bool) -> None:
        """Open at once on `Blocked` or a failed probe, on other failures after `failures` in a row."""
        if isinstance(error, Blocked):
            await self._trip(Kind.BLOCKED, error.reason)
        elif isinstance(error, Transient):
            # the throttle waits after a 429, so it is not a failure; only for a probe it means "not yet"
            self._in_a_row += 0 if isinstance(error, RateLimited) else 1
            if probe or self._in_a_row >= self._failures:
                await self._trip(Kind.OUTAGE, error.reason)
        else:  # a refusal of this one request: the provider works
            await self._succeeded(probe=probe)

    def _open(self) -> Blocked:
        return Blocked(
            f"the breaker of {self._provider} is open ({self.state.reason})",
            provider=self._provider,
            retry_after=max(self.state.remaining, self._fresh),
            reason=BREAKER_OPEN,
            sent=False,
        )

    async def _shared(self, statement: Awaitable[None]) -> None:
        """Run the statement; a failed write must not lose the provider's answer, and the shared state expires."""
        try:
            await statement
        except (DatabaseAway, StandBack) as away:
            _log.warning("breaker.unshared", provider=self._provider, error=away)

    async def _trip(self, kind: Kind, reason: str) -> None:
        self._in_a_row = 0
        cooldowns = self._cooldowns[kind]
        try:
            state, opened = await self._store.trip(self._provider, kind, reason, cooldowns)
        except (DatabaseAway, StandBack) as away:
            _log.warning("breaker.unshared", provider=self._provider, error=away)
            state, opened = BreakerState(State.OPEN, reason, kind, 0, cooldowns[0]), True
        self._learn(state)
        if opened:
            _log.warning(
                "breaker.opened",
                provider=self._provider,
                reason=reason,
                level=state.level,
                seconds=state.remaining.total_seconds(),
            )

    def _learn(self, state: BreakerState) -> None:
        self.state = state
        self._read_at = asyncio.get_running_loop().time()
        for known in State:
            self._metrics.breaker_state.labels(self._provider, known).set(known is state.state)
