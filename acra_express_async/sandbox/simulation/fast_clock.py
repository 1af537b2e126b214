"""Simulated time: an event loop whose clock and timers run faster, and the wall clocks that match it.

A real round trip of one millisecond takes `pace` simulated ones, so a day runs in two gears: slow while there is work,
fast while there is none. A shift takes effect a moment after the order, so that all clocks change rate together.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from acra_express_async.db.session.pool import Connection

ZONE = ZoneInfo("Asia/Singapore")
MIDNIGHT = datetime(2026, 3, 2, tzinfo=ZONE)
"""The simulated date is fixed, because the simulator's random choices depend on the day."""
SHIFT_SECONDS = 0.05
"""Real seconds between the order to shift and its effect: by then the database has committed the shift too."""
LOOK_SECONDS = 0.02
"""Longest real wait of the selector: a timer set in the slow gear must not oversleep in the fast gear."""


class Bend(NamedTuple):
    """From real second `real` on, simulated time continues at `simulated` and runs `pace` times as fast."""

    real: float
    simulated: float
    pace: float

    def at(self, real: float) -> float:
        return self.simulated + (real - self.real) * self.pace


class Gearbox:
    """Simulated seconds as a function of real seconds, with at most one pending shift.

    Args:
        pace: initial simulated seconds per real second.
        fastest: upper limit of the pace; by default the pace never changes.
        clock: real monotonic seconds.
    """

    def __init__(
        self, pace: float, *, fastest: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.fastest = fastest or pace
        self._clock = clock
        start = clock()
        self._before = self._bend = Bend(start, start * pace, pace)

    def seconds(self) -> float:
        """Simulated monotonic seconds."""
        real = self._clock()
        return (self._bend if real >= self._bend.real else self._before).at(real)

    @property
    def pace(self) -> float:
        """Simulated seconds per real second, now or once the pending shift takes effect."""
        return self._bend.pace

    def shift(self, pace: float) -> Bend:
        """Run at `pace` in `SHIFT_SECONDS`; the next shift may be ordered once this one is in effect.

        Raises:
            ValueError: `pace` exceeds `fastest`, or another shift is pending.
        """
        at = self._clock() + SHIFT_SECONDS
        if pace > self.fastest or at - SHIFT_SECONDS < self._bend.real:
            raise ValueError(f"cannot shift to {pace:g} now")
        self._before, self._bend = self._bend, Bend(at, self._bend.at(at), pace)
        return self._bend


class _Selector(selectors.DefaultSelector):
    """A selector that divides every wait by the pace."""

    gearbox: Gearbox

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0:
            timeout = min(timeout / self.gearbox.pace, LOOK_SECONDS)
        return super().select(timeout)


class FastLoop(asyncio.SelectorEventLoop):
    """An event loop whose time, timers and waits follow a gearbox; sockets run at their own speed.

    `acra_express_async.runtime.realtime` reads `rate`: time limits for machines assume the fastest gear.
    """

    def __init__(self, gearbox: Gearbox) -> None:
        self.rate = gearbox.fastest
        self.gearbox = gearbox
        selector = _Selector()
        selector.gearbox = gearbox
        super().__init__(selector)

    def time(self) -> float:
        return self.gearbox.seconds()


class SimulatedTime:
    """The wall clock of a simulated day, and the simulator's `Clock`; it stands at `begin` until `start`.

    Application, simulator and database each read the machine's clock and apply the same rate changes.
    """

    def __init__(self, gearbox: Gearbox, begin: datetime) -> None:
        self.gearbox = gearbox
        self.begin = begin
        self._started: float | None = None

    def now(self) -> float:
        """Unix seconds."""
        gone = 0.0 if self._started is None else self.gearbox.seconds() - self._started
        return self.begin.timestamp() + gone

    def wall(self) -> datetime:
        """The same as a datetime in Singapore."""
        return datetime.fromtimestamp(self.now(), ZONE)

    async def sleep(self, seconds: float) -> None:
        """Sleep for simulated seconds; the `FastLoop` converts them."""
        await asyncio.sleep(seconds)

    async def sleep_until(self, moment: datetime) -> None:
        """Return at `moment`, immediately when it has passed."""
        while (left := moment - self.wall()) > timedelta(0):
            await self.sleep(left.total_seconds())

    def advance(self, seconds: float) -> None:  # noqa: ARG002 - the simulator's protocol
        """Not supported: the database's clock could not follow.

        Raises:
            ValueError: always.
        """
        raise ValueError("a simulated day runs by itself")

    async def install(self, owner: Connection) -> None:
        """Replace `acra_express.clock()` of this database by a clock that stands at `begin`."""
        await owner.execute(
            """
            CREATE TABLE acra_express.simulated_clock (
                since timestamptz PRIMARY KEY, moment timestamptz NOT NULL, pace float8 NOT NULL);
            GRANT SELECT ON acra_express.simulated_clock TO PUBLIC;
            CREATE OR REPLACE FUNCTION acra_express.clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
                'SELECT b.moment + (clock_timestamp() - b.since) * b.pace FROM acra_express.simulated_clock b
                 WHERE b.since <= clock_timestamp() ORDER BY b.since DESC LIMIT 1';
            """
        )
        await self._bend(owner, datetime(2000, 1, 1, tzinfo=UTC), self.begin, 0.0)

    async def start(self, owner: Connection) -> None:
        """Start all clocks."""
        self._started = self.gearbox.seconds()
        real = datetime.fromtimestamp(time.time(), UTC)
        await self._bend(owner, real, self.begin, self.gearbox.pace)

    async def shift(self, owner: Connection, pace: float) -> None:
        """Run at `pace`; return when the shift is in effect for all clocks."""
        assert self._started is not None, "the clocks stand still"
        bend = self.gearbox.shift(pace)
        real = datetime.fromtimestamp(time.time() + bend.real - time.monotonic(), UTC)
        moment = self.begin + timedelta(seconds=bend.simulated - self._started)
        await self._bend(owner, real, moment, pace)
        while (left := bend.simulated - self.gearbox.seconds()) > 0:
            await self.sleep(left)

    @staticmethod
    async def _bend(owner: Connection, real: datetime, moment: datetime, pace: float) -> None:
        await owner.execute("INSERT INTO acra_express.simulated_clock VALUES ($1, $2, $3)", real, moment, pace)
