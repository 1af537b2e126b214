"""Settlements ride along with the statement that keeps the answer, or with the next charge; none is ever lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.answer_memory import MAX_PAGE_BYTES, Memory
from acra_express_async.db.companies.verification_rows import VerificationRows
from acra_express_async.db.limits.budget_ledger import BudgetLedger
from acra_express_async.db.limits.settlements import Settlements
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import NotNow
from acra_express_async.limits import Allowance, Ask, Charge, Refusal
from acra_express_async.models import CompanyId, JobLimits, Page, Provider, SearchPage, VerificationResult

TOKENS = Allowance(Provider.JINA, "tokens_1m", 5000, 1, timedelta(minutes=1), timedelta(seconds=35))
URL = "https://lotus.com.sg/"


class Riding:
    """A ledger whose settlements ride, and the charge of one read that reserved 3,000 tokens."""

    def __init__(self, database: Database) -> None:
        self.settlements = Settlements()
        self.ledger = BudgetLedger(database, self.settlements)
        self.memory = Memory(database, self.settlements)
        self.written: list[str] = []

    async def read(self) -> None:
        charge = await self.ledger.charge([Ask(TOKENS, 3000)], JobLimits())
        assert isinstance(charge, Charge)
        self.ledger.ride(charge, {"tokens_1m": 700}, lambda: self.written.append("written"))

    async def used(self) -> tuple[int, int]:
        [use] = await self.ledger.usage([TOKENS])
        return use.used, use.in_flight


@pytest.fixture
def riding(database: Database) -> Riding:
    return Riding(database)


async def test_a_kept_page_settles_its_charge(riding: Riding) -> None:
    await riding.read()
    assert (await riding.used(), riding.written) == ((3000, 3000), [])
    await riding.memory.keep_page(Page(URL, "Lotus", "Call us"))
    assert (await riding.used(), riding.written) == ((700, 0), ["written"])


async def test_kept_searches_and_results_settle_too(
    riding: Riding, database: Database, owner: Connection, hashes: AddressHash
) -> None:
    rows = VerificationRows(
        database, shape=await probe(owner), hashes=hashes, cache_days=90, settlements=riding.settlements
    )
    await riding.read()
    await riding.memory.keep_search(SearchPage("lotus", ()), CompanyId(1), ["lotus.com.sg"])
    assert await riding.used() == (700, 0)
    await riding.read()
    await rows.store(VerificationResult("info@lotus.com.sg", "valid"))
    assert await riding.used() == (1400, 0)
    assert riding.written == ["written", "written"]


async def test_an_answer_too_large_to_keep_is_settled(riding: Riding) -> None:
    await riding.read()
    await riding.memory.keep_page(Page(URL, "Lotus", "x" * MAX_PAGE_BYTES))
    assert await riding.used() == (700, 0)


async def test_the_next_charge_is_judged_after_settling(riding: Riding) -> None:
    """3,000 and 3,000 exceed the 5,000 of a minute; 700 and 3,000 do not."""
    await riding.read()
    await riding.read()
    assert riding.written == ["written"]
    assert await riding.used() == (3700, 3000)
    refusal = await riding.ledger.charge([Ask(TOKENS, 4000)], JobLimits())
    assert isinstance(refusal, Refusal)
    assert await riding.used() == (1400, 0), "a refused charge settles as well"


async def test_a_failed_statement_keeps_what_waits(riding: Riding, database: Database) -> None:
    await riding.read()
    await database.close()
    with pytest.raises(NotNow):
        await riding.memory.keep_page(Page(URL, "Lotus", "Call us"))
    assert riding.written == []
    await database.open()
    await riding.memory.keep_page(Page(URL, "Lotus", "Call us"))
    assert (await riding.used(), riding.written) == ((700, 0), ["written"])


async def test_settling_twice_changes_nothing(riding: Riding, database: Database) -> None:
    """The answer to a settlement may be lost with its connection; it is then repeated."""
    await riding.read()
    with riding.settlements.carried() as settlements:
        pass
    for _ in range(2):
        async with database.session() as connection:
            again: Any = settlements
            assert await connection.fetchval("SELECT acra_express.settle_all($1)", again) == 1
    assert await riding.used() == (700, 0)
