"""Builds what runs beside the jobs: the alerts and their courier, the courtesy towards the nightly, the refresh."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from acra_express_async.alerts import WORTH_A_LOOK, Alerts, Courier, StallWatch
from acra_express_async.companies.refresh import Refresh
from acra_express_async.companies.refresh_file import RefreshFile
from acra_express_async.db.companies.refresh_rows import RefreshRows
from acra_express_async.db.console.console_rows import ConsoleRows
from acra_express_async.db.jobs.uen_lists import UenLists
from acra_express_async.db.limits.budget_ledger import BudgetUse
from acra_express_async.db.ops.alert_rows import AlertRows
from acra_express_async.db.ops.failing_parts import FailingParts
from acra_express_async.db.ops.progress_rows import ProgressRows
from acra_express_async.db.records.field_history import FieldHistory
from acra_express_async.db.records.freshness_rows import FreshnessRows
from acra_express_async.db.session.pool import Database
from acra_express_async.jobs.courtesy import Courtesy
from acra_express_async.ops.preflight import DatabaseAccess
from acra_express_async.ops.snapshot import SnapshotLoop
from acra_express_async.providers.slack import Slack
from acra_express_async.records.freshness import StandingCount
from acra_express_async.runtime.context import Context
from acra_express_async.settings.quiet_hours import QuietHours
from acra_express_async.settings.tree import Settings


def build_courier(
    settings: Settings,
    database: Database,
    slack: Slack,
    *,
    instance: str,
    runbook: Callable[[], str],
    context: Context,
) -> Courier:
    """Sends to Slack what the alerts have decided.

    Args:
        runbook: where the service's own copy of the runbook can be read.
    """
    return Courier(
        rows=AlertRows(database),
        slack=slack,
        settings=settings.alert,
        instance=instance,
        zone=settings.zone,
        runbook=runbook,
        context=context,
    )


def build_alerts(
    settings: Settings,
    database: Database,
    *,
    budgets: Callable[[], Awaitable[Sequence[BudgetUse]]],
    snapshot_loop: SnapshotLoop,
    unsent: Callable[[], None],
    context: Context,
) -> Alerts:
    """Decides which alerts fire.

    Args:
        snapshot_loop: knows what holds back all work, how many slots of the daily cap are used, and how often to look.
        unsent: is called when there is a message to send.
    """
    return Alerts(
        rows=AlertRows(database),
        stall_watch=build_stall_watch(settings, database, snapshot_loop, context),
        parts=FailingParts(database),
        budgets=budgets,
        settings=settings.alert,
        unsent=unsent,
        every=lambda: snapshot_loop.alerts_every,
        context=context,
    )


def build_stall_watch(
    settings: Settings, database: Database, snapshot_loop: SnapshotLoop, context: Context
) -> StallWatch:
    """Looks for work that does not move although no rule holds it back."""
    return StallWatch(
        rows=ProgressRows(database),
        hold=snapshot_loop.hold,
        nightly=snapshot_loop.overlong,
        cap=lambda: (snapshot_loop.snapshot.cap_used, settings.daily_cap),
        zone=settings.zone,
        metrics=context.metrics,
        least=min(WORTH_A_LOOK, timedelta(minutes=settings.alert.stalled_minutes)),
    )


def build_courtesy(settings: Settings, context: Context, cut_off: Callable[[], str | None]) -> Courtesy:
    """Decides when this process takes no new work.

    Args:
        cut_off: why this host cannot work on any company while others can.
    """
    return Courtesy(
        stand_back=settings.stand_back_while_nightly_runs,
        quiet=QuietHours.of(settings.quiet_hours),
        now=context.now,
        workers=settings.workers,
        metrics=context.metrics,
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
    context: Context,
) -> Refresh:
    """The chore that stages REFRESH_UEN_FILE, REFRESH_SSIC and REFRESH_TERMS; it does nothing when all are empty."""
    named = None
    if settings.refresh_uen_file is not None:
        named = RefreshFile(settings.refresh_uen_file, lambda sentence: context.health.remark("refresh list", sentence))
    return Refresh(
        rows=RefreshRows(database, settings.zone),
        may_claim=courtesy.may_claim,
        until_tick=until_tick,
        clock=context.clock,
        settings=settings,
        named=named,
    )
