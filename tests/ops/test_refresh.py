"""The standing refresh: paced over the day, after work that people requested, and idle when nothing is stale."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from database_clock import START, Clock

from acra_express_async.companies.refresh import Refresh, due_now
from acra_express_async.db.companies.campaign_actions import CampaignActions
from acra_express_async.db.companies.campaign_rows import Campaigns
from acra_express_async.db.companies.refresh_rows import Look, RefreshRows
from acra_express_async.db.session.pool import Connection, Database

SINGAPORE = ZoneInfo("Asia/Singapore")
QUARTER = timedelta(minutes=15)


def look(**changed: Any) -> Look:
    return Look(**({"live": False, "paused": False, "elapsed": 0.5, "used": 0} | changed))


@pytest.mark.parametrize(
    ("seen", "count"),
    [
        (look(), 102),
        (look(elapsed=0.0), 2),
        (look(used=100), 2),
        (look(used=102), 0),
        (look(used=250), 0),
        (look(elapsed=1.0, used=190), 10),
        (look(live=True), 0),
        (look(paused=True), 0),
        (look(cancelled=True), 0),
    ],
)
def test_the_refresh_pace_spreads_the_day(seen: Look, count: int) -> None:
    assert due_now(seen, per_day=200, until_next=QUARTER) == count


def test_a_day_of_ticks_stages_exactly_the_daily_number() -> None:
    used = 0
    for tick in range(96):
        used += due_now(look(elapsed=tick / 96, used=used), per_day=200, until_next=QUARTER)
        assert used <= 200 * (tick + 1) / 96 + 1
    assert used == 200


def refresh(database: Database, clock: Clock, **changed: Any) -> Refresh:
    options: dict[str, Any] = {
        "rows": RefreshRows(database, SINGAPORE),
        "may_claim": lambda: True,
        "until_tick": lambda: QUARTER,
        "clock": lambda: clock.now.timestamp(),  # noqa: PLW0108 - `now` is replaced at each advance
        "ssic_codes": ("10712",),
        "terms": (),
        "per_day": 96,
    } | changed
    return Refresh(**options)


async def jobs(owner: Connection) -> list[Any]:
    return await owner.fetch("SELECT job_id, status, params FROM background_jobs ORDER BY job_id")


async def finish(owner: Connection, total: int) -> None:
    await owner.execute("UPDATE background_jobs SET status = 'done', total = $1", total)


async def test_refresh_stages_what_the_day_has_room_for(owner: Connection, database: Database, clock: Clock) -> None:
    """START is 16:00 in Singapore, two thirds of the day: 64 of 96, and one for the next quarter of an hour."""
    assert START.astimezone(SINGAPORE).hour == 16
    assert await refresh(database, clock).tick() == 65
    [job] = await jobs(owner)
    assert job["params"] == {"ssic_codes": ["10712"], "limit": 65, "requested_by": "refresh"}


async def test_only_the_slots_of_today_count(owner: Connection, database: Database, clock: Clock) -> None:
    for day, companies in (("2026-11-22", 50), ("2026-11-23", 60)):
        await owner.execute(
            "INSERT INTO acra_express.daily_slots (day, company_id, job_id, taken_at)"
            " SELECT $1::text::date, n, 1, now() FROM generate_series(1, $2) n",
            day,
            companies,
        )
    assert await refresh(database, clock).tick() == 5


@pytest.mark.parametrize("status", ["queued", "running"])
async def test_refresh_waits_for_any_live_express_job(
    owner: Connection, database: Database, clock: Clock, status: str
) -> None:
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params) VALUES ('acra_express_enrich_candidates', $1, '{}')",
        status,
    )
    assert await refresh(database, clock).tick() == 0


async def test_refresh_ignores_jobs_of_the_nightly(owner: Connection, database: Database, clock: Clock) -> None:
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params) VALUES ('staging_upsert', 'queued', '{}')"
    )
    assert await refresh(database, clock).tick() > 0


async def test_stages_nothing_while_paused_standing_back_or_unselected(
    owner: Connection, database: Database, clock: Clock
) -> None:
    assert await refresh(database, clock, may_claim=lambda: False).tick() == 0
    assert await refresh(database, clock, ssic_codes=()).tick() == 0
    await owner.execute("UPDATE acra_express.control SET paused = true")
    assert await refresh(database, clock).tick() == 0
    assert await jobs(owner) == []


async def test_refresh_waits_an_hour_when_nothing_was_stale(
    owner: Connection, database: Database, clock: Clock
) -> None:
    standing = refresh(database, clock)
    assert await standing.tick() > 0
    await finish(owner, 0)
    await clock.advance(QUARTER)
    assert await standing.tick() == 0
    await clock.advance(timedelta(minutes=45))
    assert await standing.tick() > 0
    await finish(owner, 3)
    await clock.advance(QUARTER)
    assert await standing.tick() > 0
    assert len(await jobs(owner)) == 3


async def test_all_ticks_of_a_day_are_one_campaign(owner: Connection, database: Database, clock: Clock) -> None:
    standing = refresh(database, clock)
    for _ in range(3):
        assert await standing.tick() > 0
        await finish(owner, 1)
        await clock.advance(QUARTER)
    first, *others = await jobs(owner)
    assert [job["params"]["campaign"]["id"] for job in others] == [first["job_id"]] * 2
    [campaign] = await Campaigns(database).newest(10)
    assert (campaign.campaign_id, campaign.name, campaign.enqueued_by) == (first["job_id"], "refresh", "refresh")
    await clock.advance(timedelta(hours=8))
    assert await standing.tick() > 0
    assert len(await Campaigns(database).newest(10)) == 2


async def test_a_waiting_tick_belongs_to_the_days_campaign(owner: Connection, database: Database, clock: Clock) -> None:
    standing = refresh(database, clock)
    assert await standing.tick() == 65
    await finish(owner, 1)
    await clock.advance(QUARTER)
    count = await standing.tick()
    [campaign] = await Campaigns(database).newest(10)
    assert (campaign.live_jobs, campaign.states["waiting"]) == (1, count)


async def test_a_cancelled_refresh_rests_until_tomorrow(owner: Connection, database: Database, clock: Clock) -> None:
    standing = refresh(database, clock)
    assert await standing.tick() > 0
    [campaign] = await Campaigns(database).newest(10)
    await CampaignActions(database).cancel(campaign.campaign_id, "dana")
    await clock.advance(QUARTER)
    assert await standing.tick() == 0
    await clock.advance(timedelta(hours=8))
    assert await standing.tick() > 0
