"""`enqueue`, `campaigns` and `jobs list` name what delays work: no service, an open breaker, a cap."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from process import acra_express

from acra_express_async.companies.delays import NO_SERVICE
from acra_express_async.db.companies.campaign_rows import Campaigns
from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.ops.control import Control
from acra_express_async.db.ops.progress_rows import WATCHED_EVERY, ProgressRows
from acra_express_async.db.session.pinned import APPLICATION_NAME, COMMAND_NAME, LISTENER_NAME
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.models import JobType, WaitReason

FIRST = "201912345K"


async def answer(dsn: str, *arguments: str) -> dict[str, Any]:
    code, out, err = await acra_express(*arguments, "--json", POSTGRES_DSN=dsn)
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


async def registered(owner: Connection) -> None:
    await owner.execute(
        "INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description) VALUES ($1, 'FIRM', $2)",
        FIRST,
        "Live Company",
    )


@asynccontextmanager
async def listening(dsn: str, name: str = LISTENER_NAME) -> AsyncIterator[None]:
    """A session as a running service has it."""
    session = await asyncpg.connect(dsn, server_settings={"application_name": name})
    try:
        yield
    finally:
        await session.close()


async def breaker_opened(owner: Connection, minutes: int = 40) -> None:
    await owner.execute(
        """
        INSERT INTO acra_express.breakers (provider, kind, reason, level, open_until)
        VALUES ('duckduckgo', 'blocked', 'challenge', 1, acra_express.clock() + make_interval(mins => $1))
        ON CONFLICT (provider) DO UPDATE SET kind = excluded.kind, reason = excluded.reason,
            level = excluded.level, open_until = excluded.open_until
        """,
        minutes,
    )


async def with_continuation(owner: Connection, database: Database) -> tuple[int, int, int]:
    """A campaign that has staged its first batch: its id, the enrichment job, the continuation."""
    params = {"ssic_codes": ["56111"], "limit": 400}
    jobs = Jobs(database, database)
    async with database.transaction() as connection:
        campaign = await jobs.insert(connection, JobType.STAGING, params)
    [job] = await jobs.claim("a", timedelta(minutes=5))
    await Campaigns(database).ensure(campaign, job.created_at)
    onward = {"id": campaign, "enqueued_at": job.created_at.isoformat(), "left": 350}
    async with jobs.owned(job) as connection:
        work = {"company_ids": [1, 2], "campaign_id": campaign}
        enrichment = await jobs.insert(connection, JobType.ENRICHMENT, work)
        rest = {"ssic_codes": ["56111"], "campaign": onward}
        continuation = await jobs.insert(connection, JobType.STAGING, rest, due_in=timedelta(minutes=15))
        await jobs.staged(connection, job, enrichment=enrichment, continuation=continuation)
        await jobs.finish(connection, job, total=2, note=None)
    return campaign, enrichment, continuation


async def snoozed(database: Database, reason: WaitReason, error: str, waits_for: str | None) -> None:
    jobs = Jobs(database, database)
    [job] = await jobs.claim("a", timedelta(minutes=5))
    await jobs.snooze(job, timedelta(minutes=40), error, waits_for=waits_for, reason=reason)


async def test_a_batch_to_stage_waits_as_its_campaign_does(
    fresh_dsn: str, owner: Connection, database: Database
) -> None:
    """The continuation falls due first, and is held back by the enrichment job."""
    campaign, _, continuation = await with_continuation(owner, database)
    said = "the breaker of duckduckgo is open (challenge)"
    await snoozed(database, WaitReason.OUTAGE, said, "duckduckgo")
    async with listening(fresh_dsn):
        shown = await answer(fresh_dsn, "campaigns", "show", str(campaign))
        _, listed, _ = await acra_express("jobs", "list", "--state", "snoozed", POSTGRES_DSN=fresh_dsn)
    assert shown["waits_for"] == f"deferred: {said}"
    assert shown["why"].startswith("deferred to ")
    assert "the breaker of duckduckgo is open" in shown["why"]
    [line] = [line for line in listed.splitlines() if line.split()[:1] == [str(continuation)]]
    assert "the breaker of duckduckgo is open" in line


async def test_a_batch_to_stage_waits_for_its_own_cap(fresh_dsn: str, owner: Connection, database: Database) -> None:
    campaign, _, _ = await with_continuation(owner, database)
    await snoozed(database, WaitReason.DAILY_CAP, "daily cap reached", None)
    state = await Campaigns(database).one(campaign)
    assert (state.wait_reason, state.waits_for) == ("daily_cap", "deferred: daily cap reached")


async def test_another_campaigns_breaker_is_the_cause(fresh_dsn: str, owner: Connection, database: Database) -> None:
    campaign, enrichment, _ = await with_continuation(owner, database)
    await owner.execute("UPDATE background_jobs SET status = 'done' WHERE job_id = $1", enrichment)
    await breaker_opened(owner)
    async with listening(fresh_dsn):
        why = (await answer(fresh_dsn, "campaigns", "show", str(campaign)))["why"]
    assert "the breaker of DuckDuckGo is open" in why
    assert "or when a worker is free" not in why


async def test_without_a_service_nothing_is_promised(fresh_dsn: str, owner: Connection) -> None:
    await registered(owner)
    _, out, _ = await acra_express("enqueue", "--uen", FIRST, POSTGRES_DSN=fresh_dsn)
    assert NO_SERVICE in out
    assert "started now, a service would be done by" in out
    assert "expected to be done by" not in out
    [listed] = (await answer(fresh_dsn, "campaigns", "list"))["items"]
    campaign = listed["campaign_id"]
    shown = await answer(fresh_dsn, "campaigns", "show", str(campaign))
    assert shown["why"] == NO_SERVICE
    _, out, _ = await acra_express("campaigns", "show", str(campaign), POSTGRES_DSN=fresh_dsn)
    assert "started now, a service would be done by" in out
    _, out, _ = await acra_express("campaigns", "list", POSTGRES_DSN=fresh_dsn)
    assert "after a start" in out
    async with listening(fresh_dsn):
        shown = await answer(fresh_dsn, "campaigns", "show", str(campaign))
    assert shown["why"] == "due now: it waits for a free worker"


@pytest.mark.parametrize("served", [True, False])
async def test_enqueue_names_what_may_delay_it(fresh_dsn: str, owner: Connection, served: bool) -> None:
    await registered(owner)
    await breaker_opened(owner)
    async with listening(fresh_dsn) if served else nullcontext():
        notes = (await answer(fresh_dsn, "enqueue", "--uen", FIRST))["notes"]
    assert any(note.startswith("the breaker of DuckDuckGo is open") for note in notes)
    assert (NO_SERVICE in notes) is not served


async def test_a_service_that_cannot_listen_counts_too(fresh_dsn: str, owner: Connection, database: Database) -> None:
    control = Control(database)
    await with_continuation(owner, database)
    assert not await control.service_runs()
    await ProgressRows(database).look(held=False)
    async with listening(fresh_dsn, APPLICATION_NAME):
        assert await control.service_runs()
        longer = "UPDATE acra_express.control SET watched_at = watched_at - $1::interval"
        await owner.execute(longer, 3 * WATCHED_EVERY)
        assert not await control.service_runs()


async def test_a_service_that_has_just_ended_runs_no_more(
    fresh_dsn: str, owner: Connection, database: Database
) -> None:
    """It looked a moment ago; but its sessions are gone, and those of commands do not count."""
    await with_continuation(owner, database)
    await ProgressRows(database).look(held=False)
    control = Control(database)
    async with listening(fresh_dsn, APPLICATION_NAME):
        assert await control.service_runs()
    async with listening(fresh_dsn, COMMAND_NAME):
        async with asyncio.timeout(30):  # a backend ends a moment after its connection
            while await control.service_runs():
                pass
    await database.close()
    campaign = (await answer(fresh_dsn, "campaigns", "list"))["items"][0]
    assert campaign["why"] == NO_SERVICE


async def test_another_campaigns_budget_is_the_cause(fresh_dsn: str, owner: Connection, database: Database) -> None:
    waits, _, _ = await with_continuation(owner, database)
    spent = "the allowance for duckduckgo requests_per_hour is used up; there is room again in 2400 s"
    await snoozed(database, WaitReason.BUDGET, spent, "duckduckgo")
    campaign, enrichment, _ = await with_continuation(owner, database)
    await owner.execute("UPDATE background_jobs SET status = 'done' WHERE job_id = $1", enrichment)
    async with listening(fresh_dsn):
        why = (await answer(fresh_dsn, "campaigns", "show", str(campaign)))["why"]
        own = (await answer(fresh_dsn, "campaigns", "show", str(waits)))["why"]
    assert "; the allowance for duckduckgo requests_per_hour is used up, for every campaign: " in why
    assert f"campaign {waits} waits for it until " in why
    assert "or when a worker is free" not in why
    assert own.startswith("deferred to ")


async def test_the_answer_of_enqueue_counts_as_the_campaign_does(fresh_dsn: str, owner: Connection) -> None:
    await registered(owner)
    said = ("enqueue", "--uen", FIRST, "--uen", "199999999Z", "--daily-cap", "0")
    _, out, _ = await acra_express(*said, POSTGRES_DSN=fresh_dsn)
    assert ": 1 of 2 companies, in batches of 5; 1 will be skipped" in out
    assert "note: its daily cap of 0 counts the companies of all campaigns, 0 today: it has room for 0; the rest" in out
    [campaign] = (await answer(fresh_dsn, "campaigns", "list"))["items"]
    assert campaign["total"] == 2
