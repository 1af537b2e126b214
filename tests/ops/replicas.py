"""The alert loops of one process, run step by step, and a fake Slack."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from contexts import context_of

from acra_express_async.alerts import Alerts, Courier, StallWatch
from acra_express_async.db.jobs.neighbours import NightlyJob
from acra_express_async.db.limits.budget_ledger import BudgetUse
from acra_express_async.db.ops.alert_rows import AlertRows
from acra_express_async.db.ops.failing_parts import FailingParts
from acra_express_async.db.ops.progress_rows import ProgressRows
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import Blocked, ProviderError
from acra_express_async.jobs.holds import Hold
from acra_express_async.settings.tree import AlertSettings


class Channel:
    """A fake Slack: keeps accepted messages and refuses while `refusal` is set."""

    def __init__(self) -> None:
        self.headers: list[str] = []
        self.blocks: list[list[dict[str, Any]]] = []
        self.refusal: ProviderError | None = None
        self.configured = True
        self.dead: str | None = None

    async def post(self, text: str, blocks: list[dict[str, Any]] | None = None) -> None:
        if self.refusal is not None:
            if isinstance(self.refusal, Blocked):
                self.dead = self.refusal.reason
            raise self.refusal
        assert blocks is not None
        assert text
        self.headers.append(blocks[0]["text"]["text"])
        self.blocks.append(blocks)


class Replica:
    """The two alert loops of one process, run step by step."""

    def __init__(self, database: Database, channel: Channel, uses: Sequence[BudgetUse] = ()) -> None:
        context = context_of(clock=lambda: 0.0)
        self.metrics = context.metrics
        self.uses = list(uses)
        rows = AlertRows(database)
        self.courier = Courier(
            rows=rows,
            slack=channel,
            settings=AlertSettings(),
            instance="test:1",
            zone=ZoneInfo("Asia/Singapore"),
            runbook=lambda: "http://express.test/runbook",
            context=context,
        )
        self.hold: Hold | None = None
        self.nightly: tuple[NightlyJob, datetime] | None = None
        watch = StallWatch(
            rows=ProgressRows(database),
            hold=lambda: self.hold,
            nightly=lambda: self.nightly,
            cap=lambda: (300, 300),
            zone=UTC,
            metrics=self.metrics,
        )
        self.alerts = Alerts(
            rows=rows,
            stall_watch=watch,
            parts=FailingParts(database),
            budgets=self._used,
            settings=AlertSettings(),
            unsent=self.courier.nudge,
            context=context,
        )

    async def _used(self) -> list[BudgetUse]:
        return self.uses

    async def turn(self) -> None:
        await self.alerts.look()
        await self.courier.deliver()

    def value(self, name: str, **labels: str) -> float:
        value = self.metrics.registry.get_sample_value(f"acra_express_{name}", labels)
        assert value is not None
        return value


async def ended(owner: Connection, kinds: str, reason: str = "provider_error") -> None:
    """Let companies end now, one per letter: e(nriched), n(o website), s(kipped), f(ailed), c(ancelled)."""
    names = {"e": "enriched", "n": "no_website", "s": "skipped", "f": "failed", "c": "cancelled"}
    first = await owner.fetchval("SELECT count(*) FROM acra_express.outcomes")
    await owner.executemany(
        "INSERT INTO acra_express.outcomes (job_id, company_id, kind, reason, ended_at)"
        " VALUES (1, $1, $2, $3, acra_express.clock())",
        [(first + place, names[kind], reason if kind == "f" else "") for place, kind in enumerate(kinds)],
    )
