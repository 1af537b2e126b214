"""Overrides of a job through the real service: what applies, what is refused, and where both are recorded."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from process import Stage, stage

from acra_express_async.sandbox.demo_run import ALLOWANCE_SCALE
from acra_express_async.sandbox.postgres import free_port

ZEROBOUNCE_ALLOWANCE = 500 * ALLOWANCE_SCALE
ZEROBOUNCE_OWN = int(ZEROBOUNCE_ALLOWANCE * 0.6)


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path, rows=120, latency_scale=0.0) as standing:
        yield standing


def zerobounce(figure: int) -> dict[str, Any]:
    return {"zerobounce": {"verifications_per_day": figure}}


def as_text(throttle: dict[str, Any]) -> str:
    return json.dumps(throttle, sort_keys=True)


async def batches(standing: Stage, uens: list[str]) -> list[int]:
    """The sizes of the enrichment jobs with these companies, in order."""
    rows = await standing.owner.fetch(
        """
        SELECT j.job_id, count(*) AS n FROM background_jobs j
        CROSS JOIN jsonb_array_elements_text(j.params->'company_ids') AS id
        JOIN companies c ON c.company_id = id::bigint
        WHERE j.job_type = 'acra_express_enrich_candidates' AND c.uen = ANY($1) GROUP BY j.job_id ORDER BY j.job_id
        """,
        uens,
    )
    return [row["n"] for row in rows]


async def test_overrides_lower_freely_and_raise_only_with_approval(standing: Stage) -> None:
    asked: dict[str, dict[str, Any]] = {
        "lower": {"batch_size": 2, "providers": zerobounce(7)},
        "unapproved": {"batch_size": 6, "providers": zerobounce(ZEROBOUNCE_OWN + 1), "authorized_by": "somebody"},
        "approved": {"batch_size": 6, "providers": zerobounce(ZEROBOUNCE_OWN + 1), "authorized_by": "mei"},
        "beyond": {"providers": zerobounce(ZEROBOUNCE_ALLOWANCE + 1), "authorized_by": "mei"},
        "garbage": {"batch_size": "many", "authorized_by": "mei"},
    }
    uens = iter(standing.uens)
    wanted = {name: [next(uens) for _ in range(6)] for name in asked}
    port = free_port()
    service = await standing.start(OVERRIDE_APPROVERS="mei, arjun", HTTP__PORT=str(port))
    jobs = {
        name: await standing.enqueue({"uens": wanted[name], "throttle": throttle}) for name, throttle in asked.items()
    }
    for _ in range(4 * 6):
        await service.event("company.ended")

    sizes = {name: await batches(standing, wanted[name]) for name in asked}
    assert sizes == {"lower": [2, 2, 2], "unapproved": [5, 1], "approved": [6], "beyond": [5, 1], "garbage": []}

    records = {
        name: await standing.owner.fetchrow("SELECT status, error FROM background_jobs WHERE job_id = $1", job_id)
        for name, job_id in jobs.items()
    }
    name_of_figure = "throttle.providers.zerobounce.verifications_per_day"
    assert (records["garbage"]["status"], records["garbage"]["error"]) == (
        "error",
        "throttle.batch_size must be a whole number",
    )
    assert "throttle.batch_size: asked 6, configured 5, granted 5" in records["unapproved"]["error"]
    assert f"{name_of_figure}: asked {ZEROBOUNCE_OWN + 1}" in records["unapproved"]["error"]
    assert f"granted {ZEROBOUNCE_ALLOWANCE}" in records["beyond"]["error"]
    assert records["lower"]["error"] is None
    # The record that outlives the log: who and what, with time and job in the row.
    assert "throttle raised by mei: throttle.batch_size: asked " in records["approved"]["error"]
    assert f"throttle raised by mei: {name_of_figure}: asked " in records["approved"]["error"]

    logged = [json.loads(line) for line in service.lines]
    told = {
        (event["event"], event["job_id"], event["authorized_by"], event["override"].split(":")[0])
        for event in logged
        if event["event"].startswith("override.") and event["job_id"] in jobs.values()
    }
    assert told == {
        ("override.refused", jobs["unapproved"], "somebody", "throttle.batch_size"),
        ("override.refused", jobs["unapproved"], "somebody", name_of_figure),
        ("override.raised", jobs["approved"], "mei", "throttle.batch_size"),
        ("override.raised", jobs["approved"], "mei", name_of_figure),
        ("override.raised", jobs["beyond"], "mei", name_of_figure),
        ("override.refused", jobs["beyond"], "mei", name_of_figure),
    }
    async with httpx.AsyncClient(trust_env=False) as http:
        metrics = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    [refused] = [line for line in metrics.splitlines() if line.startswith("acra_express_overrides_refused_total ")]
    assert float(refused.split()[1]) >= 3

    carried = await standing.owner.fetch(
        "SELECT DISTINCT params->'throttle' AS throttle FROM background_jobs"
        " WHERE job_type = 'acra_express_enrich_candidates'"
    )
    given = [throttle for name, throttle in asked.items() if name != "garbage"]
    assert sorted(as_text(row["throttle"]) for row in carried) == sorted(as_text(throttle) for throttle in given)
    assert standing.simulator.violations == []
