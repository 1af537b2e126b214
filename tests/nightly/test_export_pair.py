"""Half a million records leave while the nightly runs and express inserts companies: neither may notice.

An export rests while a nightly runs. One that insists (`--beside-nightly`) holds nobody up either, but takes
processor time.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from conftest import cloned_database
from records.crowd import crowd as decided

from acra_express_async.db.session.pool import connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres

from .test_pair import Beside, alone, beside, complaints, told

RECORDS = 500_000
ROUNDS = 5
"""A round takes half a minute; filling the database and the whole export of the first round take two minutes."""
ROWS, DOMAINS = 4000, 1000
LONGEST_PAGE_MS = 50
"""What others may be held up by one page."""
WHOLE_EXPORT_SECONDS = 900
"""A guard against hanging: it takes two minutes on a quiet machine."""


@dataclass
class Exports:
    """What the exports of one night did: pages with age and wait for a processor in ms, and the server's sessions."""

    records: int = 0
    pages: list[tuple[float, float]] = field(default_factory=list)
    sessions: set[int] = field(default_factory=set)
    stuck_state: tuple[str, Any] | None = None

    @property
    def page_ms(self) -> list[float]:
        """The time of each page without waiting for a processor, the shortest first."""
        return sorted(max(0.0, age - waited) for age, waited in self.pages)


@pytest_asyncio.fixture
async def recorded(postgres: EmbeddedPostgres, template_database: str) -> AsyncIterator[str]:
    """The name of a database with half a million decided companies, to be cloned for each night."""
    async with cloned_database(postgres, template_database) as dsn:
        owner = await connect(dsn, {"search_path": "public"})
        await decided(owner, RECORDS, base=10_000_000)
        await owner.close()
        yield dsn.rpartition("/")[2]


@asynccontextmanager
async def exporting(dsn: str, folder: Path, exports: Exports, *, insists: bool) -> AsyncIterator[None]:
    """One export, measured, and one whose reader is stuck all night.

    Args:
        insists: at full speed, to the end of the file when the night is over; otherwise it rests, and is ended then.
    """
    output, report = folder / "records.csv", folder / "report.json"
    environ = {"PATH": os.environ["PATH"], "ACRA_EXPRESS_POSTGRES_DSN": dsn}
    started: list[asyncio.subprocess.Process] = []
    reading, writing = os.pipe()
    watcher = await asyncpg.connect(dsn)
    try:
        others = [row["pid"] for row in await watcher.fetch(_OURS)]
        command = (sys.executable, "-m", "acra_express_async", "export")
        started.append(await asyncio.create_subprocess_exec(*command, env=environ, stdout=writing))
        os.close(writing)
        stuck = (await until(watcher, _QUIET, others))["pid"]
        script = str(Path(__file__).with_name("measured_export.py"))
        command = (sys.executable, script, str(report), "--output", str(output), *["--beside-nightly"] * insists)
        started.append(await asyncio.create_subprocess_exec(*command, env=environ, stderr=asyncio.subprocess.PIPE))
        await until(watcher, _AT_WORK, [*others, stuck])
        yield
        state = await watcher.fetchrow("SELECT state, xact_start FROM pg_stat_activity WHERE pid = $1", stuck)
        exports.stuck_state = None if state is None else tuple(state)
        if insists:
            async with asyncio.timeout(WHOLE_EXPORT_SECONDS):
                _, said = await started[-1].communicate()
            assert started[-1].returncode == 0, said
            with output.open("rb") as written:
                exports.records = sum(1 for _ in written) - 1
            seen = json.loads(report.read_text(encoding="utf-8"))
            exports.pages = [(age, waited) for age, waited in seen["pages"]]
            exports.sessions = set(seen["sessions"])
    finally:
        os.close(reading)
        await watcher.close()
        for process in started:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def until(watcher: asyncpg.Connection[asyncpg.Record], query: str, *values: object) -> asyncpg.Record:
    """The first row that the query ever gives."""
    row = None
    while row is None:
        row = await watcher.fetchrow(query, *values)
        await asyncio.sleep(0.05)
    return row


_OURS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name ~ '^acra-express( command)?$'
"""

_QUIET = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name ~ '^acra-express( command)?$' AND pid <> ALL ($1::int[])
      AND query = 'COMMIT;' AND clock_timestamp() - state_change > interval '1 second'
"""

_AT_WORK = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name ~ '^acra-express( command)?$' AND pid <> ALL ($1::int[])
      AND query ~ 'DISTINCT o.uen|opt_outs|COMMIT|nightly_jobs_running'
"""


@dataclass
class Night:
    """A night with express, without (`quiet`) and with exports."""

    quiet: Beside
    exported: Beside
    exports: Exports


@pytest.mark.slow
@pytest.mark.timeout(3400)
async def test_exports_leave_nightly_and_inserts_unchanged(
    postgres: EmbeddedPostgres, recorded: str, tmp_path: Path, record_property: Any
) -> None:
    """Nights with and without exports alternate, so that a machine that becomes slower or faster favours neither."""
    undisturbed = await alone(postgres, recorded, ROWS, DOMAINS)
    nights = []
    for number in range(ROUNDS):
        exports = Exports()

        async def quiet() -> Beside:
            return await beside(postgres, recorded, ROWS, DOMAINS)

        async def exported(exports: Exports = exports, insists: bool = number == 0) -> Beside:
            return await beside(
                postgres,
                recorded,
                ROWS,
                DOMAINS,
                aside=lambda dsn: exporting(dsn, tmp_path, exports, insists=insists),
            )

        if number % 2:
            second = await exported()
            first = await quiet()
        else:
            first, second = await quiet(), await exported()
        nights.append(Night(first, second, exports))
        print(f"\nround {number + 1}: {costs(first)}; with exports {costs(second)}", flush=True)
        print(f"  without: {told(undisturbed, first)}\n  with: {told(undisturbed, second)}", flush=True)
        for night in (first, second):
            assert complaints(night, undisturbed) == []
            assert night.guest.saved > 0
        assert exports.stuck_state == ("idle", None)
    assert_pages_are_short(nights[0])
    for name in ("seconds", "corrected_seconds", "cpu_seconds"):
        insisting, *ratios = [getattr(n.exported.figures, name) / getattr(n.quiet.figures, name) for n in nights]
        print(
            f"{name} with exports / without: {insisting:.2f} for one that insists; for those that rest median "
            f"{median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}"
        )
        record_property(f"{name}_ratio", median(ratios))
    busy, before = (
        sum(each.guest.gave_way["table_busy"] for each in arm) / sum(each.guest.saved for each in arm)
        for arm in ([n.exported for n in nights], [n.quiet for n in nights])
    )
    print(f"companies found busy for each one saved: {before:.3f} without, {busy:.3f} with exports")
    assert busy <= 2 * before + 0.05


def costs(night: Beside) -> str:
    """The nightly's time: wall, on a processor, waiting for one, and the wall time without that wait."""
    figures = night.figures
    return (
        f"{figures.seconds:.1f} s wall, {figures.cpu_seconds:.1f} s on a processor, {figures.runnable_seconds:.1f} s"
        f" waiting for one, corrected {figures.corrected_seconds:.1f} s"
    )


def assert_pages_are_short(night: Night) -> None:
    """And nobody waited for a lock of theirs."""
    exports = night.exports
    ms = exports.page_ms
    late = sum(each >= LONGEST_PAGE_MS for each in ms)
    raw = sorted(age for age, _ in exports.pages)
    print(
        f"{exports.records:,} records in {len(ms):,} pages; a page's transaction without waiting for a processor:"
        f" median {median(ms):.1f} ms, 99 of 100 below {ms[int(0.99 * len(ms))]:.1f} ms, longest {ms[-1]:.0f} ms,"
        f" {late} of {LONGEST_PAGE_MS} ms or more (with that wait: median {median(raw):.1f}, longest {raw[-1]:.0f} ms);"
        f" waits for locks of the export: {night.exported.waits.behind(exports.sessions)}"
    )
    assert exports.records >= RECORDS
    assert late <= len(ms) // 1000, "one page in a thousand may meet a checkpoint or a stopped machine"
    assert night.exported.waits.behind(exports.sessions) == 0
