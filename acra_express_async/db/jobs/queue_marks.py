"""Marks below which nothing is due, so that a claim passes over what ended long ago.

While any session of the server keeps an old snapshot (a dump, a forgotten console), no vacuum removes the dead versions
of jobs and leases. They stand at the front of the indexes that a claim reads, and each claim would visit all of them:
the known way in which a long transaction brings queues in PostgreSQL down. Marks in the memory of the process leave no
dead version themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

LOOK_SECONDS = 50.0
"""How long marks are used before a claim looks at everything again. Less than the poller's interval when idle (60 s):
each of its idle polls is such a look. Also the longest transaction of an enqueuer that marks allow for."""
DOUBT_SECONDS = 5.0
"""A claim that found nothing looks at everything at once if the last such look is older than this."""


@dataclass(frozen=True, slots=True)
class FullLook:
    """What a look at everything found.

    Attributes:
        first_job: the lowest ID of a job that was never claimed; None without one.
        first_due: the earliest moment at which a lease is due; None without one.
        last_job: the highest ID given out so far.
        at: the moment of the look, by the database's clock.
    """

    first_job: int | None
    first_due: datetime | None
    last_job: int
    at: datetime


class QueueMarks:
    """The marks of one process.

    IDs are given out before their transactions commit, so a job may appear below an ID that was seen. The marks
    therefore never pass what an earlier look saw, `LOOK_SECONDS` before or more: only a transaction that lasted longer
    can commit something below them (or a restore, or a server's clock set back), and the next look finds that.

    Attributes:
        job: no job that was never claimed has a lower ID; None while that is not known.
        due: no lease is due before this moment; None while that is not known.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.job: int | None = None
        self.due: datetime | None = None
        self._clock = clock
        self._looked_at: float | None = None
        self._kept: tuple[float, FullLook] | None = None
        self._settled: FullLook | None = None

    def stale(self) -> bool:
        """The next claim should look at everything."""
        return self._older_than(LOOK_SECONDS)

    def doubtful(self) -> bool:
        """The last look is old enough that a claim which found nothing should be repeated as a look."""
        return self._older_than(DOUBT_SECONDS)

    def saw(self, look: FullLook) -> None:
        """Move the marks to what this look found, no further than what the one before allows."""
        now = self._looked_at = self._clock()
        if self._kept is None or now - self._kept[0] >= LOOK_SECONDS:
            self._settled = None if self._kept is None else self._kept[1]
            self._kept = now, look
        if self._settled is None:
            return
        highest = self._settled.last_job + 1
        self.job = highest if look.first_job is None else min(look.first_job, highest)
        self.due = self._settled.at if look.first_due is None else min(look.first_due, self._settled.at)

    def _older_than(self, seconds: float) -> bool:
        return self._looked_at is None or self._clock() - self._looked_at >= seconds
