"""The snapshot loop and the pulse: gauges from the database without queries in a scrape, and event loop lag."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from contexts import context_of
from prometheus_client import generate_latest

from acra_express_async.db.companies.campaign_actions import CampaignActions
from acra_express_async.db.companies.campaign_rows import Asked
from acra_express_async.db.companies.outcomes import DailyCap
from acra_express_async.db.jobs.job_commands import Operator
from acra_express_async.db.limits.budget_ledger import BudgetUse
from acra_express_async.db.ops.control import Control
from acra_express_async.db.ops.display import Display
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.jobs.courtesy import Courtesy
from acra_express_async.limits import Allowance
from acra_express_async.metrics import Metrics
from acra_express_async.models import Provider
from acra_express_async.ops.pulse import PULSE_SECONDS, SIGNS_SECONDS, Pulse
from acra_express_async.ops.snapshot import COMPARED_EVERY, FIGURES_EVERY, Replica, SnapshotLoop, Sources
from acra_express_async.params import StagingParams
from acra_express_async.runtime.health import Health
from acra_express_async.settings.quiet_hours import QuietHours
from acra_express_async.settings.tree import load_settings

SINGAPORE = ZoneInfo("Asia/Singapore")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Ended(Exception):
    """Ends a loop from its pause."""


def value(metrics: Metrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(f"acra_express_{name}", labels)
    assert found is not None
    return found


class Turned:
    """The real snapshot loop on a real database, run step by step."""

    def __init__(self, database: Database) -> None:
        context = context_of(clock=lambda: 0.0, now=lambda: NOON)
        self.metrics, self.health = context.metrics, context.health
        self.snapshot_loop = SnapshotLoop(
            sources=Sources(
                control=Control(database),
                slots=DailyCap(database, SINGAPORE),
                budgets=self._budgets,
                display=Display(database),
            ),
            courtesy=Courtesy(
                stand_back=True, quiet=QuietHours.of(""), now=lambda: NOON, workers=2, metrics=self.metrics
            ),
            settings=load_settings({"POSTGRES_DSN": "x"}),
            replica=Replica(),
            context=context,
        )

    async def _budgets(self) -> Sequence[BudgetUse]:
        hour = timedelta(hours=1)
        return [BudgetUse(Allowance(Provider.JINA, "calls_1h", 120, 1.0, hour, timedelta(seconds=5)), 30, elsewhere=6)]


@pytest_asyncio.fixture
async def turned(database: Database) -> Turned:
    return Turned(database)


async def enqueue(owner: Connection, count: int) -> None:
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params)"
        " SELECT 'acra_express_staging_upsert', 'queued', '{\"uens\": [\"x\"]}' FROM generate_series(1, $1)",
        count,
    )


async def test_gauges_follow_the_snapshot_of_the_database(owner: Connection, turned: Turned) -> None:
    await enqueue(owner, 3)
    await owner.execute("UPDATE acra_express.control SET paused = true")
    await owner.execute("INSERT INTO acra_express.freshness VALUES (true, now(), 40, 30, 20, 10)")
    await turned.snapshot_loop.look()
    metrics = turned.metrics
    assert value(metrics, "queue_depth", job_type="acra_express_staging_upsert", state="due") == 3
    assert value(metrics, "queue_depth", job_type="acra_express_enrich_candidates", state="due") == 0
    assert value(metrics, "budget_used", provider="jina", budget="calls_1h") == 36
    assert value(metrics, "budget_limit", provider="jina", budget="calls_1h") == 120
    assert value(metrics, "daily_cap_limit") == 300
    assert value(metrics, "paused") == 1
    assert value(metrics, "freshness_companies", age="days_7") == 40
    assert value(metrics, "freshness_companies", age="never") == 10
    assert value(metrics, "standing_back") == 0
    assert value(metrics, "snapshot_duration_seconds_count") == 1
    assert value(metrics, "queue_snapshot_timestamp_seconds") == NOON.timestamp()
    assert [line.left for line in turned.snapshot_loop.snapshot.campaigns] == [1, 1, 1]


async def test_a_scrape_never_queries_the_database(owner: Connection, database: Database, turned: Turned) -> None:
    await enqueue(owner, 100_000)
    await turned.snapshot_loop.look()
    await database.close()
    text = generate_latest(turned.metrics.registry).decode()
    assert 'acra_express_queue_depth{job_type="acra_express_staging_upsert",state="due"} 100000.0' in text


async def test_a_database_outage_keeps_the_last_snapshot(owner: Connection, database: Database, turned: Turned) -> None:
    await enqueue(owner, 2)
    await turned.snapshot_loop.look()
    await database.close()
    await turned.snapshot_loop.look()
    assert value(turned.metrics, "queue_depth", job_type="acra_express_staging_upsert", state="due") == 2


async def test_cancelled_companies_are_counted_by_one_replica(owner: Connection, database: Database) -> None:
    """Whole campaigns, with listed and unstaged companies, and single jobs; replicas look at the same moment."""
    work = {"company_ids": [1, 2, 3]}
    jobs = [
        await owner.fetchval(
            "INSERT INTO background_jobs (job_type, status, params)"
            " VALUES ('acra_express_enrich_candidates', 'queued', $1) RETURNING job_id",
            work,
        )
        for _ in range(3)
    ]
    replicas = [Turned(database) for _ in range(3)]
    for job_id in jobs:
        await Operator(database).cancel(job_id, "ANNA")
        await asyncio.gather(*(replica.snapshot_loop.look() for replica in replicas))
    asked = Asked(by="ANNA", expected=4)
    campaign = await Operator(database).enqueue(StagingParams(ssic_codes=["62011"]), asked, ["U1", "U2"])
    changed = await CampaignActions(database).cancel(campaign, "ANNA")
    for _ in range(FIGURES_EVERY):
        await asyncio.gather(*(replica.snapshot_loop.look() for replica in replicas))
    counted = [value(each.metrics, "companies_processed_total", outcome="cancelled") for each in replicas]
    assert (sum(counted), changed.companies) == (9 + 4, 4)
    assert sum(value(each.metrics, "latency_seconds_count", outcome="cancelled") for each in replicas) == 0


async def test_a_locked_platform_table_does_not_delay_the_snapshot(owner: Connection, turned: Turned) -> None:
    await enqueue(owner, 2)
    async with owner.transaction():
        await owner.execute("LOCK TABLE companies IN ACCESS EXCLUSIVE MODE")
        await turned.snapshot_loop.look()
        assert turned.snapshot_loop.snapshot.taken_at == NOON
        assert value(turned.metrics, "queue_depth", job_type="acra_express_staging_upsert", state="due") == 2


async def test_b25_nightly_history_is_not_queried_while_it_runs(owner: Connection, turned: Turned) -> None:
    await owner.execute(
        "INSERT INTO background_jobs (job_id, job_type, status) VALUES (1, 'enrich_candidates', 'running')"
    )
    await turned.snapshot_loop.look()
    assert turned.snapshot_loop.snapshot.nightly_running
    assert turned.snapshot_loop.snapshot.companies_today == {}
    await owner.execute("UPDATE background_jobs SET status = 'done'")
    for _ in range(COMPARED_EVERY):
        await turned.snapshot_loop.look()
    assert turned.snapshot_loop.snapshot.companies_today == {"express": 0, "nightly": 0}


class Beat:
    """A clock that each pause advances, late by the values of `late`; the loop ends after that many pauses."""

    def __init__(self, late: Sequence[float]) -> None:
        self.now = 100.0
        self._late = iter(late)

    async def pause(self, seconds: float) -> None:
        try:
            self.now += seconds + next(self._late)
        except StopIteration:
            raise Ended from None


async def pulsed(
    late: Sequence[float], prepare: Callable[[Health], None] = lambda health: None, *, busy: bool = True
) -> Metrics:
    beat = Beat(late)
    pause: Callable[[float], Awaitable[None]] = beat.pause
    context = context_of(clock=lambda: beat.now, now=lambda: NOON, pause=pause)
    prepare(context.health)
    with pytest.raises(Ended):
        await Pulse(busy=lambda: busy, context=context).run()
    return context.metrics


async def test_the_pulse_measures_event_loop_lag() -> None:
    metrics = await pulsed([0.0, 0.7, 0.0])
    assert value(metrics, "event_loop_lag_seconds_count") == 3
    assert value(metrics, "event_loop_lag_seconds_sum") == pytest.approx(0.7)
    assert value(metrics, "event_loop_lag_seconds_bucket", le="0.5") == 2


async def test_an_idle_process_pulses_as_it_publishes() -> None:
    metrics = await pulsed([0.0] * 3, lambda health: health.beacon("poller").beat(), busy=False)
    assert value(metrics, "event_loop_lag_seconds_count") == 3
    assert value(metrics, "last_tick_timestamp_seconds", loop="poller") == NOON.timestamp() - 3 * SIGNS_SECONDS


async def test_beacons_are_exported_and_the_start_counts_as_a_tick() -> None:
    metrics = await pulsed([0.0] * 5, lambda health: health.beacon("poller").beat())
    assert value(metrics, "last_tick_timestamp_seconds", loop="poller") == NOON.timestamp() - 5 * PULSE_SECONDS
    assert value(metrics, "last_tick_timestamp_seconds", loop="cron") == NOON.timestamp()
