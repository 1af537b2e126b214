"""What is worth a person's minute, one company at a time, with a key for each answer."""

from __future__ import annotations

from aiohttp import web

from acra_express_async.console.visit import ConsoleVisit
from acra_express_async.db.records.review_rows import ReviewRows
from acra_express_async.records.review import WORDS, ReviewItem, looks_in, worth_most

PAGE = 100
"""Decisions that are read at once: some 5 ms."""
MOST_LOOKED_AT = 500
"""Newest decisions that one page looks through; the command looks through 20,000, which takes a second."""
SHOWN = 20


class ReviewPages:
    """See the module."""

    async def shown(self, visit: ConsoleVisit) -> web.StreamResponse:
        """The item in question, and what follows."""
        items, whole = await _items(visit)
        wanted = visit.asked("item")
        place = min(int(wanted[:9]), 1000) if wanted.isascii() and wanted.isdecimal() else 0
        place = min(place, max(0, len(items) - 1))
        return await visit.show(
            "review.html",
            items=items[place : place + SHOWN],
            place=place,
            count=len(items),
            whole=whole,
            words=WORDS,
            looked_at=MOST_LOOKED_AT,
        )


async def _items(visit: ConsoleVisit) -> tuple[list[ReviewItem], bool]:
    """What is worth a look, and whether all of the decisions were looked through."""
    found: list[ReviewItem] = []
    async for page in ReviewRows(visit.database).pages(None, size=PAGE, most=MOST_LOOKED_AT):
        found += looks_in(page)
        if len(found) >= 3 * SHOWN:
            return worth_most(found, len(found)), False
    return worth_most(found, len(found)), True
