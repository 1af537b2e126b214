"""`acra-express` that kills itself with SIGKILL at the N-th await point after its first claimed job.

An await point is the moment before and the moment after each statement to PostgreSQL and each request to a provider.
Usage: ``python killer.py N ARGUMENTS…``; with N beyond the last point the command ends normally.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
from asyncpg.prepared_stmt import PreparedStatement

from acra_express_async.cli import main


class Points:
    """Counts await points after the first claim."""

    def __init__(self, deadly: int) -> None:
        self._left = deadly
        self._counting = False

    def passed(self, what: str) -> None:
        if not self._counting:
            return
        self._left -= 1
        if self._left == 0:
            print(f'{{"event": "killed", "at": "{what}"}}', file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    def begin(self) -> None:
        self._counting = True


def instrumented(points: Points, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def wrapped(self: object, *args: Any, **kwargs: Any) -> Any:
        points.passed(f"before {name}")
        answer = await call(self, *args, **kwargs)
        if args and "acra_express.claim_jobs(" in str(args[0]) and answer["job_id"] is not None:
            points.begin()
        points.passed(f"after {name}")
        return answer

    return wrapped


if __name__ == "__main__":
    points = Points(int(sys.argv[1]))
    for name in ("fetch", "fetchrow", "fetchval", "execute", "prepare"):
        setattr(asyncpg.Connection, name, instrumented(points, name, getattr(asyncpg.Connection, name)))
    for name in ("fetch", "fetchrow", "fetchval"):
        setattr(PreparedStatement, name, instrumented(points, name, getattr(PreparedStatement, name)))
    httpx.AsyncClient.send = instrumented(points, "send", httpx.AsyncClient.send)  # type: ignore[assignment,method-assign]
    sys.argv = ["acra-express", *sys.argv[2:]]
    main(prog_name="acra-express")
