"""When we may call: a smooth pace, a distance between calls and a bound on calls in flight, in this process.

The allowance itself is kept by `budget.py`; here it only gives the pace, so that an allowance is not burnt at the start
of its window. A quiet past is credit: up to `burst` calls go at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from aiolimiter import AsyncLimiter

from acra_express_async.errors import BudgetExhausted
from acra_express_async.models import Provider, Scope

CHECK_SECONDS = 1.0
"""While somebody waits, the scope is asked this often whether waiting still makes sense."""
LEAST_SECONDS = 0.001
"""No wait is shorter: the loop's timers are no finer, and nobody shall be asked in a tight loop."""
HEADROOM = 1.1
"""The pace is a tenth above the allowance per window: at exactly 1 every hiccup would be allowance lost for good."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one process may call one provider.

    Args:
        burst: calls that go at once after a quiet time.
        interval: seconds per further call on average.
        in_flight: calls at the same time.
        spacing: least seconds between the starts of two calls.
        jitter: up to so many seconds are added to each spacing.
    """

    burst: int
    interval: float
    in_flight: int = 1
    spacing: float = 0.0
    jitter: float = 0.0

    @classmethod
    def of_allowance(
        cls,
        limit: float,
        window: timedelta,
        *,
        burst: int,
        vendor_per_minute: float | None = None,
        in_flight: int = 1,
        spacing: float = 0.0,
        jitter: float = 0.0,
    ) -> Pace:
        """The pace that spreads `limit` calls over `window`, within what the provider itself allows a minute.

        A leaky bucket lets burst + rate x 60 s through in one minute, so burst and rate each take half of
        `vendor_per_minute`.
        """
        interval = window.total_seconds() / (limit * HEADROOM)
        burst = max(1, min(burst, int(limit)))
        if vendor_per_minute is not None:
            interval = max(interval, 120 / vendor_per_minute)
            burst = max(1, min(burst, int(vendor_per_minute / 2)))
        return cls(burst, interval, in_flight, spacing, jitter)


async def pause(seconds: float, scope: Scope, sleep: Sleep) -> None:
    """Wait in slices of `CHECK_SECONDS`, asking the scope between them.

    Raises:
        Draining, LeaseLost, StandBack: from `scope.check()`.
    """
    while seconds > 0:
        scope.check()
        part = min(max(seconds, LEAST_SECONDS), CHECK_SECONDS)
        await sleep(part)
        seconds -= part


class Throttle:
    """Turns at one provider, first come first served. One instance per provider and process, for one event loop.

    Args:
        provider: for errors.
        pace: see `Pace`.
        patience: longest wait for a turn.
        random: uniform in [0, 1), for the jitter.
        sleep: replaceable in tests.
    """

    def __init__(
        self,
        provider: Provider,
        pace: Pace,
        *,
        patience: timedelta,
        random: Callable[[], float],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.pace = pace
        self._provider = provider
        self._patience = patience
        self._random = random
        self._sleep = sleep
        self._limiter = AsyncLimiter(pace.burst, pace.burst * pace.interval)
        self._flights = asyncio.Semaphore(pace.in_flight)
        self._line = asyncio.Lock()
        self._waiting = 0
        self._not_before = 0.0

    def hold(self, time: timedelta) -> None:
        """The provider asked us to wait: nobody gets a turn before `time` is over."""
        until = asyncio.get_running_loop().time() + time.total_seconds()
        self._not_before = max(self._not_before, until)

    def started(self) -> None:
        """The call of this turn is sent now: the distance to the next one counts from here, not from the turn.

        Between them lies the wait for the budget, which can be a minute.
        """
        self.hold(timedelta(seconds=self.pace.spacing + self.pace.jitter * self._random()))

    @asynccontextmanager
    async def turn(self, scope: Scope) -> AsyncIterator[None]:
        """One call's turn; leave the context when the call has ended.

        Raises:
            BudgetExhausted: no turn within the patience; `retry_after` is when the line should have moved on.
            Draining, LeaseLost, StandBack: from `scope.check()`, asked before and while waiting.
        """
        scope.check()
        held = False
        self._waiting += 1
        try:
            try:
                async with asyncio.timeout(self._patience.total_seconds()):
                    held = await self._flights.acquire()
                    async with self._line:
                        await self._wait(scope)
            except TimeoutError as late:
                raise self._no_turn() from late
            finally:
                self._waiting -= 1
            yield
        finally:
            if held:
                self._flights.release()

    async def _wait(self, scope: Scope) -> None:
        loop = asyncio.get_running_loop()
        while (left := self._not_before - loop.time()) > 0:
            if left > self._patience.total_seconds():
                raise self._no_turn()
            await pause(left, scope, self._sleep)
        while not self._limiter.has_capacity():
            scope.check()
            await self._sleep(min(self.pace.interval / 2, CHECK_SECONDS))
        scope.check()
        await self._limiter.acquire()  # at once: whoever holds the line is alone here
        self.started()

    def _no_turn(self) -> BudgetExhausted:
        held = max(self._not_before - asyncio.get_running_loop().time(), 0)
        return BudgetExhausted(
            f"no turn at {self._provider} within {self._patience.total_seconds():g} s",
            provider=self._provider,
            retry_after=timedelta(seconds=held + self.pace.interval * max(self._waiting, 1)),
            reason="throttled",
            sent=False,
        )
