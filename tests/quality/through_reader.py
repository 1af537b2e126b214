"""Reads pages as the service does: the real Jina Reader client over real HTTP against the simulated Reader."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from provider_fakes import bench
from pydantic import SecretStr
from quality.case_web import CaseWeb
from quality.cases import Case
from quality.scoring import CaseWorld, right_domains, run_in

from acra_express_async.extract.domains import domain_of
from acra_express_async.limits.scope import Scope
from acra_express_async.models import Outcome, Page, Provider
from acra_express_async.providers.jina import JinaReader
from acra_express_async.sandbox.simulator import Options, Simulator
from acra_express_async.sandbox.world import PageSize, World
from acra_express_async.settings.tree import JinaSettings


@dataclass(frozen=True)
class Cost:
    """Reads and tokens of one company by the simulator's ledger, failed reads included."""

    calls: int
    tokens: int


@dataclass
class Reading:
    """The pages that were read for one case, and their cost."""

    pages: list[Page] = field(default_factory=list)
    cost: Cost = Cost(0, 0)

    def shows_uen(self, case: Case) -> bool:
        """True when a text read on the right site contains the registered UEN."""
        own = (page.text for page in self.pages if domain_of(page.url) in right_domains(case))
        return any(case.company.uen in re.sub(r"[\s-]", "", text).upper() for text in own)


@dataclass(frozen=True)
class ReaderLink:
    """The service's client and the simulator behind it."""

    client: JinaReader
    simulator: Simulator

    def spent(self) -> Cost:
        """Total cost so far."""
        ledger = self.simulator.ledger
        return Cost(ledger.arrival_counts[Provider.JINA.value], ledger.tokens_sent)


@asynccontextmanager
async def reader_over(world: World) -> AsyncIterator[ReaderLink]:
    """A client with the default settings against a simulator without limits and delays."""
    options = Options(latency_scale=0, budget_layer=False)
    async with Simulator(world, options) as simulator, httpx.AsyncClient() as http:
        key = SecretStr(options.jina_key)
        settings = JinaSettings(base_url=simulator.base_url(Provider.JINA), api_key=key)
        yield ReaderLink(JinaReader(http, settings, bench(Provider.JINA).caller), simulator)


class ReadCase(CaseWorld):
    """A case whose pages are read by the real client; `pages` lists those that were read."""

    def __init__(self, case: Case, client: JinaReader) -> None:
        super().__init__(case)
        self._client = client
        self.pages: list[Page] = []

    async def read(self, url: str, scope: Scope, *, max_tokens: int | None = None) -> Page:
        page = await self._client.read(url, scope, max_tokens=max_tokens)
        self.pages.append(page)
        return page

    async def read_footer(self, url: str, scope: Scope, *, max_tokens: int | None = None, labels: bool = True) -> Page:
        page = await self._client.read_footer(url, scope, max_tokens=max_tokens, labels=labels)
        self.pages.append(page)
        return page


@dataclass(frozen=True)
class Results:
    """Outcomes of some cases, and their readings by case id."""

    pairs: tuple[tuple[Case, Outcome], ...]
    readings: dict[str, Reading]


async def run_at(cases: Iterable[Case], size: PageSize, *, seed: int = 1) -> Results:
    """Run every case through the real pipeline and the real client, with pages of `size`."""
    web = CaseWeb(size, seed)
    pairs: list[tuple[Case, Outcome]] = []
    readings: dict[str, Reading] = {}
    async with reader_over(web) as link:
        for case in cases:
            web.show(case)
            before, world = link.spent(), ReadCase(case, link.client)
            pairs.append((case, await run_in(world)))
            after = link.spent()
            cost = Cost(after.calls - before.calls, after.tokens - before.tokens)
            readings[case.case_id] = Reading(world.pages, cost)
    return Results(tuple(pairs), readings)
