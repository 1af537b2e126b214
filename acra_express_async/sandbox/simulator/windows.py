"""Exact sums over a moving window: no buckets, no rounding."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


class SlidingWindow:
    """What was booked in the last `seconds`: an entry counts while it is younger than that, to the microsecond.

    Any window of this length holds at most `worst`: the sum is largest when the window ends at an entry, and each entry
    looks.
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
            self._sum = 0.0  # no rounding dust survives an empty window
        return self._sum

    def book(self, now: float, amount: float = 1.0) -> float:
        """Enter `amount`; the sum including it."""
        self.total(now)
        self._entries.append((now, amount))
        self._sum += amount
        self.worst = max(self.worst, self._sum)
        return self._sum

    def frees_in(self, now: float) -> float:
        """Seconds until the oldest entry leaves; 0 when there is none."""
        self.total(now)
        return self._entries[0][0] + self.seconds - now if self._entries else 0.0


class CalendarDay:
    """What was booked since midnight of a time zone; the other way to bound a day."""

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
        """Enter `amount`; today's sum including it."""
        self.total(now)
        self._sum += amount
        self.worst = max(self.worst, self._sum)
        return self._sum

    def frees_in(self, now: float) -> float:
        """Seconds until midnight."""
        moment = datetime.fromtimestamp(now, self._zone)
        return self.seconds - (moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6)


Window = SlidingWindow | CalendarDay
