"""How long the nightly waits for locks that express holds, seen in `pg_locks`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress

import asyncpg

LOOK_SECONDS = 0.02

# A waiter is behind us only while a session of ours holds the lock; its time in the queue behind other stores of the
# nightly, which alter the same table one after the other, is not ours.
_WAITS = """
    SELECT w.pid AS waiter, a.pid AS holder, a.xact_start, 1000 * extract(epoch FROM clock_timestamp())::float8 AS ms
    FROM pg_locks w
    JOIN pg_stat_activity n ON n.pid = w.pid AND n.application_name !~ '^acra-express( command)?$'
    CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS b(pid)
    JOIN pg_stat_activity a ON a.pid = b.pid AND a.application_name ~ '^acra-express( command)?$'
    WHERE NOT w.granted AND a.datname = current_database() AND EXISTS (
        SELECT FROM pg_locks h
        WHERE h.pid = b.pid AND h.granted AND h.locktype = w.locktype
          AND h.relation IS NOT DISTINCT FROM w.relation AND h.transactionid IS NOT DISTINCT FROM w.transactionid)
"""


class LockWaits:
    """The waits seen so far; each is known to within two looks."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int, object], tuple[float, float]] = {}

    @property
    def lengths(self) -> list[float]:
        """How long each waiter waited for each transaction of ours, in ms, the longest first."""
        return sorted((last - first for first, last in self._seen.values()), reverse=True)

    def behind(self, holders: Collection[int]) -> int:
        """Waits for transactions of these sessions, by their process ids in the server."""
        return sum(holder in holders for _, holder, _ in self._seen)

    async def watch(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """Look until cancelled."""
        while True:
            for row in await connection.fetch(_WAITS):
                key = (row["waiter"], row["holder"], row["xact_start"])
                first, _ = self._seen.get(key, (row["ms"], 0.0))
                self._seen[key] = (first, row["ms"] + 1000 * LOOK_SECONDS)
            await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def watched_waits(dsn: str) -> AsyncIterator[LockWaits]:
    """Watch a database; also where nothing can be seen, so that watching costs both runs of a pair the same."""
    waits = LockWaits()
    connection = await asyncpg.connect(dsn)
    watching = asyncio.create_task(waits.watch(connection))
    try:
        yield waits
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await connection.close()
