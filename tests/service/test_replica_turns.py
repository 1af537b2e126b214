"""Two replicas behind one address: DuckDuckGo sees one request at a time, with the spacing between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from process import stage

ENOUGH = 10
SPACING = 0.5
NOTHING = '<html><div id="links"><div class="result--no-result"></div></div></html>'


class Search:
    """Finds nothing, unhurriedly; notes when each request came and when it was answered."""

    def __init__(self) -> None:
        self.came: list[float] = []
        self.answered: list[float] = []
        self.most_at_once = 0
        self.enough = asyncio.Event()

    async def answer(self, _request: web.Request) -> web.Response:
        loop = asyncio.get_running_loop()
        self.came.append(loop.time())
        self.most_at_once = max(self.most_at_once, len(self.came) - len(self.answered))
        await asyncio.sleep(0.3)
        self.answered.append(loop.time())
        if len(self.answered) == ENOUGH:
            self.enough.set()
        return web.Response(text=NOTHING, content_type="text/html")


@asynccontextmanager
async def served(search: Search) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/html/", search.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.timeout(240)
async def test_two_replicas_share_the_turn_at_duckduckgo(fresh_dsn: str, tmp_path: Path) -> None:
    search = Search()
    async with served(search) as url, stage(fresh_dsn, tmp_path, rows=60) as standing:
        pace = {"DUCKDUCKGO__BASE_URL": url, "DUCKDUCKGO__SPACING_SECONDS": str(SPACING)}
        replicas = [await standing.start(**pace) for _ in range(2)]
        for replica in replicas:
            await replica.event("listener.proven")
        for start in range(0, 20, 5):
            await standing.enqueue({"uens": standing.uens[start : start + 5]})
        for replica in replicas:
            await replica.event("company.ended")
        await search.enough.wait()
    assert search.most_at_once == 1
    pauses = [after - before for before, after in zip(search.answered, search.came[1:], strict=False)]
    assert min(pauses) >= SPACING, pauses
