"""Reads what the forecast rests on: measured costs, the budgets' windows, today's cap, and what holds work back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from acra_express_async.companies.delays import not_called, used_up
from acra_express_async.companies.outlook import Outlook, Supply, expected_ends
from acra_express_async.db.companies.outcomes import DailyCap
from acra_express_async.db.limits.budget_ledger import BudgetLedger, BudgetUse
from acra_express_async.db.limits.measured_costs import measured_costs
from acra_express_async.db.ops.alert_rows import AlertRows, BreakerLine
from acra_express_async.db.ops.control import Control
from acra_express_async.db.ops.display import CampaignLine, Display
from acra_express_async.db.session.pool import Database
from acra_express_async.jobs.holds import PAUSED, Hold, hold_of
from acra_express_async.limits import Allowance, Pace, allowances
from acra_express_async.limits.budget_table import NEEDED, BudgetRow, budget_of
from acra_express_async.limits.capacity import AT_FIRST, Costs
from acra_express_async.models import Provider
from acra_express_async.providers import duckduckgo, jina
from acra_express_async.settings.quiet_hours import QuietHours
from acra_express_async.settings.tree import Settings

MOST_CAMPAIGNS = 500
"""Campaigns that are taken into account: as many as one look at the live jobs can find."""


@dataclass(frozen=True, slots=True)
class Situation:
    """The outlook, and what it rests on.

    Attributes:
        hold: the rule that holds all work back.
        paused_by: who paused claiming, and when.
        breakers: open or half open, of the providers without which no company can be worked on.
    """

    outlook: Outlook
    hold: Hold | None
    paused_by: tuple[str, datetime] | None
    breakers: Sequence[BreakerLine]

    def closed_off(self) -> list[str]:
        """A sentence about each of the breakers."""
        return [not_called(line, self.outlook.now) for line in self.breakers]


async def read_outlook(database: Database, settings: Settings) -> Outlook:
    """The outlook now, by the database's clock.

    Raises:
        NotNow: it cannot be read now.
    """
    return (await read_situation(database, settings)).outlook


async def read_situation(database: Database, settings: Settings) -> Situation:
    """The situation now, by the database's clock.

    Raises:
        NotNow: it cannot be read now.
    """
    control = Control(database)
    now = (await control.moment()).astimezone(settings.zone)
    async with database.session() as connection:
        costs = await measured_costs(connection) or AT_FIRST
    used = await DailyCap(database, settings.zone).used()
    limits = [limit for limit in chain(*allowances(settings).values()) if not _row(limit).optional]
    paces = {Provider.DUCKDUCKGO: duckduckgo.pace(settings.duckduckgo), Provider.JINA: jina.pace(settings.jina)}
    recent = [_recent(limit, paces[limit.provider]) for limit in limits if _row(limit).paced]
    uses = await BudgetLedger(database).usage([*limits, *recent])
    windows, bursts = uses[: len(limits)], uses[len(limits) :]
    supplies = [_window(use, costs) for use in windows]
    supplies += [_bucket(use, paces[use.allowance.provider], costs) for use in bursts]
    paused_by = await control.paused_by()
    hold = await _hold(control, settings, now, paused_by)
    breakers = [line for line in await AlertRows(database).breakers() if line.provider in NEEDED]
    waits = [now] + [line.open_until for line in breakers]
    waits += [hold.until] if hold is not None and hold.until is not None else []
    outlook = Outlook(
        now=now,
        starts_at=max(waits).astimezone(settings.zone),
        costs=costs,
        workers=_workers(settings, costs),
        supplies=tuple(supplies),
        room=max(0, settings.daily_cap - used),
        cap=settings.daily_cap,
        paused=hold is not None and hold.reason == PAUSED,
    )
    return Situation(outlook, hold, paused_by, breakers)


@dataclass(frozen=True, slots=True)
class Prospects:
    """What the waiting campaigns have before them.

    Attributes:
        hold: the rule that holds all of them back.
        cap_used, cap: slots of the day's cap.
        ends: when each of them should be done; while no service runs, if one were started now.
        served: a service is running.
        closed_off: sentences about the providers that every company needs and that are not called now.
        paused_by: who paused claiming, and when.
    """

    hold: Hold | None
    cap_used: int
    cap: int
    ends: Mapping[int, datetime]
    served: bool = True
    closed_off: tuple[str, ...] = ()
    paused_by: tuple[str, datetime] | None = None

    @property
    def paused(self) -> bool:
        """Claiming is paused: nothing ends before a person resumes it."""
        return self.hold is not None and self.hold.reason == PAUSED


async def read_prospects(database: Database, settings: Settings, *, served: bool = False) -> Prospects:
    """The prospects of every live campaign.

    Args:
        served: a service is known to run, because it asks itself.

    Raises:
        NotNow: they cannot be read now.
    """
    situation = await read_situation(database, settings)
    outlook, display = situation.outlook, Display(database)
    lines = await display.campaigns(MOST_CAMPAIGNS)
    remaining = {line.campaign_id: line.remaining for line in lines}
    own_caps = {line.campaign_id: lower_cap(line, settings) for line in lines}
    spent = [used_up(wait, outlook.now) for wait in await display.budget_waits() if wait.provider in NEEDED]
    return Prospects(
        hold=situation.hold,
        cap_used=outlook.cap - outlook.room,
        cap=outlook.cap,
        ends=expected_ends(outlook, remaining, settings.batch_size, own_caps),
        served=served or await Control(database).service_runs(),
        closed_off=(*situation.closed_off(), *spent),
        paused_by=situation.paused_by,
    )


def lower_cap(line: CampaignLine, settings: Settings) -> int | None:
    """The campaign's own daily cap where it is the lower one; a raise counts only once its approval was judged."""
    return None if line.own_cap is None or line.own_cap >= settings.daily_cap else line.own_cap


async def _hold(
    control: Control, settings: Settings, now: datetime, paused_by: tuple[str, datetime] | None
) -> Hold | None:
    """The rule that holds back all work now, as far as the database and the settings tell.

    Args:
        now: in the service's time zone.
    """
    stand_back = settings.stand_back_while_nightly_runs and await control.nightly_running()
    return hold_of(
        paused=paused_by,
        nightly=await control.nightly_jobs() if stand_back else (),
        usual={},  # the nightly's history is not read while it runs
        quiet=QuietHours.of(settings.quiet_hours),
        now=now,
    )


def _row(limit: Allowance) -> BudgetRow:
    return budget_of(limit.provider, limit.name)


def _workers(settings: Settings, costs: Costs) -> Supply:
    return Supply(f"{settings.workers} workers", costs.seconds, 0.0, float(settings.workers), 0.0)


def _window(use: BudgetUse, costs: Costs) -> Supply:
    """A rolling window: what it has room for now, and what leaves it on average."""
    limit = use.allowance
    own = limit.own * _row(limit).usable
    name = f"{limit.provider} {limit.name}"
    each = costs.of(_row(limit))
    return Supply(name, each, max(0.0, own - use.used - use.elsewhere), own / limit.window.total_seconds(), own)


def _recent(limit: Allowance, pace: Pace) -> Allowance:
    """The same budget over the time in which a used burst comes back."""
    return replace(limit, window=timedelta(seconds=pace.burst * pace.interval))


def _bucket(use: BudgetUse, pace: Pace, costs: Costs) -> Supply:
    """The throttle: a burst at once, of which recent calls took their part, then one call per interval."""
    limit = use.allowance
    each = costs.of(_row(limit))
    there = max(0.0, pace.burst - use.used)
    return Supply(f"{limit.provider} {limit.name}", each, there, 1 / pace.interval, float(pace.burst))
