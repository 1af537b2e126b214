"""The company after this one: begun by the transaction that stores this one's outcome, which never depends on it."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from campaign_rig import Story, enqueue_staging
from db.builders import a_company
from rig import statuses

from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.jobs.attempts import LockRetry
from acra_express_async.limits.scope import Scope
from acra_express_async.models import Company, Job, JobType

SLOTS_LOCK = "SELECT pg_advisory_lock(hashtext('acra_express.daily_slots'))"


async def uens_with_slots(owner: Connection) -> list[str]:
    rows = await owner.fetch(
        "SELECT c.uen FROM acra_express.daily_slots s JOIN companies c USING (company_id) ORDER BY c.uen"
    )
    return [row["uen"] for row in rows]


async def test_three_companies_take_four_transactions_of_a_job(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    """One opens the job, and each of the others stores an outcome; the first two of those begin the next company."""
    rig = await campaigns(workers=1)
    begun: list[JobType] = []
    owned = rig.jobs.owned

    def counted(job: Job) -> AbstractAsyncContextManager[Connection]:
        begun.append(job.job_type)
        return owned(job)

    rig.jobs.owned = counted
    await enqueue_staging(owner, {"uens": registry[:3]})
    assert await rig.supervisor.run() == 0
    assert story.ran == registry[:3]
    assert begun.count(JobType.ENRICHMENT) == 4
    assert await uens_with_slots(owner) == sorted(registry[:3])


@pytest.mark.parametrize("ended", [False, True], ids=["it names none", "the only one has an outcome"])
async def test_a_job_with_nothing_left_ends_done(
    campaigns: Any, owner: Connection, registry: list[str], story: Story, ended: bool
) -> None:
    company = await a_company(owner, registry[0])
    job_id = await owner.fetchval(
        "INSERT INTO background_jobs (job_type, status, params)"
        " VALUES ('acra_express_enrich_candidates', 'queued', $1) RETURNING job_id",
        {"company_ids": [company.company_id] if ended else []},
    )
    if ended:
        await owner.execute(
            "INSERT INTO acra_express.outcomes (job_id, company_id, kind, ended_at) VALUES ($1, $2, 'enriched', now())",
            job_id,
            company.company_id,
        )
    rig = await campaigns(workers=1)
    assert await rig.supervisor.run() == 0
    row = await owner.fetchrow("SELECT status, error, processed FROM background_jobs WHERE job_id = $1", job_id)
    assert row is not None
    assert (row["status"], row["error"], row["processed"]) == ("done", None, int(ended))
    assert story.ran == []


async def test_an_outcome_is_stored_though_the_next_slot_is_locked(
    campaigns: Any, owner: Connection, registry: list[str], story: Story, fresh_dsn: str
) -> None:
    """As behind another replica that hangs in its commit: only the next company waits."""
    holder = await connect(fresh_dsn, {})
    seen: list[int] = []

    async def hold(company: Company, _scope: Scope) -> None:
        if company.uen == registry[0]:
            await holder.execute(SLOTS_LOCK)

    story.before = hold
    rig = await campaigns(workers=1)

    async def let_go(_seconds: float) -> None:
        seen.append(await owner.fetchval("SELECT count(*) FROM acra_express.outcomes"))
        await holder.execute("SELECT pg_advisory_unlock_all()")

    retry = LockRetry(rig.context.random, lambda _reason: None, let_go)
    for handler in rig.handlers.values():
        handler.lock_retry = retry
    await enqueue_staging(owner, {"uens": registry[:2]})
    try:
        assert await rig.supervisor.run() == 0
    finally:
        await holder.close()
    assert seen == [1], "the first outcome was there when the second company gave way"
    assert story.ran == registry[:2]
    assert await uens_with_slots(owner) == sorted(registry[:2])


@pytest.mark.parametrize("when", ["during the first company", "right before the second"])
async def test_a_company_that_was_begun_but_not_run_has_no_slot(
    campaigns: Any, owner: Connection, registry: list[str], story: Story, when: str
) -> None:
    """The service stops: before the outcome is stored no other company is begun, and afterwards its slot goes back."""
    rig = await campaigns(workers=1)
    enrichment = next(handler for handler in rig.handlers.values() if hasattr(handler, "outcomes"))

    async def stop(_company: Company, _scope: Scope) -> None:
        if when == "during the first company":
            rig.supervisor.request_stop("a deploy")
            await rig.draining.wait()

    story.before = stop
    tell = enrichment._tell

    def told(*what: Any, **more: Any) -> None:
        tell(*what, **more)
        if when == "right before the second":
            rig.draining.set()
            rig.supervisor.request_stop("a deploy")

    enrichment._tell = told
    await enqueue_staging(owner, {"uens": registry[:2]})
    assert await rig.supervisor.run() == 0
    assert story.ran == registry[:1]
    assert await uens_with_slots(owner) == registry[:1]
    assert (await statuses(owner))["queued"] == 1


async def test_a_job_that_gives_way_to_a_new_one_begins_nothing(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    """Its slot would be missing to the new job if the day were nearly full."""
    slots: list[list[str]] = []
    new = asyncio.Event()

    async def another_job(company: Company, _scope: Scope) -> None:
        slots.append(await uens_with_slots(owner))
        if company.uen == registry[0] and not new.is_set():
            new.set()
            await enqueue_staging(owner, {"uens": registry[2:3]})

    story.before = another_job
    rig = await campaigns(workers=1)
    await enqueue_staging(owner, {"uens": registry[:2]})
    assert await rig.supervisor.run() == 0
    assert sorted(story.ran) == sorted(registry[:3])
    assert [len(taken) for taken in slots] == [1, 2, 3]
    assert story.ran[1] == registry[2]
    assert slots[1] == [registry[0], registry[2]]
