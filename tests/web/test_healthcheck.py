"""The probe in the Dockerfile finds the port for every address that the settings allow."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from acra_express_async.metrics import Metrics
from acra_express_async.runtime.health import Health
from acra_express_async.sandbox.postgres import free_port
from acra_express_async.web import WebServer, build_app

DOCKERFILE = Path(__file__).resolve().parents[2] / "Dockerfile"


def probe() -> list[str]:
    """The command of the probe, with this Python instead of the image's."""
    [line] = [line for line in DOCKERFILE.read_text().splitlines() if line.startswith("HEALTHCHECK")]
    words = json.loads(line.partition(" CMD ")[2])
    return [sys.executable, *words[1:]]


async def exit_code(**environ: str) -> int:
    process = await asyncio.create_subprocess_exec(*probe(), env=environ, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()


@pytest.mark.parametrize("host", ["", "0.0.0.0", "127.0.0.1", "::", "::1"])
async def test_the_images_probe_asks_where_the_port_listens(host: str) -> None:
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    health = Health(lambda: 0.0)
    app = build_app(health=health, metrics=Metrics(CollectorRegistry()), status=dict)
    server = WebServer(app, host or "0.0.0.0", 0)
    await server.start()
    environ = {"ACRA_EXPRESS_HTTP__PORT": str(server.port)} | ({"ACRA_EXPRESS_HTTP__HOST": host} if host else {})
    try:
        assert await exit_code(**environ) == 0
    finally:
        await server.stop()


async def test_the_images_probe_fails_where_nothing_answers() -> None:
    assert await exit_code(ACRA_EXPRESS_HTTP__PORT=str(free_port())) != 0
