"""Simulated time: an event loop whose clock and timers run faster, and the wall clocks that go with it."""

from __future__ import annotations

import asyncio
import selectors
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from acra_express_async.db.pool import Connection

ZONE = ZoneInfo("Asia/Singapore")
MIDNIGHT = datetime(2026, 3, 2, tzinfo=ZONE)
"""The simulated date is fixed, because the simulator's chances depend on the day."""


class _Selector(selectors.DefaultSelector):
    """Waits `rate` times shorter than it is told."""

    rate = 1.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else timeout / self.rate)


class FastLoop(asyncio.SelectorEventLoop):
    """Runs `rate` times faster than real: `time`, every timer and every wait.

    Sockets are as fast as they are, so a round trip of a real millisecond takes `rate` simulated ones. `rate` is what
    `acra_express_async.realtime` asks for.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        selector = _Selector()
        selector.rate = rate
        super().__init__(selector)

    def time(self) -> float:
        return time.monotonic() * self.rate


class SimulatedTime:
    """The wall clock of a simulated day, and the simulator's `Clock`; stands at `begin` until `start`.

    The application, the simulator and the database each read the machine's clock and apply the same formula.
    """

    def __init__(self, rate: float, begin: datetime) -> None:
        self.rate = rate
        self.begin = begin
        self._started: float | None = None

    def now(self) -> float:
        """Unix seconds."""
        gone = 0.0 if self._started is None else (time.time() - self._started) * self.rate
        return self.begin.timestamp() + gone

    def wall(self) -> datetime:
        """The same as a moment in Singapore."""
        return datetime.fromtimestamp(self.now(), ZONE)

    async def sleep(self, seconds: float) -> None:
        """Runs on a `FastLoop`: its seconds are ours."""
        await asyncio.sleep(seconds)

    async def sleep_until(self, moment: datetime) -> None:
        """Return at `moment`, at once when it is over."""
        while (left := moment - self.wall()) > timedelta(0):
            await self.sleep(left.total_seconds())

    def advance(self, seconds: float) -> None:  # noqa: ARG002 - the simulator's protocol
        """Refused: the database's clock could not follow.

        Raises:
            ValueError: always.
        """
        raise ValueError("a simulated day runs by itself")

    async def install(self, owner: Connection) -> None:
        """Replace `acra_express.clock()` of this one database by a clock that stands at `begin`."""
        await _replace(owner, "SELECT timestamptz %L", self.begin.isoformat())

    async def start(self, owner: Connection) -> None:
        """From here on all clocks run."""
        self._started = time.time()
        await _replace(
            owner,
            "SELECT timestamptz %L + (clock_timestamp() - to_timestamp(%s)) * %s",
            self.begin.isoformat(),
            repr(self._started),
            repr(self.rate),
        )


async def _replace(owner: Connection, body: str, *figures: str) -> None:
    # a function's body takes no parameters: the server itself quotes the figures into it
    statement = await owner.fetchval(
        """
        SELECT format('CREATE OR REPLACE FUNCTION acra_express.clock() RETURNS timestamptz'
                      ' LANGUAGE sql VOLATILE PARALLEL SAFE AS %L', format($1::text, VARIADIC $2::text[]))
        """,
        body,
        list(figures),
    )
    await owner.execute(statement)
