"""The story of a campaign on real processes: 200 UENs from a file, a provider that breaks, and what an operator does.

The database's clock is advanced by minutes; the service looks at what stands still every 15 real seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from process import Process, Stage, acra_express, stage

from acra_express_async.models import Provider
from acra_express_async.sandbox.postgres import free_port
from acra_express_async.sandbox.simulator import Fault

COMPANIES = 200
STALLED_MINUTES = 20
STEP_MINUTES = 3
"""Shorter than the gap after which the watch believes that no service ran."""
SETTINGS = {
    "ALERT__STALLED_MINUTES": str(STALLED_MINUTES),
    "LEASE_SECONDS": "7200",  # a lease must survive the steps of the clock
    "SCHEDULE": "0 0 1 1 *",
}


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path, rows=330) as standing:
        standing.environ["ACRA_EXPRESS_HTTP__PORT"] = str(free_port())
        await standing.owner.execute(
            """
            CREATE TABLE acra_express.test_offset (ahead interval NOT NULL);
            INSERT INTO acra_express.test_offset VALUES ('0');
            GRANT SELECT ON acra_express.test_offset TO acra_express;
            CREATE OR REPLACE FUNCTION acra_express.clock() RETURNS timestamptz LANGUAGE sql VOLATILE
            AS 'SELECT pg_catalog.clock_timestamp() + ahead FROM acra_express.test_offset';
            """
        )
        yield standing


class Operator:
    """What a person does at a terminal, and sees on the page and in Slack."""

    def __init__(self, standing: Stage, service: Process) -> None:
        self.standing = standing
        self.service = service
        self.passed = 0

    async def types(self, *words: str, code: int = 0) -> Any:
        ended, out, wrong = await acra_express(*words, "--json", **self.standing.environ)
        assert ended == code, (ended, out, wrong)
        return json.loads(out)

    async def page(self, path: str) -> httpx.Response:
        port = self.standing.environ["ACRA_EXPRESS_HTTP__PORT"]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            return await client.get(path)

    @property
    def told(self) -> list[str]:
        return [message["blocks"][0]["text"]["text"] for message in self.standing.simulator.slack.messages]

    async def lets_minutes_pass(self) -> dict[str, Any]:
        """A few minutes pass, and the service looks at its work again; the status after that."""
        self.standing.simulator.clock.advance(STEP_MINUTES * 60)
        at = await self.standing.owner.fetchval(
            "UPDATE acra_express.test_offset SET ahead = ahead + make_interval(mins => $1)"
            " RETURNING clock_timestamp() + ahead",
            STEP_MINUTES,
        )
        self.passed += STEP_MINUTES
        await self.standing.owner.execute("NOTIFY acra_express_jobs")
        await self.until(lambda: self._looked_since(at))
        return dict((await self.page("/status.json")).json())

    async def _looked_since(self, at: datetime) -> bool:
        return bool(await self.standing.owner.fetchval("SELECT watched_at >= $1 FROM acra_express.control", at))

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        """Look again at every event of the service, and a few times a second while it says nothing."""
        while not await true():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self.service.any_event_with_facts()


async def started(standing: Stage) -> Operator:
    service = await standing.start(**SETTINGS)
    await service.event("listener.proven")
    return Operator(standing, service)


async def broken(operator: Operator) -> None:
    """Jina goes down in the middle of the campaign."""
    for _ in range(20):
        await operator.service.event("company.ended")
    operator.standing.simulator.faults.add(Fault(Provider.JINA, "status", 503))
    await operator.service.event("breaker.opened", provider="jina")
    await operator.service.event("job.snoozed", outage=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_an_outage_is_seen_told_mended_and_the_rest_done(standing: Stage, tmp_path: Path) -> None:
    operator = await started(standing)
    file = tmp_path / "uens.csv"
    file.write_text("\n".join(["uen", *standing.uens[:COMPANIES]]), encoding="utf-8")
    enqueued = await operator.types("enqueue", "--uen-file", str(file), "--name", "spring list")
    campaign = str(enqueued["job_id"])
    assert enqueued["companies"] == COMPANIES
    await broken(operator)
    other = str((await operator.types("enqueue", "--uen", standing.uens[-1], "--name", "other"))["job_id"])

    status = await operator.lets_minutes_pass()
    while not status["stalls"] and operator.passed < 40:
        assert status["verdict"]["word"] == "pass", status["verdict"]
        status = await operator.lets_minutes_pass()
    assert 15 <= operator.passed <= 15 + STEP_MINUTES
    assert status["verdict"]["word"] == "warn"
    assert "until Jina answers" in status["verdict"]["why"][0]
    assert "next probe" in status["verdict"]["why"][0]
    assert operator.told == []
    named = await operator.types("status")
    assert {str(line["campaign_id"]): line["name"] for line in named["campaigns"]}[campaign] == "spring list"
    shown = (await operator.page("/")).text
    assert "Worth a look" in shown
    assert "until Jina answers" in shown
    assert "spring list" not in shown

    while not operator.told and operator.passed < 60:
        await operator.lets_minutes_pass()
    assert STALLED_MINUTES <= operator.passed <= STALLED_MINUTES + 2 * STEP_MINUTES
    [fired] = operator.told
    assert re.fullmatch(r"\[FIRING\] (Nothing moves|\d+ jobs? (is|are) waiting) until Jina answers.*", fired), fired

    await operator.types("campaigns", "cancel", other)
    gone = await operator.types("campaigns", "show", other)
    assert (gone["cancelled"], gone["over"]) == (1, True)

    standing.simulator.faults.clear()
    probed = await operator.types("breakers", "probe", "jina")
    assert probed["answered"], probed
    assert probed["breaker"]["state"] == "closed"
    standing.simulator.faults.add(Fault(Provider.DUCKDUCKGO, "status", 303, count=3))
    first = await operator.types("campaigns", "wait", campaign, code=1)
    assert first["total"] == COMPANIES
    assert first["failed"] >= 1
    again = await operator.types("campaigns", "retry", campaign)
    assert again["companies"] == first["failed"]
    done = await operator.types("campaigns", "wait", campaign)
    assert (done["failed"], done["cancelled"], done["waiting"], done["total"]) == (0, 0, 0, COMPANIES)

    async def resolved() -> bool:
        return len(operator.told) > 1

    await operator.until(resolved)
    assert operator.told[1] == "[RESOLVED] Work moves again"
    assert standing.simulator.state()["violations"] == 0
