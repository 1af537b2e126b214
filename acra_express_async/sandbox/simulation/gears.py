"""Who shifts: slowly while express or the nightly has something to do, fast through the hours in which nobody has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from acra_express_async.db.session.pool import Connection
from acra_express_async.sandbox.simulation.fast_clock import SHIFT_SECONDS, SimulatedTime

SOON = timedelta(minutes=10)
"""A job that falls due within this time is work at hand: its snooze is lived through slowly, as it will be served."""
LEAD_SECONDS = 3 * SHIFT_SECONDS
"""Real seconds before an appointment in which to be in the slow gear."""
LINGER = timedelta(seconds=30)
"""After an appointment: until what it brought can be seen in the table."""
LOOK_EVERY_SECONDS = 0.2
"""Real seconds between two looks."""


class Driver:
    """Shifts the gears of a simulated day.

    Args:
        clock: started already.
        owner: a connection that only the driver uses.
        slow, fast: simulated seconds a real one.
        appointments: moments at which somebody will enqueue, or a tick may stage something; in order.
        nightly_runs: whether the stand-in nightly is at work.
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
        """Drive until cancelled."""
        while True:
            wanted = self._slow if self._at_hand() or await self._busy() else self._fast
            if wanted != self._clock.gearbox.pace:
                await self._clock.shift(self._owner, wanted)
            await self._clock.sleep(self._patience(wanted))

    def _at_hand(self) -> bool:
        """Whether an appointment is near, or the nightly is at work."""
        now = self._clock.wall()
        while self._appointments and self._appointments[0] + LINGER < now:
            self._appointments.pop(0)
        return self._nightly_runs() or self._until_next() <= timedelta(seconds=LEAD_SECONDS * self._fast)

    def _until_next(self) -> timedelta:
        return self._appointments[0] - self._clock.wall() if self._appointments else timedelta.max

    def _patience(self, pace: float) -> float:
        """Simulated seconds until the next look: never past the moment at which to be slow again."""
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
