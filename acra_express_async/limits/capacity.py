"""How many companies the configured budgets allow: the bottleneck, companies per hour and day, one more worker's gain.

Pure arithmetic over the settings and the cost of an average company; works without a database.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain

from acra_express_async.limits.budget import allowances
from acra_express_async.limits.budget_table import VERIFICATIONS, BudgetRow, budget_of
from acra_express_async.settings.tree import Settings

LONGEST_PLAN = timedelta(days=36_500)
"""A century: anybody may ask for a million companies in each of 500 jobs."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Costs:
    """What an average company needs: requests, pages, tokens, verifications, and seconds of one worker's time.

    `measured` is the number of companies averaged over; 0 means the documented figures.
    """

    searches: float = 1.78
    pages: float = 1.24
    tokens: float = 1900.0
    verifications: float = 0.4
    seconds: float = 20.0
    measured: int = 0

    def of(self, budget: BudgetRow) -> float:
        """What the company needs of that budget."""
        need: float = getattr(self, budget.unit)
        return need


DOCUMENTED = Costs()
"""Measured by `acra-express simulate --profile backlog` in the simulator's world, where half of the companies have a
site and the latencies are those of the real providers: 15 s of provider calls per company, plus spacing and saving.
With pages of real size (`--page-size 1`) a company took 862 tokens. The tokens here are a cautious figure: menus and
footers four times as large cost 1,225 a page (`bin/bench calls --size 4`)."""

AT_FIRST = replace(DOCUMENTED, pages=1.42)
"""The first companies of a new database, which does not yet know the domains of directories: their pages are read until
they have turned up for several companies. Simulated days with seeds 11 and 23: 1.40 and 1.47 for the first 60."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit of the pace: how many companies per hour and day it alone would allow."""

    name: str
    per_hour: float
    per_day: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer of `acra-express plan`; `bounds` are sorted, the tightest daily limit first."""

    costs: Costs
    bounds: tuple[Bound, ...]
    workers: int
    third_worker_gains: float

    @property
    def bottleneck(self) -> Bound:
        """The limit that decides how many companies are done per day."""
        return self.bounds[0]

    @property
    def per_day(self) -> float:
        return self.bottleneck.per_day

    @property
    def slowest(self) -> Bound:
        """The limit that decides how many companies are done per hour."""
        return min(self.bounds, key=lambda bound: bound.per_hour)

    @property
    def per_hour(self) -> float:
        """The pace while work is waiting; a daily limit (cap, verifications) does not slow down an hour."""
        return self.slowest.per_hour

    def time_for(self, companies: int) -> timedelta:
        """From the first claim to the last commit, including nights when a day's limit is used up; at most
        `LONGEST_PLAN`."""
        full_days, rest = divmod(companies, max(1, int(self.per_day)))
        if rest == 0 and full_days:
            full_days, rest = full_days - 1, max(1, int(self.per_day))
        if full_days >= LONGEST_PLAN.days:
            return LONGEST_PLAN
        return timedelta(days=full_days) + HOUR * (rest / self.per_hour)

    def end_after(self, moment: datetime, companies: int) -> datetime:
        """When that many are done that go on at `moment`, in its zone; a clock change in between moves nothing."""
        return (moment.astimezone(UTC) + self.time_for(companies)).astimezone(moment.tzinfo)


def plan(settings: Settings, costs: Costs = DOCUMENTED, *, workers: int | None = None) -> Plan:
    """Capacity under these settings."""
    count = settings.workers if workers is None else workers
    budgets = _budget_bounds(settings, costs)
    bounds = [*budgets, _worker_bound(count, costs), Bound("daily cap", float("inf"), float(settings.daily_cap))]
    bounds.sort(key=lambda bound: bound.per_day)
    most = min(bound.per_hour for bound in budgets)
    now, then = (min(most, _worker_bound(n, costs).per_hour) for n in (count, count + 1))
    return Plan(costs, tuple(bounds), count, then / now - 1)


def _worker_bound(workers: int, costs: Costs) -> Bound:
    per_hour = workers * HOUR.total_seconds() / costs.seconds
    return Bound(f"{workers} workers", per_hour, 24 * per_hour)


def _budget_bounds(settings: Settings, costs: Costs) -> list[Bound]:
    bounds = []
    for allowance in chain(*allowances(settings).values()):
        row = budget_of(allowance.provider, allowance.name)
        # without a key, or once the day's share is spent, addresses stay unverified: that limits no company
        if not row.optional:
            cost = max(costs.of(row) / row.usable, 1e-9)
            per_hour = allowance.own / cost * (HOUR / allowance.window)
            bounds.append(Bound(f"{allowance.provider} {allowance.name}", per_hour, 24 * per_hour))
    return bounds


def verified_share(settings: Settings, costs: Costs, companies: float) -> float:
    """The part of the wanted verifications that the day's share covers when `companies` are done that day."""
    wanted = companies * costs.of(VERIFICATIONS)
    own = VERIFICATIONS.figure(settings) * VERIFICATIONS.share(settings)
    return 1.0 if wanted <= own else own / wanted
