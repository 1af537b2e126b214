"""A database clock that a test controls: it stands still until it is advanced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from acra_express_async.db.session.pool import Connection

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class Clock:
    """Replaces `acra_express.clock()` of one database, as the sandbox does for simulated time."""

    def __init__(self, owner: Connection, start: datetime = START) -> None:
        self._owner = owner
        self.now = start

    async def install(self) -> None:
        await self._owner.execute(
            """
            CREATE TABLE acra_express.test_clock (moment timestamptz NOT NULL);
            GRANT SELECT ON acra_express.test_clock TO acra_express;
            CREATE OR REPLACE FUNCTION acra_express.clock() RETURNS timestamptz
            LANGUAGE sql VOLATILE AS 'SELECT moment FROM acra_express.test_clock';
            """
        )
        await self._owner.execute("INSERT INTO acra_express.test_clock VALUES ($1)", self.now)

    async def advance(self, step: timedelta) -> None:
        self.now += step
        await self._owner.execute("UPDATE acra_express.test_clock SET moment = $1", self.now)


class ShiftedClock:
    """The real time plus a shift that a test may change in either direction, as a clock that somebody sets."""

    def __init__(self) -> None:
        self.shift = timedelta()

    async def install(self, owner: Connection, start: datetime) -> None:
        """Replace `acra_express.clock()`; it shows `start` now."""
        await owner.execute(
            """
            CREATE TABLE acra_express.test_shift (shift interval NOT NULL);
            GRANT SELECT ON acra_express.test_shift TO PUBLIC;
            INSERT INTO acra_express.test_shift VALUES ('0');
            CREATE OR REPLACE FUNCTION acra_express.clock() RETURNS timestamptz
            LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp() + shift FROM acra_express.test_shift';
            """
        )
        await self.step(owner, start - await owner.fetchval("SELECT clock_timestamp()"))

    async def step(self, owner: Connection, by: timedelta) -> datetime:
        """Set the clock forward or back; the moment that it shows afterwards."""
        self.shift += by
        await owner.execute("UPDATE acra_express.test_shift SET shift = $1", self.shift)
        return datetime.fromisoformat(str(await owner.fetchval("SELECT acra_express.clock()")))
