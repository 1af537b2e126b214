"""A large export: flat memory, and no transaction open while somebody slow reads."""

from __future__ import annotations

import asyncio
import csv
import os
import sys
from fcntl import F_GETPIPE_SZ, fcntl, ioctl
from itertools import pairwise
from pathlib import Path
from struct import unpack
from termios import FIONREAD

import pytest
from conftest import cloned_database
from peak_memory import peak_of
from records.crowd import crowd

from acra_express_async.db.session.pinned import OWNER_SETTINGS
from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres

SMALL, LARGE = 5_000, 500_000
FORMATS = ("csv", "jsonl", "xlsx")


@pytest.mark.slow
@pytest.mark.timeout(3000)
async def test_memory_of_an_export_does_not_grow(
    postgres: EmbeddedPostgres, template_database: str, tmp_path: Path
) -> None:
    """5,000 and 500,000 records in each format."""
    peaks: dict[tuple[str, int], float] = {}
    for records in (SMALL, LARGE):
        async with cloned_database(postgres, template_database) as dsn:
            owner = await connect(dsn, OWNER_SETTINGS)
            await crowd(owner, records)
            await owner.close()
            for form in FORMATS:
                output = tmp_path / f"{records}.{form}"
                _, peaks[form, records] = await peak_of(dsn, "export", "--format", form, "--output", str(output))
                size = output.stat().st_size / 1e6
                print(f"\n{form}: {records:,} records, {size:.1f} MB, peak {peaks[form, records]:.1f} MB", end="")
                assert size > records * 200 / 1e6 or form == "xlsx"
    assert all(peaks[form, LARGE] < 1.15 * peaks[form, SMALL] for form in FORMATS), peaks
    with (tmp_path / f"{LARGE}.csv").open(encoding="utf-8", newline="") as source:
        uens = [row["uen"] for row in csv.DictReader(source)]
    assert len(uens) == LARGE
    assert all(first < second for first, second in pairwise(uens))


async def test_no_transaction_is_open_while_the_reader_is_slow(fresh_dsn: str, owner: Connection) -> None:
    """The command's standard output is a pipe that nobody reads: it blocks in the middle of the file."""
    await crowd(owner, 2_000)
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "acra_express_async",
        "export",
        env={"PATH": os.environ["PATH"], "ACRA_EXPRESS_POSTGRES_DSN": fresh_dsn},
        stdout=writing,
    )
    os.close(writing)
    try:
        await full(reading, process)
        state = await settled(owner)
        assert (state["state"], state["xact_start"]) == ("idle", None)
        assert process.returncode is None
    finally:
        os.close(reading)
        process.kill()
        await process.wait()


async def full(reading: int, process: asyncio.subprocess.Process) -> None:
    """Wait until nothing more fits into the pipe: less than a page of records is free."""
    while unpack("i", ioctl(reading, FIONREAD, b"\0" * 4))[0] < fcntl(reading, F_GETPIPE_SZ) - 4096:
        assert process.returncode is None
        await asyncio.sleep(0.01)


async def settled(owner: Connection) -> dict[str, object]:
    """The exporting session once it has asked nothing for a second."""
    while True:
        row = await owner.fetchrow(
            """
            SELECT state, xact_start, clock_timestamp() - state_change > interval '1 second' AS quiet
            FROM pg_stat_activity WHERE application_name = 'acra-express command' AND datname = current_database()
            """
        )
        if row is not None and row["quiet"]:
            return dict(row)
        await asyncio.sleep(0.05)
