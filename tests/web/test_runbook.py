"""The runbook as the service serves it, and the links by which Slack leads there."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient, TestServer
from tools import ROOT

from acra_express_async.alerts.message import message
from acra_express_async.alerts.next_steps import NEXT_STEPS
from acra_express_async.alerts.state import FIRING, RESOLVED
from acra_express_async.db.ops.alert_rows import AlertState
from acra_express_async.metrics import ALERTS, new_metrics
from acra_express_async.runtime.health import Health
from acra_express_async.settings.tree import HttpSettings
from acra_express_async.web import build_app
from acra_express_async.web.address import page_address
from acra_express_async.web.runbook import as_html, runbook_page, runbook_text

SINGAPORE = ZoneInfo("Asia/Singapore")


async def test_the_service_serves_the_runbook_with_its_anchors() -> None:
    app = build_app(health=Health(lambda: 0.0), metrics=new_metrics(), status=dict)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/runbook")
        text = await answer.text()
    assert (answer.status, answer.content_type) == (200, "text/html")
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "style=" not in text, "the policy forbids inline styles"
    for alert in ALERTS:
        assert f'id="{alert.replace("_", "-")}"' in text, alert
    assert text.count("<table>") == sum(line.startswith("|---") for line in runbook_text().splitlines())


def test_html_in_the_runbook_is_text_and_links_stay_inside() -> None:
    assert "<script>" not in as_html("# A <script>alert(1)</script>\n\n<script>x</script>")
    anchors = set(re.findall(r'id="([^"]+)"', runbook_page()))
    for target in re.findall(r'href="#([^"]+)"', runbook_page()):
        assert target in anchors, target


def state(key: str, unsent: str, **changed: Any) -> AlertState:
    since = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    return AlertState(key, since=since, unsent=unsent, detail={"headline": "H", "fields": {}} | changed)


@pytest.mark.parametrize("alert", ALERTS)
def test_a_message_ends_with_the_next_step_and_a_link(alert: str) -> None:
    text, blocks = message(
        state(f"{alert}:jina", FIRING),
        runbook_url="http://express.test/runbook",
        dashboard_url=None,
        instance="i",
        zone=SINGAPORE,
    )
    section = f"http://express.test/runbook#{alert.replace('_', '-')}"
    assert blocks[-2]["text"]["text"].startswith("*Next:* ")
    assert blocks[-1]["elements"][0]["text"] == f"<{section}|Runbook>"
    assert text.endswith(f". {section}")
    assert "Next: " in text
    assert "2026-11-23 20:00 +08:00" in text
    assert set(NEXT_STEPS) == set(ALERTS)


def test_a_resolved_alert_says_that_nothing_is_left_to_do() -> None:
    resolved = state("failure_ratio", RESOLVED, fired_at="2026-11-23T11:00:00+00:00")
    text, _ = message(
        resolved, runbook_url="http://express.test/runbook", dashboard_url=None, instance="i", zone=SINGAPORE
    )
    assert "Next: nothing has to be done" in text


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (HttpSettings(public_url="https://express.example.com/"), "https://express.example.com"),
        (HttpSettings(host="127.0.0.1"), "http://127.0.0.1:9090"),
        (HttpSettings(host="::1"), "http://[::1]:9090"),
    ],
)
def test_the_page_is_found_at_its_public_address(settings: HttpSettings, address: str) -> None:
    assert page_address(settings, 9090) == address


def test_the_image_is_made_with_the_runbook() -> None:
    assert "COPY config/runbook.md config/" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "!config/runbook.md" in (ROOT / ".dockerignore").read_text(encoding="utf-8")
