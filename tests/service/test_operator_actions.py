"""What an operator does, on real processes: enqueue, pause, cancel, retry, mend a key; each does what it says."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from process import Process, Stage, acra_express, stage

from acra_express_async.models import Provider
from acra_express_async.sandbox.postgres import free_port
from acra_express_async.sandbox.simulator import Fault

NO_TICKS = {"SCHEDULE": "0 0 1 1 *"}
"""A tick would continue a campaign that nothing else continues."""
TRADES = (("56111", "Cafes", 2), ("71121", "Engineering design", 20), ("62011", "Software", 5))


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Live companies of three trades, and some of others."""
    async with stage(fresh_dsn, tmp_path, rows=140) as standing:
        first = 0
        for code, title, companies in TRADES:
            await standing.owner.execute(
                "INSERT INTO ssic_ref (code, title, version, source_file_hash) VALUES ($1, $2, 's', 's')", code, title
            )
            await standing.owner.execute(
                "UPDATE staging_acra_companies SET primary_ssic_code = NULL WHERE primary_ssic_code = $1", int(code)
            )
            await standing.owner.execute(
                "UPDATE staging_acra_companies SET primary_ssic_code = $1 WHERE uen = ANY ($2)",
                int(code),
                standing.uens[first : first + companies],
            )
            first += companies
        standing.uens = standing.uens[first:]
        yield standing


async def told(standing: Stage, *words: str, code: int = 0) -> Any:
    """What a command answered with --json."""
    ended, out, wrong = await acra_express(*words, "--json", **standing.environ)
    assert ended == code, wrong
    return json.loads(out)


async def campaign(standing: Stage, *words: str) -> int:
    return int((await told(standing, "enqueue", *words))["job_id"])


async def batch_of(service: Process, campaign_id: int) -> int:
    """The enrichment job of a campaign's first batch, once it is staged."""
    return int((await service.event("batch.staged", campaign_id=campaign_id))["enrichment_job_id"])


@pytest.mark.timeout(240)
async def test_a_waiting_campaign_slows_no_other_and_is_cancelled(standing: Stage) -> None:
    service = await standing.start(**NO_TICKS)
    await service.event("listener.proven")
    cafes = await campaign(standing, "--term", "cafes", "--limit", "2", "--daily-cap", "1")
    await service.event("job.snoozed")
    engineering = await campaign(standing, "--term", "engineering", "--limit", "20")
    done = await told(standing, "campaigns", "wait", str(engineering))
    assert (done["total"], done["waiting"], done["failed"], done["over"]) == (20, 0, 0, True)
    waits = await told(standing, "campaigns", "show", str(cafes))
    assert (waits["waiting"], waits["waits_for"]) == (1, "deferred: daily cap reached")
    assert "T00:00:0" in waits["next_at"], "midnight, and a few seconds of jitter"
    assert waits["why"] == "deferred to midnight: its daily cap of 1 counts the companies of all campaigns, 21 today"
    await told(standing, "campaigns", "cancel", str(cafes))
    gone = await told(standing, "campaigns", "show", str(cafes))
    assert (gone["waiting"], gone["cancelled"], gone["failed"], gone["over"]) == (0, 1, 0, True)
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0
    assert not standing.simulator.slack.messages


@pytest.mark.timeout(240)
async def test_pause_lets_the_running_job_end_and_takes_no_other(standing: Stage) -> None:
    slow = Fault.of({"provider": "duckduckgo", "knob": "latency_add", "value": 3})  # leaves time for two commands
    standing.simulator.faults.add(slow)
    service = await standing.start(**NO_TICKS, WORKERS="1")
    await service.event("listener.proven")
    running = await batch_of(service, await campaign(standing, "--term", "software"))
    await service.event("job.claimed", job_id=running)
    await told(standing, "pause")
    fresh = await campaign(standing, "--uen", standing.uens[0])
    assert (await service.event("job.ended", job_id=running))["end"] == "done"
    assert len(await standing.outcomes()) == 5
    assert (await told(standing, "campaigns", "show", str(fresh)))["waiting"] == 1
    standing.simulator.faults.clear()
    await told(standing, "resume")
    assert (await told(standing, "campaigns", "wait", str(fresh)))["waiting"] == 0
    assert not standing.simulator.slack.messages


@pytest.mark.timeout(240)
async def test_retry_with_the_answered_id_tries_the_failed_ones(standing: Stage) -> None:
    standing.simulator.faults.add(Fault.of({"provider": "duckduckgo", "knob": "status", "value": 302}))
    await standing.start(**NO_TICKS)
    wanted = await campaign(standing, "--term", "cafes")
    failed = await told(standing, "campaigns", "wait", str(wanted), code=1)
    assert (failed["failed"], failed["total"]) == (2, 2)
    code, _, wrong = await acra_express("jobs", "retry", str(wanted), "--batch", **standing.environ)
    assert code == 1
    assert f"`acra-express campaigns retry {wanted}`" in wrong
    standing.simulator.faults.clear()
    await told(standing, "jobs", "retry", str(wanted))
    again = await told(standing, "campaigns", "wait", str(wanted))
    assert (again["failed"], again["waiting"], again["total"]) == (0, 0, 2)


@pytest.mark.timeout(240)
async def test_a_mended_key_works_right_after_the_restart(standing: Stage) -> None:
    """The breaker's cool-down is a quarter of an hour, and so is the snooze of the job that met it."""
    wrong = await standing.start(**NO_TICKS, JINA__API_KEY="jina_wrong_key")
    wanted = await campaign(standing, "--term", "cafes")
    await wrong.event("breaker.opened", provider=Provider.JINA.value, reason="bad_key")
    await wrong.event("job.snoozed")
    wrong.signal(signal.SIGTERM)
    assert await wrong.ended() == 0
    mended = await standing.start(**NO_TICKS)
    await mended.event("breaker.key_mended", provider=Provider.JINA.value)
    await mended.event("breaker.closed", provider=Provider.JINA.value)
    done = await told(standing, "campaigns", "wait", str(wanted))
    assert (done["failed"], done["waiting"], done["total"]) == (0, 0, 2)


@pytest.mark.timeout(120)
async def test_a_nightly_job_left_running_is_named_on_the_page(standing: Stage) -> None:
    await standing.owner.execute(
        "INSERT INTO background_jobs (job_type, status, started_at)"
        " VALUES ('staging_upsert', 'running', now() - interval '95 minutes')"
    )
    standing.environ["ACRA_EXPRESS_HTTP__PORT"] = str(free_port())
    service = await standing.start(**NO_TICKS)
    await service.event("listener.proven")
    code, out, wrong = await acra_express("status", "--json", **standing.environ)
    assert code == 0, wrong
    answer = json.loads(out)
    [job] = answer["nightly"]["jobs"]
    assert job["job_type"] == "staging_upsert"
    assert any(
        f"nightly staging job {job['job_id']} has been running for 95 min: no new company is inserted until" in why
        for why in answer["verdict"]["why"]
    )
