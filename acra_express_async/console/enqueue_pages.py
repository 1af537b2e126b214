"""A new campaign: a form that first says what would come of it, and then enqueues."""

from __future__ import annotations

import re
from dataclasses import asdict

from aiohttp import web

from acra_express_async.companies.campaign_request import LONGEST_NAME, CampaignRequest, cuts
from acra_express_async.companies.forecast import Foreseen, left_out_text
from acra_express_async.console.people import Person
from acra_express_async.console.trail import acted
from acra_express_async.console.visit import ConsoleVisit
from acra_express_async.errors import AcraExpressError, JobError, NotNow
from acra_express_async.logs import printable
from acra_express_async.settings.tree import Settings

FIELDS = ("name", "terms", "ssic", "uens", "limit", "batch_size", "daily_cap")
SHOWN_LEFT_OUT = 200
_BETWEEN = re.compile(r"[\n,;]")


class EnqueuePages:
    """See the module."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def form(self, visit: ConsoleVisit) -> web.StreamResponse:
        """The empty form."""
        return await self._show(visit, {name: visit.asked(name) for name in FIELDS})

    async def sent(self, visit: ConsoleVisit) -> web.StreamResponse:
        """Foresee, and enqueue when the person has confirmed."""
        values = {name: visit.typed(name) for name in FIELDS} | {
            name: "yes" for name in ("again", "authorized") if visit.typed(name) == "yes"
        }
        try:
            request = self._request(visit)
            seen = await request.foreseen(visit.database, self._settings, served=True)
            if seen.refusal is not None:
                raise JobError(seen.refusal)
        except NotNow:
            raise
        except AcraExpressError as refused:
            return await self._show(visit, values, status=400, wrong=str(refused))
        if visit.typed("step") != "enqueue":
            return await self._show(
                visit, values, seen=seen, notes=[*seen.notes, *cuts(request.judged, self._settings)]
            )
        name = printable(visit.typed("name")) or None
        job_id = await acted(
            visit,
            "enqueue",
            lambda: request.enqueue(visit.database, seen, name=name, by=visit.person.name),
            made=lambda made: made,
        )
        return await visit.go_to(f"/campaigns/{job_id}", f"Enqueued campaign {job_id}.")

    def _request(self, visit: ConsoleVisit) -> CampaignRequest:
        if len(visit.typed("name")) > LONGEST_NAME:
            raise JobError(f"a name has at most {LONGEST_NAME} characters")
        figures = {name: _count(visit, name) for name in ("limit", "batch_size", "daily_cap")}
        limit = figures.pop("limit")
        throttle: dict[str, object] = {name: value for name, value in figures.items() if value is not None}
        if visit.typed("authorized") == "yes":
            if not self._may_authorize(visit.person):
                raise JobError("only a person whom the proxy vouches for, and OVERRIDE_APPROVERS names, may authorize")
            throttle["authorized_by"] = visit.person.name
        return CampaignRequest.of(
            self._settings,
            terms=_BETWEEN.split(visit.typed("terms")),
            ssic_codes=re.split(r"[\s,;]+", visit.typed("ssic")),
            uens=re.split(r"[\s,;]+", visit.typed("uens")),
            limit=limit,
            again=visit.typed("again") == "yes",
            throttle=throttle or None,
        )

    def _may_authorize(self, person: Person) -> bool:
        """A typed name is no authentication: only the proxy's word is."""
        return person.is_vouched_for and person.name in self._settings.override_approvers

    async def _show(
        self,
        visit: ConsoleVisit,
        values: dict[str, str],
        *,
        status: int = 200,
        wrong: str | None = None,
        seen: Foreseen | None = None,
        notes: list[str] | None = None,
    ) -> web.StreamResponse:
        left_out = (
            []
            if seen is None
            else [(out.uen, left_out_text(out, self._settings)) for out in seen.left_out[:SHOWN_LEFT_OUT]]
        )
        return await visit.show(
            "enqueue.html",
            status=status,
            wrong=wrong,
            values=values,
            seen=None
            if seen is None
            else asdict(seen) | {"needs": list(map(str, seen.needs)), "taken": seen.taken, "skipped": seen.skipped},
            notes=notes or [],
            left_out=left_out,
            left_out_count=0 if seen is None else len(seen.left_out),
            may_authorize=self._may_authorize(visit.person),
            recheck_days=self._settings.recheck_days,
        )


def _count(visit: ConsoleVisit, name: str) -> int | None:
    text = visit.typed(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise JobError(f"{name.replace('_', ' ')}: {text[:20]!r} is not a number")
    return int(text)
