"""A host whose own way out is broken: it leaves the work to the others, and opens no breaker for them."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest
from process import stage

from acra_express_async.models import Provider
from acra_express_async.sandbox.simulator import Fault

JOBS = 12
NOTHING_LISTENS = "http://127.0.0.1:1"


@pytest.mark.timeout(180)
async def test_a_host_that_is_cut_off_leaves_the_work_to_others(fresh_dsn: str, tmp_path: Path) -> None:
    async with stage(fresh_dsn, tmp_path) as standing:
        slow = Fault.of({"provider": Provider.DUCKDUCKGO.value, "knob": "latency_add", "value": 0.4})
        standing.simulator.faults.add(slow)  # so that both processes get some of the jobs
        healthy = await standing.start(WORKERS="1")
        await standing.enqueue({"uens": standing.uens[:1]})
        await healthy.event("company.ended")
        standing.environ["HTTP_PROXY"] = NOTHING_LISTENS
        cut_off = await standing.start()
        port = (await cut_off.event("web.listening"))["port"]
        await cut_off.event("listener.proven")
        wanted = standing.uens[1 : 1 + JOBS]
        for uen in wanted:
            await standing.enqueue({"uens": [uen]})
        kept_away = await cut_off.event("breaker.cut_off")
        async with httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client:
            verdict = (await client.get("/status.json")).json()["verdict"]
        while not set(wanted) <= (await standing.outcomes()).keys():
            await healthy.event("company.ended")
        for process in (healthy, cut_off):
            process.signal(signal.SIGTERM)
            assert await process.ended() == 0
        outcomes = await standing.outcomes()
        assert all(len(outcomes[uen]) == 1 and outcomes[uen] != ["failed"] for uen in wanted)
        assert not [line for line in (*healthy.lines, *cut_off.lines) if "breaker.opened" in line]
        assert any(f"this host cannot reach {kept_away['provider']}" in why for why in verdict["why"])
        assert (verdict["word"], kept_away["seconds"]) == ("warn", 60.0)
