"""Benchmarks without comparison: start, idle service, memory."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from footprint import Footprint, footprint
from process import stage

from acra_express_async.db.session.pool import Connection
from acra_express_async.sandbox.postgres import EmbeddedPostgres
from acra_express_async.sandbox.testbed import ServiceProcess

from .pickup import contenders, working
from .server import durable_server, new_database, owned

READY_SECONDS = 30.0
CPUCLOCK_SCHED = 2
"""Of the clock that clock_getcpuclockid(3) gives for another process; Python offers only its own."""
SETTLED_SECONDS = 20.0
"""After this long a start is over, the first turns of all loops included."""


async def _ready(server: EmbeddedPostgres, home: Path) -> tuple[ServiceProcess, float, str]:
    """A service on a migrated database, the seconds from its exec to its first 200 of /readyz, and its DSN."""
    dsn = await new_database(server, express=True)
    service = ServiceProcess({"ACRA_EXPRESS_POSTGRES_DSN": dsn}, home / "service.log")
    began = time.monotonic()
    await service.start()
    await wait_ready(service)
    return service, time.monotonic() - began, dsn


async def wait_ready(service: ServiceProcess) -> None:
    """Return when /readyz of a started service answers 200."""
    began = time.monotonic()
    while not await asyncio.to_thread(_answers, f"http://127.0.0.1:{service.port}/readyz"):
        if time.monotonic() - began > READY_SECONDS or service.process.returncode is not None:
            raise RuntimeError(service.log_path.read_text(errors="replace")[-2000:])
        await asyncio.sleep(0.01)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


async def start(rounds: int) -> list[tuple[str, ...]]:
    """Rows: median and worst seconds from exec to ready."""
    seen = []
    with durable_server() as server, tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            service, seconds, _dsn = await _ready(server, Path(folder))
            seen.append(seconds)
            await service.stop()
    return [(f"{median(seen):.2f}", f"{max(seen):.2f}", str(rounds))]


async def idle(peers: str, seconds: float) -> list[tuple[str, ...]]:
    """Rows: CPU seconds and transactions an hour of each queue with nothing to do, and its resident memory.

    All of them run during the same `seconds`, each on a separate database; ours is the whole service.
    """
    with durable_server() as server, tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            service, _, dsn = await _ready(server, Path(folder))
            stack.push_async_callback(service.stop)
            watched = [("ours", service.process.pid, await stack.enter_async_context(owned(dsn)))]
            for contender in contenders(peers)[1:]:
                worker, connection = await stack.enter_async_context(working(contender, server))
                watched.append((contender.name, worker.pid, connection))
            await asyncio.sleep(SETTLED_SECONDS)
            before = [(cpu_seconds(pid), await _transactions(owner)) for _, pid, owner in watched]
            began = time.monotonic()
            await asyncio.sleep(seconds)
            hours = (time.monotonic() - began) / 3600
            return [
                (
                    name,
                    f"{(cpu_seconds(pid) - cpu) / hours:.1f}",
                    f"{(await _transactions(owner) - transactions) / hours:.0f}",
                    f"{resident_megabytes(pid):.0f}",
                )
                for (name, pid, owner), (cpu, transactions) in zip(watched, before, strict=True)
            ]


async def _transactions(owner: Connection) -> int:
    await owner.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
    return int(
        await owner.fetchval(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        )
    )


async def company(rounds: int, companies: int) -> list[tuple[str, ...]]:
    """Rows: how many companies, what an average one used of the providers, and what it cost the server."""
    mixed, typical = [], []
    with durable_server() as server, tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            dsn = await new_database(server, express=True)
            mixed.append(await footprint(dsn, Path(folder), companies))
            dsn = await new_database(server, express=True)
            typical.append(await footprint(dsn, Path(folder), companies, mixed[-1].typical))
    return [_footprint_row(seen) for seen in (mixed, typical)]


def _footprint_row(seen: list[Footprint]) -> tuple[str, ...]:
    one = seen[0]
    used = (one.usage.searches, one.usage.pages, one.usage.verifications)
    return (
        str(one.companies),
        *(f"{count / one.companies:.1f}" for count in used),
        f"{median(each.each for each in seen):.1f}",
        f"{median(each.round_trips / each.companies for each in seen):.0f}",
        f"{median(each.milliseconds / each.companies for each in seen):.0f}",
        f"{median(each.wal_bytes / each.companies for each in seen) / 1e3:.1f}",
    )


async def memory(companies: int) -> list[tuple[str, ...]]:
    """Rows: resident MB with two workers, when ready and after this many companies."""
    with durable_server() as server, tempfile.TemporaryDirectory() as folder:
        dsn = await new_database(server, express=True)
        async with stage(dsn, Path(folder), rows=companies * 2) as standing:
            service = await standing.start()
            await service.event("listener.proven")
            before = resident_megabytes(service.pid)
            wanted = standing.uens[:companies]
            await standing.enqueue({"uens": wanted})
            for _ in wanted:
                await service.event("company.ended")
            after = resident_megabytes(service.pid)
    return [(f"{before:.0f}", f"{after:.0f}", str(len(wanted)))]


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(pid: int) -> float:
    """CPU seconds of all threads of a process so far, to the nanosecond. The ticks of /proc/PID/stat are charged to the
    process that runs when the kernel's timer fires, and a sleeper's timers end just then."""
    return time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)
