"""Stop calling a provider that refuses us or is away; all replicas share what one of them has found out.

closed -> open (a block, or failures that are the provider's) -> half_open when the cool-down is over, when one replica
claims the probe -> closed, or open again for longer. The store judges times by the database's clock.

One page that always fails must not stop everybody's reading. So failures count only while nobody gets an answer, and
they are the provider's once they met several targets, or one target several times while there is no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from acra_express_async.errors import (
    Blocked,
    NotNow,
    Permanent,
    ProviderError,
    RateLimited,
    Transient,
)
from acra_express_async.limits.own_reach import ANSWERED_LATELY, CUT_OFF, OwnReach
from acra_express_async.logs import logger
from acra_express_async.metrics import Metrics
from acra_express_async.models import Provider

BREAKER_OPEN = "breaker_open"
"""Reason of the errors that mean "not called at all"; also the label of `provider_calls_total`."""
KEY_ROTATED = "key_rotated"
"""Reason of an error after which a new key was read from its file; it says nothing about the provider."""
KEY_REASONS = frozenset({"bad_key", "no_credits", "key_or_credits", "shield_or_key"})
"""Reasons of an open breaker that only a person with a key or a credit card can resolve."""
FAILURES = 5
"""This many failed tries in a row are an outage, even if all of them were for one target."""
TARGETS = 2
"""Failed tries in a row for this many targets are an outage."""
DOUBTED_TARGETS = 5
"""So are errors about the target, which the provider itself answered, for this many targets in a row: it may call its
own overload an error of the page, but five such pages in a row without a good one between them are no coincidence."""
FAILURE_AGE = timedelta(minutes=10)
"""An older failure says nothing about now."""
ANSWER_NOTED = timedelta(seconds=10)
"""A success is noted at most this often, unless there are failures that it refutes."""
FRESH = timedelta(seconds=2)
"""How old the known state may be: the other replicas notice an opened breaker within this time."""
PROBE_STEP = timedelta(minutes=1)
"""What a probe takes beyond its wait for a budget and its provider's time-out: the send margin, and for ZeroBounce
three looks at the credits, of 10 s each. After a crash another may be made once the lease of all that is over."""
LONGEST_TRY = timedelta(seconds=60 + 35)
"""The default of BUDGET_WAIT_SECONDS, and the longest default of the providers' time-outs."""
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


COOLDOWNS: Mapping[Kind, Sequence[timedelta]] = MappingProxyType(
    {Kind.BLOCKED: BLOCKED_COOLDOWNS, Kind.OUTAGE: OUTAGE_COOLDOWNS}
)


@dataclass(frozen=True, slots=True)
class BreakerState:
    """The stored state: `remaining` of the cool-down or of another replica's probe; `level` counts reopenings;
    `failing` says that there are failures since the latest answer."""

    state: State = State.CLOSED
    reason: str = ""
    kind: Kind | None = None
    level: int = 0
    remaining: timedelta = timedelta()
    failing: bool = False


@dataclass(frozen=True, slots=True)
class Streak:
    """Failures since the provider's latest answer to any replica: tries `in_a_row`, over so many `targets`; and the
    `doubted` targets, those with a separate error. `elsewhere` is how long ago another process had an answer, None
    if none had one within a day."""

    in_a_row: int = 0
    targets: int = 0
    doubted: int = 0
    elsewhere: timedelta | None = None


class BreakerStore(Protocol):
    """Durable and shared; every method is one atomic statement.

    A Protocol because this room must not import db/, and because tests keep breakers in memory.
    """

    async def read(self, provider: Provider) -> BreakerState:
        """The state now."""
        ...

    async def failed(self, provider: Provider, target: str, *, about_target: bool, unreached: bool = False) -> Streak:
        """Note a failed try; what has come together since the latest answer, this one included.

        Args:
            unreached: nothing left this host; it counts only while no other process gets answers.
        """
        ...

    async def answered(self, provider: Provider) -> None:
        """The provider gave an answer: failures from before no longer count."""
        ...

    async def trip(
        self,
        provider: Provider,
        kind: Kind,
        reason: str,
        cooldowns: Sequence[timedelta],
        probe: datetime | None = None,
        key_print: str | None = None,
    ) -> tuple[BreakerState, bool]:
        """Open, one level higher after a failed probe or soon after a close; True when this call opened it.

        Args:
            probe: the failed probe's claim; one that has expired changes nothing.
            key_print: the fingerprint of the key that was refused, if it was the key.

        An open breaker stays as it is, so that two replicas that run into the same block do not count it twice. An
        outage during the probe of a block keeps the level.
        """
        ...

    async def claim_probe(self, provider: Provider, lease: timedelta) -> datetime | None:
        """For exactly one caller once the cool-down is over: the moment after `lease` when the claim expires.

        That moment identifies the claim in every later call: a process that was frozen past it changes nothing.
        """
        ...

    async def release_probe(self, provider: Provider, probe: datetime) -> None:
        """The claimed probe was not sent."""
        ...

    async def reset(self, provider: Provider, probe: datetime) -> None:
        """Close; the claimed probe succeeded."""
        ...


class Breaker:
    """One per provider and process, for one event loop.

    Args:
        provider: whose calls are guarded.
        store: the shared state.
        metrics: `breaker_state` shows what this process knows.
        cooldowns: by level; the last one repeats.
        fresh: how long a state that was read is relied on.
        longest_try: the wait for a budget and the provider's time-out, both of which a probe may take in full; no
            other is made meanwhile.
        key_print: the fingerprint of the key that calls are made with; see `mended_keys`.
    """

    def __init__(
        self,
        provider: Provider,
        store: BreakerStore,
        metrics: Metrics,
        *,
        cooldowns: Mapping[Kind, Sequence[timedelta]] = COOLDOWNS,
        fresh: timedelta = FRESH,
        longest_try: timedelta = LONGEST_TRY,
        key_print: Callable[[], str | None] | None = None,
    ) -> None:
        self.state = BreakerState()
        self._provider = provider
        self._store = store
        self._metrics = metrics
        self._cooldowns = cooldowns
        self._fresh = fresh
        self._probe_lease = longest_try + PROBE_STEP
        self._key_print = key_print or (lambda: None)
        self._read_at: float | None = None
        self._in_a_row = 0
        self._failing = False
        self._answer_noted: float | None = None
        self._reach = OwnReach(provider, cooldowns[Kind.OUTAGE])

    @property
    def cut_off(self) -> timedelta:
        """How much longer this process leaves the provider to others; see own_reach.py."""
        return self._reach.cut_off

    async def check(self, *, early: bool = False) -> None:
        """Needs a query only when the known state is older than `fresh`.

        Args:
            early: it is asked for once more right before the send, so a closed state is believed however old it is.

        Raises:
            Blocked: the breaker is open, or this host is cut off; `retry_after` is how long that lasts.
        """
        now = _now()
        believed = early and self.state.state is State.CLOSED
        if self._read_at is None or (not believed and now - self._read_at >= self._fresh.total_seconds()):
            await self.refresh()
        if self.state.state is State.OPEN or (self.state.state is State.HALF_OPEN and self._reach.yields_probe):
            raise self._open()
        self._reach.check()

    def seen_closed(self, at: float) -> None:
        """The shared state was closed at this time of the loop."""
        if self.state.state is State.CLOSED and self._read_at is not None:
            self._read_at = max(self._read_at, at)

    async def seen_open(self) -> Blocked:
        """The error for a shared state that was found not to be closed."""
        await self.refresh()
        return self._open()

    @asynccontextmanager
    async def guard(self, target: str, *, early: bool = False, noted: bool = False) -> AsyncIterator[bool]:
        """Wraps one try for `target`, whose result decides the breaker's state. Yields True when it is the probe.

        A try that ended before it was sent (no budget, draining, cancelled) says nothing about the provider.

        Args:
            early: see `check`.
            noted: the store learns of a good answer by the settlement of its charge.

        Raises:
            Blocked: open, or half open while another replica's probe is under way.
        """
        await self.check(early=early)
        probe = None
        if self.state.state is State.HALF_OPEN:
            probe = await self._store.claim_probe(self._provider, self._probe_lease)
            if probe is None:
                raise self._open()
            _log.info("breaker.probe", provider=self._provider, reason=self.state.reason)
        judged = False
        try:
            yield probe is not None
            judged = True
            await self._succeeded(probe, noted=noted)
        except (Blocked, Transient, Permanent) as error:
            if error.reason not in (BREAKER_OPEN, CUT_OFF, KEY_ROTATED):
                judged = True
                await self._failed(error, target, probe)
            raise
        finally:
            if probe is not None and not judged:
                self._read_at = None
                await self._shared(self._store.release_probe(self._provider, probe))

    async def refresh(self) -> BreakerState:
        """Read the shared state now, for status page and gauges."""
        self._learn(await self._store.read(self._provider))
        return self.state

    async def _succeeded(self, probe: datetime | None, *, noted: bool = False) -> None:
        self._in_a_row = 0
        self._reach.answered()
        now = _now()
        if noted:
            self._failing, self._answer_noted = False, now
        elif self._failing or self._answer_noted is None or now - self._answer_noted >= ANSWER_NOTED.total_seconds():
            self._failing, self._answer_noted = False, now
            await self._shared(self._store.answered(self._provider))
        if probe is not None:
            await self._shared(self._store.reset(self._provider, probe))
            self._learn(BreakerState())
            _log.info("breaker.closed", provider=self._provider)

    async def _failed(self, error: ProviderError, target: str, probe: datetime | None) -> None:
        """Open at once on `Blocked` or a failed probe, otherwise when the failures are the provider's."""
        match error:
            case Blocked():
                await self._trip(Kind.BLOCKED, error.reason, probe)
            case RateLimited():
                # the throttle waits after a 429, so it is not a failure; only for a probe it means "not yet"
                if probe is not None:
                    await self._trip(Kind.OUTAGE, error.reason, probe)
            case Transient(about_target=True) if probe is not None and error.reason != self.state.reason:
                await self._succeeded(probe)  # it works again, if not for this target
            case Transient():
                await self._count(error, target, probe)
            case _:  # a refusal of this one request: the provider works
                await self._succeeded(probe)

    async def _count(self, error: Transient, target: str, probe: datetime | None) -> None:
        self._failing = True
        self._in_a_row += 0 if error.about_target else 1
        unreached = self._reach.failed(error)
        try:
            streak = await self._store.failed(
                self._provider, target, about_target=error.about_target, unreached=unreached
            )
        except NotNow as away:
            _log.warning("breaker.unshared", provider=self._provider, error=away)
            streak = Streak(self._in_a_row, 1, 1)
        if unreached and probe is None and streak.elsewhere is not None and streak.elsewhere < ANSWERED_LATELY:
            self._reach.keep_away(error.reason)
            return
        doubted = streak.doubted >= DOUBTED_TARGETS
        if probe is not None or doubted or streak.targets >= TARGETS or streak.in_a_row >= FAILURES:
            await self._trip(Kind.OUTAGE, error.reason, probe)
        if unreached and probe is not None and streak.elsewhere is not None:
            self._reach.yield_probe(self.state.remaining)

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
        except NotNow as away:
            _log.warning("breaker.unshared", provider=self._provider, error=away)

    async def _trip(self, kind: Kind, reason: str, probe: datetime | None) -> None:
        self._in_a_row = 0
        cooldowns = self._cooldowns[kind]
        try:
            key_print = self._key_print() if reason in KEY_REASONS else None
            state, opened = await self._store.trip(self._provider, kind, reason, cooldowns, probe, key_print)
        except NotNow as away:
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
        self._failing = self._failing or state.failing
        self._read_at = _now()
        for known in State:
            self._metrics.breaker_state.labels(self._provider, known).set(known is state.state)


def _now() -> float:
    return asyncio.get_running_loop().time()
