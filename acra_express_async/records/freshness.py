"""How fresh the records of a selection are, and when all of it will have been looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from acra_express_async import logs
from acra_express_async.db.records.freshness_rows import FreshnessCounts, FreshnessRows
from acra_express_async.errors import JobError

log = logs.logger("freshness")

WINDOWS_PER_TICK = 40
"""At most 20,000 companies at a tick, half a second; a larger selection is counted over several ticks."""
PACE_OF = timedelta(days=7)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Freshness:
    """A selection as it stands.

    Attributes:
        by_code: counts of each SSIC code, as digits without leading zeros.
        per_day: companies of it that were looked at each day, on average over a week (or since the first answer).
        done_at: when those that were never looked at will have been, at that pace; None if nothing moves.
    """

    by_code: dict[str, FreshnessCounts]
    total: FreshnessCounts
    per_day: float
    done_at: datetime | None


async def freshness_of(rows: FreshnessRows, codes: Sequence[str]) -> Freshness:
    """Count the companies of these codes now."""
    by_code = {code: await _counted(rows, code) for code in codes}
    total = sum(by_code.values(), FreshnessCounts())
    now, span = await rows.pace()
    per_day = total.days_7 / (max(min(span, PACE_OF), timedelta(hours=1)) / DAY)
    return Freshness(by_code, total, per_day, done_at(total.never, per_day, now))


def done_at(never: int, per_day: float, now: datetime) -> datetime | None:
    """When `never` companies will have been looked at; None if that never happens, or in more than a hundred years."""
    if never == 0:
        return now
    days = never / per_day if per_day > 0 else float("inf")
    return now + timedelta(days=days) if days <= 36_500 else None


async def _counted(rows: FreshnessRows, code: str) -> FreshnessCounts:
    total, after = FreshnessCounts(), ""
    while True:
        window = await rows.window(code, after)
        total += window.counts
        if window.after is None:
            return total
        after = window.after


class StandingCount:
    """Counts the standing selection at ticks, a bounded part at each, and stores every complete count.

    Args:
        terms, ssic_codes: the standing selection; with neither there is nothing to count.
    """

    def __init__(self, *, rows: FreshnessRows, terms: Sequence[str], ssic_codes: Sequence[str]) -> None:
        self._rows = rows
        self._terms = tuple(terms)
        self._ssic_codes = tuple(ssic_codes)
        self._left: list[str] = []
        self._after = ""
        self._so_far = FreshnessCounts()

    async def tick(self) -> None:
        """Count on.

        Raises:
            DatabaseAway, StandBack: the next tick goes on from here.
        """
        if not (self._terms or self._ssic_codes):
            await self._rows.keep(None)
            return
        if not self._left:
            try:
                self._left = await self._rows.codes(self._terms, self._ssic_codes)
            except JobError as unknown:
                log.warning("freshness.uncounted", error=str(unknown))
                return
            self._after, self._so_far = "", FreshnessCounts()
        for _ in range(WINDOWS_PER_TICK):
            window = await self._rows.window(self._left[0], self._after)
            self._so_far += window.counts
            self._after = window.after or ""
            if window.after is None:
                self._left.pop(0)
            if not self._left:
                await self._rows.keep(self._so_far)
                return
