"""When we may call: a smooth pace, a distance between calls and a limit on calls in flight, in this process.

budget.py keeps the allowance itself; here it only sets the pace, so that the allowance is not used up at the start of
its window. After a quiet time up to `burst` calls may start at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from aiolimiter import AsyncLimiter

from acra_express_async.errors import BudgetExhausted
from acra_express_async.limits.scope import Scope
from acra_express_async.models import Provider
from acra_express_async.runtime.context import Context, Pause

CHECK_SECONDS = 1.0
"""While a call waits, the scope is asked this often whether waiting still makes sense."""
LEAST_SECONDS = 0.001
"""No wait is shorter: the loop's timers have this resolution, and a tight loop must not form."""
HEADROOM = 1.1
"""The pace is a tenth above the allowance per window: at exactly 1, every delay would be allowance lost for good."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one process may call one provider.

    Args:
        burst: calls that may start at once after a quiet time.
        interval: average seconds per further call.
        in_flight: calls at the same time.
        spacing: minimum seconds between the starts of two calls.
        jitter: up to this many seconds are added to each spacing.
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
        """The pace that spreads `limit` calls over `window`, within what the provider itself allows per minute.

        A leaky bucket lets burst + rate x 60 s through in one minute, so burst and rate each get half of
        `vendor_per_minute`.
        """
        interval = window.total_seconds() / (limit * HEADROOM)
        burst = max(1, min(burst, int(limit)))
        if vendor_per_minute is not None:
            interval = max(interval, 120 / vendor_per_minute)
            burst = max(1, min(burst, int(vendor_per_minute / 2)))
        return cls(burst, interval, in_flight, spacing, jitter)


async def pause(seconds: float, scope: Scope, sleep: Pause) -> None:
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
    """Turns at one provider, first come, first served. One instance per provider and process, for one event loop.

    Args:
        provider: named in errors.
        pace: see `Pace`.
        patience: longest wait for a turn.
    """

    def __init__(
        self,
        provider: Provider,
        pace: Pace,
        *,
        patience: timedelta,
        context: Context,
    ) -> None:
        self.pace = pace
        self._provider = provider
        self._patience = patience
        self._random = context.random.random
        self._sleep = context.pause
        self._limiter = AsyncLimiter(pace.burst, pace.burst * pace.interval)
        self._flights = asyncio.Semaphore(pace.in_flight)
        self._line = asyncio.Lock()
        self._waiting = 0
        self._not_before = 0.0

    def hold(self, time: timedelta) -> None:
        """The provider asked us to wait: no turn is given before `time` is over."""
        until = asyncio.get_running_loop().time() + time.total_seconds()
        self._not_before = max(self._not_before, until)

    def started(self) -> None:
        """The call of this turn is sent now: the spacing to the next call starts here, not when the turn was given.

        Between the two is the wait for the budget, which can take a minute.
        """
        self.hold(timedelta(seconds=self.pace.spacing + self.pace.jitter * self._random()))

    @asynccontextmanager
    async def turn(self, scope: Scope) -> AsyncIterator[None]:
        """One call's turn; leave the context when the call has ended.

        Raises:
            BudgetExhausted: no turn within the patience; `retry_after` is when the queue should have moved on.
            Draining, LeaseLost, StandBack: from `scope.check()`, which is called before and while waiting.
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
        await self._limiter.acquire()  # returns at once: only the holder of the line gets here
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
