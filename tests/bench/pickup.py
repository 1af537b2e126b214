"""Pickup (from the commit of an insert to the start of its handler) and drain (no-op jobs per second).

The same client inserts for all queues, so that only the workers differ. Jobs of a round are inserted one by one, each
after the previous handler has started and the worker is idle again.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from acra_express_async.db.session.pool import Connection
from acra_express_async.sandbox.postgres import EmbeddedPostgres

from .figures import rank, typical
from .server import durable_server, new_database, owned

HERE = Path(__file__).parent
WORKERS = 2
IDLE_SECONDS = 0.15
"""Seconds between two jobs of a pickup round: the worker is idle again and our poller's cooldown (100 ms in which it
merges notifications) is over. With 10 jobs a second or more it would not be."""
WARM_UP = 10


@dataclass(frozen=True, slots=True)
class Contender:
    """One queue: its worker process and the statement that inserts a job."""

    name: str
    command: tuple[str, ...]
    insert: str
    express: bool = False


def contenders(peers: str) -> list[Contender]:
    """Our queue first, then the peers; `peers` is the interpreter in which they are installed."""
    script = str(HERE / "peers.py")
    return [
        Contender(
            "ours",
            (sys.executable, "-m", "bench.ours"),
            "INSERT INTO background_jobs (job_type, status, params)"
            " SELECT 'acra_express_staging_upsert', 'queued', '{}' FROM generate_series(1, $1::int) RETURNING job_id",
            express=True,
        ),
        Contender(
            "PgQueuer",
            (peers, script, "pgqueuer"),
            "INSERT INTO pgqueuer (priority, entrypoint, status, execute_after)"
            " SELECT 0, 'noop', 'queued', now() FROM generate_series(1, $1::int) RETURNING id",
        ),
        Contender(
            "Procrastinate",
            (peers, script, "procrastinate"),
            "SELECT unnest(procrastinate_defer_jobs_v1(array_agg("
            "ROW('default', 'noop', 0, NULL, NULL, '{}', NULL)::procrastinate_job_to_defer_v1)))"
            " FROM generate_series(1, $1::int)",
        ),
    ]


class Worker:
    """The process of a contender; records when the handler of each job started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.started: dict[int, int] = {}

    @property
    def pid(self) -> int:
        return self._process.pid

    async def _line(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the worker process ended")
        return line.decode().strip()

    async def ready(self) -> None:
        while await self._line() != "ready":
            continue

    async def saw(self, jobs: Sequence[int]) -> None:
        """Wait until the handlers of all `jobs` have started."""
        missing = set(jobs) - self.started.keys()
        while missing:
            number, _, moment = (await self._line()).partition(" ")
            self.started[int(number)] = int(moment)
            missing.discard(int(number))

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(20):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def working(contender: Contender, server: EmbeddedPostgres) -> AsyncIterator[tuple[Worker, Connection]]:
    """A fresh database and an idle worker."""
    dsn = await new_database(server, express=contender.express)
    process = await asyncio.create_subprocess_exec(
        *contender.command,
        dsn,
        str(WORKERS),
        cwd=HERE.parent,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    worker = Worker(process)
    try:
        await worker.ready()
        async with owned(dsn) as connection:
            yield worker, connection
    finally:
        await worker.stop()


async def _pickups(contender: Contender, server: EmbeddedPostgres, jobs: int) -> list[float]:
    """Milliseconds from the end of the commit to the start of the handler."""
    found = []
    async with working(contender, server) as (worker, connection):
        for number in range(WARM_UP + jobs):
            await asyncio.sleep(IDLE_SECONDS)
            job = await connection.fetchval(contender.insert, 1)
            committed = time.monotonic_ns()
            await worker.saw([job])
            if number >= WARM_UP:
                found.append((worker.started[job] - committed) / 1e6)
    return found


async def _drained(contender: Contender, server: EmbeddedPostgres, jobs: int) -> float:
    """No-op jobs per second for a backlog that was inserted in one statement."""
    async with working(contender, server) as (worker, connection):
        rows = await connection.fetch(contender.insert, jobs)
        inserted = time.monotonic_ns()
        await worker.saw([row[0] for row in rows])
        return jobs / ((max(worker.started.values()) - inserted) / 1e9)


async def pickup(peers: str, rounds: int, jobs: int) -> list[tuple[str, ...]]:
    """Rows of the table: name, p50, p95, p99, each the median over rounds, and the ratio of p50 to the better peer."""
    seen: dict[str, list[list[float]]] = {}
    with durable_server() as server:
        for _ in range(rounds):
            for contender in contenders(peers):
                seen.setdefault(contender.name, []).append(await _pickups(contender, server, jobs))
    best = min(typical(each, 0.5) for name, each in seen.items() if name != "ours")
    best95 = min(typical(each, 0.95) for name, each in seen.items() if name != "ours")
    return [
        (
            name,
            *(f"{typical(each, share):.2f}" for share in (0.5, 0.95, 0.99)),
            f"{typical(each, 0.5) / best:.2f}",
            f"{typical(each, 0.95) / best95:.2f}",
        )
        for name, each in seen.items()
    ]


async def drain(peers: str, rounds: int, jobs: int) -> list[tuple[str, ...]]:
    """Rows of the table: name, jobs per second (median over rounds), ratio to the better peer."""
    seen: dict[str, list[float]] = {}
    with durable_server() as server:
        for _ in range(rounds):
            for contender in contenders(peers):
                seen.setdefault(contender.name, []).append(await _drained(contender, server, jobs))
    best = max(rank(each, 0.5) for name, each in seen.items() if name != "ours")
    return [(name, f"{rank(each, 0.5):.0f}", f"{rank(each, 0.5) / best:.2f}") for name, each in seen.items()]
