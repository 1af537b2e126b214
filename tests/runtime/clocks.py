"""Clocks that a test controls: the wall clock, the monotonic clock, and every daylight saving change in the world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)


class Over(Exception):
    """The time of the test has passed."""


class Clocks:
    """Time passes only during `pause`; `set_wall` sets the wall clock as NTP or an operator would.

    Args:
        start: the wall clock at the start.
        seconds: real seconds until `pause` raises `Over`.
    """

    def __init__(self, start: datetime, zone: tzinfo, *, seconds: float) -> None:
        self.zone = zone
        self._start = start
        self._seconds = seconds
        self._steps: list[tuple[float, timedelta]] = []
        self.real = 0.0
        self.offset = timedelta()

    def set_wall(self, by: timedelta, *, at: float) -> None:
        """Shift the wall clock by this much when `at` real seconds have passed."""
        self._steps.append((at, by))

    def now(self) -> datetime:
        return (self._start + timedelta(seconds=self.real) + self.offset).astimezone(self.zone)

    def clock(self) -> float:
        return self.real

    async def pause(self, seconds: float) -> None:
        assert seconds > 0
        self.real += seconds
        for step in [step for step in self._steps if step[0] <= self.real]:
            self._steps.remove(step)
            self.offset += step[1]
        if self.real > self._seconds:
            raise Over


@dataclass(frozen=True, slots=True)
class Change:
    """The clocks of `zone` change at `at` from one offset to another; other zones may do the same."""

    zone: ZoneInfo
    at: datetime
    before: timedelta
    after: timedelta

    def __str__(self) -> str:
        return f"{self.zone.key} {self.at:%Y-%m-%dT%H:%M} {self.before} -> {self.after}"


@cache
def changes() -> tuple[Change, ...]:
    """Every change of clocks from 2024 to 2030, once for all zones that share it."""
    seen: dict[tuple[datetime, timedelta, timedelta], Change] = {}
    for name in sorted(available_timezones()):
        for change in _changes_of(ZoneInfo(name)):
            seen.setdefault((change.at, change.before, change.after), change)
    return tuple(seen.values())


def _changes_of(zone: ZoneInfo) -> Iterator[Change]:
    low = FIRST
    while low < LAST:
        high = low + timedelta(days=5)
        if _offset(zone, low) != _offset(zone, high):
            before, after, start, end = _offset(zone, low), _offset(zone, high), low, high
            while end - start > timedelta(seconds=1):
                middle = start + (end - start) / 2
                start, end = (middle, end) if _offset(zone, middle) == before else (start, middle)
            yield Change(zone, end.replace(microsecond=0), before, after)
        low = high


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return offset
