"""The one loop: a turn, then a rest in which it keeps beating. What cannot be done now is left to the next turn.

Cron, snapshot, alerts, courier and probes are this loop; poller and listener, whose turns are long, use its rests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from acra_express_async.errors import NotNow
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.health import BEAT_SECONDS


class Loop:
    """The rhythm of one part of the service.

    Args:
        name: of its beacon.
        over: ends every rest within `BEAT_SECONDS`.
    """

    def __init__(self, name: str, context: Context, *, over: Callable[[], bool] = lambda: False) -> None:
        self.beacon = context.health.beacon(name)
        self.woken = asyncio.Event()
        self._pause = context.pause
        self._over = over

    def wake(self) -> None:
        """End the present `wait`, or the next one; only sets a flag, so a notification's callback may call it."""
        self.woken.set()

    async def repeat(
        self,
        turn: Callable[[], Awaitable[float | None]],
        *,
        missed: Callable[[NotNow], object],
        every: float = 0.0,
        until_woken: float = 0.0,
    ) -> None:
        """Take turns until cancelled.

        Args:
            turn: one turn; it may return how long to sleep after it.
            missed: called with the reason when a turn could not be taken now.
            every: seconds to sleep between two turns.
            until_woken: seconds to wait after that, unless something wakes the loop.
        """
        while True:
            self.woken.clear()
            self.beacon.beat()
            rest = None
            try:
                rest = await turn()
            except NotNow as away:
                missed(away)
            await self.sleep(every if rest is None else rest)
            await self.wait(until_woken)

    async def sleep(self, seconds: float) -> None:
        """Rest for so long, also when something wakes the loop."""
        while seconds > 0 and not self._over():
            self.beacon.beat()
            await self._pause(min(seconds, BEAT_SECONDS))
            seconds -= BEAT_SECONDS

    async def wait(self, seconds: float) -> bool:
        """Rest until something wakes the loop, at most so long; whether something did."""
        while seconds > 0 and not self.woken.is_set() and not self._over():
            self.beacon.beat()
            try:
                async with asyncio.timeout(min(seconds, BEAT_SECONDS)):
                    await self.woken.wait()
            except TimeoutError:
                seconds -= BEAT_SECONDS
        return self.woken.is_set()


def full_jitter(random: Random, failures: int, *, first: float, most: float) -> float:
    """How long to wait after so many failures in a row: up to `first` x 2^failures seconds, at most up to `most`."""
    return random.random() * min(most, first * 2.0 ** min(failures, 10))
