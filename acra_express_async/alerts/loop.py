"""The loop that judges the alerts every 15 seconds; its decisions are stored before anything is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import InitVar, dataclass
from datetime import datetime, timedelta

from acra_express_async import logs
from acra_express_async.alerts import measurements
from acra_express_async.alerts.stall_watch import StallWatch
from acra_express_async.alerts.state import Measurement, judged
from acra_express_async.db.limits.budget_ledger import BudgetUse
from acra_express_async.db.ops.alert_rows import AlertRows, AlertState, BreakerLine
from acra_express_async.db.ops.failing_parts import FailingParts
from acra_express_async.metrics import ALERTS
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.turn_loop import Loop
from acra_express_async.settings.tree import AlertSettings

log = logs.logger("alerts")

LOOP = "alerts"
LOOK_SECONDS = 15.0
OVERLAP = timedelta(minutes=1)
"""A company's `ended_at` is older than its commit: windows that ended shortly before the last turn are tried again."""


@dataclass(kw_only=True, eq=False, repr=False)
class Alerts:
    """Judges all alerts; `firing` and `open_breakers` are as of the last turn.

    Args:
        budgets: reads what the rolling windows contain.
        stall_watch: looks for work that does not move.
        parts: looks for campaigns and providers that fail totally.
        unsent: is called when there is a message to send; must not wait.
        every: how many turns may pass between two looks: more than one only while nothing can go wrong.
    """

    rows: AlertRows
    stall_watch: StallWatch
    parts: FailingParts
    budgets: Callable[[], Awaitable[Sequence[BudgetUse]]]
    settings: AlertSettings
    unsent: Callable[[], None]
    every: Callable[[], int] = lambda: 1
    context: InitVar[Context]

    def __post_init__(self, context: Context) -> None:
        self._metrics = context.metrics
        self._loop = Loop(LOOP, context)
        self._turns = 0
        self._looked_at: datetime | None = None
        self.firing: list[AlertState] = []
        self.open_breakers: list[BreakerLine] = []

    async def run(self) -> None:
        """Judge until cancelled; while the database is away, every alert stays as it was."""
        await self._loop.repeat(
            self._take_turn,
            every=LOOK_SECONDS,
            missed=lambda away: log.warning("alerts.missed", error=str(away)),
        )

    async def _take_turn(self) -> None:
        self._turns += 1
        if self._looked_at is None or self._turns >= self.every():
            self._turns = 0
            await self.look()

    async def look(self) -> None:
        """Judge everything once.

        Raises:
            NotNow: nothing was judged, or only a part.
        """
        now, known = await self.rows.known()
        seen = [await self._failure_ratio(now, known.get("failure_ratio"))]
        self.open_breakers = await self.rows.breakers()
        seen += measurements.breakers(self.open_breakers, self.stall_watch.zone)
        seen += measurements.budgets(await self.budgets())
        seen.append(measurements.own_faults(await self.rows.own_faults()))
        stalls = await self.stall_watch.look(self.open_breakers)
        live = [key for key, state in known.items() if state.firing or state.pending_since or state.missed]
        seen += measurements.stalled(stalls, live, self.settings, now, self.stall_watch.zone)
        seen += measurements.failing_parts(await self.parts.look(), live)
        self._looked_at = now
        for reading in seen:
            await self._judge(reading, known, now)
        self.firing = _firing(known)
        for name in ALERTS:
            count = sum(one.key.partition(":")[0] == name for one in self.firing)
            self._metrics.alert_active.labels(name).set(count)

    async def read(self) -> None:
        """Learn what is known without judging anything, as a command does.

        Raises:
            NotNow: nothing was learned, or only a part.
        """
        _, known = await self.rows.known()
        self.open_breakers = await self.rows.breakers()
        await self.stall_watch.look(self.open_breakers, noting=False)
        self.firing = _firing(known)

    async def _failure_ratio(self, now: datetime, state: AlertState | None) -> Measurement:
        window = timedelta(minutes=self.settings.window_minutes)
        since = now - window if self._looked_at is None else self._looked_at - OVERLAP
        if state is not None:
            # what was over the limit before the last change has been reported; a firing alert needs only the present
            since = now if state.firing else max(since, state.since)
        seen = await self.rows.failures(window, since=min(since, now), least=self.settings.min_companies)
        return measurements.failure_ratio(seen, self.settings)

    async def _judge(self, reading: Measurement, known: dict[str, AlertState], now: datetime) -> None:
        """Store the alert's next state; `known` then holds it, unless another replica was first."""
        before = known.get(reading.key)
        after = judged(before, reading, now, timedelta(minutes=self.settings.cooldown_minutes))
        if after is None or not await self.rows.put(after):
            return
        known[reading.key] = after
        if after.firing != (before is not None and before.firing):
            say = log.warning if after.firing else log.info
            say("alert.fired" if after.firing else "alert.resolved", alert=reading.key, **_facts(reading.detail))
        if after.unsent is not None:
            self.unsent()
        elif after.firing and reading.quiet:
            self._metrics.alert_notifications.labels("suppressed").inc()


def _firing(known: Mapping[str, AlertState]) -> list[AlertState]:
    return sorted((one for one in known.values() if one.firing), key=lambda one: one.since)


def _facts(detail: Mapping[str, object]) -> dict[str, object]:
    return {key: detail[key] for key in ("headline", "fields") if key in detail}
