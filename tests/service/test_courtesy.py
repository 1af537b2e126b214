"""When express takes no new work: full servers (B15) and quiet hours, tested without and with a server."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio
from contexts import context_of
from courtesies import Allowing
from process import Stage, stage
from prometheus_client import CollectorRegistry
from rig import Rig, enqueue, statuses

from acra_express_async.db.jobs.claims import Claimed
from acra_express_async.db.ops.control import Control
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.errors import ConfigError
from acra_express_async.jobs.attempts import End, JobScope
from acra_express_async.jobs.courtesy import Courtesy
from acra_express_async.jobs.poller import Poller
from acra_express_async.metrics import Metrics
from acra_express_async.models import Job, JobId, JobType, Provider, Token
from acra_express_async.runtime.dispatch import Dispatch
from acra_express_async.sandbox.simulator import Fault
from acra_express_async.settings.quiet_hours import QuietHours
from acra_express_async.settings.tree import load_settings

SINGAPORE = ZoneInfo("Asia/Singapore")


class Clock:
    """A wall clock that a test sets."""

    def __init__(self, text: str = "12:00") -> None:
        self.at = datetime.fromisoformat(f"2026-11-24T{text}:00").replace(tzinfo=SINGAPORE)

    def __call__(self) -> datetime:
        return self.at


def courtesy(
    metrics: Metrics, *, quiet: str = "", clock: Clock | None = None, stand_back: bool = True, workers: int = 4
) -> Courtesy:
    now = clock or Clock()
    return Courtesy(stand_back=stand_back, quiet=QuietHours.of(quiet), now=now, workers=workers, metrics=metrics)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def yields(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("acra_express_nightly_yields_total", {"reason": "connections"})


def test_b15_fewer_workers_claim_as_the_server_fills_up(metrics: Metrics) -> None:
    guest = courtesy(metrics)
    for taken, room in ((0.2, 4), (0.6, 4), (0.61, 1), (0.7, 1), (0.71, 0), (1.2, 0), (0.65, 1), (0.3, 4)):
        guest.saw(nightly_running=False, connections=taken)
        assert (guest.room, guest.may_claim()) == (room, room > 0)
    assert yields(metrics) == 2  # counted when the limit shrank, not at each check


def test_b15_freed_connections_wake_the_poller(metrics: Metrics) -> None:
    guest = courtesy(metrics)
    assert not guest.saw(nightly_running=False, connections=0.75)
    assert not guest.saw(nightly_running=False, connections=0.75)
    assert guest.saw(nightly_running=False, connections=0.5)
    assert not guest.saw(nightly_running=True, connections=0.5)
    assert guest.saw(nightly_running=False, connections=0.5)


class Backlog:
    """Has `left` jobs; counts how often it is asked for one."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.asked = 0

    async def claim_next(self, owner: str, lease: timedelta, *, nightly_first: bool) -> Claimed:
        self.asked += 1
        if not self.left:
            return Claimed()
        self.left -= 1
        return Claimed(Job(JobId(self.left), JobType.STAGING, Token(self.left), {}, Clock()()))

    async def give_back(self, owner: str, in_hand: Iterable[Token], abandoned: Iterable[Job]) -> int:
        return 0


@pytest.mark.parametrize(
    ("taken", "free", "claimed"),
    [(0.1, 4, 4), (0.1, 1, 1), (0.65, 4, 1), (0.65, 3, 0), (0.65, 1, 0), (0.75, 4, 0)],
)
async def test_b15_busy_workers_count_against_the_limit(
    metrics: Metrics, taken: float, free: int, claimed: int
) -> None:
    """Two rounds of the poller: the first occupies 4 - `free` workers, the second meets a fuller server."""
    guest, backlog, rounds = courtesy(metrics), Backlog(4 - free), asyncio.Queue[int]()
    dispatch, context = Dispatch(), context_of(metrics=metrics)

    def allowed() -> int:
        rounds.put_nowait(dispatch.queue.qsize())  # the number of jobs from earlier rounds
        return guest.jobs_allowed()

    poller = Poller(
        dispatch=dispatch,
        jobs=backlog,
        owner="me",
        lease=timedelta(seconds=60),
        courtesy=Allowing(allowed, metrics),
        until_idle=False,
        context=context,
    )
    context.health.listener_proven = True
    running = asyncio.create_task(poller.run())
    try:
        assert await rounds.get() == 0
        poller.wake("tick")
        assert await rounds.get() == 4 - free
        guest.saw(nightly_running=False, connections=taken)
        backlog.left, backlog.asked = 10, 0
        poller.wake("tick")
        await rounds.get()
        poller.wake("tick")
        assert await rounds.get() == 4 - free + claimed
        assert backlog.asked == claimed  # the database is not queried without a free slot
    finally:
        running.cancel()


async def test_b15_one_of_two_workers_drains_a_crowded_queue(
    database: Database, owner: Connection, metrics: Metrics
) -> None:
    guest = courtesy(metrics, workers=2)
    guest.saw(nightly_running=False, connections=0.65)
    held: list[int] = []

    async def work(job: Job, scope: JobScope) -> End:
        held.append(await owner.fetchval("SELECT count(*) FROM acra_express.leases WHERE held"))
        return await rig.finish(job)

    rig = Rig(database, work, workers=2, until_idle=True, allowed=guest.jobs_allowed)
    await enqueue(owner, 6)
    assert await rig.supervisor.run() == 0
    assert held == [1] * 6
    assert await statuses(owner) == {"done": 6}


@pytest.mark.parametrize(
    ("setting", "clock", "quiet"),
    [
        ("", "01:00", False),
        ("00:45-02:30", "00:44", False),
        ("00:45-02:30", "00:45", True),
        ("00:45-02:30", "02:29", True),
        ("00:45-02:30", "02:30", False),
        ("23:00-01:00", "23:30", True),
        ("23:00-01:00", "00:59", True),
        ("23:00-01:00", "12:00", False),
        ("00:45-02:30, 12:00 - 13:00", "12:30", True),
    ],
)
def test_quiet_hours_stop_claims_and_calls(metrics: Metrics, setting: str, clock: str, quiet: bool) -> None:
    guest = courtesy(metrics, quiet=setting, clock=Clock(clock))
    why = "quiet_hours" if quiet else None
    assert (guest.quiet, guest.stands_back(), guest.may_claim()) == (quiet, why, not quiet)


def test_quiet_hours_apply_without_standing_back_too(metrics: Metrics) -> None:
    guest = courtesy(metrics, quiet="00:45-02:30", clock=Clock("01:00"), stand_back=False)
    guest.saw(nightly_running=True, connections=0.1)
    assert guest.stands_back() == "quiet_hours"
    assert not guest.nightly_has_the_way


def test_the_end_of_quiet_hours_wakes_the_poller(metrics: Metrics) -> None:
    clock = Clock("02:29")
    guest = courtesy(metrics, quiet="00:45-02:30", clock=clock)
    assert not guest.saw(nightly_running=True, connections=0.1)
    assert guest.stands_back() == "nightly_running"
    assert not guest.saw(nightly_running=False, connections=0.1)
    clock.at += timedelta(minutes=1)
    assert guest.saw(nightly_running=False, connections=0.1)


@pytest.mark.parametrize("why", ["quiet_hours", "nightly_running"])
async def test_b16_standing_back_costs_no_attempt_and_is_counted(
    database: Database, owner: Connection, why: str
) -> None:
    """The job was just claimed when standing back began; its row then names the reason."""
    clock, metrics = Clock("00:44"), Metrics(CollectorRegistry())
    guest = courtesy(metrics, quiet="00:45-02:30", clock=clock)
    ended = asyncio.Event()

    async def work(_job: Job, scope: JobScope) -> End:
        scope.check()
        if why == "quiet_hours":
            clock.at += timedelta(minutes=1)
        else:
            guest.saw(nightly_running=True, connections=0.1)
        scope.check()
        raise AssertionError("the second call was let through")

    rig = Rig(database, work, workers=1, stands_back=guest.stands_back)
    freed = rig.poller.worker_freed

    def told(job: Job, *, abandoned: bool) -> None:
        freed(job, abandoned=abandoned)
        ended.set()

    rig.poller.worker_freed = told
    [job_id] = await enqueue(owner)
    async with rig.running():
        await ended.wait()
    row = await owner.fetchrow(
        "SELECT b.status, b.error, l.attempts, l.errors FROM background_jobs b"
        " JOIN acra_express.leases l USING (job_id) WHERE job_id = $1",
        job_id,
    )
    assert row is not None
    says = {"quiet_hours": "quiet hours", "nightly_running": "the nightly run goes first"}[why]
    assert (row["status"], row["attempts"], row["errors"]) == ("queued", 0, 0)
    assert says in row["error"]
    counted = {
        reason: rig.metrics.registry.get_sample_value("acra_express_nightly_yields_total", {"reason": reason})
        for reason in ("quiet_hours", "nightly_running")
    }
    assert counted == {"quiet_hours": 0, "nightly_running": 0} | {why: 1}


@pytest.mark.parametrize("wrong", ["1:00-2:00", "00:45", "25:00-26:00", "02:00-02:00", "00:45-02:30;"])
def test_an_invalid_quiet_hour_is_named(wrong: str) -> None:
    with pytest.raises(ConfigError, match="ACRA_EXPRESS_QUIET_HOURS"):
        load_settings({"POSTGRES_DSN": "postgresql://x/y", "ACRA_EXPRESS_QUIET_HOURS": wrong})


async def test_companies_of_today_count_from_midnight_of_the_zone(owner: Connection, database: Database) -> None:
    """One of each at 00:30 and one the evening before, Singapore time; by UTC days the counts would differ."""
    await owner.execute(
        """
        CREATE OR REPLACE FUNCTION acra_express.clock() RETURNS timestamptz LANGUAGE sql VOLATILE
            AS $$SELECT '2026-11-24 06:00+08'::timestamptz$$;
        INSERT INTO companies (company_id, uen, name) VALUES (1, 'a', 'a'), (2, 'b', 'b');
        INSERT INTO enrichment_runs (run_id, tenant_id, started_at)
            VALUES (1, 5, '2026-11-24 00:30+08'), (2, 5, '2026-11-23 23:30+08');
        INSERT INTO company_enrichment_runs (company_id, run_id) VALUES (1, 1), (2, 2);
        INSERT INTO acra_express.outcomes (job_id, company_id, kind, ended_at) VALUES
            (1, 1, 'enriched', '2026-11-24 00:30+08'), (2, 1, 'enriched', '2026-11-24 00:40+08'),
            (1, 2, 'no_website', '2026-11-23 23:30+08'), (1, 3, 'no_website', '2026-11-24 05:00+08'),
            (1, 4, 'failed', '2026-11-24 05:00+08'), (1, 5, 'skipped', '2026-11-24 05:00+08');
        """
    )
    assert await Control(database).companies_today(SINGAPORE) == (2, 1)
    async with database.session() as connection:
        assert await connection.fetchval("SHOW timezone") == "UTC"


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path) as standing:
        yield standing


async def test_b15_nothing_is_claimed_while_the_server_is_crowded(standing: Stage, fresh_dsn: str) -> None:
    await standing.enqueue({"uens": standing.uens[:2]})
    limit = int(await standing.owner.fetchval("SHOW max_connections"))
    async with AsyncExitStack() as crowd:
        for _ in range(int(limit * 0.72)):
            crowd.push_async_callback((await connect(fresh_dsn, {})).close)
        service = await standing.start("run", LEASE_SECONDS="3", HEARTBEAT_SECONDS="0.7")
        await service.event("connections.scarce", workers=0)
        await service.event("service.started")
        assert await standing.owner.fetchval("SELECT count(*) FROM acra_express.leases") == 0
    await service.event("job.ended", job_type="enrichment", end="done")
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0
    assert sorted(await standing.outcomes()) == standing.uens[:2]


async def test_b15_a_crowded_server_sees_one_worker_until_idle(standing: Stage, fresh_dsn: str) -> None:
    """From 60 to 70 % of the connections are taken, ours included: one job at a time, and the queue drains."""
    for start in range(0, 8, 2):
        await standing.enqueue({"uens": standing.uens[start : start + 2]})
    slow = {"provider": Provider.DUCKDUCKGO, "knob": "latency_add", "value": 2.0, "count": 1}
    standing.simulator.faults.add(Fault.of(slow))  # leaves time to read the status
    share = await standing.owner.fetchrow(
        """
        SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS all,
               (SELECT count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL AND datid IS NOT NULL) AS taken
        """
    )
    async with AsyncExitStack() as crowd:
        for _ in range(round(share["all"] * 0.65) - share["taken"] - 3):  # the service itself uses up to five
            crowd.push_async_callback((await connect(fresh_dsn, {})).close)
        service = await standing.start("run", "--until-idle", WORKERS="2")
        port = (await service.event("web.listening"))["port"]
        await service.event("job.claimed", job_type="enrichment")
        async with httpx.AsyncClient() as http:
            status = (await http.get(f"http://127.0.0.1:{port}/status.json")).json()
        assert await service.ended() == 0
    assert status["room_for_workers"] == 1
    assert [worker["job_id"] is not None for worker in status["workers"]].count(True) == 1
    assert any("only one worker takes jobs" in why for why in status["verdict"]["why"])
    events = [json.loads(line)["event"] for line in service.lines if line.startswith("{")]
    steps = [event for event in events if event in ("job.claimed", "job.ended")]
    assert steps == ["job.claimed", "job.ended"] * (len(steps) // 2)
    assert sorted(await standing.outcomes()) == standing.uens[:8]


async def test_b15_the_service_uses_at_most_five_connections(standing: Stage) -> None:
    """Sixteen workers with enough work: four sessions and one that listens."""
    for start in range(0, 40, 2):
        await standing.enqueue({"uens": standing.uens[start : start + 2]})
    service = await standing.start("run", WORKERS="16")
    most = 0
    for _ in range(20):
        await service.event("company.ended")
        counted = await standing.owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'acra-express'"
            " AND datname = current_database()"
        )
        most = max(most, counted)
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0
    assert 3 <= most <= 5


async def test_b25_query_of_the_nightly_history_ends_after_two_seconds(owner: Connection, database: Database) -> None:
    """The function that reads the history is replaced by one that returns the statement time-out in effect."""
    await owner.execute(
        "CREATE OR REPLACE FUNCTION acra_express.nightly_companies(p_day date) RETURNS bigint LANGUAGE sql"
        " SECURITY DEFINER AS"
        " $$SELECT extract(epoch FROM current_setting('statement_timeout')::interval)::bigint$$"
    )
    assert await Control(database).companies_today(SINGAPORE) == (0, 2)
