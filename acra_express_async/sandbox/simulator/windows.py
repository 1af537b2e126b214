"""Exact sums over a moving window: no buckets, no rounding."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


class SlidingWindow:
    """The sum of the last `seconds`: an entry counts while it is younger than that, to the microsecond.

    `worst` is the maximum over all windows of this length. Checking at each entry is enough, because the sum is largest
    when a window ends at an entry.
    """

    def __init__(self, seconds: float, allowance: float) -> None:
        self.seconds = seconds
        self.allowance = allowance
        self.worst = 0.0
        self._entries: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def total(self, now: float) -> float:
        """The sum over (now - seconds, now]."""
        entries = self._entries
        while entries and entries[0][0] <= now - self.seconds:
            self._sum -= entries.popleft()[1]
        if not entries:
            self._sum = 0.0  # an empty window must not keep a rounding error
        return self._sum

    def book(self, now: float, amount: float = 1.0) -> float:
        """Add `amount`; return the sum including it."""
        self.total(now)
        self._entries.append((now, amount))
        self._sum += amount
        self.worst = max(self.worst, self._sum)
        return self._sum

    def frees_in(self, now: float) -> float:
        """Seconds until the oldest entry leaves the window; 0 when there is none."""
        self.total(now)
        return self._entries[0][0] + self.seconds - now if self._entries else 0.0


class CalendarDay:
    """The sum since midnight of a time zone, as an alternative to a rolling day."""

    seconds = 86_400.0

    def __init__(self, zone: str, allowance: float) -> None:
        self.allowance = allowance
        self.worst = 0.0
        self._zone = UTC if zone == "UTC" else ZoneInfo(zone)
        self._day = ""
        self._sum = 0.0

    def total(self, now: float) -> float:
        """The sum of today."""
        day = datetime.fromtimestamp(now, self._zone).date().isoformat()
        if day != self._day:
            self._day, self._sum = day, 0.0
        return self._sum

    def book(self, now: float, amount: float = 1.0) -> float:
        """Add `amount`; return today's sum including it."""
        self.total(now)
        self._sum += amount
        self.worst = max(self.worst, self._sum)
        return self._sum

    def frees_in(self, now: float) -> float:
        """Seconds until midnight."""
        moment = datetime.fromtimestamp(now, self._zone)
        return self.seconds - (moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6)


Window = SlidingWindow | CalendarDay
