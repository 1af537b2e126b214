"""Looks for stalled work at every turn of the alerts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from acra_express_async.alerts.stalls import CAUSES, WORTH_A_LOOK, Stall, stalls, waits_by_rule
from acra_express_async.db.jobs.neighbours import NightlyJob
from acra_express_async.db.ops.alert_rows import BreakerLine
from acra_express_async.db.ops.progress_rows import LiveWork, ProgressRows
from acra_express_async.jobs.holds import Hold
from acra_express_async.metrics import Metrics


@dataclass(kw_only=True, eq=False, repr=False)
class StallWatch:
    """What does not move, and what waits by rule, as of the last look.

    Args:
        hold: the rule that holds back all work now.
        nightly: the nightly's job that runs for longer than usual, and when it should have been over.
        cap: slots of the daily cap that are used today, and the configured cap.
        zone: in which moments are written.
        least: no progress for so long is a stall.
    """

    rows: ProgressRows
    hold: Callable[[], Hold | None]
    nightly: Callable[[], tuple[NightlyJob, datetime] | None]
    cap: Callable[[], tuple[int, int]]
    zone: tzinfo
    metrics: Metrics
    least: timedelta = WORTH_A_LOOK

    def __post_init__(self) -> None:
        self.progress: LiveWork | None = None
        self.stalls: list[Stall] = []
        self.waits: list[str] = []

    async def look(self, breakers: Sequence[BreakerLine], *, noting: bool = True) -> list[Stall]:
        """Look once.

        Args:
            noting: note in the database that it was looked at; a command only reads.

        Raises:
            NotNow: what was known stands.
        """
        hold = self.hold()
        progress = await self.rows.look(held=hold is not None if noting else None)
        self.progress = progress
        self.stalls = stalls(
            progress, hold=hold, nightly=self.nightly(), breakers=breakers, zone=self.zone, least=self.least
        )
        self.waits = waits_by_rule(progress, hold, self.zone, cap=self.cap())
        for cause in CAUSES:
            lasts = [stall.lasts(progress.now).total_seconds() for stall in self.stalls if stall.cause == cause]
            self.metrics.stalled.labels(cause).set(max(lasts, default=0.0))
        return self.stalls
