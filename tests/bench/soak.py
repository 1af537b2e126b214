"""Resident memory of the service over a simulated day of many companies; simulator and database run apart."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from acra_express_async.sandbox.testbed import KEEP_FROM_PARENT

from .alone import resident_megabytes
from .ceiling import bench

TESTS = Path(__file__).resolve().parents[1]
HOURS = 24
FIRST_HOUR = 10_000 // HOURS
"""Companies of hour 1 in a day of 10,000. A shorter run works on as many, because it is their number that fills what
has bounds (remembered texts, prepared statements, free lists): what grows afterwards grows for ever."""
READY_SECONDS = 60
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "131072"}
"""As in the image."""
MACHINE_SECONDS = 3.0
"""Real seconds that a busy machine may add to a call."""
LONGEST_TIMEOUT = 600.0
"""The most that the settings accept."""
HEADER = ("companies", "MB when ready", "MB after hour 1", "MB after hour 24", "growth MB", "most MB", "real minutes")


async def soak(companies: int, workers: int, speed: float, tell: Callable[[str], None]) -> list[tuple[str, ...]]:
    """Rows of `HEADER`. Hour 1 works on `FIRST_HOUR` companies, the others share the rest; `tell` gets a line an hour.

    An hour ends when its companies are done, so that a slow machine stretches the day instead of leaving work out. Each
    hour has a simulated web of its companies alone, because the simulator would search longest in that of a whole day.
    """
    began = time.monotonic()
    ends = ends_of_hours(companies)
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(bench(companies, "0"))
        await made.next_web(ends[0])
        environ = made.environ(workers, 0) | patient(speed)
        pid = await stack.enter_async_context(running(environ, speed, made.folder / "service.log"))
        ready = resident_megabytes(pid)
        seen: list[float] = []
        done = 0
        for hour, until in enumerate(ends):
            ends_at = time.monotonic() + 3600 / speed
            if done:
                await made.next_web(until - done)
            await made.enrich(until - done)
            done = until
            await asyncio.sleep(max(0.0, ends_at - time.monotonic()))
            seen.append(resident_megabytes(pid))
            tell(f"hour {hour + 1:>2}: {seen[-1]:.1f} MB, {done:,} companies")
    minutes = (time.monotonic() - began) / 60
    figures = (ready, seen[0], seen[-1], seen[-1] - seen[0], max(seen))
    return [(f"{companies:,}", *(f"{figure:.1f}" for figure in figures), f"{minutes:.0f}")]


def ends_of_hours(companies: int) -> list[int]:
    """How many companies are done by the end of each hour."""
    first = min(FIRST_HOUR, companies // 2)
    return [first + (companies - first) * hour // (HOURS - 1) for hour in range(HOURS)]


def patient(speed: float) -> dict[str, str]:
    """Time-outs of the providers' calls with the machine's own delays, which the clock multiplies."""
    figures = {"DUCKDUCKGO": 10, "JINA": 30, "ZEROBOUNCE": 35}
    return {
        f"ACRA_EXPRESS_{provider}__TIMEOUT_SECONDS": str(min(LONGEST_TIMEOUT, seconds + MACHINE_SECONDS * speed))
        for provider, seconds in figures.items()
    }


@asynccontextmanager
async def running(environ: Mapping[str, str], speed: float, log_path: Path) -> AsyncIterator[int]:
    """The pid of a service on a fast clock; see fast_service.py."""
    kept = {name: os.environ[name] for name in KEEP_FROM_PARENT if name in os.environ}
    address = {"ACRA_EXPRESS_HTTP__HOST": "127.0.0.1", "ACRA_EXPRESS_HTTP__PORT": "0", **ALLOCATOR}
    with log_path.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.fast_service", str(speed)),
            cwd=TESTS,
            env={**kept, **address, **environ},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_SECONDS):
            line = await process.stdout.readline()
        if line.strip() != b"ready":
            raise RuntimeError(_end_of(log_path))
        yield process.pid
    finally:
        process.stdin.close()
        await process.wait()


def _end_of(log_path: Path) -> str:
    return log_path.read_text(errors="replace")[-2000:]
