"""What the service's port exposes: it changes nothing and shows no company or person in a label."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio
from process import Process, Stage, stage
from tools import ROOT

from acra_express_async.sandbox.postgres import free_port

PATHS = ("/", "/status.json", "/metrics", "/healthz", "/readyz", "/assets/page.js")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path) as standing:
        yield standing


async def started(standing: Stage) -> tuple[Process, str]:
    port = free_port()
    service = await standing.start(HTTP__PORT=str(port))
    await service.event("listener.proven")
    return service, f"http://127.0.0.1:{port}"


async def test_http_changes_nothing_and_labels_name_no_one(standing: Stage) -> None:
    service, root = await started(standing)
    wanted = standing.uens[:3]
    await standing.enqueue({"uens": wanted})
    await service.event("job.ended", job_type="enrichment")
    async with httpx.AsyncClient(base_url=root, trust_env=False) as client:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert {(await client.request(method, path)).status_code for path in PATHS} == {405}, method
        assert (await client.get("/../../etc/passwd")).status_code == 404
        assert (await client.get("/assets/%2e%2e/app.py")).status_code == 404
        metrics = (await client.get("/metrics")).text
        shown = (await client.get("/status.json")).text
    values = {value for _, value in LABEL.findall(metrics)}
    names = [row["name"] for row in await standing.owner.fetch("SELECT name FROM companies")]
    assert len(names) == len(wanted)
    assert not values & {*wanted, *names}
    assert "@" not in metrics
    for name, value in standing.environ.items():
        if name.endswith(("API_KEY", "WEBHOOK_URL", "DSN")):
            assert value not in metrics + shown, name


def test_compose_publishes_only_on_loopback() -> None:
    ports = re.findall(r"(?m)^\s+ports: \[(.*)\]$", (ROOT / "config" / "compose.yaml").read_text(encoding="utf-8"))
    assert len(ports) >= 4
    assert all(port.startswith('"127.0.0.1:') for port in ports)
