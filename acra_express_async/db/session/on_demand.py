"""A pool that is opened when a person needs it, and closed when no one does or when connections are scarce."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from acra_express_async import logs
from acra_express_async.db.session.pool import Database
from acra_express_async.errors import Away, ConfigError, DatabaseAway, SchemaError
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.turn_loop import Loop

log = logs.logger("on_demand")

LOOP = "console"
IDLE_SECONDS = 60.0
"""A person reads a page for so long; longer, and the connection is worth more to others."""
LOOK_SECONDS = 1.0
MOST_USERS = 16
"""At the same time. They share one connection, and each takes one of the port's 64: probes need the others."""


class OnDemand:
    """Opens one pool and closes it again; `run` does the closing.

    Args:
        make: makes the pool, which is not open yet.
        allowed: whether the server's connections leave room for it; when they no longer do, it is closed first.
        idle_seconds: closed when it has not been used for so long.
        tasks: what else is to be done from time to time, about once a second.
    """

    def __init__(
        self,
        make: Callable[[], Database],
        *,
        allowed: Callable[[], bool],
        idle_seconds: float = IDLE_SECONDS,
        tasks: Callable[[], object] = lambda: None,
        context: Context,
    ) -> None:
        self._make = make
        self._allowed = allowed
        self._clock = context.clock
        self._idle_seconds = idle_seconds
        self._tasks = tasks
        self._health = context.health
        self._loop = Loop(LOOP, context)
        self._database: Database | None = None
        self._users = 0
        self._used_at = 0.0
        self._changing = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """It holds, or may hold, a connection."""
        return self._database is not None

    @property
    def is_hopeless(self) -> bool:
        """The database answers nothing that the service asks; to ask it would only take the time-outs."""
        return self._health.database.is_silent

    def require_room(self) -> None:
        """To be asked between two statements by what holds it for long.

        Raises:
            DatabaseAway: the server's connections are scarce.
        """
        if not self._allowed():
            raise DatabaseAway(
                "the server's connections are scarce, and the console gives its own up first; try again in a minute",
                reason=Away.FULL,
            )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Database]:
        """The open pool.

        Raises:
            NotNow: it cannot be opened now.
        """
        self.require_room()
        if self._users >= MOST_USERS:
            raise DatabaseAway(
                f"the console is answering {MOST_USERS} requests already; try again in a moment", reason=Away.FULL
            )
        self._users += 1
        try:
            async with self._changing:
                if self._database is None:
                    self._database = await self._made()
                database = self._database
            yield database
        finally:
            self._users -= 1
            self._used_at = self._clock()

    async def _made(self) -> Database:
        made = self._make()
        try:
            await made.open()
        except (ConfigError, SchemaError) as refused:  # at the start of the service these would end it
            raise DatabaseAway(str(refused), reason=Away.LOGIN) from refused
        return made

    async def run(self) -> None:
        """Look until cancelled."""
        await self._loop.repeat(
            self.look,
            every=LOOK_SECONDS,
            missed=lambda away: log.warning("console.not_closed", error=str(away)),
        )

    async def look(self) -> None:
        """One turn: close it where it is idle, or where connections are scarce and no statement needs it."""
        self._tasks()
        if not self._users and (not self._allowed() or self._clock() - self._used_at >= self._idle_seconds):
            await self.close()

    async def close(self) -> None:
        """Close it if it is open; the next use opens it again."""
        async with self._changing:
            database, self._database = self._database, None
            if database is not None:
                await database.close()
                log.debug("pool.closed")
