"""A real Prometheus scrapes the real service after a seeded workload: every expression returns data."""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from process import Stage, stage

from acra_express_async.sandbox.postgres import free_port

from .conftest import ONLY_IN_TROUBLE, RULES, concrete, dashboard_expressions, rules_as_text
from .observers import scraping

SELECTOR = re.compile(r"\b(?:(?:acra_express|process)_[a-z0-9_]+|up)(?:\{[^}]*\})?")
"""A series in an expression, with its label matchers."""
Tool = Callable[..., str]


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path) as standing:
        yield standing


@pytest.mark.tools
async def test_every_expression_has_data_and_counts_match_the_database(
    tool: Tool, standing: Stage, tmp_path: Path
) -> None:
    binary = tool("prometheus")
    port = free_port()
    service = await standing.start(HTTP__PORT=str(port))
    await service.event("listener.proven")
    rules = RULES.read_text(encoding="utf-8")
    async with scraping(binary, tmp_path / "prometheus", [port], rules) as prometheus:

        async def scraped_twice() -> bool:
            # Prometheus must see a counter at 0 before it moves, otherwise increase() misses the first step.
            return (await prometheus.value("count_over_time(acra_express_workers[1m])") or 0) >= 2

        await prometheus.until(scraped_twice, "two scrapes")
        await standing.enqueue({"uens": standing.uens[:12]})

        async def counted() -> bool:
            return (await prometheus.value("sum(acra_express_companies_processed_total)") or 0) == 12

        await prometheus.until(counted, "twelve companies")

        async def quiet() -> bool:
            return (await prometheus.value("max(acra_express_workers_busy)")) == 0

        await prometheus.until(quiet, "idle workers")
        shown = [concrete(text) for text in dashboard_expressions()]
        empty = [text for text in shown if not await prometheus.query(text)]
        assert [text for text in empty if not text.endswith(ONLY_IN_TROUBLE)] == []
        for text in [*empty, *(rule["expr"] for rule in rules_as_text())]:
            await prometheus.query(text)
            # What shows only trouble returns nothing now, so check that each series that it uses exists.
            lost = [series for series in SELECTOR.findall(text) if not await prometheus.query(series)]
            assert lost == [], text
        kinds = {
            row["metric"]["outcome"]: int(row["value"][1])
            for row in await prometheus.query("acra_express_companies_processed_total > 0")
        }
        rows = await standing.owner.fetch("SELECT kind, count(*) AS n FROM acra_express.outcomes GROUP BY kind")
        assert kinds == {row["kind"]: row["n"] for row in rows}
        assert await prometheus.firing() == set()
        [build] = await prometheus.query("acra_express_build_info")
        assert build["metric"]["postgresql"] == (await standing.owner.fetchval("SHOW server_version")).split()[0]
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0
