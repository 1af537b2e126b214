"""The cost of monitoring: a scrape, and the snapshot that keeps scrapes off the database."""

from __future__ import annotations

import asyncio
import http.client
import re
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from acra_express_async.sandbox.postgres import EmbeddedPostgres
from acra_express_async.sandbox.testbed import ServiceProcess

from .alone import cpu_seconds
from .server import durable_server, new_database, owned

DUE = (100, 100_000)
SEEN_SECONDS = 60.0
WARM_UP = 20


async def scrape(count: int) -> list[tuple[str, ...]]:
    """Rows: due jobs, milliseconds of a scrape (best, median, ratio of the median to the smallest table, CPU of the
    service), number of series, milliseconds of a snapshot. The services alternate, so that changes in the machine's
    load affect both. Best and CPU show the cost of a scrape, the median includes the load of the machine."""
    with durable_server() as server, tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            services = [await _watched(server, Path(folder) / f"{due}.log", due, stack) for due in DUE]
            before = [cpu_seconds(service.process.pid) for service in services]
            times, texts = await asyncio.to_thread(_scraped, [service.port for service in services], count)
            cpu = [cpu_seconds(service.process.pid) - spent for service, spent in zip(services, before, strict=True)]
    base = median(times[0])
    return [
        (
            f"{due:,}",
            f"{min(taken):.1f}",
            f"{median(taken):.1f}",
            f"{median(taken) / base:.2f}",
            f"{1e3 * spent / (WARM_UP + count):.1f}",
            str(_series(text)),
            f"{_snapshot_milliseconds(text):.0f}",
        )
        for due, taken, spent, text in zip(DUE, times, cpu, texts, strict=True)
    ]


async def _watched(server: EmbeddedPostgres, log: Path, due: int, stack: AsyncExitStack) -> ServiceProcess:
    """A paused service whose snapshot shows this many due jobs."""
    dsn = await new_database(server, express=True)
    async with owned(dsn) as owner:
        await owner.execute("UPDATE acra_express.control SET paused = true")
        await owner.execute(
            """
            INSERT INTO background_jobs (job_type, status, params)
            SELECT 'acra_express_staging_upsert', 'queued', '{"uens": ["x"]}' FROM generate_series(1, $1::int)
            """,
            due,
            timeout=120,
        )
        await owner.execute("VACUUM ANALYZE background_jobs")
    service = ServiceProcess({"ACRA_EXPRESS_POSTGRES_DSN": dsn}, log)
    await service.start()
    stack.push_async_callback(service.stop)
    seen = f'acra_express_queue_depth{{job_type="acra_express_staging_upsert",state="due"}} {float(due)}'
    began = time.monotonic()
    while seen not in await asyncio.to_thread(_metrics, service.port):
        if time.monotonic() - began > SEEN_SECONDS or service.process.returncode is not None:
            raise RuntimeError(service.log_path.read_text(errors="replace")[-2000:])
        await asyncio.sleep(0.1)
    return service


def _metrics(port: int) -> str:
    try:
        return _one(http.client.HTTPConnection("127.0.0.1", port, timeout=5))
    except OSError:
        return ""


def _one(connection: http.client.HTTPConnection) -> str:
    connection.request("GET", "/metrics")
    return connection.getresponse().read().decode()


def _scraped(ports: list[int], count: int) -> tuple[list[list[float]], list[str]]:
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=30) for port in ports]
    times: list[list[float]] = [[] for _ in ports]
    texts = ["" for _ in ports]
    for turn in range(WARM_UP + count):
        for number, connection in enumerate(connections):
            began = time.perf_counter()
            texts[number] = _one(connection)
            if turn >= WARM_UP:
                times[number].append((time.perf_counter() - began) * 1e3)
    for connection in connections:
        connection.close()
    return times, texts


def _series(text: str) -> int:
    """The number of our series, without those of the client library about the process."""
    return sum(line.startswith("acra_express_") for line in text.splitlines())


def _snapshot_milliseconds(text: str) -> float:
    found = dict(re.findall(r"^acra_express_snapshot_duration_seconds_(sum|count) (\S+)$", text, re.MULTILINE))
    return 1e3 * float(found["sum"]) / float(found["count"])
