"""How fresh the records of a selection are, and when all of it will have been looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from acra_express_async import logs
from acra_express_async.db.records.freshness_rows import WINDOW, FreshnessCounts, FreshnessRows
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
        named: counts of companies that were named by UEN and belong to none of the codes.
        per_day: companies of it that were looked at each day, on average over a week (or since the first answer).
        done_at: when those that were never looked at will have been, at that pace; None if nothing moves.
    """

    by_code: dict[str, FreshnessCounts]
    named: FreshnessCounts
    total: FreshnessCounts
    per_day: float
    done_at: datetime | None


async def freshness_of(rows: FreshnessRows, codes: Sequence[str], uens: Sequence[str] = ()) -> Freshness:
    """Count the companies of these codes and UENs now."""
    by_code = {code: await _counted(rows, code) for code in codes}
    named = FreshnessCounts()
    for chunk in _chunks(uens):
        named += await rows.named(chunk, codes)
    total = sum(by_code.values(), named)
    now, span = await rows.pace()
    per_day = total.days_7 / (max(min(span, PACE_OF), timedelta(hours=1)) / DAY)
    return Freshness(by_code, named, total, per_day, done_at(total.never, per_day, now))


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


def _chunks(uens: Sequence[str]) -> list[Sequence[str]]:
    return [uens[first : first + WINDOW] for first in range(0, len(uens), WINDOW)]


class StandingCount:
    """Counts the standing selection at ticks, a bounded part at each, and stores every complete count.

    Args:
        terms, ssic_codes: the standing selection by trade.
        listed: the companies that are kept fresh by name; without any of the three there is nothing to count.
    """

    def __init__(
        self,
        *,
        rows: FreshnessRows,
        terms: Sequence[str],
        ssic_codes: Sequence[str],
        listed: Callable[[], Awaitable[Sequence[str]]],
    ) -> None:
        self._rows = rows
        self._terms = tuple(terms)
        self._ssic_codes = tuple(ssic_codes)
        self._listed = listed
        self._codes: list[str] = []
        self._left: list[str | Sequence[str]] = []
        self._after = ""
        self._so_far = FreshnessCounts()

    async def tick(self) -> None:
        """Count on.

        Raises:
            NotNow: the next tick goes on from here.
        """
        if not self._left and not await self._begin():
            return
        for _ in range(WINDOWS_PER_TICK):
            part = self._left[0]
            if isinstance(part, str):
                window = await self._rows.window(part, self._after)
                self._so_far += window.counts
                self._after = window.after or ""
            else:
                self._so_far += await self._rows.named(part, self._codes)
            if not self._after:
                self._left.pop(0)
            if not self._left:
                await self._rows.keep(self._so_far)
                return

    async def _begin(self) -> bool:
        """Begin a count: all codes, then the named companies in chunks; whether there is anything to count."""
        uens = await self._listed()
        if not (self._terms or self._ssic_codes or uens):
            await self._rows.keep(None)
            return False
        try:
            self._codes = await self._rows.codes(self._terms, self._ssic_codes)
        except JobError as unknown:
            log.warning("freshness.uncounted", error=str(unknown))
            return False
        self._left = [*self._codes, *_chunks(uens)]
        self._after, self._so_far = "", FreshnessCounts()
        return bool(self._left)
