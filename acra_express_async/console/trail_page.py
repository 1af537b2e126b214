"""Who did what in the console, the newest action first."""

from __future__ import annotations

from aiohttp import web

from acra_express_async.console.visit import ConsoleVisit

LISTED = 200


async def trail(visit: ConsoleVisit) -> web.StreamResponse:
    """The list."""
    return await visit.show("trail.html", actions=await visit.rows.actions(LISTED))
