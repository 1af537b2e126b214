"""``python measured_export.py REPORT EXPORT-OPTION…`` is `acra-express export`, with the time of each transaction.

Every transaction asks for its age by the server's clock before it ends. From that comes off how long client and server
process waited for a processor meanwhile, because the machine belongs to others too. REPORT receives JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from acra_express_async.cli import main
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.sandbox.nightly.store import processor_seconds

PAGES: list[tuple[float, float]] = []
"""For each page: milliseconds from BEGIN to its last answer, and how many of them were a wait for a processor."""
SESSIONS: set[int] = set()

transaction = Database.transaction


@asynccontextmanager
async def measured(self: Database) -> AsyncIterator[Connection]:
    async with transaction(self) as connection:
        pid: int = connection.get_server_pid()
        SESSIONS.add(pid)
        before = waited(pid)
        yield connection
        age = await connection.fetchval(
            "SELECT 1000 * extract(epoch FROM clock_timestamp() - transaction_timestamp())::float8"
        )
        PAGES.append((age, 1000 * (waited(pid) - before)))


def waited(pid: int) -> float:
    return processor_seconds(pid)[1] + processor_seconds(os.getpid())[1]


def run(report: str, *options: str) -> Any:
    Database.transaction = measured  # type: ignore[method-assign,assignment]
    try:
        main(["export", *options])
    except SystemExit as ended:
        return ended.code
    finally:
        Path(report).write_text(json.dumps({"pages": PAGES, "sessions": sorted(SESSIONS)}), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
