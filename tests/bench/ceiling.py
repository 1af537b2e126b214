"""The service's own limit: companies a second when providers answer at once and no allowance holds anything back."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from acra_express_async.db.session.pool import Connection
from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.testbed import ServiceProcess, load

from .alone import cpu_seconds, wait_ready
from .server import durable_server, new_database, owned

ARRANGEMENTS = ((2, 1), (8, 1), (2, 2), (8, 2))
"""Workers of each replica, and replicas."""
PLENTY = 100_000_000
"""An allowance of any provider, and the day's cap: never reached."""
SEED = 7
REGISTRY = "registry.csv"
WARM_UP = 20
"""Companies before the measured ones: pools, plans and caches are as in a running service."""
STALLED_SECONDS = 60.0
LOOK_SECONDS = 0.1
"""Between two looks at what is done; a run takes some ten seconds."""
PROFILE_LINES = 60
SAMPLES_A_SECOND = 250
HEADER = (
    "workers",
    "replicas",
    "companies/s",
    "service CPU ms",
    "PostgreSQL CPU ms",
    "simulator CPU ms",
    "transactions",
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One measurement: companies a second, and per company CPU milliseconds and transactions."""

    a_second: float
    service: float
    server: float
    simulator: float
    transactions: float


class SimulatedWeb:
    """The simulator in a separate process, without latency and limits; a later one takes the address of the first."""

    def __init__(self, page_size: str) -> None:
        self._page_size = page_size
        self._process: asyncio.subprocess.Process | None = None
        self.facts: dict[str, Any] = {"root": "http://127.0.0.1:0"}
        """Its addresses and keys."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, registry: Path) -> None:
        """The web of the companies in that file."""
        port = self.facts["root"].rpartition(":")[2]
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "acra_express_async.sandbox.simulator", "--port", port),
            *("--registry", registry, "--seed", str(SEED), "--page-size", self._page_size),
            *("--latency-scale", "0", "--allowance-scale", str(PLENTY), "--no-budget-layer"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.facts = json.loads(await self._process.stdout.readline())

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            await process.wait()


class Bench:
    """A database with a registry, the simulator in a separate process, and services that are started for each run."""

    def __init__(self, dsn: str, owner: Connection, server_pid: int, web: SimulatedWeb, folder: Path) -> None:
        self._dsn = dsn
        self._owner = owner
        self._server_pid = server_pid
        self._web = web
        self.folder = folder
        self._uens: list[str] = []
        self._looks = 0

    async def fill(self, file: Path) -> None:
        """Load the registry; its live companies are used up run by run."""
        await load(self._owner, file, self.folder / "rejects.csv")
        await self._owner.execute(
            "INSERT INTO ssic_ref (code, title, version, source_file_hash) VALUES ('99999', 'Not known', 's', 's')"
        )
        rows = await self._owner.fetch(
            "SELECT uen FROM staging_acra_companies WHERE entity_status_description ILIKE 'live%'"
            " AND uen !~ '^[0-9]{8}[A-Z]$' ORDER BY md5(uen)"
        )
        self._uens = [row["uen"] for row in rows]
        await self._owner.execute("VACUUM ANALYZE")

    async def next_web(self, companies: int) -> None:
        """Let the web be that of the next `companies` alone: a search of the simulator takes 6 ms among 170 companies,
        16 ms among 4,000, and providers should answer at once."""
        part = self.folder / "part.csv"
        await asyncio.to_thread(_copy_rows, self.folder / REGISTRY, part, set(self._uens[:companies]))
        await self._web.stop()
        await self._web.start(part)

    def environ(self, workers: int, number: int) -> dict[str, str]:
        """Settings of one replica. Each has an EGRESS: with one for all, DuckDuckGo would serve them in turn."""
        figures = {
            "POSTGRES_DSN": self._dsn,
            "WORKERS": workers,
            "DAILY_CAP": PLENTY,
            "DUCKDUCKGO__BASE_URL": self._web.facts["duckduckgo"],
            "DUCKDUCKGO__REQUESTS_PER_HOUR": PLENTY,
            "DUCKDUCKGO__SPACING_SECONDS": 0,
            "DUCKDUCKGO__EGRESS": f"replica-{number}",
            "JINA__BASE_URL": self._web.facts["jina"],
            "JINA__API_KEY": self._web.facts["jina_key"],
            "JINA__CALLS_PER_HOUR": PLENTY,
            "JINA__TOKENS_PER_MINUTE": PLENTY,
            "ZEROBOUNCE__BASE_URL": self._web.facts["zerobounce"],
            "ZEROBOUNCE__API_KEY": self._web.facts["zerobounce_key"],
            "ZEROBOUNCE__VERIFICATIONS_PER_DAY": PLENTY,
        }
        return {f"ACRA_EXPRESS_{name}": str(value) for name, value in figures.items()}

    @asynccontextmanager
    async def services(
        self,
        workers: int,
        replicas: int,
        extra: Mapping[str, str] | None = None,
        program: Sequence[str] = ("-m", "acra_express_async"),
    ) -> AsyncIterator[list[ServiceProcess]]:
        """That many ready replicas."""
        made = [
            ServiceProcess(self.environ(workers, number) | dict(extra or {}), self.folder / f"service-{number}.log")
            for number in range(replicas)
        ]
        try:
            for service in made:
                await service.start(program=program)
            for service in made:
                await wait_ready(service)
            yield made
        finally:
            for service in made:
                await service.stop()

    async def run(
        self,
        workers: int,
        replicas: int,
        companies: int,
        *,
        extra: Mapping[str, str] | None = None,
        program: Sequence[str] = ("-m", "acra_express_async"),
    ) -> Figures:
        """Start the services, let them work on `companies` of the registry, and stop them."""
        await self.next_web(WARM_UP + companies)
        async with self.services(workers, replicas, extra, program) as services:
            await self.enrich(WARM_UP)
            pids = [service.process.pid for service in services]
            before = self._cpu(pids), await self._transactions()
            seconds = await self.enrich(companies)
            after = self._cpu(pids), await self._transactions()
        cpu = [(late - early) / companies * 1e3 for early, late in zip(before[0], after[0], strict=True)]
        return Figures(companies / seconds, *cpu, (after[1] - before[1]) / companies)

    def _cpu(self, pids: Sequence[int]) -> tuple[float, float, float]:
        """CPU seconds so far of the services, the database server and the simulator."""
        services = sum(cpu_seconds(pid) for pid in pids)
        return services, tree_cpu_seconds(self._server_pid), cpu_seconds(self._web.pid)

    async def _transactions(self) -> int:
        """Transactions in this database so far, without those that only watch."""
        await self._owner.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
        counted = await self._owner.fetchval(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        )
        return int(counted) - self._looks

    async def committed(self) -> int:
        """Companies with an outcome so far."""
        return int(await self._owner.fetchval("SELECT count(DISTINCT uen) FROM acra_express.outcomes"))

    async def enrich(self, companies: int) -> float:
        """Enqueue that many companies; real seconds until the last one is committed."""
        chosen, self._uens = self._uens[:companies], self._uens[companies:]
        if len(chosen) < companies:
            raise RuntimeError("the registry of this benchmark is used up")
        began = time.monotonic()
        await self._owner.execute(
            "INSERT INTO background_jobs (job_type, status, params, created_at)"
            " VALUES ('acra_express_staging_upsert', 'queued', $1, acra_express.clock())",
            {"uens": chosen},
        )
        seen, changed_at = 0, began
        while seen < companies:
            await asyncio.sleep(LOOK_SECONDS)
            self._looks += 1
            ended = await self._owner.fetchval("SELECT count(*) FROM acra_express.outcomes WHERE uen = ANY($1)", chosen)
            now = time.monotonic()
            if ended > seen:
                seen, changed_at = ended, now
            if now - changed_at > STALLED_SECONDS:
                logs = [path.read_text(errors="replace")[-2000:] for path in self.folder.glob("service*.log")]
                raise RuntimeError(f"{seen} of {companies} companies:\n" + "\n".join(logs))
        return changed_at - began


def tree_cpu_seconds(pid: int) -> float:
    """CPU seconds of a process, of its running children and of those that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    total = sum(int(fields[place]) for place in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        try:
            total += cpu_seconds(int(child))
        except OSError:
            continue  # it has just ended
    return total


def _copy_rows(file: Path, part: Path, uens: set[str]) -> None:
    with file.open(encoding="utf-8-sig", newline="") as source, part.open("w", encoding="utf-8", newline="") as sink:
        rows = csv.DictReader(source)
        writer = csv.DictWriter(sink, rows.fieldnames or ())
        writer.writeheader()
        writer.writerows(row for row in rows if row["uen"] in uens)


@asynccontextmanager
async def bench(companies: int, page_size: str) -> AsyncIterator[Bench]:
    """Everything for measurements of `companies` companies in all, but the web: see `Bench.next_web`."""
    async with AsyncExitStack() as stack:
        server = stack.enter_context(durable_server())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = folder / REGISTRY
        registry_sample.write_csv(file, companies * 2, SEED)
        dsn = await new_database(server, express=True)
        owner = await stack.enter_async_context(owned(dsn))
        web = SimulatedWeb(page_size)
        stack.push_async_callback(web.stop)
        made = Bench(dsn, owner, server.pid, web, folder)
        await made.fill(file)
        yield made


async def ceiling(
    rounds: int, companies: int, page_size: str, arrangements: Sequence[tuple[int, int]] = ARRANGEMENTS
) -> list[tuple[str, ...]]:
    """Rows of `HEADER`: medians over rounds; the arrangements take turns, so that the machine's load affects all."""
    seen: dict[tuple[int, int], list[Figures]] = {arrangement: [] for arrangement in arrangements}
    async with bench(rounds * len(arrangements) * (companies + WARM_UP), page_size) as made:
        for _ in range(rounds):
            for workers, replicas in arrangements:
                seen[workers, replicas].append(await made.run(workers, replicas, companies))
    return [(str(workers), str(replicas), *cells(found)) for (workers, replicas), found in seen.items()]


def cells(found: Sequence[Figures]) -> tuple[str, ...]:
    """The medians as text."""
    return (
        f"{median(each.a_second for each in found):.1f}",
        f"{median(each.service for each in found):.0f}",
        f"{median(each.server for each in found):.0f}",
        f"{median(each.simulator for each in found):.0f}",
        f"{median(each.transactions for each in found):.1f}",
    )


async def profile(companies: int, page_size: str, workers: int) -> list[tuple[str, ...]]:
    """Rows: share of the service's CPU in a function itself and below it, of all threads that hold the GIL.

    py-spy samples from outside; the service runs as always.
    """
    profiler = shutil.which("py-spy")
    if profiler is None:
        raise RuntimeError("py-spy is not on the PATH: pip install py-spy")
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(bench(companies + WARM_UP, page_size))
        await made.next_web(companies + WARM_UP)
        [service] = await stack.enter_async_context(made.services(workers, 1))
        await made.enrich(WARM_UP)
        output = made.folder / "stacks"
        sampling = await asyncio.create_subprocess_exec(
            *(profiler, "record", "--pid", str(service.process.pid), "--gil", "--rate", str(SAMPLES_A_SECOND)),
            *("--format", "raw", "--output", str(output), "--duration", "3600"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await made.enrich(companies)
        sampling.send_signal(signal.SIGINT)  # it then writes what it has
        await sampling.wait()
        return shares(output)


def shares(stacks: Path) -> list[tuple[str, ...]]:
    """The functions of folded stacks (`outer;inner COUNT`) by their own share and by what runs below them."""
    own: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for line in stacks.read_text(encoding="utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [frame.rpartition(":")[0] or frame for frame in stack.split(";")]
        own[frames[-1]] += int(count)
        for frame in set(frames):
            below[frame] += int(count)
    total = sum(own.values())
    chosen = [frame for frame, _ in below.most_common(PROFILE_LINES)] + [
        name for name, _ in own.most_common(PROFILE_LINES)
    ]
    lines = sorted(dict.fromkeys(chosen), key=lambda frame: (-below[frame], frame))
    return [(frame, f"{own[frame] / total:.1%}", f"{below[frame] / total:.1%}") for frame in lines]
