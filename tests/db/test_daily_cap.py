"""Slots of the daily cap: one per company and day, held by one job."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from database_clock import Clock
from server_defaults import under_any_defaults

from acra_express_async.db.companies.batch_look import look_at_batch
from acra_express_async.db.companies.outcomes import DailyCap, Outcomes
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.models import Company, CompanyId, JobId

from .builders import a_job, take

pytestmark = under_any_defaults

COMPANY, OTHER = CompanyId(7), CompanyId(8)


async def jobs(owner: Connection, *statuses: str) -> list[JobId]:
    return [
        JobId(
            await owner.fetchval(
                "INSERT INTO background_jobs (job_type, status, params)"
                " VALUES ('acra_express_enrich_candidates', $1, '{}') RETURNING job_id",
                status,
            )
        )
        for status in statuses
    ]


async def test_only_the_job_that_holds_a_slot_can_give_it_back(database: Database, owner: Connection) -> None:
    cap = DailyCap(database, ZoneInfo("Asia/Singapore"))
    mine, theirs = await jobs(owner, "running", "running")
    assert (await take(cap, COMPANY, theirs, 1)).ours
    assert (await take(cap, COMPANY, theirs, 1)).ours, "resumed: the same slot"
    met = await take(cap, COMPANY, mine, 1)
    assert (met.ours, met.elsewhere) == (False, True)
    await cap.hand_back(COMPANY, mine)
    assert await cap.used() == 1
    full = await take(cap, OTHER, mine, 1)
    assert (full.ours, full.elsewhere) == (False, False)
    assert full.until_tomorrow.total_seconds() > 0


async def test_the_slot_of_an_ended_job_is_taken_over(database: Database, owner: Connection) -> None:
    cap = DailyCap(database, ZoneInfo("Asia/Singapore"))
    mine, ended = await jobs(owner, "running", "error")
    assert (await take(cap, COMPANY, ended, 1)).ours
    assert (await take(cap, COMPANY, mine, 1)).ours, "although the cap is reached: it is the same company"
    await cap.hand_back(COMPANY, ended)
    assert await cap.used() == 1, "the ended job can no longer give it back"
    await cap.hand_back(COMPANY, mine)
    assert await cap.used() == 0


async def test_eight_takers_at_once_never_pass_the_cap(database: Database, owner: Connection) -> None:
    """Each counts the slots after its lock; under a snapshot of the transaction's start it would count old ones."""
    cap = DailyCap(database, ZoneInfo("Asia/Singapore"))
    took: list[bool] = []

    async def taker(job: JobId) -> None:
        took.extend([(await take(cap, CompanyId(1000 * job + number), job, 20)).ours for number in range(10)])

    await asyncio.gather(*(taker(job) for job in await jobs(owner, *["running"] * 8)))
    assert sum(took) == 20
    assert await cap.used() == 20


@pytest_asyncio.fixture
async def before_midnight(owner: Connection) -> Clock:
    """23:59:50 in Singapore."""
    clock = Clock(owner, datetime(2026, 11, 26, 15, 59, 50, tzinfo=UTC))
    await clock.install()
    return clock


async def test_a_live_job_keeps_its_company_over_midnight(
    database: Database, owner: Connection, before_midnight: Clock
) -> None:
    cap = DailyCap(database, ZoneInfo("Asia/Singapore"))
    first, second = await jobs(owner, "running", "running")
    assert (await take(cap, COMPANY, first, 300)).ours
    await before_midnight.advance(timedelta(seconds=15))
    met = await take(cap, COMPANY, second, 300)
    assert (met.ours, met.elsewhere) == (False, True)
    assert await cap.used() == 0, "the new day has cost nothing yet"
    assert (await take(cap, COMPANY, first, 300)).ours, "resumed on the new day"
    assert await cap.used() == 1


async def test_a_job_that_has_decided_no_longer_holds_the_company(database: Database, owner: Connection) -> None:
    """It is still at work on its other companies."""
    cap = DailyCap(database, ZoneInfo("Asia/Singapore"))
    first, second = await jobs(owner, "running", "running")
    assert (await take(cap, COMPANY, first, 300)).ours
    await owner.execute(
        "INSERT INTO acra_express.outcomes (job_id, company_id, kind, ended_at)"
        " VALUES ($1, $2, 'failed', clock_timestamp())",
        first,
        COMPANY,
    )
    assert (await take(cap, COMPANY, second, 300)).ours
    assert await cap.used() == 1


async def test_the_commit_sees_what_another_job_answered(database: Database, owner: Connection) -> None:
    """Only an answer since our slot counts, and only another job's."""
    cap, outcomes = DailyCap(database, ZoneInfo("Asia/Singapore")), Outcomes(database)
    mine, other = await jobs(owner, "running", "done")

    async def answered(job: JobId, kind: str) -> None:
        await owner.execute(
            "INSERT INTO acra_express.outcomes (job_id, company_id, kind, ended_at)"
            " VALUES ($1, $2, $3, clock_timestamp())"
            " ON CONFLICT (job_id, company_id) DO UPDATE SET kind = $3, ended_at = excluded.ended_at",
            job,
            COMPANY,
            kind,
        )

    async def seen() -> bool:
        async with database.transaction() as connection:
            since = await outcomes.since_loaded(connection, a_job(mine), Company(COMPANY, uen="", name=""))
            return since.answered_elsewhere

    await answered(other, "enriched")
    assert (await take(cap, COMPANY, mine, 300)).ours
    assert not await seen()
    await answered(mine, "enriched")
    await answered(other, "skipped")
    assert not await seen()
    await answered(other, "no_website")
    assert await seen()


async def full_until(owner: Connection, zone: str) -> timedelta | None:
    """What a continuation finds before it stages, under a cap of one."""
    return (await look_at_batch(owner, None, 0, zone=zone, cap=1)).full_until


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 11, 1, 5, tzinfo=UTC)),  # 01:00 becomes 00:00: midnight comes twice
        ("Asia/Beirut", datetime(2026, 3, 28, 22, tzinfo=UTC)),  # 00:00 becomes 01:00: there is no midnight
        ("Asia/Beirut", datetime(2026, 10, 24, 21, tzinfo=UTC)),  # 00:00 becomes 23:00: the day goes on
    ],
)
async def test_a_full_day_is_over_when_it_says_so(
    database: Database, owner: Connection, zone: str, change: datetime
) -> None:
    """Around every change of clocks a job comes back into a new day: not before it, and at most an hour after."""
    clock = Clock(owner)
    await clock.install()
    cap = DailyCap(database, ZoneInfo(zone))
    [job] = await jobs(owner, "running")
    for hours in (-30, -6, -2, -1, -0.5, 0, 0.5, 1, 2, 6):
        await owner.execute("DELETE FROM acra_express.daily_slots")
        await clock.advance(change + timedelta(hours=hours) - clock.now)
        assert (await take(cap, COMPANY, job, 1)).ours
        left = await full_until(owner, zone)
        assert left is not None
        assert timedelta() < left <= timedelta(hours=26)
        await clock.advance(left)
        assert await full_until(owner, zone) is None
