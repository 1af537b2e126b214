"""What a replica with nothing to do costs the server: an hour of the loops' turns, counted by the server itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from contexts import context_of

from acra_express_async.alerts import Alerts, StallWatch
from acra_express_async.db.companies.outcomes import DailyCap
from acra_express_async.db.jobs.listen import new_echo
from acra_express_async.db.limits.budget_ledger import BudgetLedger, BudgetUse
from acra_express_async.db.ops.alert_rows import AlertRows
from acra_express_async.db.ops.control import Control
from acra_express_async.db.ops.display import Display
from acra_express_async.db.ops.failing_parts import FailingParts
from acra_express_async.db.ops.progress_rows import ProgressRows
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.jobs.courtesy import Courtesy
from acra_express_async.jobs.poller import IDLE_POLL_SECONDS
from acra_express_async.limits import allowances
from acra_express_async.ops.snapshot import Replica, SnapshotLoop, Sources
from acra_express_async.settings.quiet_hours import QuietHours
from acra_express_async.settings.tree import AlertSettings, load_settings

SINGAPORE = ZoneInfo("Asia/Singapore")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = 3600.0
MOST_AN_HOUR = 1000
OTHERS_AN_HOUR = HOUR / IDLE_POLL_SECONDS + 100
"""The poller's claims, and four ticks of the cron with their chores. Echoes of the looks prove the listener."""


class Over(Exception):
    """Ends a loop from its pause."""


def hours(count: float) -> Callable[[float], Awaitable[None]]:
    """A pause that takes no time, and ends its loop once it has been asked to wait for so long."""
    left = [count * HOUR]

    async def pause(seconds: float) -> None:
        left[0] -= seconds
        if left[0] <= 0:
            raise Over

    return pause


class Idle:
    """The snapshot loop and the alerts of one process, on a real database."""

    def __init__(self, database: Database, *, busy: bool = False) -> None:
        settings = load_settings({"ACRA_EXPRESS_POSTGRES_DSN": "postgresql://nobody@localhost/none"})
        context = context_of(clock=lambda: 0.0, now=lambda: NOON)
        self.metrics, self.told = context.metrics, list[str]()
        ledger = BudgetLedger(database)
        every = [one for each in allowances(settings).values() for one in each]

        async def budgets() -> list[BudgetUse]:
            return await ledger.usage(every)

        self.snapshot_loop = SnapshotLoop(
            sources=Sources(
                control=Control(database, echo=new_echo()),
                slots=DailyCap(database, SINGAPORE),
                budgets=budgets,
                display=Display(database),
            ),
            courtesy=Courtesy(
                stand_back=True, quiet=QuietHours.of(""), now=lambda: NOON, workers=2, metrics=self.metrics
            ),
            settings=settings,
            replica=Replica(
                busy=lambda: busy,
                resumed=self.told.append,
                unsent=lambda: self.told.append("unsent"),
                probe_asked=lambda: self.told.append("probe"),
            ),
            context=replace(context, pause=hours(1)),
        )
        self.alerts = Alerts(
            rows=AlertRows(database),
            stall_watch=StallWatch(
                rows=ProgressRows(database),
                hold=self.snapshot_loop.hold,
                nightly=self.snapshot_loop.overlong,
                cap=lambda: (0, 300),
                zone=UTC,
                metrics=self.metrics,
            ),
            parts=FailingParts(database),
            budgets=budgets,
            settings=AlertSettings(),
            unsent=lambda: None,
            every=lambda: self.snapshot_loop.alerts_every,
            context=replace(context, pause=hours(1)),
        )

    async def hour(self) -> None:
        for loop in (self.snapshot_loop, self.alerts):
            with pytest.raises(Over):
                await loop.run()


async def transactions(owner: Connection) -> int:
    """Of this database, by the server's own count, once the ended sessions of the pool have reported theirs."""
    while await owner.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND application_name = 'acra-express'"
    ):
        await owner.execute("SELECT pg_stat_clear_snapshot()")
    await owner.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
    found = await owner.fetchval(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    )
    assert isinstance(found, int)
    return found


async def test_an_idle_hour_stays_under_1000_transactions(owner: Connection, database: Database) -> None:
    idle = Idle(database)
    await database.close()
    before = await transactions(owner)
    await database.open()
    await idle.hour()
    await database.close()
    assert await transactions(owner) - before + OTHERS_AN_HOUR < MOST_AN_HOUR


async def test_new_outcomes_and_jobs_show_at_the_next_look(owner: Connection, database: Database) -> None:
    idle = Idle(database)
    await idle.snapshot_loop.look()
    assert idle.snapshot_loop.idle
    await owner.execute(
        "INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, ended_at)"
        " VALUES (1, 1, 'U1', 'enriched', now())"
    )
    await idle.snapshot_loop.look()
    assert [line.uen for line in idle.snapshot_loop.snapshot.companies] == ["U1"]
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params) VALUES ('acra_express_staging_upsert', 'queued', '{}')"
    )
    await idle.snapshot_loop.look()
    assert not idle.snapshot_loop.idle
    assert idle.snapshot_loop.alerts_every == 1


async def test_what_waits_for_another_loop_is_passed_on(owner: Connection, database: Database) -> None:
    idle = Idle(database)
    await owner.execute("UPDATE acra_express.control SET uncounted_cancelled = 3, paused = true, changed_by = 'ANNA'")
    await owner.execute(
        "INSERT INTO acra_express.alerts (key, since, firing, version, unsent, detail)"
        " VALUES ('failure_ratio', now(), true, 1, 'firing', '{}')"
    )
    await owner.execute(
        "INSERT INTO acra_express.probe_requests (provider, requested_at, requested_by) VALUES ('jina', now(), 'ANNA')"
    )
    await idle.snapshot_loop.look()
    assert idle.told == ["unsent", "probe"]
    assert idle.snapshot_loop.snapshot.paused_by is not None
    assert idle.snapshot_loop.alerts_every == 1, "an alert fires"
    counted = idle.metrics.registry.get_sample_value("acra_express_companies_processed_total", {"outcome": "cancelled"})
    assert counted == 3


async def test_a_person_at_the_page_keeps_its_figures_fresh(database: Database) -> None:
    loop = Idle(database).snapshot_loop
    await loop.look()
    loop.asked()
    assert not loop.idle
    for _ in range(24):
        await loop.look()
    assert loop.idle
