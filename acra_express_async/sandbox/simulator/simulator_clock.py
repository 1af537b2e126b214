"""The simulator's time source: real, faster by a factor, or stopped until it is advanced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Virtual time in Unix seconds, used by every window, block and latency of the simulator; two clocks keep it."""

    def now(self) -> float:
        """Unix seconds; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when `now` has advanced by `seconds`, by itself or through `advance`."""
        ...

    def advance(self, seconds: float) -> None:
        """Move `now` forward immediately."""
        ...


class SimulatorClock:
    """Runs `speed` times as fast as `source`; with speed 0 it moves only through `advance`.

    Args:
        speed: virtual seconds per second of `source`.
        start: Unix seconds at which it begins; the real time when None.
        source: monotonic seconds.
    """

    def __init__(
        self, *, speed: float = 1.0, start: float | None = None, source: Callable[[], float] = time.monotonic
    ) -> None:
        if speed < 0:
            raise ValueError("a clock cannot run backwards")
        self.speed = speed
        self._source = source
        self._origin = source()
        self._base = time.time() if start is None else start
        self._sleepers: dict[asyncio.Event, float] = {}
        self._somebody_sleeps = asyncio.Event()

    def now(self) -> float:
        return self._base + (self._source() - self._origin) * self.speed

    async def sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = self.now() + seconds
        while (left := deadline - self.now()) > 0:
            moved = asyncio.Event()
            self._sleepers[moved] = deadline
            self._somebody_sleeps.set()
            timer = loop.call_later(left / self.speed, moved.set) if self.speed else None
            try:
                await moved.wait()
            finally:
                del self._sleepers[moved]
                if timer is not None:
                    timer.cancel()

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("a clock cannot run backwards")
        self._base += seconds
        for sleeper in self._sleepers:
            sleeper.set()

    async def until_next_sleeper(self) -> float:
        """Wait until a task sleeps on this clock; return the seconds until the earliest wake-up.

        Advancing a stopped clock by that amount wakes the next sleeper exactly on time.
        """
        while not self._sleepers:
            self._somebody_sleeps.clear()
            await self._somebody_sleeps.wait()
        return max(0.0, min(self._sleepers.values()) - self.now())
