"""One page that Reader can never read, and a Reader that reads nothing: the first costs a few reads, the second waits.

The service's own handlers, pipeline, clients, budgets and breakers on a real database and over real HTTP. The
database's clock is moved from one due job to the next.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from campaign_rig import campaigns_on, enqueue_staging
from contexts import context_of
from database_clock import Clock
from rig import statuses

from acra_express_async.companies.pipeline import Effort, Pipeline
from acra_express_async.companies.verification import Verification
from acra_express_async.db.companies.address_hash import load_address_hash
from acra_express_async.db.companies.answer_memory import Memory
from acra_express_async.db.companies.optouts import OptOuts
from acra_express_async.db.companies.verification_rows import VerificationRows
from acra_express_async.db.limits.breaker_rows import BreakerRows
from acra_express_async.db.limits.budget_ledger import BudgetLedger
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.limits import State
from acra_express_async.models import Provider
from acra_express_async.service.clients import build_providers
from acra_express_async.settings.tree import load_settings

ENVELOPE = {"code": 503, "status": 50302, "data": None, "message": "Browser crashed, try again"}
FIRMS = range(1, 6)
POISON = 1


def uen(firm: int) -> str:
    return f"2019{firm:05d}D"


class Web:
    """Finds a site for every firm; Reader reads it, unless `answer` says otherwise for the firm."""

    def __init__(self) -> None:
        self.reads: Counter[int] = Counter()
        self.answers: dict[int, Any] = {}
        self.answer: Any = None

    async def search(self, request: web.Request) -> web.Response:
        number = int(re.search(r"zylo(\d+)", str((await request.post())["q"]).lower())[1])  # type: ignore[index]
        return web.Response(text=_results(number), content_type="text/html")

    async def read(self, request: web.Request) -> web.Response:
        number = int(re.search(r"zylo(\d+)", (await request.json())["url"])[1])  # type: ignore[index]
        self.reads[number] += 1
        answer = self.answers.get(number, self.answer)
        if answer is None:
            return web.json_response(_page(number))
        if answer == "hang":
            await asyncio.sleep(30)
        if isinstance(answer, dict):
            return web.json_response(answer, status=answer["code"])
        return web.Response(text="<h1>Bad gateway</h1>", status=502, content_type="text/html")


def _results(number: int) -> str:
    return (
        '<html><div id="links" class="results"><div class="result web-result "><h2 class="result__title">'
        f'<a class="result__a" href="https://www.zylo{number}bakery.com.sg/">Zylo{number} Bakery | Official</a></h2>'
        f'<a class="result__snippet">Zylo{number} Bakery Pte. Ltd. Singapore</a></div></div></html>'
    )


def _page(number: int) -> dict[str, Any]:
    return {
        "code": 200,
        "status": 20000,
        "data": {
            "title": f"Zylo{number} Bakery",
            "url": f"https://www.zylo{number}bakery.com.sg/",
            "httpStatus": 200,
            "content": f"# Zylo{number} Bakery Pte. Ltd.\n\nUEN {uen(number)}\n\nA bakery in Singapore. 6741 1100",
            "links": {},
            "usage": {"tokens": 300},
        },
    }


class Bakeries:
    """The campaign over five firms."""

    def __init__(self, database: Database, owner: Connection, clock: Clock, web_: Web, pipeline: Pipeline) -> None:
        self.database, self.owner, self.clock, self.web = database, owner, clock, web_
        self._pipeline = pipeline

    async def round(self) -> bool:
        """Do what is due, then move the clock to what is due next; False when nothing is left."""
        rig = await campaigns_on(self.database, self._pipeline, workers=1)  # type: ignore[arg-type]
        assert await rig.supervisor.run() == 0
        due = await rig.jobs.next_due()
        if due is not None:
            await self.clock.advance(due + timedelta(milliseconds=1))
        return due is not None

    async def breaker(self) -> State:
        return (await BreakerRows(self.database).read(Provider.JINA)).state

    async def outcomes(self) -> dict[int, str]:
        rows = await self.owner.fetch("SELECT uen, kind FROM acra_express.outcomes")
        return {int(row["uen"][4:9]): row["kind"] for row in rows}


@pytest_asyncio.fixture
async def bakeries(database: Database, owner: Connection) -> AsyncIterator[Bakeries]:
    clock, world = Clock(owner), Web()
    await clock.install()
    await owner.executemany(
        "INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description, primary_ssic_code,"
        " entity_type_description) VALUES ($1, $2, 'Live Company', 10711, 'Local Company')",
        [(uen(firm), f"ZYLO{firm} BAKERY PTE. LTD.") for firm in FIRMS],
    )
    app = web.Application()
    app.router.add_post("/d/html/", world.search)
    app.router.add_post("/j/", world.read)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    settings = load_settings(
        {
            "POSTGRES_DSN": "postgresql://unused",
            "ACRA_EXPRESS_DUCKDUCKGO__BASE_URL": f"{base}/d",
            "ACRA_EXPRESS_DUCKDUCKGO__SPACING_SECONDS": "0",
            "ACRA_EXPRESS_JINA__BASE_URL": f"{base}/j",
            "ACRA_EXPRESS_JINA__API_KEY": "jina_key",
            "ACRA_EXPRESS_JINA__TIMEOUT_SECONDS": "0.5",
            "ACRA_EXPRESS_JINA__CALLS_PER_HOUR": "100000",
            "ACRA_EXPRESS_JINA__TOKENS_PER_PAGE": "500",
            "ACRA_EXPRESS_JINA__TOKENS_PER_MINUTE": "100000",
        }
    )
    shape, hashes = await probe(owner), await load_address_hash(owner)
    async with httpx.AsyncClient() as http:
        providers = build_providers(
            settings,
            http,
            ledger=BudgetLedger(database),
            breaker_store=BreakerRows(database),
            context=context_of(random=Random(0)),
        )
        for provider in (providers.jina, providers.duckduckgo):
            provider._caller._sleep = _at_once
        for breaker in providers.breakers.values():
            breaker._fresh = timedelta()
        pipeline = Pipeline(
            searcher=providers.duckduckgo,
            reader=providers.jina,
            verification=Verification(
                verifier=providers.zerobounce,
                store=VerificationRows(database, shape=shape, hashes=hashes, cache_days=90),
                max_addresses=2,
                personal=False,
            ),
            opt_outs=OptOuts(database, hashes),
            memory=Memory(database),
            clock=asyncio.get_running_loop().time,
            effort=Effort(max_pages=3, tokens_per_page=500),
            address_key=hashes.text,
        )
        yield Bakeries(database, owner, clock, world, pipeline)
    await runner.cleanup()


async def _at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


async def test_a_page_that_answers_503_for_ever_costs_a_few_reads(bakeries: Bakeries) -> None:
    """The company goes on without it, and nobody else notices anything."""
    bakeries.web.answers[POISON] = ENVELOPE
    await enqueue_staging(bakeries.owner, {"uens": [uen(firm) for firm in FIRMS]})
    rounds = 1
    while await bakeries.round():
        rounds += 1
        assert rounds < 10
        assert await bakeries.breaker() is State.CLOSED
    assert bakeries.web.reads[POISON] == 6, "home page twice, another page of the site once, two tries each"
    assert await bakeries.outcomes() == {POISON: "no_website"} | dict.fromkeys(FIRMS[1:], "enriched")
    assert await statuses(bakeries.owner) == {"done": 2}


async def test_a_page_that_always_times_out_is_given_up_among_others(bakeries: Bakeries) -> None:
    bakeries.web.answers[POISON] = "hang"
    await enqueue_staging(bakeries.owner, {"uens": [uen(firm) for firm in FIRMS]})
    rounds = 1
    while await bakeries.round():
        rounds += 1
        assert rounds < 10
    assert bakeries.web.reads[POISON] <= 6
    assert await bakeries.outcomes() == {POISON: "no_website"} | dict.fromkeys(FIRMS[1:], "enriched")


@pytest.mark.parametrize("firms", [5, 1], ids=["five companies", "one company"])
async def test_readers_own_outage_is_waited_out(bakeries: Bakeries, firms: int) -> None:
    """It opens the breaker, and no page is given up for it; when Reader is back, every company gets its answer."""
    bakeries.web.answer = "gateway"
    await enqueue_staging(bakeries.owner, {"uens": [uen(firm) for firm in FIRMS[:firms]]})
    opened = False
    for _ in range(12):
        assert await bakeries.round()
        opened = opened or await bakeries.breaker() is not State.CLOSED
    assert opened
    assert await bakeries.outcomes() == {}
    assert sum(bakeries.web.reads.values()) <= 5 + 12, "a few until it opens, then one probe a cool-down"
    bakeries.web.answer = None
    while await bakeries.round():
        pass
    assert await bakeries.outcomes() == dict.fromkeys(FIRMS[:firms], "enriched")
