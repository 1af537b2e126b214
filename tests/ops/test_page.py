"""The status page: what it shows, what it must never show or load, and that a browser renders and updates it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from acra_express_async.metrics import Metrics
from acra_express_async.runtime.health import Health
from acra_express_async.web import WebServer, build_app
from acra_express_async.web.page import page

from .observers import browse
from .pages import status

Tool = Callable[..., str]
HOSTILE = '"><script>alert(1)</script>'


def test_the_page_starts_with_the_overall_verdict() -> None:
    assert "It is fine" in page(status())
    bad = page(status(verdict={"word": "fail", "why": ["Failure ratio 8.3% > 5% (30 min)"]}))
    assert "Something is wrong" in bad
    assert "Failure ratio 8.3% &gt; 5% (30 min)" in bad
    assert bad.index("Something is wrong") < bad.index("Workers")


def test_the_page_shows_work_budgets_campaigns_and_failures() -> None:
    text = page(status())
    for said in (
        "enrichment job 7, attempt 1; this company: 1 searches, 2 pages",
        "idle",
        "12 of 300",
        "60 of 120",
        "from 30 s, all in 58 min",
        "40 ended, 5 in work, 55 to stage",
        "ORCHID BAKERY PTE. LTD.",
        'href="https://orchidbakery.sg/contact"',
        "a provider&#39;s answers could not be used",
        "registry of 3 days ago",
        "no nightly job is running; today: express 12 companies, nightly 40 companies",
    ):
        assert said in text, said


def test_a_cancelled_company_is_shown_and_is_no_failure() -> None:
    [company] = status()["companies"]
    gone = company | {"outcome": "cancelled", "reason": "cancelled", "domain": None, "evidence_url": None}
    text = page(status(companies=[gone], failures_24h={}))
    assert '<span class="cancelled">cancelled</span>' in text
    assert "It is fine" in text
    assert "failed" not in text


def test_the_page_shows_breakers_alerts_and_the_nightly() -> None:
    text = page(
        status(
            stands_back=True,
            nightly_running=True,
            alerts=[{"alert": "failure_ratio", "since": "2026-11-23T11:00:00+00:00", "headline": "Failure ratio 8%"}],
            breakers=[
                {"provider": "jina", "kind": "blocked", "reason": "bad_key", "open_until": "2026-11-23T12:15:00+00:00"}
            ],
        )
    )
    assert "the nightly is running, so nothing is claimed" in text
    assert "Failure ratio 8%, since" in text
    assert "jina: blocked (the key is not accepted), next probe" in text


def test_the_page_shows_what_the_nightly_costs_and_is_cost() -> None:
    job = {
        "job_id": 41,
        "job_type": "staging_upsert",
        "running_since": "2026-11-23T10:00:00+00:00",
        "holds_until": "2026-11-23T16:00:00+00:00",
    }
    text = page(status(nightly={"jobs": [job], "skipped_ahead": 13, "relabelled": 2}))
    assert "staging_upsert job 41 running since" in text
    assert ">13</td>" in text
    assert ">2</td>" in text
    assert "nothing of its pending jobs overlaps with ours" in page(status())


def test_a_service_without_a_snapshot_has_a_page() -> None:
    empty = status(
        taken_at=None,
        workers=[],
        queue=[],
        budgets=[],
        campaigns=[],
        companies=[],
        failures_24h={},
        verdict={"word": "warn", "why": ["no picture of the queue was taken yet"]},
    )
    text = page(empty)
    assert "Worth a look" in text
    assert "none yet" in text


def test_foreign_texts_are_escaped_and_only_http_urls_are_links() -> None:
    company = status()["companies"][0]
    text = page(
        status(
            companies=[
                company
                | {"name": HOSTILE, "reason": HOSTILE, "domain": HOSTILE, "evidence_url": "javascript:alert(1)"},
                company | {"evidence_url": 'https://x.sg/" onmouseover="alert(1)'},
            ],
            failures_24h={HOSTILE: 1},
        )
    )
    assert "<script>alert" not in text
    assert "javascript:" not in text
    assert '" onmouseover' not in text


def test_the_page_loads_nothing_external_and_runs_nothing_inline() -> None:
    text = page(status(companies=[]))
    assert re.findall(r"(?:src|href)=\"(?!/)", text) == []
    assert re.findall(r"<script(?![^>]*src=)", text) == []
    assert re.findall(r"\son\w+=|style=", text) == []


def test_the_page_omits_names_of_sole_proprietors() -> None:
    assert "name left out" in page(status(companies=[status()["companies"][0] | {"name": None}]))


@asynccontextmanager
async def served(health: Health, told: Callable[[], dict[str, Any]] = status) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(health=health, metrics=Metrics(CollectorRegistry()), status=told)
    server = WebServer(app, "127.0.0.1", 0)
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            yield client
    finally:
        await server.stop()


async def test_headers_forbid_inline_scripts_framing_and_caching() -> None:
    async with served(Health(lambda: 0.0)) as client:
        answer = await client.get("/")
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        for name, kind in (("page.css", "text/css"), ("page.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
            asset = await client.get(f"/assets/{name}")
            assert asset.headers["content-type"].startswith(kind)
            assert asset.headers["x-content-type-options"] == "nosniff"
        assert (await client.get("/assets/../app.py")).status_code == 404
        assert (await client.get("/assets/app.py")).status_code == 404


async def test_probes_answer_head_and_name_the_fault() -> None:
    moment = 1000.0
    health = Health(lambda: moment)
    poller = health.beacon("poller")
    async with served(health) as client:

        async def probe(path: str) -> tuple[int, str]:
            answer = await client.get(path)
            head = await client.head(path)
            assert head.status_code == answer.status_code
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["content-type"].startswith("application/health+json")
            return answer.status_code, answer.json()["status"]

        assert await probe("/readyz") == (503, "fail"), "neither schema nor database were seen"
        health.schema_checked = True
        health.database.answered()
        assert await probe("/readyz") == (200, "warn"), "the listener is not proven"
        health.listener_proven = True
        assert await probe("/readyz") == (200, "pass")
        assert await probe("/healthz") == (200, "pass")
        moment += 31
        poller.beat()
        assert await probe("/readyz") == (503, "fail")
        assert await probe("/healthz") == (200, "warn"), "a restart does not bring the database back"
        moment += 61
        assert await probe("/healthz") == (503, "fail"), "the poller makes no progress"
        poller.beat()
        health.database.answered()
        health.draining = True
        assert await probe("/readyz") == (503, "fail")
        assert await probe("/healthz") == (200, "pass")


@pytest.mark.tools
async def test_a_browser_renders_the_page_and_runs_its_script(tool: Tool, tmp_path: Path) -> None:
    chromium = tool("chromium", "chromium-browser", "google-chrome")
    async with served(Health(lambda: 0.0)) as client:
        url = str(client.base_url)
        # virtual time: the timers of the script run without real waiting
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        document = await browse(chromium, profile, "--virtual-time-budget=4000", "--dump-dom", url)
        assert "It is fine" in document
        assert ">Live.<" in document, "the script ran under our own policy and reached /status.json"
        assert '<span id="age">10 s ago</span>' in document
        picture = tmp_path / "page.png"
        await browse(chromium, profile, "--window-size=390,1600", f"--screenshot={picture}", url)
        assert picture.stat().st_size > 10_000


@pytest.mark.tools
async def test_the_page_updates_without_a_reload(tool: Tool, tmp_path: Path) -> None:
    chromium = tool("chromium", "chromium-browser", "google-chrome")
    asked = 0

    def told() -> dict[str, Any]:
        """Each answer is new: another company has ended."""
        nonlocal asked
        asked += 1
        company = status()["companies"][0] | {"name": f"COMPANY NUMBER {asked}"}
        return status(taken_at=f"2026-11-23T11:59:{asked:02}+00:00", companies=[company])

    async with served(Health(lambda: 0.0), told) as client:
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        document = await browse(chromium, profile, "--virtual-time-budget=10000", "--dump-dom", str(client.base_url))
    shown = re.findall(r"COMPANY NUMBER (\d+)", document)
    assert len(shown) == 1
    assert int(shown[0]) > 1, "the first snapshot is kept"
    assert document.count("<main") == 1


@pytest.mark.tools
async def test_the_page_keeps_its_figures_and_says_the_service_is_gone(tool: Tool, tmp_path: Path) -> None:
    chromium = tool("chromium", "chromium-browser", "google-chrome")
    asked = 0

    def told() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise RuntimeError("gone")
        return status()

    async with served(Health(lambda: 0.0), told) as client:
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        document = await browse(chromium, profile, "--virtual-time-budget=4000", "--dump-dom", str(client.base_url))
    assert "ORCHID BAKERY" in document
    assert "The service does not answer; this is its last status." in document
