"""Choose the gear: slow while express or the nightly has work, fast through idle hours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from acra_express_async.db.session.pool import Connection
from acra_express_async.sandbox.simulation.fast_clock import SHIFT_SECONDS, SimulatedTime

SOON = timedelta(minutes=10)
"""A job that is due within this time counts as work, so the end of its snooze runs in the slow gear."""
LEAD_SECONDS = 3 * SHIFT_SECONDS
"""Real seconds before an appointment at which the slow gear must be in effect."""
LINGER = timedelta(seconds=30)
"""Time after an appointment until its jobs are visible in the table."""
LOOK_EVERY_SECONDS = 0.2
"""Real seconds between two checks."""


class Driver:
    """Shifts the gears of a simulated day.

    Args:
        clock: the clock, already started.
        owner: a connection for the exclusive use of the driver.
        slow, fast: simulated seconds per real second.
        appointments: moments at which jobs will be enqueued or a tick may stage something, in order.
        nightly_runs: tells whether the stand-in nightly is running.
    """

    def __init__(
        self,
        clock: SimulatedTime,
        owner: Connection,
        *,
        slow: float,
        fast: float,
        appointments: Sequence[datetime],
        nightly_runs: Callable[[], bool],
    ) -> None:
        self._clock = clock
        self._owner = owner
        self._slow = slow
        self._fast = fast
        self._appointments = list(appointments)
        self._nightly_runs = nightly_runs

    async def run(self) -> None:
        """Shift gears until cancelled."""
        while True:
            wanted = self._slow if self._at_hand() or await self._busy() else self._fast
            if wanted != self._clock.gearbox.pace:
                await self._clock.shift(self._owner, wanted)
            await self._clock.sleep(self._patience(wanted))

    def _at_hand(self) -> bool:
        """True when an appointment is near or the nightly is running."""
        now = self._clock.wall()
        while self._appointments and self._appointments[0] + LINGER < now:
            self._appointments.pop(0)
        return self._nightly_runs() or self._until_next() <= timedelta(seconds=LEAD_SECONDS * self._fast)

    def _until_next(self) -> timedelta:
        return self._appointments[0] - self._clock.wall() if self._appointments else timedelta.max

    def _patience(self, pace: float) -> float:
        """Simulated seconds until the next check, at most until the slow gear is needed again."""
        seconds = LOOK_EVERY_SECONDS * pace
        if pace == self._fast:
            before = self._until_next().total_seconds() - LEAD_SECONDS * self._fast
            seconds = min(seconds, max(before, SHIFT_SECONDS * pace))
        return seconds

    async def _busy(self) -> bool:
        found = await self._owner.fetchval(
            """
            SELECT EXISTS (
                SELECT FROM public.background_jobs b LEFT JOIN acra_express.leases l ON l.job_id = b.job_id
                WHERE b.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates')
                  AND b.status IN ('queued', 'running')
                  AND (l.job_id IS NULL OR l.held OR l.due_at <= (SELECT acra_express.clock()) + $1::interval))
            """,
            SOON,
        )
        return bool(found)
