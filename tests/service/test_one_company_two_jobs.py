"""One company asked for by two jobs at once: it is worked on once, also around midnight, and counted once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from campaign_rig import Story, enqueue_staging
from database_clock import Clock
from rig import statuses

from acra_express_async.db.companies.outcomes import DailyCap
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.limits.scope import Scope
from acra_express_async.models import Company, JobType, Outcome, OutcomeKind

MIDNIGHT = datetime(2026, 11, 26, 16, 0, tzinfo=UTC)
"""In Singapore."""


async def a_company(owner: Connection, uen: str) -> int:
    return int(
        await owner.fetchval(
            "INSERT INTO companies (uen, name) VALUES ($1, 'ZYLO PTE. LTD.') RETURNING company_id", uen
        )
    )


async def enqueue(owner: Connection, company_id: int) -> int:
    return int(
        await owner.fetchval(
            "INSERT INTO background_jobs (job_type, status, params, created_at)"
            " VALUES ($1, 'queued', $2, acra_express.clock()) RETURNING job_id",
            JobType.ENRICHMENT.value,
            {"company_ids": [company_id]},
        )
    )


async def answers(owner: Connection) -> list[tuple[str, str]]:
    rows = await owner.fetch("SELECT kind, reason FROM acra_express.outcomes ORDER BY job_id")
    return [(row["kind"], row["reason"]) for row in rows]


async def test_a_company_is_worked_on_once_around_midnight(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    """The second job comes after midnight, while the first is still reading: its slot is yesterday's."""
    clock = Clock(owner, MIDNIGHT - timedelta(seconds=5))
    await clock.install()
    company_id = await a_company(owner, registry[0])
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def read(_company: Company, _scope: Scope) -> None:
        reading.set()
        await go_on.wait()

    story.before = read
    rig = await campaigns(workers=2, lease=timedelta(hours=1), heartbeat=timedelta(minutes=1))
    first = await enqueue(owner, company_id)
    running = asyncio.create_task(rig.supervisor.run())
    await reading.wait()
    await clock.advance(timedelta(seconds=10))
    second = await enqueue(owner, company_id)
    ended = asyncio.Event()
    freed = rig.poller.worker_freed
    rig.poller.worker_freed = lambda job, *, abandoned: (ended.set(), freed(job, abandoned=abandoned))
    rig.poller.wake("notify")
    await ended.wait()
    assert await owner.fetchval("SELECT status FROM background_jobs WHERE job_id = $1", second) == "done"
    go_on.set()
    assert await running == 0
    assert story.ran == [registry[0]]
    assert first < second
    assert await answers(owner) == [("no_website", "no_search_results"), ("skipped", "in_another_job")]


async def test_the_commit_leaves_out_what_another_job_answered(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    """The previous version of the service does not see a slot of another day, and it was faster."""
    company_id = await a_company(owner, registry[0])

    async def overtaken(_company: Company, _scope: Scope) -> None:
        await owner.execute(
            "INSERT INTO acra_express.outcomes (job_id, company_id, kind, ended_at)"
            " VALUES (4711, $1, 'enriched', acra_express.clock())",
            company_id,
        )

    story.before = overtaken
    rig = await campaigns()
    await enqueue(owner, company_id)
    assert await rig.supervisor.run() == 0
    assert await answers(owner) == [("skipped", "in_another_job"), ("enriched", "")]
    assert await owner.fetchval("SELECT count(*) FROM company_enrichment_runs") == 0


async def test_companies_that_are_refused_use_up_no_slot(
    campaigns: Any, database: Database, owner: Connection, registry: list[str], story: Story
) -> None:
    """Neither may a full day keep them waiting for a slot that they do not need."""
    story.unwanted = {
        registry[0]: Outcome(OutcomeKind.SKIPPED, "not_live"),
        registry[2]: Outcome(OutcomeKind.SKIPPED, "opted_out"),
    }
    await enqueue_staging(owner, {"uens": registry[:3]})
    rig = await campaigns(daily_cap=1)
    assert await rig.supervisor.run() == 0
    assert await statuses(owner) == {"done": 2}
    assert await DailyCap(database, ZoneInfo("Asia/Singapore")).used() == 1
    assert story.ran == [registry[1]]
    assert sorted(await answers(owner)) == [
        ("no_website", "no_search_results"),
        ("skipped", "not_live"),
        ("skipped", "opted_out"),
    ]
