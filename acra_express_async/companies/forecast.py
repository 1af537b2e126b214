"""What an enqueue will do, predicted from the registry, the queue and the budgets before anything is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, groupby

from acra_express_async.companies.delays import NO_SERVICE
from acra_express_async.companies.outlook import Outlook, places
from acra_express_async.companies.outlook_reading import MOST_CAMPAIGNS, read_situation
from acra_express_async.db.companies.left_out import LeftOut, LeftOutRows
from acra_express_async.db.companies.selection import Picked, Selection
from acra_express_async.db.limits.budget_ledger import BudgetLedger, BudgetUse
from acra_express_async.db.ops.control import Control
from acra_express_async.db.ops.display import Display
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.db.session.pool import Database
from acra_express_async.errors import JobError
from acra_express_async.limits import JobThrottle, allowances
from acra_express_async.limits.budget_table import budget_of
from acra_express_async.limits.capacity import Costs
from acra_express_async.params import Campaign, StagingParams, listed_uens
from acra_express_async.settings.tree import Settings

LOOK_AHEAD = 1000
"""Companies that are checked one by one; for a larger selection the answer is an upper bound."""
NEW = 0
"""Stands for the campaign that has no ID yet."""
NAMED = 5
"""UENs that a note lists."""
NO_MATCH = ("unknown", "not_live", "no_name")
"""Why a listed UEN does not count as a match: the registry has no live company of it."""


@dataclass(frozen=True, slots=True)
class Need:
    """What the campaign needs of one rolling window, what the window contains now, and what express may use of it."""

    provider: str
    budget: str
    needs: int
    used: int
    limit: int

    def __str__(self) -> str:
        return f"about {self.needs} of {self.provider} {self.budget}; {self.used} of express's {self.limit} are in use"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What one enqueue will do.

    Args:
        matched: live companies of the registry that match.
        companies: how many of them will be staged; an upper bound unless `exact`.
        waiting: companies of other campaigns that wait too.
        ends_at: when the last one should be committed; None without companies, and while claiming is paused.
        seconds: until then; while claiming is paused, from the moment at which it is resumed.
        bound: the limit that decides the pace.
        notes: what is left out and what may delay it, one sentence each.
        left_out: UENs that will not be looked at.
        refusal: why nothing is left to do; None when there is something. Then nothing may be enqueued.
        served: a service is running; otherwise the end is that of one started now.
    """

    matched: int
    companies: int
    exact: bool
    waiting: int
    asked_at: datetime
    ends_at: datetime | None
    bound: str
    needs: tuple[Need, ...]
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    seconds: float = 0.0
    refusal: str | None = None
    served: bool = True

    @property
    def taken(self) -> str:
        """``2 of 3 companies``: how many will be looked at. Without a list of UENs, of the companies that match; else
        of all that the campaign counts, because it counts listed UENs that are left out as skipped."""
        count = f"{self.companies}" if self.exact else f"up to {self.companies}"
        if not self.left_out:
            return f"{count} of {self.matched} matching companies"
        return f"{count} of {self.matched + sum(out.reason in NO_MATCH for out in self.left_out)} companies"

    @property
    def skipped(self) -> str:
        """``1 will be skipped``; empty without any."""
        return f"{len(self.left_out)} will be skipped" if self.left_out else ""


async def foreseen(
    database: Database,
    settings: Settings,
    params: StagingParams,
    throttle: JobThrottle,
    uens: Sequence[str] | None = None,
    *,
    again: bool = False,
    served: bool = False,
) -> Foreseen:
    """What the job will do.

    Args:
        uens: the campaign's list of UENs; those of `params` when None.
        again: include companies that were checked within RECHECK_DAYS.
        served: a service is known to run, because it asks itself.

    Raises:
        JobError: a term or code matches nothing: better reported now than in the job's row.
    """
    now = (await Control(database).moment()).astimezone(settings.zone)
    listed = listed_uens(params.uens) if uens is None else list(uens)
    recheck = timedelta(0) if again else timedelta(days=settings.recheck_days)
    asked = LeftOutRows(
        database,
        include_sole_proprietors=settings.include_sole_proprietors,
        recheck=recheck,
        hold_nights=settings.nightly_hold_nights,
    )
    left_out = await asked.of(listed)
    selected = await _selected(database, settings, params, now, again=again)
    companies = len(listed) - len(left_out) + selected.companies
    if params.limit is not None:
        companies = min(companies, params.limit)
    situation = await read_situation(database, settings)
    outlook = situation.outlook
    others = {line.campaign_id: line.remaining for line in await Display(database).campaigns(MOST_CAMPAIGNS)}
    waiting = sum(left or 0 for left in others.values())
    cap, room = _own_cap(outlook, settings, throttle)
    uses = await BudgetLedger(database).usage(chain(*allowances(settings).values()))
    notes = [*_refused(left_out, settings), *selected.notes]
    place = places(others | {NEW: companies}, throttle.batch_size)[NEW]
    if companies and place > room:
        notes.append(_cap_note(cap, room, outlook))
    if situation.hold is not None:
        notes.append(situation.hold.told)
    notes += situation.closed_off()
    if not (served := served or await Control(database).service_runs()):
        notes.append(NO_SERVICE)
    end = _end(outlook, place, companies, cap) if companies else None
    return Foreseen(
        matched=selected.matched + sum(out.reason not in NO_MATCH for out in left_out) + len(listed) - len(left_out),
        companies=companies,
        exact=selected.exact,
        waiting=waiting,
        asked_at=now,
        ends_at=None if outlook.paused else end,
        seconds=0.0 if end is None else outlook.seconds_until(end),
        bound="daily cap" if place > room else outlook.slowest.name,
        needs=_needs(uses, outlook.costs, companies),
        notes=tuple(notes),
        left_out=tuple(left_out),
        refusal=None if companies else _nothing(left_out, selected, settings),
        served=served,
    )


def _cap_note(cap: int, room: int, outlook: Outlook) -> str:
    if cap == outlook.cap:
        return f"today's cap has room for {room} of {cap}; the rest follows after midnight"
    used = outlook.cap - outlook.room
    return (
        f"its daily cap of {cap} counts the companies of all campaigns, {used} today: it has room for {room}; the rest "
        "follows after midnight"
    )


def _end(outlook: Outlook, place: int, companies: int, cap: int) -> datetime:
    """When the campaign ends: with its own lower cap as `campaigns show` says it; a raise was approved by now."""
    if cap < outlook.cap:
        return outlook.end_under(place, companies, cap)
    return outlook.end_of(place, room=max(0, cap - (outlook.cap - outlook.room)), cap=cap)


def _own_cap(outlook: Outlook, settings: Settings, throttle: JobThrottle) -> tuple[int, int]:
    """The cap that counts for this campaign, and the slots that it leaves today."""
    used = settings.daily_cap - outlook.room
    return throttle.daily_cap, max(0, throttle.daily_cap - used)


@dataclass(frozen=True, slots=True)
class _Selected:
    """What the terms and codes of an enqueue select."""

    matched: int = 0
    companies: int = 0
    exact: bool = True
    notes: tuple[str, ...] = ()


async def _selected(
    database: Database, settings: Settings, params: StagingParams, now: datetime, *, again: bool
) -> _Selected:
    if not (params.terms or params.ssic_codes):
        return _Selected()
    async with database.session() as connection:
        shape = await probe(connection)
    selection = Selection(
        database,
        shape=shape,
        include_sole_proprietors=settings.include_sole_proprietors,
        recheck_days=settings.recheck_days,
        hold_nights=settings.nightly_hold_nights,
    )
    without_list = params.model_copy(update={"uens": []})
    matched = await selection.count(without_list)
    if not matched:
        asked = ", ".join([*params.terms, *params.ssic_codes])
        raise JobError(f"no live company in the registry belongs to {asked}; nothing was enqueued")
    most = min(matched, params.limit or matched)
    campaign = Campaign(id=1, enqueued_at=now)
    picked = await selection.pick(without_list, campaign, max(1, min(most, LOOK_AHEAD)), again=again)
    exact = most <= LOOK_AHEAD and (picked.exhausted or len(picked.rows) >= most)
    notes = _left_out(picked, matched, settings)
    return _Selected(matched, len(picked.rows) if exact else most, exact, tuple(notes))


def _needs(uses: Sequence[BudgetUse], costs: Costs, companies: int) -> tuple[Need, ...]:
    return tuple(
        Need(
            provider=use.allowance.provider.value,
            budget=use.allowance.name,
            needs=math.ceil(companies * costs.of(budget_of(use.allowance.provider, use.allowance.name))),
            used=use.used + use.elsewhere,
            limit=use.allowance.own,
        )
        for use in uses
    )


def _refused(left_out: Sequence[LeftOut], settings: Settings) -> list[str]:
    """UENs that will not be looked at, by reason."""
    notes = []
    for _, group in groupby(sorted(left_out, key=lambda one: one.reason), key=lambda one: one.reason):
        members = list(group)
        named = ", ".join(out.uen for out in members[:NAMED])
        more = f" and {len(members) - NAMED} more" if len(members) > NAMED else ""
        text = left_out_text(members[0], settings, general=len(members) > 1)
        notes.append(f"{text}: {named}{more}")
    return notes


def left_out_text(out: LeftOut, settings: Settings, *, general: bool = False) -> str:
    """Why a UEN will not be looked at, in words; `general` leaves out what is true of this one only."""
    if out.reason == "not_live" and not general:
        return f"not live ({out.status})"
    if out.reason == "recently_checked" and out.looked_at is not None and not general:
        return f"checked on {out.looked_at.astimezone(settings.zone):%Y-%m-%d}"
    if out.reason == "in_campaign" and not general:
        return f"waits in campaign {out.campaign_id}"
    if out.reason == "namesake" and not general:
        return f"company {out.namesake} has this name and no UEN; the nightly or a person must give it its UEN first"
    return {
        "unknown": "not in the registry",
        "no_name": "has no name in the registry",
        "not_live": "not live",
        "sole_proprietor": "a sole proprietor, which is personal data (INCLUDE_SOLE_PROPRIETORS)",
        "opted_out": "has opted out",
        "recently_checked": f"checked within {settings.recheck_days} days (--again checks it anyway)",
        "in_campaign": "waits in another campaign",
        "nightly_pending": "new, and left to a pending nightly job that has its SSIC code",
        "namesake": "a row of companies has this name and no UEN; the nightly or a person must give it its UEN first",
    }[out.reason]


def _nothing(left_out: Sequence[LeftOut], selected: _Selected, settings: Settings) -> str:
    """Why there is nothing to enqueue."""
    if selected.matched:
        why = "; ".join([*selected.notes, *_refused(left_out, settings)])
        few = "the only company that matches cannot be taken"
        many = f"none of the {selected.matched} companies that match can be taken"
        return f"{few if selected.matched == 1 else many} ({why}); nothing was enqueued"
    if all(out.reason == "unknown" for out in left_out):
        return f"none of these UENs is in the registry: {', '.join(out.uen for out in left_out[:NAMED])}"
    return f"none of these UENs can be taken ({'; '.join(_refused(left_out, settings))})"


def _left_out(picked: Picked, matched: int, settings: Settings) -> list[str]:
    """Why fewer companies of a selection are taken than match."""
    notes = [f"{picked.held} new companies are left to a pending nightly job for now"] if picked.held else []
    others = matched - len(picked.rows) - len(picked.refused) - picked.held
    if picked.exhausted and others > 0:
        notes.append(f"{others} were checked within {settings.recheck_days} days, or are waiting in another job")
    return notes
