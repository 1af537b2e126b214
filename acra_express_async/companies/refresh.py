"""The standing refresh: at a tick, one replica stages the next companies of REFRESH_UEN_FILE, SSIC and TERMS.

It does so only while no other job is live, so that a person's request always finds an empty queue, and at an even pace
over the day, so that `DAILY_CAP - REFRESH_RESERVE` is reached at midnight and the reserve is left for people. All ticks
of one day are one campaign; cancelling it ends the refresh until the next day. Companies that are kept fresh by name
come first in the day's pace: the stalest of them, then what is left of the pace by code and term.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from acra_express_async import logs
from acra_express_async.companies.refresh_file import RefreshFile
from acra_express_async.db.companies.refresh_rows import REQUESTED_BY, Look, RefreshRows
from acra_express_async.models import JobId
from acra_express_async.params import MAX_LISTED, StagingParams

log = logs.logger("refresh")

BARREN_PAUSE = timedelta(hours=1)
"""When nothing was stale, wait this long before trying again: each try inserts a row into the platform's table."""
DAY = timedelta(days=1)


def due_now(look: Look, *, per_day: int, until_next: timedelta) -> int:
    """How many companies may be staged now to keep an even pace until the next tick.

    Slots that people's jobs took today count too: the target is what all of express together may have used by then.
    """
    if look.live or look.paused or look.cancelled:
        return 0
    by_then = min(1.0, look.elapsed + until_next / DAY)
    return max(0, int(per_day * by_then) - look.used)


class Refresh:
    """Runs at ticks.

    Args:
        rows: reads what decides about the refresh, and stages.
        may_claim: False while the nightly runs, in quiet hours, or when connections are scarce.
        until_tick: how long until the next tick.
        clock: monotonic seconds.
        ssic_codes, terms: the standing selection.
        named: companies that are kept fresh by name; nothing is ever staged without codes, terms and names.
        recheck: how long an answer counts as fresh.
        per_day: companies a day, all of express together.
    """

    def __init__(
        self,
        *,
        rows: RefreshRows,
        may_claim: Callable[[], bool],
        until_tick: Callable[[], timedelta],
        clock: Callable[[], float],
        ssic_codes: tuple[str, ...],
        terms: tuple[str, ...],
        per_day: int,
        named: RefreshFile | None = None,
        recheck: timedelta = timedelta(days=7),
    ) -> None:
        self._rows = rows
        self._may_claim = may_claim
        self._until_tick = until_tick
        self._clock = clock
        self._ssic_codes = list(ssic_codes)
        self._terms = list(terms)
        self._per_day = per_day
        self._named = named
        self._recheck = recheck
        self._last: tuple[JobId, float] | None = None

    async def tick(self) -> int:
        """Stage what is due; how many companies were asked for.

        Raises:
            NotNow: nothing was staged.
        """
        listed = await self.listed()
        selects = bool(self._ssic_codes or self._terms)
        if not (selects or listed) or not self._may_claim():
            return 0
        look = await self._rows.look()
        count = due_now(look, per_day=self._per_day, until_next=self._until_tick())
        if count == 0:
            return 0
        first = await self._rows.stalest(listed, min(count, MAX_LISTED), self._recheck, look.campaign_id)
        if not first and (not selects or await self._barren()):
            return 0
        count = count if selects else len(first)
        params = StagingParams(
            ssic_codes=self._ssic_codes, terms=self._terms, uens=first, limit=count, requested_by=REQUESTED_BY
        )
        job_id, campaign_id = await self._rows.stage(params, campaign_id=look.campaign_id)
        self._last = (job_id, self._clock())
        log.info("refresh.staged", job_id=job_id, campaign_id=campaign_id, companies=count, by_name=len(first))
        return count

    async def listed(self) -> tuple[str, ...]:
        """The companies that are kept fresh by name."""
        return () if self._named is None else await self._named.current()

    async def _barren(self) -> bool:
        """The last job found nothing, and that is not long ago."""
        if self._last is None:
            return False
        job_id, at = self._last
        return self._clock() - at < BARREN_PAUSE.total_seconds() and await self._rows.staged(job_id) == 0
