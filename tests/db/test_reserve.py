"""One statement before a call: what stands against it, the breaker, the charge and the intent to verify."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from server_defaults import under_any_defaults

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.answer_memory import Memory
from acra_express_async.db.companies.optouts import record_opt_out
from acra_express_async.db.companies.verification_rows import VerificationRows
from acra_express_async.db.limits.breaker_rows import BreakerRows
from acra_express_async.db.limits.budget_ledger import BudgetLedger
from acra_express_async.db.limits.settlements import Settlements
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import Transient
from acra_express_async.limits import Allowance, Ask, Charge, Halt, Kind, Refusal
from acra_express_async.limits.scope import Lookup
from acra_express_async.models import CompanyId, JobLimits, Page, Provider, SearchHit, SearchPage, VerificationResult

from .builders import advance, count

pytestmark = under_any_defaults

DAY = timedelta(days=1)
READS = Allowance(Provider.JINA, "calls_1h", 10, 1, timedelta(hours=1), timedelta(seconds=35))
SEARCHES = Allowance(Provider.DUCKDUCKGO, "requests_1h", 10, 1, timedelta(hours=1), timedelta(seconds=5))
VERIFICATIONS = Allowance(Provider.ZEROBOUNCE, "verifications_1d", 50, 1, DAY, timedelta(seconds=40))
FREE = JobLimits()
COMPANY, UEN = CompanyId(7), "201912345K"
URL, SITE = "https://www.lotus.com.sg/", "lotus.com.sg"
QUERY = "lotus pumps singapore"
INFO, SALES = "info@lotus.com.sg", "sales@lotus.com.sg"


class Desk:
    """The ledger, and what makes its looks."""

    def __init__(self, database: Database, shape: PlatformShape, hashes: AddressHash) -> None:
        self.settlements = Settlements("host-1")
        self.ledger = BudgetLedger(database, self.settlements)
        self.memory = Memory(database, self.settlements)
        self.rows = VerificationRows(database, shape=shape, hashes=hashes, cache_days=90, settlements=self.settlements)
        self.breakers = BreakerRows(database, "host-1")

    async def reserve(self, allowance: Allowance, look: Lookup | None = None, *, probe: bool = False) -> Any:
        return await self.ledger.charge([Ask(allowance, 1)], FREE, look, probe=probe)

    async def read(self) -> Any:
        return await self.reserve(READS, self.memory.page_look("page", URL, COMPANY, UEN, SITE))

    async def search(self) -> Any:
        return await self.reserve(SEARCHES, self.memory.search_look(QUERY, COMPANY, UEN))

    async def used(self, allowance: Allowance) -> int:
        [use] = await self.ledger.usage([allowance])
        return use.used


@pytest_asyncio.fixture
async def desk(database: Database, shape: PlatformShape, hashes: AddressHash) -> Desk:
    return Desk(database, shape, hashes)


async def test_a_call_that_nothing_stands_against_is_charged(desk: Desk) -> None:
    for answer in (await desk.search(), await desk.read()):
        assert isinstance(answer, Charge)
        assert answer.breaker_closed
    assert (await desk.used(SEARCHES), await desk.used(READS)) == (1, 1)


async def test_a_kept_answer_is_returned_instead_of_a_charge(desk: Desk) -> None:
    page, search = Page(URL, "Lotus", "Call us"), SearchPage(QUERY, (SearchHit(1, "Lotus", URL, "Pumps"),))
    await desk.memory.keep_page(page)
    await desk.memory.keep_search(search, CompanyId(8), [SITE])
    halted = await desk.read()
    assert desk.memory.page_in(halted.known).kept == page
    halted = await desk.search()
    assert desk.memory.search_in(QUERY, halted.known).kept == search
    assert (await desk.used(SEARCHES), await desk.used(READS)) == (0, 0)


@pytest.mark.parametrize(("kind", "value"), [("company", UEN), ("domain", SITE)])
async def test_an_opt_out_stands_against_the_charge(
    desk: Desk, owner: Connection, hashes: AddressHash, kind: Any, value: str
) -> None:
    await record_opt_out(owner, kind, value, hashes)
    known = desk.memory.page_in((await desk.read()).known)
    assert (known.company_opted_out, known.site_opted_out) == (kind == "company", kind == "domain")
    assert await desk.used(READS) == 0


async def test_what_was_given_up_is_not_charged(desk: Desk) -> None:
    crashed = Transient("browser crashed", provider=Provider.JINA, reason="http_503", about_target=True)
    assert not await desk.memory.failed(COMPANY, ("page", URL), crashed)
    assert isinstance(await desk.read(), Charge)
    assert await desk.memory.failed(COMPANY, ("page", URL), crashed)
    assert desk.memory.page_in((await desk.read()).known).gave_up
    assert await desk.used(READS) == 1


async def test_only_a_probe_is_charged_beside_an_open_breaker(desk: Desk, owner: Connection) -> None:
    await desk.breakers.trip(Provider.JINA, Kind.BLOCKED, "bad_key", [timedelta(minutes=15)])
    assert await desk.read() == Halt()
    assert isinstance(await desk.search(), Charge), "it is another provider's"
    await advance(owner, 1)
    assert await desk.read() == Halt(), "half open: the probe has to come first"
    assert isinstance(await desk.reserve(READS, probe=True), Charge)
    assert await desk.used(READS) == 1


async def test_charge_and_intent_are_made_together(desk: Desk, owner: Connection) -> None:
    assert isinstance(await desk.reserve(VERIFICATIONS, desk.rows.intent(INFO, [INFO, SALES]).look), Charge)
    assert await count(owner, "acra_express.verifications") == 1
    assert await desk.reserve(VERIFICATIONS, desk.rows.intent(INFO).look) == Halt({"pending": True})
    assert await desk.used(VERIFICATIONS) == 1, "what may not be sent is not charged"


async def test_a_refused_charge_opens_no_intent(desk: Desk, owner: Connection) -> None:
    one = Allowance(Provider.ZEROBOUNCE, "verifications_1d", 1, 1, DAY, timedelta(seconds=40))
    await desk.reserve(one)
    assert isinstance(await desk.reserve(one, desk.rows.intent(INFO).look), Refusal)
    assert await count(owner, "acra_express.verifications") == 0


async def test_one_of_many_senders_of_an_address_is_charged(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.reserve(VERIFICATIONS, desk.rows.intent(INFO).look) for _ in range(8)))
    assert sum(isinstance(answer, Charge) for answer in answers) == 1
    assert await desk.used(VERIFICATIONS) == 1


async def test_a_second_try_of_an_intent_may_be_made(desk: Desk) -> None:
    """The first one was refused with a key that was changed meanwhile; nothing was paid."""
    intent = desk.rows.intent(INFO)
    assert isinstance(await desk.reserve(VERIFICATIONS, intent.look), Charge)
    assert isinstance(await desk.reserve(VERIFICATIONS, intent.look), Charge)
    await desk.rows.store(VerificationResult(INFO, "unknown"))
    assert await desk.reserve(VERIFICATIONS, intent.look) == Halt({"pending": True}), "that try had an answer"


async def test_an_intent_is_withdrawn_though_its_answer_was_lost(desk: Desk, owner: Connection) -> None:
    lost, other = desk.rows.intent(INFO), desk.rows.intent(INFO)
    await desk.reserve(VERIFICATIONS, lost.look)
    await desk.rows.withdraw(other)
    assert await count(owner, "acra_express.verifications") == 1, "the intent of another process stays"
    await desk.rows.withdraw(lost)
    assert await count(owner, "acra_express.verifications") == 0


async def test_a_known_address_ends_the_reservation(desk: Desk, owner: Connection, hashes: AddressHash) -> None:
    """One look for all addresses of a company: what is known of one of them may leave nothing to ask for."""
    await desk.rows.store(VerificationResult(SALES, "valid"))
    await record_opt_out(owner, "address", INFO, hashes)
    halted = await desk.reserve(VERIFICATIONS, desk.rows.intent("hello@lotus.com.sg", [INFO, SALES]).look)
    seen = desk.rows.looked_up(halted.known)
    assert seen == await desk.rows.look_up([INFO, SALES])
    assert (seen.results[SALES].status, seen.opted_out) == ("valid", {INFO})
    assert await desk.used(VERIFICATIONS) == 0


async def test_a_settlement_notes_that_the_provider_answers(desk: Desk, owner: Connection) -> None:
    """It refutes failures from before; without any it is noted every ten seconds."""
    await BreakerRows(desk.memory._database, "host-2").failed(Provider.JINA, SITE, about_target=False)
    assert (await desk.breakers.read(Provider.JINA)).failing
    noted = []
    for second in (0, 5, 11):
        await advance(owner, second / 3600)
        desk.ledger.ride(await desk.reserve(READS), {}, lambda: None)
        await desk.memory.keep_page(Page(URL, "Lotus", f"Call us {second}"))
        noted.append(await owner.fetchval("SELECT answered_at FROM acra_express.provider_answers"))
    assert not (await desk.breakers.read(Provider.JINA)).failing
    assert noted[0] == noted[1] < noted[2]
    assert await owner.fetchval("SELECT answered_at FROM acra_express.breakers WHERE provider = 'jina'") == noted[2]
    assert await owner.fetchval("SELECT answered_at FROM acra_express.breakers WHERE provider = 'zerobounce'") is None
