"""A session that one user keeps between its statements, as long as no one else needs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeVar

from asyncpg import InterfaceError

from acra_express_async.db.session.pool import Connection, Database

STATEMENTS = 1_000
"""After so many the session goes back to the pool, which replaces its sessions by their age."""

ResultT = TypeVar("ResultT")


class KeptSession:
    """Saves what the pool costs at each statement: some turns of the loop to take a session, and some to return it.

    The pool gets the session back when it has no other one left, and when it closes; where a statement runs on it then,
    right after that. Where two statements run at the same time, the second takes another session; so does each one
    behind a transaction pooler.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._session: tuple[AbstractAsyncContextManager[Connection], Connection] | None = None
        self._left = 0
        self._generation = database.generation
        self._busy = False
        database.when_exhausted(self.give_up)

    async def run(self, statement: Callable[[Connection], Awaitable[ResultT]]) -> ResultT:
        """What `statement` returns. The errors are those of `Database.session`; a session that had one is not kept."""
        if self._busy or self._database.is_pooled:
            async with self._database.session() as connection:
                return await statement(connection)
        self._busy = True
        try:
            return await self._run(statement)
        finally:
            self._busy = False

    async def _run(self, statement: Callable[[Connection], Awaitable[ResultT]]) -> ResultT:
        if not self._is_usable():
            await self._return()
            opening, self._generation = self._database.session(), self._database.generation
            self._session, self._left = (opening, await opening.__aenter__()), STATEMENTS
        session, self._session = self._session, None
        assert session is not None
        manager, connection = session
        self._left -= 1
        async with AsyncExitStack() as returned:
            returned.push_async_exit(manager)
            result = await statement(connection)
            if not self._database.is_short:
                returned.pop_all()
                self._session = session
        return result

    def _is_usable(self) -> bool:
        if self._session is None or self._left == 0 or self._generation != self._database.generation:
            return False
        try:
            return not self._session[1].is_closed()
        except InterfaceError:  # the server closed it, and the pool has taken it back
            return False

    async def give_up(self) -> None:
        """Return the session to the pool unless a statement runs on it; the next statement takes one again."""
        if not self._busy:
            await self._return()

    async def _return(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session[0].__aexit__(None, None, None)
