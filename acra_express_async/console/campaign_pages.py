"""Campaigns: the newest, one of them, retry, cancel; and pause and resume of all claiming."""

from __future__ import annotations

from aiohttp import web

from acra_express_async.companies.outlook_reading import read_prospects
from acra_express_async.console.trail import acted
from acra_express_async.console.visit import ConsoleVisit
from acra_express_async.db.companies.campaign_actions import CampaignActions
from acra_express_async.db.companies.campaign_rows import ENDED, Campaigns
from acra_express_async.db.ops.control import Control
from acra_express_async.errors import JobError
from acra_express_async.ops.campaign_words import summary, waits
from acra_express_async.params import MAX_ID
from acra_express_async.settings.tree import Settings

LISTED = 20
SHOWN_COMPANIES = 100


class CampaignPages:
    """See the module."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def listed(self, visit: ConsoleVisit) -> web.StreamResponse:
        """The newest campaigns, and whether claiming is paused."""
        found = await Campaigns(visit.database).newest(LISTED)
        prospects = await read_prospects(visit.database, self._settings, served=True)
        lines = [(state, "over" if state.is_over else waits(state, visit.zone, prospects)) for state in found]
        return await visit.show(
            "campaigns.html",
            lines=lines,
            ends=prospects.ends,
            hold=prospects.hold,
            paused=prospects.paused_by,
            ended=ENDED,
        )

    async def shown(self, visit: ConsoleVisit) -> web.StreamResponse:
        """One campaign: its companies by state, why it waits, and how its companies ended."""
        campaigns = Campaigns(visit.database)
        try:
            state = await campaigns.one(_campaign_id(visit))
        except JobError as unknown:
            return await visit.show("refused.html", status=404, wrong=str(unknown))
        companies = await campaigns.companies(state.campaign_id, SHOWN_COMPANIES)
        prospects = await read_prospects(visit.database, self._settings, served=True)
        return await visit.show(
            "campaign.html",
            state=state,
            summary=summary(state),
            why=None if state.is_over else waits(state, visit.zone, prospects),
            end=None if state.is_over else prospects.ends.get(state.campaign_id),
            companies=companies,
            most=SHOWN_COMPANIES,
            kinds=(*ENDED, "waiting"),
        )

    async def retry(self, visit: ConsoleVisit) -> web.StreamResponse:
        """Queue its failed companies again."""
        number = _campaign_id(visit)
        done = await acted(visit, "retry", lambda: CampaignActions(visit.database).retry(number), campaign_id=number)
        more = f"; {done.left_running} jobs with failed companies still run, retry again afterwards"
        said = f"Failed companies that wait again: {done.companies}{more if done.left_running else ''}."
        return await visit.go_to(f"/campaigns/{number}", said)

    async def cancel(self, visit: ConsoleVisit) -> web.StreamResponse:
        """End it; its results are kept."""
        number = _campaign_id(visit)
        done = await acted(
            visit,
            "cancel",
            lambda: CampaignActions(visit.database).cancel(number, visit.person.name),
            campaign_id=number,
        )
        return await visit.go_to(
            f"/campaigns/{number}", f"Cancelled. Companies that will not be looked at: {done.companies}."
        )

    async def pause(self, visit: ConsoleVisit) -> web.StreamResponse:
        """Stop claiming on all replicas."""
        return await self._switch(visit, "pause", "Claiming is paused on all replicas; running jobs finish.")

    async def resume(self, visit: ConsoleVisit) -> web.StreamResponse:
        """Start claiming on all replicas."""
        return await self._switch(visit, "resume", "Claiming continues.")

    async def _switch(self, visit: ConsoleVisit, action: str, said: str) -> web.StreamResponse:
        control = Control(visit.database)
        await acted(visit, action, lambda: control.pause(visit.person.name, paused=action == "pause"))
        return await visit.go_to("/", said)


def _campaign_id(visit: ConsoleVisit) -> int:
    number = visit.number("campaign_id")
    if number > MAX_ID:
        raise web.HTTPNotFound
    return number
