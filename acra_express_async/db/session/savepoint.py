"""A step of a transaction that may fail without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from acra_express_async import logs
from acra_express_async.db.session.pool import Connection
from acra_express_async.errors import in_words

log = logs.logger("database")

ResultT = TypeVar("ResultT")


async def unless_refused(connection: Connection, step: Callable[[], Awaitable[ResultT]]) -> ResultT | None:
    """What `step` gives, or None where the server refuses it (for a lock, a time-out, or a table that has changed) or
    its answer cannot be read.

    Only the step is undone then, with the locks that it took. If the session itself is lost, undoing fails too, and
    that error is raised.
    """
    try:
        async with connection.transaction():
            return await step()
    except (asyncpg.PostgresError, ValueError) as refused:  # UnicodeDecodeError is a ValueError
        log.info("step.left_out", error=in_words(refused))
        return None
