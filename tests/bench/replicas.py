"""Claims and reservations per second by number of replicas on one database, directly and behind PgBouncer."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

import pooler
from rig import enqueue

from acra_express_async.db.session.pool import Connection

from .server import durable_server, new_database, owned

HERE = Path(__file__).parent
COUNTS = (1, 2, 4, 8)
SERVERS = 4
"""Connections of PgBouncer to the server, for all replicas together."""
WORDS = ("claim", "reserve")
Rates = dict[tuple[str, str, int], list[float]]


class Replica:
    """One process of replica.py."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(120):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("a replica of the benchmark ended")
        return line.decode().strip()

    async def does(self, word: str, count: int) -> tuple[int, int, int]:
        """The number of operations, and the start and end time."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word} {count}\n".encode())
        done, began, ended = (await self.line()).split()
        return int(done), int(began), int(ended)

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


@asynccontextmanager
async def replica(dsn: str, tenant: int, way: str) -> AsyncIterator[Replica]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.replica",
        dsn,
        str(tenant),
        way,
        cwd=HERE.parent,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    made = Replica(process)
    try:
        yield made
    finally:
        await made.stop()


async def rate(some: Sequence[Replica], word: str, each: int) -> tuple[int, float]:
    """The total number of operations, and operations per second from the first start to the last end."""
    answers = await asyncio.gather(*(one.does(word, each) for one in some))
    done = sum(answer[0] for answer in answers)
    span = max(answer[2] for answer in answers) - min(answer[1] for answer in answers)
    return done, done / (span / 1e9)


async def _clear(owner: Connection) -> None:
    """Empty the tables, so that no measurement pays for dead rows of the previous one."""
    for table in ("acra_express.leases", "background_jobs", "acra_express.budget_charges"):
        await owner.execute(f"DELETE FROM {table}")
        await owner.execute(f"VACUUM ANALYZE {table}")


async def _round(ways: dict[str, list[Replica]], owner: Connection, total: int, seen: Rates) -> None:
    """Measure every number of replicas, every connection type and both kinds of work once, alternating."""
    for number in COUNTS:
        for way, everyone in ways.items():
            for word in WORDS:
                await _clear(owner)
                if word == "claim":
                    await enqueue(owner, total)
                    await owner.execute("ANALYZE background_jobs")
                done, a_second = await rate(everyone[:number], word, total // number)
                if done != total // number * number:
                    raise RuntimeError(f"{done} instead of {total} of {word}")
                seen.setdefault((way, word, number), []).append(a_second)


async def replicas(rounds: int, total: int) -> list[tuple[str, ...]]:
    """Rows: replicas; claims and reservations per second directly and behind PgBouncer, with the ratio to one replica.

    Medians over rounds. Without PgBouncer on this machine its columns hold a dash.
    """
    seen: Rates = {}
    pgbouncer = next(filter(None, map(shutil.which, pooler.NAMES)), None)
    with durable_server() as server, tempfile.TemporaryDirectory() as folder:
        dsn = await new_database(server, express=True)
        async with AsyncExitStack() as stack:
            owner = await stack.enter_async_context(owned(dsn))
            tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
            places = {"direct": dsn}
            if pgbouncer is not None:
                behind = pooler.pooled(pgbouncer, dsn, Path(folder), servers=SERVERS)
                places["pooled"] = await stack.enter_async_context(behind)
            ways: dict[str, list[Replica]] = {}
            for way, place in places.items():
                ways[way] = [await stack.enter_async_context(replica(place, tenant, way)) for _ in range(max(COUNTS))]
                for each in ways[way]:
                    while await each.line() != "ready":
                        continue
            for _ in range(rounds + 1):  # the first one only warms up plans and caches
                await _round(ways, owner, total, seen)
    return rows({key: figures[1:] for key, figures in seen.items()})


def rows(seen: Rates) -> list[tuple[str, ...]]:
    """The table of the measured rates."""
    columns = [(way, word) for way in ("direct", "pooled") for word in WORDS]
    return [
        (str(number), *(cell for way, word in columns for cell in _cells(seen, way, word, number))) for number in COUNTS
    ]


def _cells(seen: Rates, way: str, word: str, number: int) -> tuple[str, str]:
    if (way, word, number) not in seen:
        return "–", "–"
    here, one = median(seen[way, word, number]), median(seen[way, word, COUNTS[0]])
    return f"{here:.0f}", f"{here / one:.2f}"
