"""The standing refresh: paced over the day, after work that people requested, and idle when nothing is stale."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from database_clock import START, Clock
from process import acra_express

from acra_express_async.companies.refresh import Refresh, due_now
from acra_express_async.companies.refresh_file import RefreshFile
from acra_express_async.db.companies.campaign_actions import CampaignActions
from acra_express_async.db.companies.campaign_rows import Campaigns
from acra_express_async.db.companies.refresh_rows import Look, RefreshRows
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.settings.tree import Settings, load_settings

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


def standing(**changed: Any) -> Settings:
    """A selection by code at a pace of 96 companies a day."""
    return load_settings(
        {"POSTGRES_DSN": "x"}, **({"refresh_ssic": ("10712",), "daily_cap": 96, "refresh_reserve": 0} | changed)
    )


def refresh(database: Database, clock: Clock, **changed: Any) -> Refresh:
    options: dict[str, Any] = {
        "rows": RefreshRows(database, SINGAPORE),
        "may_claim": lambda: True,
        "until_tick": lambda: QUARTER,
        "clock": lambda: clock.now.timestamp(),  # noqa: PLW0108 - `now` is replaced at each advance
        "settings": standing(),
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


def listed(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "important.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


async def registered(owner: Connection, *uens: str, status: str = "Live Company") -> None:
    await owner.executemany(
        "INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description) VALUES ($1, 'A', $2)",
        [(uen, status) for uen in uens],
    )


async def ended(owner: Connection, uen: str, kind: str, at: datetime) -> None:
    await owner.execute(
        "INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, reason, staged_at, campaign_at, ended_at)"
        " VALUES (1, (SELECT count(*) + 1 FROM acra_express.outcomes), $1, $2, '', $3, $3, $3)",
        uen,
        kind,
        at,
    )


async def test_named_companies_come_first_and_the_stalest_of_them(
    owner: Connection, database: Database, clock: Clock, tmp_path: Path
) -> None:
    old, older, fresh, failed, gone, out, new = (f"20190000{number}K" for number in range(1, 8))
    await registered(owner, old, older, fresh, failed, out, new)
    await registered(owner, gone, status="Struck Off")
    for uen, kind, days in (
        (old, "enriched", 8),
        (older, "no_website", 30),
        (fresh, "enriched", 6),
        (failed, "failed", 0.5),
    ):
        await ended(owner, uen, kind, clock.now - timedelta(days=days))
    await owner.execute("INSERT INTO acra_express.opt_outs VALUES ('company', $1, now())", out)
    file = RefreshFile(listed(tmp_path, old, older, fresh, failed, gone, out, "202699999Z", new))
    assert await refresh(database, clock, named=file).tick() == 65
    [job] = await jobs(owner)
    assert job["params"]["uens"] == [new, older, old]
    assert (job["params"]["limit"], job["params"]["ssic_codes"]) == (65, ["10712"])


async def test_names_alone_stage_no_more_than_are_due(
    owner: Connection, database: Database, clock: Clock, tmp_path: Path
) -> None:
    uens = [f"20190{number:04d}K" for number in range(100)]
    await registered(owner, *uens)
    file = RefreshFile(listed(tmp_path, *uens))
    assert await refresh(database, clock, named=file, settings=standing(refresh_ssic=(), daily_cap=30)).tick() == 20
    [job] = await jobs(owner)
    assert job["params"]["uens"] == uens[:20]
    await owner.execute("DELETE FROM background_jobs")
    await owner.execute("DELETE FROM staging_acra_companies")
    assert await refresh(database, clock, named=file, settings=standing(refresh_ssic=())).tick() == 0
    assert await jobs(owner) == []


async def test_a_named_company_that_is_refused_is_tried_once_a_day(
    owner: Connection, database: Database, clock: Clock, tmp_path: Path
) -> None:
    await registered(owner, "201900001K", "201900002K")
    refreshed = refresh(
        database,
        clock,
        named=RefreshFile(listed(tmp_path, "201900001K", "201900002K")),
        settings=standing(refresh_ssic=(), daily_cap=1000),
    )
    assert await refreshed.tick() == 2
    [job] = await jobs(owner)
    await owner.execute(
        "INSERT INTO acra_express.campaign_uens (campaign_id, uen, place, listed_at, staging_job_id, kind, reason)"
        " VALUES ($1, '201900001K', 1, now(), $1, 'skipped', 'left to the nightly')",
        job["job_id"],
    )
    await finish(owner, 0)
    await clock.advance(QUARTER)
    assert await refreshed.tick() == 1
    await finish(owner, 0)
    await clock.advance(timedelta(days=1))
    assert await refreshed.tick() == 2


async def test_the_list_is_read_again_and_the_last_good_one_kept(tmp_path: Path) -> None:
    said: list[str | None] = []
    path = listed(tmp_path, "uen", "201900001K")
    file = RefreshFile(path, said.append)
    assert file.load() is None
    assert await file.current() == ("201900001K",)
    listed(tmp_path, "201900001K", "nonsense", "201900002K")
    assert await file.current() == ("201900001K", "201900002K")
    assert said[-1] == f"REFRESH_UEN_FILE {path}: line 2: 'nonsense' is not a UEN; the other lines are used"
    for content, why in (
        (b"", "it is empty"),
        (b"%PDF-1.7", "a list of UENs must be a text file; this is a PDF"),
        (b"hello\n", "no line of it is a UEN (line 1: 'hello' is not a UEN)"),
    ):
        path.write_bytes(content)
        assert await file.current() == ("201900001K", "201900002K")
        assert said[-1] == f"REFRESH_UEN_FILE {path}: {why}; the last good list of 2 UENs is used"
    path.unlink()
    assert await file.current() == ("201900001K", "201900002K")
    assert said[-1] is not None
    assert "cannot be read: No such file or directory; the last good list of 2 UENs" in said[-1]
    listed(tmp_path, "201900003K")
    assert await file.current() == ("201900003K",)
    assert said[-1] is None


async def test_run_and_check_refuse_a_list_that_cannot_be_read(fresh_dsn: str, tmp_path: Path) -> None:
    path = tmp_path / "none.txt"
    environ = {"POSTGRES_DSN": fresh_dsn, "ACRA_EXPRESS_REFRESH_UEN_FILE": str(path)}
    sentence = f"REFRESH_UEN_FILE {path} cannot be read: No such file or directory"
    code, out, _ = await acra_express("check", **environ)
    assert (code, f"FAIL  {sentence}" in out) == (78, True)
    code, _, err = await acra_express("run", **environ)
    assert (code, err.splitlines()[-1]) == (78, f"acra-express: {sentence}")


async def test_stages_nothing_while_paused_standing_back_or_unselected(
    owner: Connection, database: Database, clock: Clock
) -> None:
    assert await refresh(database, clock, may_claim=lambda: False).tick() == 0
    assert await refresh(database, clock, settings=standing(refresh_ssic=())).tick() == 0
    await owner.execute("UPDATE acra_express.control SET paused = true")
    assert await refresh(database, clock).tick() == 0
    assert await jobs(owner) == []


async def test_refresh_waits_an_hour_when_nothing_was_stale(
    owner: Connection, database: Database, clock: Clock
) -> None:
    refreshed = refresh(database, clock)
    assert await refreshed.tick() > 0
    await finish(owner, 0)
    await clock.advance(QUARTER)
    assert await refreshed.tick() == 0
    await clock.advance(timedelta(minutes=45))
    assert await refreshed.tick() > 0
    await finish(owner, 3)
    await clock.advance(QUARTER)
    assert await refreshed.tick() > 0
    assert len(await jobs(owner)) == 3


async def test_all_ticks_of_a_day_are_one_campaign(owner: Connection, database: Database, clock: Clock) -> None:
    refreshed = refresh(database, clock)
    for _ in range(3):
        assert await refreshed.tick() > 0
        await finish(owner, 1)
        await clock.advance(QUARTER)
    first, *others = await jobs(owner)
    assert [job["params"]["campaign"]["id"] for job in others] == [first["job_id"]] * 2
    [campaign] = await Campaigns(database).newest(10)
    assert (campaign.campaign_id, campaign.name, campaign.enqueued_by) == (first["job_id"], "refresh", "refresh")
    await clock.advance(timedelta(hours=8))
    assert await refreshed.tick() > 0
    assert len(await Campaigns(database).newest(10)) == 2


async def test_a_waiting_tick_belongs_to_the_days_campaign(owner: Connection, database: Database, clock: Clock) -> None:
    refreshed = refresh(database, clock)
    assert await refreshed.tick() == 65
    await finish(owner, 1)
    await clock.advance(QUARTER)
    count = await refreshed.tick()
    [campaign] = await Campaigns(database).newest(10)
    assert (campaign.live_jobs, campaign.states["waiting"]) == (1, count)


async def test_a_cancelled_refresh_rests_until_tomorrow(owner: Connection, database: Database, clock: Clock) -> None:
    refreshed = refresh(database, clock)
    assert await refreshed.tick() > 0
    [campaign] = await Campaigns(database).newest(10)
    await CampaignActions(database).cancel(campaign.campaign_id, "dana")
    await clock.advance(QUARTER)
    assert await refreshed.tick() == 0
    await clock.advance(timedelta(hours=8))
    assert await refreshed.tick() > 0
