"""The whole service as processes that are stopped, killed and restarted, checked by the simulator's ledger."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from process import Stage, stage

LEASE = {"LEASE_SECONDS": "3", "HEARTBEAT_SECONDS": "0.7"}


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path) as standing:
        yield standing


def judge(standing: Stage) -> None:
    """Check what must always hold: no budget exceeded, no address paid for twice."""
    state = standing.simulator.state()
    assert state["violations"] == 0
    assert state["verifications"]["sent_more_than_once"] == 0


async def test_until_idle_runs_everything_that_is_due(standing: Stage) -> None:
    wanted = standing.uens[:12]
    await standing.enqueue({"uens": wanted})
    service = await standing.start("run", "--until-idle")
    assert await service.ended() == 0
    outcomes = await standing.outcomes()
    assert sorted(outcomes) == wanted
    assert all(len(kinds) == 1 and kinds[0] in ("enriched", "no_website") for kinds in outcomes.values())
    judge(standing)


async def test_enqueue_starts_at_once_and_sigterm_loses_nothing(standing: Stage) -> None:
    wanted = standing.uens[:5]
    service = await standing.start()
    await service.event("listener.proven")
    await standing.enqueue({"uens": wanted})
    await service.event("batch.staged")
    await service.event("company.ended")
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0
    jobs = await standing.owner.fetch(
        "SELECT b.status, l.attempts, l.held FROM background_jobs b JOIN acra_express.leases l USING (job_id)"
        " WHERE job_type = 'acra_express_enrich_candidates'"
    )
    assert [(job["status"], job["attempts"], job["held"]) for job in jobs] == [("queued", 0, False)]
    assert 1 <= len(await standing.outcomes()) < 5
    second = await standing.start("run", "--until-idle")
    assert await second.ended() == 0
    outcomes = await standing.outcomes()
    assert sorted(outcomes) == wanted
    assert all(len(kinds) == 1 for kinds in outcomes.values())
    judge(standing)


async def test_kill_9_in_mid_job_is_recovered_within_the_lease(standing: Stage) -> None:
    wanted = standing.uens[:5]
    await standing.enqueue({"uens": wanted})
    first = await standing.start(**LEASE)
    await first.event("company.ended")
    await first.kill()
    killed_at = await standing.owner.fetchval("SELECT clock_timestamp()")
    second = await standing.start(**LEASE)
    claimed = await second.event("job.claimed", expired=True)
    assert claimed["attempt"] == 2
    await second.event("job.ended", end="done")
    second.signal(signal.SIGTERM)
    assert await second.ended() == 0
    outcomes = await standing.outcomes()
    assert sorted(outcomes) == wanted
    assert all(len(kinds) == 1 for kinds in outcomes.values())
    claimed_at = await standing.owner.fetchval("SELECT max(claimed_at) FROM acra_express.leases")
    assert (claimed_at - killed_at).total_seconds() < 3 + 5
    judge(standing)


async def test_two_processes_share_the_work(standing: Stage) -> None:
    wanted = standing.uens[:20]
    for start in range(0, 20, 5):
        await standing.enqueue({"uens": wanted[start : start + 5]})
    both = [await standing.start("run", "--until-idle") for _ in range(2)]
    for service in both:
        assert await service.ended() == 0
    # One may end while the other still works, so a third drains what is left.
    assert await (await standing.start("run", "--until-idle")).ended() == 0
    outcomes = await standing.outcomes()
    assert sorted(outcomes) == wanted
    assert all(len(kinds) == 1 for kinds in outcomes.values())
    judge(standing)


async def test_a_frozen_process_changes_nothing_when_it_resumes(standing: Stage) -> None:
    wanted = standing.uens[:5]
    await standing.enqueue({"uens": wanted})
    frozen = await standing.start(**LEASE)
    await frozen.event("company.ended")
    frozen.signal(signal.SIGSTOP)
    heir = await standing.start(**LEASE)
    await heir.event("job.claimed", expired=True)
    await heir.event("job.ended", job_type="enrichment", end="done")
    rows = await standing.owner.fetch("SELECT * FROM background_jobs ORDER BY job_id")
    outcomes = await standing.owner.fetch("SELECT * FROM acra_express.outcomes ORDER BY company_id")
    frozen.signal(signal.SIGCONT)
    await frozen.event("job.ended", end="lease_lost")
    frozen.signal(signal.SIGTERM)
    assert await frozen.ended() == 0
    assert await standing.owner.fetch("SELECT * FROM background_jobs ORDER BY job_id") == rows
    assert await standing.owner.fetch("SELECT * FROM acra_express.outcomes ORDER BY company_id") == outcomes
    assert sorted(await standing.outcomes()) == wanted
    judge(standing)
