"""Calls and refusals of the vendors as booked in the platform's `run_vendor_usage` (B10)."""

from __future__ import annotations

from pathlib import Path

from process import stage

from acra_express_async.models import Provider
from acra_express_async.sandbox.nightly import alerts
from acra_express_async.sandbox.simulator.faults import Fault

ROUNDS = 4


async def test_b10_calls_of_interrupted_attempts_are_booked_too(fresh_dsn: str, tmp_path: Path) -> None:
    """Reader answers 429 five times: calls are retried, one attempt stops and its job is snoozed, all resume."""
    async with stage(fresh_dsn, tmp_path) as standing:
        wanted = standing.uens[:6]
        standing.simulator.faults.add(Fault.of({"provider": "jina", "knob": "status", "value": 429, "count": 5}))
        await standing.enqueue({"uens": wanted})
        snoozes = 0
        for _ in range(ROUNDS):
            service = await standing.start("run", "--until-idle")
            assert await service.ended() == 0
            snoozes += sum('"job.snoozed"' in line for line in service.lines)
            await standing.owner.execute(  # end all snoozes at once
                "UPDATE acra_express.leases SET due_at = clock_timestamp() WHERE due_at < 'infinity'"
            )
        assert sorted(await standing.outcomes()) == wanted
        assert snoozes > 0
        booked = {
            row["vendor"]: tuple(row.values())[1:]
            for row in await standing.owner.fetch(
                "SELECT vendor, sum(calls), sum(errors), sum(rate_limit_hits), bool_or(quota_exhausted)"
                " FROM run_vendor_usage GROUP BY vendor"
            )
        }
        state = standing.simulator.state()
        sent = {provider: state["requests"].get(provider.value, 0) for provider in Provider}
        assert booked["acra_express_jina"] == (sent[Provider.JINA], 5, 5, False)
        assert booked["acra_express_ddg"][0] == sent[Provider.DUCKDUCKGO]
        assert booked["zerobounce"] == (state["verifications"]["sent"], 0, 0, False)
        assert await alerts(standing.owner) == set()
        statuses = await standing.owner.fetch("SELECT DISTINCT status FROM enrichment_runs")
        assert [row["status"] for row in statuses] == ["succeeded"]
