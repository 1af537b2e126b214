"""How long the console's pages take on a large database, and what probes notice of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from console.rooms import console_on
from records.crowd import CAMPAIGN, crowd

from .figures import rank
from .server import durable_server, new_database, owned

HEADER = ("page", "p50 ms", "p95 ms", "worst ms")
TIMED = 60
WARM_UP = 5
GOAL = 50
"""Milliseconds at p95."""


async def console_pages(companies: int) -> list[tuple[str, ...]]:
    """Rows: page, p50, p95 and worst time of a request, one after the other; and those of a probe meanwhile."""
    with durable_server() as server:
        dsn = await new_database(server, express=True)
        async with owned(dsn) as owner:
            await crowd(owner, companies)
            for settled in ("VACUUM", "CHECKPOINT"):  # or the first pages compete with autovacuum for the new rows
                await owner.execute(settled, timeout=600)
            async with console_on(owner, dsn) as scene, scene.signed_in() as browser, scene.client() as prober:
                middle = f"{companies // 2:09d}A"
                rows = []
                for name, path in (
                    ("campaigns", "/console/"),
                    ("one campaign", f"/console/campaigns/{companies // CAMPAIGN}"),
                    ("search: UEN", f"/console/search?q={middle}"),
                    ("search: domain", f"/console/search?q=company{companies // 2}.com.sg"),
                    ("search: name", "/console/search?q=firm%201"),
                    ("company", f"/console/companies/{middle}"),
                    ("review", "/console/review"),
                    ("providers", "/console/providers"),
                    ("trail", "/console/trail"),
                    ("status page, signed in", "/"),
                ):
                    rows.append(_row(name, await _timed(lambda path=path: browser.client.get(path))))  # type: ignore[misc]
                alone = await _timed(lambda: prober.get("/healthz"))
                busy = asyncio.create_task(_forever(lambda: browser.client.get(f"/console/companies/{middle}")))
                beside = await _timed(lambda: prober.get("/healthz"))
                busy.cancel()
                return [*rows, _row("probe, no one at the console", alone), _row("probe beside pages", beside)]


async def _timed(ask: Callable[[], Awaitable[object]]) -> list[float]:
    """Milliseconds of each request."""
    for _ in range(WARM_UP):
        await ask()
    spans = []
    for _ in range(TIMED):
        began = time.perf_counter()
        await ask()
        spans.append((time.perf_counter() - began) * 1e3)
    return spans


async def _forever(ask: Callable[[], Awaitable[object]]) -> None:
    while True:
        await ask()


def _row(name: str, spans: list[float]) -> tuple[str, ...]:
    return name, *(f"{rank(spans, share):.1f}" for share in (0.5, 0.95)), f"{max(spans):.1f}"
