"""Lets a long export rest while the platform's nightly runs, between two pages and without a transaction.

On two processors that it shared with an export of 500,000 records, the nightly took 1.3 to 2 times as long. Without one
beside it, such an export takes a minute or two, so it loses little by waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import tzinfo
from typing import TypeVar

from acra_express_async.db.jobs.neighbours import NightlyJob
from acra_express_async.models import local_time

FREE_PAGES = 50
"""Pages that are written whatever runs: 5,000 companies, half a second of one processor."""
LOOK_EVERY = 10
"""Further pages between two looks at the nightly: some 50 ms, so that it soon has the processors to itself."""
LOOK_SECONDS = 5.0
"""Between two looks while the export rests."""

PageT = TypeVar("PageT")


class NightlyRest:
    """Hands pages on, and waits before the next one while a nightly runs.

    Args:
        nightly: its running jobs, as `Control.nightly_jobs` reads them; asked again and again. What it raises ends the
            export.
        resting: called with the running jobs when a rest begins, and with none when it ends.
        pause: waits, in seconds.
    """

    def __init__(
        self,
        nightly: Callable[[], Awaitable[Sequence[NightlyJob]]],
        resting: Callable[[Sequence[NightlyJob]], None],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._nightly = nightly
        self._resting = resting
        self._pause = pause

    async def between(self, pages: AsyncIterator[PageT]) -> AsyncIterator[PageT]:
        """The pages; the first `FREE_PAGES` follow each other at once."""
        count = 0
        async for page in pages:
            yield page
            count += 1
            if count >= FREE_PAGES and (count - FREE_PAGES) % LOOK_EVERY == 0:
                await self._rest()

    async def _rest(self) -> None:
        if not (jobs := await self._nightly()):
            return
        self._resting(jobs)
        while jobs:
            await self._pause(LOOK_SECONDS)
            jobs = await self._nightly()
        self._resting(())


def rest_in_words(jobs: Sequence[NightlyJob], zone: tzinfo | None) -> str:
    """Why an export rests, and until when at the latest: a job that a crash left `running` counts for six hours."""
    first, last = jobs[0], max(job.holds_until for job in jobs)
    return (
        f"the nightly's job {first.job_id} has been running since {local_time(first.started_at, zone)}: the export "
        f"goes on when it has ended, at {local_time(last, zone)} at the latest"
    )
