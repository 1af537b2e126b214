"""Work that should move and does not: shown after 15 minutes, told to Slack after an hour; waits by rule never are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from database_clock import START, Clock

from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.jobs.neighbours import NightlyJob
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.jobs.holds import Hold, hold_of
from acra_express_async.models import Job, WaitReason
from acra_express_async.settings.quiet_hours import QuietHours

from .replicas import Channel, Replica, ended

MINUTE = timedelta(minutes=1)
LEASE = timedelta(minutes=1)


class Shop:
    """One replica's alerts over jobs that a test claims and puts off by hand."""

    def __init__(self, owner: Connection, database: Database, clock: Clock, replica: Replica) -> None:
        self.owner = owner
        self.clock = clock
        self.replica = replica
        self.jobs = Jobs(database, database)

    async def job(self) -> Job:
        """A job that a worker has claimed."""
        await self.owner.execute(
            """
            INSERT INTO background_jobs (job_type, status, params, created_at)
            VALUES ('acra_express_enrich_candidates', 'queued', '{"company_ids": [1, 2]}', acra_express.clock())
            """
        )
        [job] = await self.jobs.claim("test", LEASE)
        await self.replica.turn()
        return job

    async def pass_time(self, minutes: int, again: Callable[[], Awaitable[None]] | None = None) -> None:
        """Minutes pass, with a look at the alerts in each; `again` happens before it."""
        for _ in range(minutes):
            await self.clock.advance(MINUTE)
            if again is not None:
                await again()
            await self.replica.turn()

    @property
    def shown(self) -> list[str]:
        watch = self.replica.alerts.stall_watch
        return [stall.text(watch.zone) for stall in watch.stalls]

    @property
    def waits(self) -> list[str]:
        return self.replica.alerts.stall_watch.waits


@pytest_asyncio.fixture
async def shop(owner: Connection, database: Database, clock: Clock, replica: Replica) -> Shop:
    return Shop(owner, database, clock, replica)


async def opened(owner: Connection, minutes: int) -> None:
    await owner.execute(
        """
        UPDATE acra_express.breakers SET kind = 'outage', reason = 'http_503',
               open_until = acra_express.clock() + make_interval(mins => $1) WHERE provider = 'jina'
        """,
        minutes,
    )


async def test_an_outage_is_shown_then_told_then_resolved(shop: Shop, channel: Channel) -> None:
    job = await shop.job()
    await opened(shop.owner, 65)
    await shop.jobs.snooze(job, 90 * MINUTE, "jina is down", outage=True, waits_for="jina", reason=WaitReason.OUTAGE)
    await shop.pass_time(14)
    assert shop.shown == []
    await shop.pass_time(1)
    [shown] = shop.shown
    assert shown == (
        "nothing moves until Jina answers: 1 job is waiting (since 08:00); it answered with status 503; "
        "next probe 09:05, or now: acra-express breakers probe jina"
    )
    assert shop.replica.value("stalled_seconds", cause="outage") == 900
    await shop.pass_time(44)
    assert channel.headers == []
    await shop.pass_time(1)
    assert channel.headers == ["[FIRING] Nothing moves until Jina answers: 1 job is waiting"]
    fields = {field["text"] for field in channel.blocks[0][1]["fields"]}
    assert {"*Value*\nno progress for 60 min", "*Threshold*\n60 min", "*Waiting*\n1 job"} <= fields
    await shop.pass_time(31)
    [again] = await shop.jobs.claim("test", LEASE)
    async with shop.jobs.owned(again) as connection:
        await shop.jobs.progress(connection, again, processed=1, total=2)
    await ended(shop.owner, "e")
    await shop.replica.turn()
    assert shop.shown == []
    assert channel.headers[1:] == ["[RESOLVED] Work moves again"]
    assert shop.replica.value("stalled_seconds", cause="outage") == 0


async def test_a_claimed_job_still_waits_for_its_provider(shop: Shop, channel: Channel) -> None:
    """An attempt under way, between two refusals, is no other alert."""
    job = await shop.job()
    await shop.jobs.snooze(job, 30 * MINUTE, "x", outage=True, waits_for="jina", reason=WaitReason.OUTAGE)
    await shop.pass_time(31)
    [again] = await shop.jobs.claim("test", 2 * 60 * MINUTE)
    assert again.job_id == job.job_id
    await shop.pass_time(40)
    assert len(shop.shown) == 1
    assert "Jina" in shop.shown[0]
    assert len(channel.headers) == 1


async def test_only_jobs_that_need_the_provider_wait_for_it(shop: Shop) -> None:
    job = await shop.job()
    await shop.jobs.snooze(job, 90 * MINUTE, "jina is down", outage=True, waits_for="jina", reason=WaitReason.OUTAGE)
    await shop.pass_time(20, lambda: ended(shop.owner, "n"))
    assert shop.shown == ["1 job is waiting until Jina answers (since 08:00); next try 09:30"]


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (WaitReason.DAILY_CAP, "daily cap reached"),
        (WaitReason.OWN_LIMIT, "the job's own limit of jina calls_1h"),
        (WaitReason.NIGHTLY, "the nightly run goes first"),
        (WaitReason.QUIET_HOURS, "quiet hours: nothing is started"),
    ],
)
async def test_waits_by_rule_are_never_alerted(shop: Shop, channel: Channel, reason: WaitReason, why: str) -> None:
    job = await shop.job()
    await shop.jobs.snooze(job, timedelta(hours=8), why, reason=reason)
    await shop.pass_time(130)
    assert (shop.shown, channel.headers) == ([], [])
    shown = {WaitReason.DAILY_CAP: ["daily cap 300 of 300"], WaitReason.OWN_LIMIT: [why]}.get(reason, [])
    assert shop.waits == [f"{each}: 1 job is deferred to 11-23 16:00" for each in shown]


async def test_a_retry_loop_is_shown_while_others_move(shop: Shop) -> None:
    job = await shop.job()

    async def fails_again() -> None:
        nonlocal job
        await ended(shop.owner, "e")
        await shop.jobs.retry_later(job, timedelta(seconds=10), "ValueError: odd")
        await shop.clock.advance(timedelta(seconds=20))
        [job] = await shop.jobs.claim("test", LEASE)

    await shop.pass_time(13, fails_again)
    [shown] = shop.shown
    assert shown.startswith(f"job {job.job_id} fails again and again, 13 errors so far (since 08:01); next try ")
    assert f"acra-express jobs show {job.job_id} --batch" in shown


async def test_budgets_are_a_stall_only_when_nothing_moves(shop: Shop) -> None:
    job = await shop.job()
    await shop.jobs.snooze(job, 50 * MINUTE, "no room", waits_for="jina", reason=WaitReason.BUDGET)
    await shop.pass_time(20, lambda: ended(shop.owner, "e"))
    assert shop.shown == []
    await shop.pass_time(15)
    [shown] = shop.shown
    assert shown == (
        "nothing moves until Jina's budget has room: 1 job is waiting (since 08:20); next try 08:50; the table of "
        "budgets says when it frees up"
    )


async def test_due_jobs_are_a_stall_after_a_rule_has_ended(shop: Shop, channel: Channel) -> None:
    shop.replica.hold = Hold("paused", "claiming was paused by dana")
    await shop.owner.execute(
        "INSERT INTO background_jobs (job_type, status, params, created_at)"
        " VALUES ('acra_express_staging_upsert', 'queued', '{}', acra_express.clock())"
    )
    await shop.pass_time(300)
    assert (shop.shown, shop.waits) == ([], ["claiming was paused by dana"])
    shop.replica.hold = None
    await shop.pass_time(13)
    assert shop.shown == []
    await shop.pass_time(3)
    [shown] = shop.shown
    assert shown.startswith("1 job is due, and no worker has taken one (since 13:00)")
    assert channel.headers == []


async def test_a_stopped_service_starts_without_a_stall(shop: Shop, channel: Channel) -> None:
    job = await shop.job()
    await shop.jobs.snooze(job, MINUTE, "jina is down", outage=True, waits_for="jina", reason=WaitReason.OUTAGE)
    await shop.replica.turn()
    await shop.clock.advance(timedelta(hours=5))
    await shop.pass_time(10)
    assert shop.shown == []
    await shop.pass_time(10)
    assert len(shop.shown) == 1
    assert channel.headers == []


async def test_a_service_that_restarts_all_the_time_is_no_excuse(
    shop: Shop, database: Database, channel: Channel
) -> None:
    job = await shop.job()
    await shop.jobs.snooze(job, MINUTE, "jina is down", outage=True, waits_for="jina", reason=WaitReason.OUTAGE)
    for _ in range(61):
        await shop.clock.advance(MINUTE)
        shop.replica = Replica(database, channel)
        await shop.replica.turn()
    assert channel.headers == ["[FIRING] Nothing moves until Jina answers: 1 job is waiting"]


async def test_a_nightly_that_runs_longer_than_usual_is_told(shop: Shop, channel: Channel) -> None:
    job = await shop.job()
    await shop.jobs.snooze(job, MINUTE, "the nightly run goes first", reason=WaitReason.NIGHTLY)
    began = START - timedelta(hours=3)
    shop.replica.nightly = (
        NightlyJob(41, "enrich_candidates", began, began + timedelta(hours=6)),
        START - 30 * MINUTE,
    )
    await shop.pass_time(31)
    [shown] = shop.shown
    assert shown == (
        "the nightly's job 41 (enrich_candidates) has been running since 05:00, longer than usual: 1 job is waiting "
        "(since 07:30); we wait for it until 11:00 at most (runbook: Beside the nightly)"
    )
    assert len(channel.headers) == 1


async def test_the_cause_of_all_stalls_is_told_alone(shop: Shop, channel: Channel) -> None:
    first, second = await shop.job(), await shop.job()
    await shop.jobs.snooze(first, 90 * MINUTE, "x", outage=True, waits_for="jina", reason=WaitReason.OUTAGE)
    await shop.jobs.snooze(second, 90 * MINUTE, "x", waits_for="duckduckgo", reason=WaitReason.BUDGET)
    await shop.pass_time(61)
    assert len(shop.shown) == 2
    assert channel.headers == ["[FIRING] Nothing moves until Jina answers: 1 job is waiting"]


async def test_total_failure_within_one_campaign_is_told(shop: Shop, channel: Channel) -> None:
    await ended(shop.owner, "e" * 200)
    await ended(shop.owner, "f" * 5)
    await shop.owner.execute("UPDATE acra_express.outcomes SET campaign_id = 17 WHERE kind = 'failed'")
    await shop.replica.turn()
    assert channel.headers == ["[FIRING] Every company of campaign 17 fails"]
    await ended(shop.owner, "e")
    await shop.owner.execute("UPDATE acra_express.outcomes SET campaign_id = 17 WHERE company_id = 205")
    await shop.replica.turn()
    assert channel.headers[1:] == ["[RESOLVED] Campaign 17 no longer fails totally"]


@pytest.mark.parametrize(("failed", "told"), [(12, ["[FIRING] Every call of jina fails"]), (11, [])])
async def test_total_failure_within_one_provider_is_told(
    shop: Shop, channel: Channel, failed: int, told: list[str]
) -> None:
    """Each page is refused by itself, so the companies end without a website and the breaker stays closed."""
    await ended(shop.owner, "n" * 6)
    usage: dict[str, Any] = {"usage": {"searches": 1, "pages": 2, "failed": {"jina": 2}}}
    await shop.owner.execute("UPDATE acra_express.outcomes SET detail = $1", usage)
    if failed == 11:
        usage["usage"]["failed"] = {"jina": 1}
        await shop.owner.execute("UPDATE acra_express.outcomes SET detail = $1 WHERE company_id = 0", usage)
    await shop.replica.turn()
    assert channel.headers == told


AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NIGHTLY = NightlyJob(41, "enrich_candidates", AT - timedelta(hours=1), AT + timedelta(hours=5))


def hold(**changed: Any) -> Hold | None:
    facts: dict[str, Any] = {"paused": None, "nightly": (), "usual": {}, "quiet": QuietHours(), "now": AT} | changed
    return hold_of(**facts)


def test_each_rule_says_until_when_it_holds() -> None:
    assert hold() is None
    paused = hold(paused=("dana", AT - timedelta(hours=1)))
    assert paused is not None
    assert paused.text == "claiming is paused: nothing starts until `acra-express resume` (since 11-23 01:00)"
    assert paused.told == "claiming is paused: nothing starts until `acra-express resume` (by dana, since 11-23 01:00)"
    quiet = hold(quiet=QuietHours.of("01:00-02:30, 02:30-03:15"))
    assert quiet is not None
    assert quiet.text == "quiet hours: nothing is started until 03:15"
    nightly = hold(nightly=[NIGHTLY], usual={"enrich_candidates": timedelta(hours=2)})
    assert nightly is not None
    assert nightly.until == AT + timedelta(hours=1.5)
    assert "its job 41 has been running since 01:00, usually no longer than 03:30" in nightly.text


@pytest.mark.parametrize(
    ("longest", "held"),
    [(None, True), (timedelta(minutes=40), False), (timedelta(minutes=50), True), (timedelta(hours=9), True)],
)
def test_the_nightly_holds_for_its_usual_time(longest: timedelta | None, held: bool) -> None:
    usual = {} if longest is None else {"enrich_candidates": longest}
    assert (hold(nightly=[NIGHTLY], usual=usual) is not None) is held


def test_quiet_hours_across_midnight_end_the_next_day() -> None:
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    assert QuietHours.of("22:00-06:00").ends(late) == datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
    assert QuietHours.of("00:00-12:00,12:00-00:00").ends(late).tzinfo is UTC
