"""A process with few file descriptors, and clients of the status port that keep as many as they can get."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from process import Stage, stage
from web_client import answer

SIGHT_OF_IMPORTS = """
import os, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        os.write(2, ('{"event": "import.sought", "name": "%s"}\\n' % name).encode())

sys.meta_path.insert(0, Finder())
"""
"""As sitecustomize it reports which modules are searched on the disk."""
HALF = b"GET / HTTP/1.1\r\nHost: x\r\nX-a: "


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path) as standing:
        yield standing


def with_few_descriptors(*command: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", 'ulimit -n 256; exec "$@"', "sh", *command)


async def test_nothing_is_imported_once_the_service_has_started(standing: Stage, tmp_path: Path) -> None:
    """Not at the first search, page, verification or commit, nor at the first request to the status port."""
    (tmp_path / "sitecustomize.py").write_text(SIGHT_OF_IMPORTS)
    standing.environ["PYTHONPATH"] = str(tmp_path)
    service = await standing.start()
    port = (await service.event("web.listening"))["port"]
    await service.event("service.started")
    started = len(service.lines)
    await standing.enqueue({"uens": standing.uens[:20]})
    for _ in range(20):
        await service.event("company.ended")
    for path in ("/", "/metrics", "/healthz", "/readyz", "/status.json", "/assets/page.css", "/nothing"):
        await answer(port, path)
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0
    assert standing.simulator.ledger.verifications_sent
    events = [json.loads(line) for line in service.lines[started:]]
    assert not [event["name"] for event in events if event["event"] == "import.sought"]


async def test_half_sent_requests_cost_neither_probe_nor_company(standing: Stage) -> None:
    """237 of them used to occupy all 256 descriptors, so no company could be read and no probe was answered."""
    service = await standing.start_through(with_few_descriptors)
    port = (await service.event("web.listening"))["port"]
    await service.event("listener.proven")
    hanging = []
    for _ in range(300):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HALF)
        hanging.append(writer)
    assert (await answer(port, "/healthz")).status == 200
    # new sessions need descriptors too
    await standing.owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'acra-express'"
    )
    await standing.enqueue({"uens": standing.uens[:5]})
    while len(await standing.outcomes()) < 5:
        assert (await answer(port, "/healthz")).status == 200
    assert (await answer(port, "/readyz")).status == 200
    ended = await standing.outcomes()
    assert all(kinds in (["enriched"], ["no_website"]) for kinds in ended.values()), ended
    for writer in hanging:
        writer.close()
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0
    assert "Too many open files" not in "\n".join(service.lines)
