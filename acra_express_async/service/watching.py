"""Builds what watches and tells: the alerts and their courier."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from acra_express_async.alerts import Alerts, Courier
from acra_express_async.db.alerts import AlertRows
from acra_express_async.db.budgets import BudgetUse
from acra_express_async.db.pool import Database
from acra_express_async.health import Health
from acra_express_async.metrics import Metrics
from acra_express_async.providers.slack import Slack
from acra_express_async.settings import Settings


def build_alerts(
    settings: Settings,
    database: Database,
    slack: Slack,
    *,
    budgets: Callable[[], Awaitable[Sequence[BudgetUse]]],
    instance: str,
    health: Health,
    metrics: Metrics,
) -> tuple[Alerts, Courier]:
    """Two loops over one table: the first decides, the second tells Slack."""
    rows = AlertRows(database)
    courier = Courier(
        rows=rows, slack=slack, settings=settings.alert, instance=instance, health=health, metrics=metrics
    )
    alerts = Alerts(
        rows=rows,
        budgets=budgets,
        settings=settings.alert,
        unsent=courier.nudge,
        health=health,
        metrics=metrics,
    )
    return alerts, courier
