"""What a provider counts by address is shared by all replicas behind it: the turn at DuckDuckGo, keyless reads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from database_clock import Clock

from acra_express_async.db.limits.budget_ledger import BudgetLedger
from acra_express_async.db.session.pool import Database
from acra_express_async.limits import SEND_MARGIN, Allowance, Ask, Charge, Refusal, allowances
from acra_express_async.models import JobLimits, Provider
from acra_express_async.service.clients import shared_turns
from acra_express_async.settings.tree import Settings, load_settings

SECOND = timedelta(seconds=1)


def settings(**changed: Any) -> Settings:
    return load_settings(
        {"POSTGRES_DSN": "postgresql://x/y"} | {f"ACRA_EXPRESS_{name}": str(value) for name, value in changed.items()}
    )


class Replica:
    """One replica's way to charge a call of a provider."""

    def __init__(self, database: Database, provider: Provider, **changed: Any) -> None:
        configured = settings(**changed)
        figures: dict[str, Allowance] = {each.name: each for each in allowances(configured)[provider]}
        cost = {"requests_1h": 1} if provider is Provider.DUCKDUCKGO else {"calls_1h": 1, "tokens_1m": 100}
        self.ledger = BudgetLedger(database)
        self._asks = [Ask(figures[name], amount) for name, amount in cost.items()]
        self._asks += [Ask(turn, 1) for turn in shared_turns(configured).get(provider, ())]

    async def charge(self) -> Charge | Refusal:
        return await self.ledger.charge(self._asks, JobLimits())

    async def charged(self) -> Charge:
        charge = await self.charge()
        assert isinstance(charge, Charge), charge
        return charge

    async def refused(self) -> Refusal:
        refusal = await self.charge()
        assert isinstance(refusal, Refusal), "two at once"
        return refusal


async def test_one_request_at_a_time_over_all_replicas(database: Database, clock: Clock) -> None:
    one, two = (Replica(database, Provider.DUCKDUCKGO) for _ in range(2))
    first = await one.charged()
    refusal = await two.refused()
    assert (refusal.budget, refusal.in_flight) == ("turn:default", 1)
    await clock.advance(4 * SECOND)
    await two.refused()
    await one.ledger.settle(first, {})
    await two.refused()


async def test_the_spacing_counts_from_the_answer_of_any_replica(database: Database, clock: Clock) -> None:
    one, two = (Replica(database, Provider.DUCKDUCKGO) for _ in range(2))
    for asking, other in ((one, two), (two, one), (one, two)):
        charge = await asking.charged()
        await clock.advance(1.5 * SECOND)
        await asking.ledger.settle(charge, {})
        refusal = await other.refused()
        assert (refusal.budget, refusal.in_flight) == ("turn:default", 0)
        assert 3 * SECOND <= refusal.fits_in <= 3.01 * SECOND
        await clock.advance(refusal.fits_in - 0.01 * SECOND)
        await other.refused()
        await clock.advance(0.01 * SECOND)


async def test_a_request_that_was_not_sent_gives_the_turn_back(database: Database, clock: Clock) -> None:
    one, two = (Replica(database, Provider.DUCKDUCKGO) for _ in range(2))
    await one.ledger.refund(await one.charged())
    await two.charged()


async def test_a_replica_that_died_keeps_the_turn_while_its_call_lives(database: Database, clock: Clock) -> None:
    """Its request may be on the wire until margin and time-out are over, and the spacing follows."""
    one, two = (Replica(database, Provider.DUCKDUCKGO) for _ in range(2))
    await one.charged()
    await clock.advance(SEND_MARGIN + timedelta(seconds=settings().duckduckgo.timeout_seconds))
    assert (await two.refused()).fits_in >= 3 * SECOND
    await clock.advance(3.01 * SECOND)
    await two.charged()


async def test_replicas_with_other_addresses_have_turns_of_their_own(database: Database, clock: Clock) -> None:
    one, two = (Replica(database, Provider.DUCKDUCKGO, DUCKDUCKGO__EGRESS=name) for name in ("sg-1", "sg-2"))
    await one.charged()
    await two.charged()
    assert (await Replica(database, Provider.DUCKDUCKGO, DUCKDUCKGO__EGRESS="sg-2").refused()).budget == "turn:sg-2"


async def test_twenty_keyless_reads_a_minute_over_all_replicas(database: Database, clock: Clock) -> None:
    replicas = [Replica(database, Provider.JINA) for _ in range(2)]
    for number in range(20):
        replica = replicas[number % 2]
        await replica.ledger.settle(await replica.charged(), {})
        await clock.advance(SECOND)
    refusal = await replicas[0].refused()
    assert refusal.budget == "keyless_1m:default"
    assert 40 * SECOND <= refusal.fits_in <= 40.1 * SECOND
    elsewhere = Replica(database, Provider.JINA, DUCKDUCKGO__EGRESS="sg-2")
    await elsewhere.charged()
    await clock.advance(refusal.fits_in)
    await replicas[1].charged()


async def test_reads_with_a_key_are_not_counted_by_address(database: Database, clock: Clock) -> None:
    replica = Replica(database, Provider.JINA, JINA__API_KEY="jina_key")
    for _ in range(30):
        await replica.charged()
