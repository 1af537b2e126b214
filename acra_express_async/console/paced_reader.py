"""A streamed answer whose client must read it at a certain pace, or it is broken off.

A client that takes a few bytes a second looks alive for hours, and meanwhile holds a place that others wait for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

GRACE_SECONDS = 30.0
"""A client may be late by so much, for example while a person chooses where to save the file."""
LEAST_RATE = 16_000
"""Bytes a second: a slow line of a phone has more. 50,000 records (some 25 MB) then take half an hour at most."""


class TooSlow(Exception):
    """The client read less than `LEAST_RATE`."""


@dataclass(slots=True)
class PacedReader:
    """Writes to a client and counts the time for which it lets us wait.

    Args:
        clock: monotonic seconds.
        grace: seconds that it may be late by.
    """

    answer: web.StreamResponse
    clock: Callable[[], float]
    grace: float = GRACE_SECONDS
    _waited: float = 0.0
    _sent: int = 0

    async def write(self, data: bytes) -> None:
        """Send the data.

        Raises:
            TooSlow: the client lets us wait for too long.
            ConnectionError: it has gone.
        """
        self._sent += len(data)
        began = self.clock()
        try:
            async with asyncio.timeout(self.grace + self._sent / LEAST_RATE - self._waited):
                await self.answer.write(data)
        except TimeoutError as late:
            raise TooSlow(f"its reader took less than {LEAST_RATE // 1000} kB a second") from late
        self._waited += self.clock() - began
