"""Ten minutes at full speed: file descriptors, threads, connections and resident memory stay flat."""

from __future__ import annotations

import json
import statistics
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from process import Process, Stage, stage

SOAK_SECONDS = 600
SAMPLE_EVERY = 25
"""Companies between two samples."""
GROWTH_MB = 12.0
"""Allowed growth of the median between the second and the last fifth: noise of the allocator, not a trend."""


@dataclass(frozen=True)
class Sample:
    """One measurement of the process from outside."""

    resident_mb: float
    descriptors: int
    threads: int
    connections: int


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path, rows=30_000, latency_scale=0.0, allowance_scale=2000.0) as standing:
        yield standing


async def look(standing: Stage, service: Process) -> Sample:
    folder = Path(f"/proc/{service.pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
    return Sample(
        resident_mb=int(status["VmRSS"].split()[0]) / 1024,
        descriptors=len(list((folder / "fd").iterdir())),
        threads=int(status["Threads"]),
        connections=int(
            await standing.owner.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'acra-express%'"
                " AND datname = current_database()"
            )
        ),
    )


@pytest.mark.slow
@pytest.mark.timeout(SOAK_SECONDS + 300)
async def test_memory_and_handles_stay_flat_for_ten_minutes(standing: Stage) -> None:
    for start in range(0, len(standing.uens), 500):
        await standing.enqueue({"uens": standing.uens[start : start + 500]})
    unhurried = {f"{name}": "2000000" for name in ("DAILY_CAP", "DUCKDUCKGO__REQUESTS_PER_HOUR")}
    service = await standing.start(
        **unhurried,
        DUCKDUCKGO__SPACING_SECONDS="0",
        JINA__CALLS_PER_HOUR="240000",
        JINA__TOKENS_PER_MINUTE="10000000",
        ZEROBOUNCE__VERIFICATIONS_PER_DAY="1000000",
    )
    await service.event("company.ended")
    began = await standing.owner.fetchval("SELECT clock_timestamp()")
    samples: list[Sample] = []
    ended = 0
    while (await standing.owner.fetchval("SELECT clock_timestamp()") - began).total_seconds() < SOAK_SECONDS:
        for _ in range(SAMPLE_EVERY):
            await service.event("company.ended")
        ended += SAMPLE_EVERY
        samples.append(await look(standing, service))
    fifth = len(samples) // 5
    early, late = samples[fifth : 2 * fifth], samples[-fifth:]
    grown = statistics.median(s.resident_mb for s in late) - statistics.median(s.resident_mb for s in early)
    print(json.dumps({"companies": ended, "resident_mb": late[-1].resident_mb, "grown_mb": round(grown, 2)}))
    assert grown < GROWTH_MB
    assert max(s.descriptors for s in late) <= max(s.descriptors for s in early) + 4
    assert max(s.threads for s in late) <= max(s.threads for s in early)
    assert max(s.connections for s in late) <= 5
    assert standing.simulator.state()["violations"] == 0
