"""Query plans side by side: what each finds and costs in a world whose search ranks by text.

The companies, their sites and the search engine are the simulator's. Its engine was set so that one plain query finds
the site of 58 to 65 % of the companies, as DuckDuckGo, Bing and Yahoo did for offices of official statistics, and the
name with postal code and "contact", without directories, more than 80 %.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from quality.scoring import NoMemory, run_in
from quality.world import Web, right_domains, webs

from acra_express_async.extract.candidates import candidates_of
from acra_express_async.extract.domains import registrable
from acra_express_async.extract.found_hosts import united
from acra_express_async.extract.queries import MOST_EXCLUDED, PLAN, QueryPlan, Variant
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.limits.capacity import DOCUMENTED, Costs, plan
from acra_express_async.limits.scope import Scope
from acra_express_async.models import CompanyId, Outcome, Page, SearchPage, Usage
from acra_express_async.sandbox.results import table
from acra_express_async.sandbox.world import PageSize, Truth
from acra_express_async.settings.tree import load_settings

NAME, PLACE, OTHER, NUMBER = Variant.NAME, Variant.PLACE, Variant.OTHER, Variant.NUMBER

BROKEN = "the same where several -site: find nothing"
"""As on DuckDuckGo's page without scripts from 2018 to 2022."""

PLANS: Mapping[str, QueryPlan] = {
    "name, UEN, former name; stop (before)": QueryPlan((NAME, NUMBER, OTHER), 0),
    "name": QueryPlan((NAME,), 0),
    "place": QueryPlan((PLACE,), 0),
    "place -site": QueryPlan((PLACE,)),
    "name, place; all": QueryPlan((NAME, PLACE), 0, stops=False),
    "name, place -site; all": QueryPlan((NAME, PLACE), stops=False),
    "name, place -site; stop": QueryPlan((NAME, PLACE)),
    "name, place -site; stop when proven": QueryPlan((NAME, PLACE), goes_on=True),
    "name, place -site, other; all": QueryPlan((NAME, PLACE, OTHER), stops=False),
    "name, place -site, other; stop": QueryPlan((NAME, PLACE, OTHER)),
    "name, place, other; stop when proven": QueryPlan((NAME, PLACE, OTHER), 0, goes_on=True),
    "name, place -site, other; stop when proven": QueryPlan((NAME, PLACE, OTHER), goes_on=True),
    "place -site, name, other; stop when proven": QueryPlan((PLACE, NAME, OTHER), goes_on=True),
    BROKEN: PLAN,
}
"""By what they ask and when they end: after all queries, at a credible candidate, or once a site is proven."""

WORLD = 600
"""Registered companies: with fewer, hardly any names collide, and one query finds too much."""

CHOSEN = next(name for name, each in PLANS.items() if each == PLAN)


@dataclass
class PlanResult:
    """What one plan found and cost over all companies."""

    name: str
    companies: int = 0
    with_site: int = 0
    among: int = 0
    usage: Usage = field(default_factory=Usage)
    ends: Counter[str] = field(default_factory=Counter)

    def add(self, truth: Truth, web: PlannedWeb, outcome: Outcome, *, has_site: bool) -> None:
        """Count one company."""
        own, answer = right_domains(truth), outcome.site.domain if outcome.site else None
        self.companies += 1
        self.with_site += has_site
        self.among += has_site and bool(own & web.candidates())
        self.usage += outcome.usage
        right = answer in own
        too_little_proof = truth.domain is not None and truth.may_abstain
        none = "missed" if has_site and not too_little_proof else "rightly none"
        self.ends["right" if right else "wrong" if answer else none] += 1

    def share_among(self) -> float:
        """Share of the companies with a site whose site is among the candidates."""
        return self.among / max(1, self.with_site)

    def searches(self) -> float:
        """Searches a company."""
        return self.usage.searches / self.companies

    def per_hour(self) -> float:
        """Companies an hour under the default budgets, as `acra-express plan` computes them."""
        used, count = self.usage, self.companies
        costs = Costs(
            searches=used.searches / count,
            pages=used.pages / count,
            tokens=used.tokens / count,
            verifications=used.verifications / count,
            seconds=DOCUMENTED.seconds,
            measured=count,
        )
        return plan(load_settings(postgres_dsn="postgresql://nowhere"), costs).per_hour

    def row(self) -> list[str]:
        """The cells of the table."""
        low, high = wilson(self.among, self.with_site)
        return [
            self.name,
            f"{self.share_among():.3f} ({low:.2f}-{high:.2f})",
            f"{self.searches():.2f}",
            f"{self.usage.pages / self.companies:.2f}",
            f"{self.per_hour():.0f}",
            *(self._end(kind) for kind in ENDS),
        ]

    def _end(self, kind: str) -> str:
        low, high = wilson(self.ends[kind], self.companies)
        return f"{self.ends[kind] / self.companies:.3f} ({low:.2f}-{high:.2f})"


ENDS = ("right", "wrong", "rightly none", "missed")
HEADER = ["plan", "site among candidates", "searches", "pages", "companies/h", *ENDS]


def wilson(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a share; 95 % by default."""
    if not of:
        return 0.0, 1.0
    share = hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


class Seen(NoMemory):
    """Counts for which companies a domain turned up, as the database does."""

    def __init__(self) -> None:
        self._companies: dict[str, set[CompanyId]] = {}

    async def keep_search(self, page: SearchPage, company_id: CompanyId, domains: Iterable[str]) -> SearchPage:
        others = {}
        for domain in domains:
            seen = self._companies.setdefault(domain, set())
            others[domain] = len(seen - {company_id})
            seen.add(company_id)
        return SearchPage(page.query, page.hits, others)


class PlannedWeb:
    """The web of one company; pages that another plan read already are not fetched again.

    `exclusions`: a query that excludes more hosts finds nothing.
    """

    configured = True

    def __init__(self, web: Web, read: dict[tuple[object, ...], Page], exclusions: int = MOST_EXCLUDED) -> None:
        self._web, self._read, self._exclusions = web, read, exclusions
        self._answers: list[SearchPage] = []
        self.case, self.look_up, self.looked_up, self.intent = web.case, web.look_up, web.looked_up, web.intent
        self.store, self.withdraw, self.verify = web.store, web.withdraw, web.verify

    async def search(self, query: str, scope: Scope) -> SearchPage:
        answered = query.count("-site:") <= self._exclusions
        self._answers.append(await self._web.search(query, scope) if answered else SearchPage(query, ()))
        return self._answers[-1]

    async def read(self, url: str, scope: Scope, *, max_tokens: int | None = None) -> Page:
        key = (url, max_tokens)
        if key not in self._read:
            self._read[key] = await self._web.read(url, scope, max_tokens=max_tokens)
        return self._read[key]

    async def read_footer(self, url: str, scope: Scope, *, max_tokens: int | None = None, labels: bool = True) -> Page:
        key = (url, max_tokens, labels)
        if key not in self._read:
            self._read[key] = await self._web.read_footer(url, scope, max_tokens=max_tokens, labels=labels)
        return self._read[key]

    def candidates(self) -> set[str]:
        """The sites that the answers made candidates."""
        company = self.case.company
        return {site.domain for site in candidates_of(united(self._answers), company, names_for(company))}


async def compare(
    companies: int, seed: int, size: PageSize = 1, plans: Mapping[str, QueryPlan] = PLANS, *, world: int = WORLD
) -> list[PlanResult]:
    """Run every plan over the first `companies` live ones of a world of `world` registered companies."""
    results = {name: PlanResult(name) for name in plans}
    seen = {name: Seen() for name in plans}
    async with webs(world, seed, size) as found:
        for truth, web in islice(found, companies):
            read: dict[tuple[object, ...], Page] = {}
            has_site = _has_site(truth, web)
            for name, each in plans.items():
                planned = PlannedWeb(web, read, 1 if name == BROKEN else MOST_EXCLUDED)
                outcome = await run_in(planned, memory=seen[name], plan=each)
                results[name].add(truth, planned, outcome, has_site=has_site)
    return list(results.values())


def plans_table(results: Iterable[PlanResult]) -> str:
    """The plans side by side; the service's own is marked."""
    rows = [each.row() for each in results]
    return table(HEADER, [[f"{row[0]} *" if row[0] == CHOSEN else row[0], *row[1:]] for row in rows])


def _has_site(truth: Truth, web: Web) -> bool:
    """Whether the company has a site that can be read, listed or not."""
    if truth.own_domain is None or not registrable(truth.own_domain):
        return False
    page = web.world.page(f"https://{truth.own_domain}/")
    return page.failure is None and page.http_status == 200 and not page.robots_denied and bool(page.main)
