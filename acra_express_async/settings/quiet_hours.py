"""Hours of the day in which nothing is started, as an operator writes them: ``00:45-02:30``, or several with commas."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

_SPAN = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)$")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Spans of the day, each including its first minute and excluding its last; a span may cross midnight."""

    spans: tuple[tuple[time, time], ...] = ()

    @classmethod
    def of(cls, text: str) -> QuietHours:
        """Read the setting; an empty text means none.

        Raises:
            ValueError: a part is not a span, or is empty.
        """
        spans = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            found = _SPAN.match(part)
            if found is None:
                raise ValueError(f"{part!r} is not a span of the day such as 00:45-02:30")
            begin, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
            if begin == end:
                raise ValueError(f"{part!r} begins and ends at the same minute")
            spans.append((begin, end))
        return cls(tuple(spans))

    def hold(self, now: datetime) -> bool:
        """Whether `now`, in the time zone of the setting, lies in one of the spans."""
        clock = now.time()
        return any(begin <= clock < end if begin < end else clock >= begin or clock < end for begin, end in self.spans)

    def ends(self, now: datetime) -> datetime:
        """When the quiet hours in which `now` lies are over; `now` itself outside of them."""
        at = now
        for _ in range(len(self.spans) + 1):  # one span may begin where another ends
            end = next((end for begin, end in self.spans if QuietHours(((begin, end),)).hold(at)), None)
            if end is None:
                break
            day = at.date() if end > at.time() else at.date() + timedelta(days=1)
            at = datetime.combine(day, end, tzinfo=now.tzinfo)
        return at
