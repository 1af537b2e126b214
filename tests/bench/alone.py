"""Benchmarks without comparison: claims with a backlog, start, idle service, memory."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from statistics import median

from process import stage
from rig import enqueue

from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.sandbox.postgres import EmbeddedPostgres
from acra_express_async.sandbox.testbed import ServiceProcess

from .server import ROLE, durable_server, new_database, owned

SIZES = (10_000, 1_000_000)
WARM_UP = 20
"""Executions of a statement before timing starts; by then PostgreSQL uses the generic plan."""
TIMED = 100
READY_SECONDS = 30.0


async def backlog() -> list[tuple[str, ...]]:
    """Rows: size of `background_jobs`, milliseconds of a claim and of an idle poll (medians).

    The sizes alternate claim by claim, so that changes in the machine's load affect both.
    """
    with durable_server() as server:
        async with AsyncExitStack() as stack:
            grounds = [await _ground(server, size, stack) for size in SIZES]
            claims: list[list[float]] = [[] for _ in SIZES]
            idles: list[list[float]] = [[] for _ in SIZES]
            for _ in range(WARM_UP + TIMED):
                for number, (owner, jobs) in enumerate(grounds):
                    await enqueue(owner, 1)
                    claims[number].append(await _milliseconds(jobs))
                    idles[number].append(await _milliseconds(jobs))
    return [
        (f"{size:,}", f"{median(claim[WARM_UP:]):.2f}", f"{median(idle[WARM_UP:]):.2f}")
        for size, claim, idle in zip(SIZES, claims, idles, strict=True)
    ]


async def _ground(server: EmbeddedPostgres, size: int, stack: AsyncExitStack) -> tuple[Connection, Jobs]:
    """A database with a backlog, its owner's connection and a session of the service."""
    dsn = await new_database(server, express=True)
    owner = await stack.enter_async_context(owned(dsn))
    await _fill(owner, size)
    tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    database = Database(dsn, role=ROLE, tenant_id=tenant, size=1)
    await database.open()
    stack.push_async_callback(database.close)
    return owner, Jobs(database, database)


async def _milliseconds(jobs: Jobs) -> float:
    """Milliseconds of one claim, with or without a job."""
    began = time.perf_counter()
    await jobs.claim("bench", timedelta(hours=1), 2)
    return (time.perf_counter() - began) * 1e3


async def _fill(owner: Connection, size: int) -> None:
    """Fill the table: half a foreign backlog, half ended jobs of the platform and of ours."""
    await owner.execute("SET statement_timeout = 0")
    await owner.execute(
        """
        INSERT INTO background_jobs (job_type, status, params, started_at, ended_at)
        SELECT CASE WHEN i % 4 = 3 THEN 'acra_express_enrich_candidates' ELSE 'web_discovery_bg_enrich' END,
               CASE WHEN i % 2 = 0 THEN 'queued' ELSE 'done' END, '{}',
               CASE WHEN i % 2 = 1 THEN now() END, CASE WHEN i % 2 = 1 THEN now() END
        FROM generate_series(0, $1::int - 1) AS i
        """,
        size,
        timeout=600,
    )
    await owner.execute("VACUUM ANALYZE background_jobs", timeout=600)


async def _ready(server: EmbeddedPostgres, home: Path) -> tuple[ServiceProcess, float, str]:
    """A service on a migrated database, the seconds from its exec to its first 200 of /readyz, and its DSN."""
    dsn = await new_database(server, express=True)
    service = ServiceProcess({"ACRA_EXPRESS_POSTGRES_DSN": dsn}, home / "service.log")
    began = time.monotonic()
    await service.start()
    while not await asyncio.to_thread(_answers, f"http://127.0.0.1:{service.port}/readyz"):
        if time.monotonic() - began > READY_SECONDS or service.process.returncode is not None:
            raise RuntimeError(service.log_path.read_text(errors="replace")[-2000:])
        await asyncio.sleep(0.01)
    return service, time.monotonic() - began, dsn


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


async def idle(seconds: float) -> list[tuple[str, ...]]:
    """Rows: CPU seconds and transactions an hour of a service with nothing to do, and its resident memory."""
    with durable_server() as server, tempfile.TemporaryDirectory() as folder:
        service, _, dsn = await _ready(server, Path(folder))
        pid = service.process.pid
        async with owned(dsn) as owner:
            await asyncio.sleep(5)  # let the start finish
            cpu, statements, began = cpu_seconds(pid), await _transactions(owner), time.monotonic()
            await asyncio.sleep(seconds)
            hours = (time.monotonic() - began) / 3600
            cpu, statements = cpu_seconds(pid) - cpu, await _transactions(owner) - statements
            resident = resident_megabytes(pid)
        await service.stop()
    return [(f"{cpu / hours:.0f}", f"{statements / hours:.0f}", f"{resident:.0f}")]


async def _transactions(owner: Connection) -> int:
    await owner.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
    return int(
        await owner.fetchval(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        )
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
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
