"""Memory of loading the monthly registry file, by its length."""

from __future__ import annotations

import time

from registry_months import load_month

from .server import durable_server, new_database

SIZES = (50_000, 500_000)


async def load() -> list[tuple[str, ...]]:
    """Rows: rows and MB of the file, peak resident MB of the command, its ratio to the smallest, rows per second."""
    taken = []
    with durable_server() as server:
        for size in SIZES:
            dsn = await new_database(server, express=True)
            began = time.monotonic()
            taken.append((await load_month(dsn, size), time.monotonic() - began))
    least = taken[0][0].megabytes
    return [
        (
            f"{load.rows:,}",
            f"{load.file_megabytes:.0f}",
            f"{load.megabytes:.1f}",
            f"{load.megabytes / least:.2f}",
            f"{load.rows / seconds:.0f}",
        )
        for load, seconds in taken
    ]
