"""The standing refresh: at a tick, one replica stages the next companies of REFRESH_UEN_FILE, SSIC and TERMS.

It does so only while no other job is live, so that a person's request always finds an empty queue, and at an even pace
over the day, so that `DAILY_CAP - REFRESH_RESERVE` is reached at midnight and the reserve is left for people. All ticks
of one day are one campaign; cancelling it ends the refresh until the next day. Companies that are kept fresh by name
come first in the day's pace: the stalest of them, then what is left of the pace by code and term.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from acra_express_async import logs
from acra_express_async.companies.refresh_file import RefreshFile
from acra_express_async.db.companies.refresh_rows import REQUESTED_BY, Look, RefreshRows
from acra_express_async.models import JobId
from acra_express_async.params import MAX_LISTED, StagingParams
from acra_express_async.settings.tree import Settings

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


@dataclass(kw_only=True, eq=False, repr=False)
class Refresh:
    """Runs at ticks.

    Args:
        rows: reads what decides about the refresh, and stages.
        may_claim: False while the nightly runs, in quiet hours, or when connections are scarce.
        until_tick: how long until the next tick.
        clock: monotonic seconds.
        named: companies that are kept fresh by name; nothing is ever staged without codes, terms and names.
        settings: codes and terms of the standing selection, the day's pace, and how long an answer counts as fresh.
    """

    rows: RefreshRows
    may_claim: Callable[[], bool]
    until_tick: Callable[[], timedelta]
    clock: Callable[[], float]
    settings: Settings
    named: RefreshFile | None = None

    def __post_init__(self) -> None:
        self._ssic_codes, self._terms = list(self.settings.refresh_ssic), list(self.settings.refresh_terms)
        self._per_day = max(0, self.settings.daily_cap - self.settings.refresh_reserve)
        self._recheck = timedelta(days=self.settings.recheck_days)
        self._last: tuple[JobId, float] | None = None

    async def tick(self) -> int:
        """Stage what is due; how many companies were asked for.

        Raises:
            NotNow: nothing was staged.
        """
        listed = await self.listed()
        selects = bool(self._ssic_codes or self._terms)
        if not (selects or listed) or not self.may_claim():
            return 0
        look = await self.rows.look()
        count = due_now(look, per_day=self._per_day, until_next=self.until_tick())
        if count == 0:
            return 0
        first = await self.rows.stalest(listed, min(count, MAX_LISTED), self._recheck, look.campaign_id)
        if not first and (not selects or await self._barren()):
            return 0
        count = count if selects else len(first)
        params = StagingParams(
            ssic_codes=self._ssic_codes, terms=self._terms, uens=first, limit=count, requested_by=REQUESTED_BY
        )
        job_id, campaign_id = await self.rows.stage(params, campaign_id=look.campaign_id)
        self._last = (job_id, self.clock())
        log.info("refresh.staged", job_id=job_id, campaign_id=campaign_id, companies=count, by_name=len(first))
        return count

    async def listed(self) -> tuple[str, ...]:
        """The companies that are kept fresh by name."""
        return () if self.named is None else await self.named.current()

    async def _barren(self) -> bool:
        """The last job found nothing, and that is not long ago."""
        if self._last is None:
            return False
        job_id, at = self._last
        return self.clock() - at < BARREN_PAUSE.total_seconds() and await self.rows.staged(job_id) == 0
