"""Builds what runs beside the jobs: the alerts and their courier, the courtesy towards the nightly, the refresh."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from acra_express_async.alerts import WORTH_A_LOOK, Alerts, Courier, StallWatch
from acra_express_async.companies.refresh import Refresh
from acra_express_async.companies.refresh_file import RefreshFile
from acra_express_async.db.companies.refresh_rows import RefreshRows
from acra_express_async.db.console.console_rows import ConsoleRows
from acra_express_async.db.jobs.neighbours import NightlyJob
from acra_express_async.db.jobs.uen_lists import UenLists
from acra_express_async.db.limits.budget_ledger import BudgetUse
from acra_express_async.db.ops.alert_rows import AlertRows
from acra_express_async.db.ops.failing_parts import FailingParts
from acra_express_async.db.ops.progress_rows import ProgressRows
from acra_express_async.db.records.field_history import FieldHistory
from acra_express_async.db.records.freshness_rows import FreshnessRows
from acra_express_async.db.session.pool import Database
from acra_express_async.jobs.courtesy import Courtesy
from acra_express_async.jobs.holds import Hold
from acra_express_async.metrics import Metrics
from acra_express_async.ops.preflight import DatabaseAccess
from acra_express_async.providers.slack import Slack
from acra_express_async.records.freshness import StandingCount
from acra_express_async.runtime.health import Health
from acra_express_async.settings.quiet_hours import QuietHours
from acra_express_async.settings.tree import Settings


def build_alerts(
    settings: Settings,
    database: Database,
    slack: Slack,
    *,
    budgets: Callable[[], Awaitable[Sequence[BudgetUse]]],
    hold: Callable[[], Hold | None],
    nightly: Callable[[], tuple[NightlyJob, datetime] | None],
    every: Callable[[], int],
    cap: Callable[[], tuple[int, int]],
    instance: str,
    runbook: Callable[[], str],
    health: Health,
    metrics: Metrics,
) -> tuple[Alerts, Courier]:
    """Two loops over one table: the first decides, the second sends to Slack.

    Args:
        hold: the rule that holds back all work now.
        nightly: the nightly's job that runs for longer than usual, and when it should have been over.
        every: how many turns of the first loop may pass between two looks.
        cap: slots of the daily cap that are used today, and the configured cap.
        runbook: where the service's own copy of the runbook can be read.
    """
    rows = AlertRows(database)
    courier = Courier(
        rows=rows,
        slack=slack,
        settings=settings.alert,
        instance=instance,
        zone=settings.zone,
        runbook=runbook,
        health=health,
        metrics=metrics,
    )
    watch = StallWatch(
        rows=ProgressRows(database),
        hold=hold,
        nightly=nightly,
        cap=cap,
        zone=settings.zone,
        metrics=metrics,
        least=min(WORTH_A_LOOK, timedelta(minutes=settings.alert.stalled_minutes)),
    )
    alerts = Alerts(
        rows=rows,
        stall_watch=watch,
        parts=FailingParts(database),
        budgets=budgets,
        settings=settings.alert,
        unsent=courier.nudge,
        every=every,
        health=health,
        metrics=metrics,
    )
    return alerts, courier


def build_courtesy(
    settings: Settings, now: Callable[[], datetime], metrics: Metrics, cut_off: Callable[[], str | None]
) -> Courtesy:
    """Decides when this process takes no new work.

    Args:
        now: the wall clock in the time zone of the quiet hours.
        cut_off: why this host cannot work on any company while others can.
    """
    return Courtesy(
        stand_back=settings.stand_back_while_nightly_runs,
        quiet=QuietHours.of(settings.quiet_hours),
        now=now,
        workers=settings.workers,
        metrics=metrics,
        cut_off=cut_off,
    )


def build_chores(settings: Settings, access: DatabaseAccess, refresh: Refresh) -> list[Callable[[], Awaitable[object]]]:
    """Chores of a tick: drop what is older than HISTORY_DAYS, count the standing selection by age, and refresh it."""
    keep = timedelta(days=settings.history_days)
    history, lists = FieldHistory(access.work), UenLists(access.work)
    count = StandingCount(
        rows=FreshnessRows(access.work, shape=access.shape, include_sole_proprietors=settings.include_sole_proprietors),
        terms=settings.refresh_terms,
        ssic_codes=settings.refresh_ssic,
        listed=refresh.listed,
    )
    trail = ConsoleRows(access.work)
    return [
        lambda: history.prune(keep),
        lambda: lists.prune(keep),
        lambda: trail.prune(keep),
        count.tick,
        refresh.tick,
    ]


def build_refresh(
    settings: Settings,
    database: Database,
    courtesy: Courtesy,
    *,
    until_tick: Callable[[], timedelta],
    clock: Callable[[], float],
    health: Health,
) -> Refresh:
    """The chore that stages REFRESH_UEN_FILE, REFRESH_SSIC and REFRESH_TERMS; it does nothing when all are empty.

    Args:
        clock: monotonic seconds.
    """
    named = None
    if settings.refresh_uen_file is not None:
        named = RefreshFile(settings.refresh_uen_file, lambda sentence: health.remark("refresh list", sentence))
    return Refresh(
        rows=RefreshRows(database, settings.zone),
        may_claim=courtesy.may_claim,
        until_tick=until_tick,
        clock=clock,
        ssic_codes=settings.refresh_ssic,
        terms=settings.refresh_terms,
        per_day=max(0, settings.daily_cap - settings.refresh_reserve),
        named=named,
        recheck=timedelta(days=settings.recheck_days),
    )
