"""The shared part of /status.json, read from the database by a process that serves nothing: `acra-express status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from acra_express_async.alerts import Alerts
from acra_express_async.companies.outlook_reading import read_outlook
from acra_express_async.db.companies.outcomes import DailyCap
from acra_express_async.db.limits.budget_ledger import BudgetLedger, BudgetUse
from acra_express_async.db.ops.alert_rows import AlertRows
from acra_express_async.db.ops.control import Control
from acra_express_async.db.ops.display import Display
from acra_express_async.db.ops.failing_parts import FailingParts
from acra_express_async.db.session.pool import Database
from acra_express_async.errors import DatabaseAway
from acra_express_async.limits import allowances
from acra_express_async.ops.snapshot import SnapshotLoop, Sources
from acra_express_async.ops.status import status
from acra_express_async.service.background import build_courtesy, build_stall_watch
from acra_express_async.service.process_context import process_context
from acra_express_async.settings.tree import Settings

OF_A_PROCESS = ("started_at", "draining", "listener_proven")
"""What only a running process knows: None here. Its list of workers is empty."""


class SharedStatus:
    """Reads the shared state; nothing of it is written, and no process is asked."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._control = Control(database)
        self._moment = datetime.min.replace(tzinfo=UTC)
        ledger = BudgetLedger(database)
        every = list(chain(*allowances(settings).values()))
        context = replace(process_context(settings), now=self._now)
        self._health = context.health
        self._health.listener_proven = True  # no listener is judged here
        self._courtesy = build_courtesy(settings, context, cut_off=lambda: None)

        async def budgets() -> Sequence[BudgetUse]:
            return await ledger.usage(every)

        self._snapshot_loop = SnapshotLoop(
            sources=Sources(
                control=self._control,
                slots=DailyCap(database, settings.zone),
                budgets=budgets,
                display=Display(database),
                outlook=lambda: read_outlook(database, settings),
            ),
            courtesy=self._courtesy,
            settings=settings,
            context=context,
        )
        self._alerts = Alerts(
            rows=AlertRows(database),
            stall_watch=build_stall_watch(settings, database, self._snapshot_loop, context),
            parts=FailingParts(database),
            budgets=budgets,
            settings=settings.alert,
            unsent=lambda: None,
            context=context,
        )

    def _now(self) -> datetime:
        """The database's time at the beginning of this look."""
        return self._moment

    async def read(self) -> dict[str, Any]:
        """What /status.json says, without what only a process knows.

        Raises:
            NotNow: the database could not be read.
        """
        self._moment = (await self._control.moment()).astimezone(self._settings.zone)
        await self._snapshot_loop.look()
        if self._snapshot_loop.snapshot.taken_at is None:
            raise DatabaseAway(self._health.database.trouble or "the database did not answer")
        await self._alerts.read()
        told = status(
            settings=self._settings,
            health=self._health,
            snapshot_loop=self._snapshot_loop,
            courtesy=self._courtesy,
            alerts=self._alerts,
            workers=(),
            started_at=self._now(),
            now=self._now,
        )
        return told | dict.fromkeys(OF_A_PROCESS)
