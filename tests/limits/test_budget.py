"""Waiting for a budget: order, patience, and who leaves the queue. The ledger is a fake, time is simulated."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import timedelta

import pytest
from contexts import Always, context_of
from provider_fakes import FakeLedger, FakeScope

from acra_express_async.errors import BudgetExhausted, DatabaseAway, Draining, JobError
from acra_express_async.limits import Allowance, Ask, Budget, Charge, Refusal, allowances, fair_share
from acra_express_async.limits.scope import Lookup
from acra_express_async.models import JobLimits, Provider
from acra_express_async.settings.tree import load_settings

pytestmark = pytest.mark.looptime
TOKENS = Allowance(Provider.JINA, "tokens_1m", 5000, 1, timedelta(minutes=1), timedelta(seconds=35))


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def budget(ledger: FakeLedger, patience: float = 60) -> Budget:
    return Budget(Provider.JINA, [TOKENS], ledger, patience=seconds(patience), context=context_of(random=Always(0.0)))


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_waits_until_the_time_given_by_the_ledger() -> None:
    ledger = FakeLedger(deque([Refusal("tokens_1m", seconds(12.5)), Refusal("tokens_1m", seconds(1))]))
    charge = await budget(ledger).charge({"tokens_1m": 100}, FakeScope())
    assert now() == pytest.approx(13.5)
    assert charge.asked_at == pytest.approx(13.5), "the send margin counts from the last question"


async def test_does_not_wait_when_the_time_exceeds_its_patience() -> None:
    ledger = FakeLedger(deque([Refusal("tokens_1m", seconds(61))]))
    with pytest.raises(BudgetExhausted) as refused:
        await budget(ledger).charge({"tokens_1m": 100}, FakeScope())
    assert now() == 0
    assert refused.value.retry_after == seconds(61)
    assert refused.value.reason == "tokens_1m"
    assert not refused.value.sent


async def test_waits_for_tokens_in_flight_but_not_beyond_patience() -> None:
    hopeful = Refusal("tokens_1m", seconds(61), in_flight=1502)
    ledger = FakeLedger(deque([hopeful] * 100))
    with pytest.raises(BudgetExhausted) as refused:
        await budget(ledger).charge({"tokens_1m": 100}, FakeScope())
    assert now() == pytest.approx(60)
    assert refused.value.retry_after == seconds(61)


async def test_an_answer_in_this_process_ends_the_wait_early() -> None:
    ledger = FakeLedger(deque([Refusal("tokens_1m", seconds(50))]))
    shared = budget(ledger)

    async def answer() -> None:
        await asyncio.sleep(5)
        await shared.settle(Charge(99), {"tokens_1m": 10})

    async with asyncio.TaskGroup() as group:
        group.create_task(answer())
        waiter = group.create_task(shared.charge({"tokens_1m": 100}, FakeScope()))
    assert 5 <= waiter.result().asked_at <= 6


class CountingLedger(FakeLedger):
    """One token per second becomes available; records the order of service."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = float(room)
        self.at = 0.0
        self.served: list[int] = []

    async def charge(
        self, asks: Sequence[Ask], job: JobLimits, look: Lookup | None = None, *, probe: bool = False
    ) -> Charge | Refusal:
        self.room, self.at = self.room + now() - self.at, now()
        lacking = asks[0].amount - self.room
        if lacking > 1e-9:
            return Refusal("tokens_1m", seconds(lacking))
        self.room -= asks[0].amount
        self.served.append(asks[0].amount)
        return Charge(len(self.served))


async def test_small_requests_do_not_overtake_a_large_one() -> None:
    ledger = CountingLedger(room=0)
    shared = budget(ledger, patience=1000)
    async with asyncio.TaskGroup() as group:
        for amount in (1, 10, 1, 1, 1):
            group.create_task(shared.charge({"tokens_1m": amount}, FakeScope()))
            await asyncio.sleep(0.01)
    assert ledger.served == [1, 10, 1, 1, 1]


async def test_a_job_waiting_for_its_own_throttle_blocks_no_other() -> None:
    ledger = FakeLedger(deque([Refusal("tokens_1m", seconds(30), by_job=True)]))
    shared = budget(ledger)
    modest = FakeScope(limits=JobLimits("campaign:1", {(Provider.JINA, "tokens_1m"): 600}))
    async with asyncio.TaskGroup() as group:
        own = group.create_task(shared.charge({"tokens_1m": 502}, modest))
        await asyncio.sleep(1)
        same = group.create_task(shared.charge({"tokens_1m": 501}, modest))
        other = group.create_task(shared.charge({"tokens_1m": 503}, FakeScope()))
    assert other.result().asked_at == pytest.approx(1)
    assert own.result().asked_at == pytest.approx(30)
    assert same.result().asked_at == pytest.approx(30), "calls of the same job keep their order"
    assert shared._job_lines == {}


async def test_draining_ends_the_wait_within_a_second() -> None:
    ledger = FakeLedger(deque([Refusal("tokens_1m", seconds(50))]))
    scope = FakeScope(refuse_at=4, error=Draining("the service is stopping"))
    with pytest.raises(Draining):
        await budget(ledger).charge({"tokens_1m": 100}, scope)
    assert now() <= 3
    assert ledger.charges == 0


async def test_a_caller_that_gives_up_lets_the_next_one_proceed() -> None:
    ledger = FakeLedger(deque([Refusal("tokens_1m", seconds(90))]))
    shared = budget(ledger)
    with pytest.raises(BudgetExhausted):
        await shared.charge({"tokens_1m": 100}, FakeScope())
    assert (await shared.charge({"tokens_1m": 100}, FakeScope())).charge_id == 1


@pytest.mark.parametrize(("amount", "figure"), [(5001, None), (601, 600)])
async def test_a_request_that_can_never_fit_fails_the_job(amount: int, figure: int | None) -> None:
    own = {} if figure is None else {(Provider.JINA, "tokens_1m"): figure}
    ledger = FakeLedger()
    with pytest.raises(JobError, match="tokens_1m"):
        await budget(ledger).charge({"tokens_1m": amount}, FakeScope(limits=JobLimits("x", own)))
    assert ledger.events == []


async def test_a_limit_of_zero_is_an_exhausted_budget() -> None:
    scope = FakeScope(limits=JobLimits("x", {(Provider.JINA, "tokens_1m"): 0}))
    with pytest.raises(BudgetExhausted):
        await budget(FakeLedger()).charge({"tokens_1m": 1}, scope)


class AwayLedger(FakeLedger):
    async def settle(self, charge: Charge, amounts: object) -> None:
        raise DatabaseAway("PostgreSQL is away")

    async def refund(self, charge: Charge) -> None:
        raise DatabaseAway("PostgreSQL is away")


async def test_a_lost_database_does_not_lose_an_answer() -> None:
    shared = budget(AwayLedger())
    charge = await shared.charge({"tokens_1m": 1}, FakeScope())
    await shared.settle(charge, {"tokens_1m": 1})
    await shared.refund(charge)


@pytest.mark.parametrize(
    ("left", "takers", "most", "share"),
    [
        (300, 300, 2, 1),
        (300, 150, 2, 2),
        (300, 0, 2, 2),
        (10, 300, 2, 1),
        (0, 300, 2, 0),
        (-5, 3, 2, 0),
        (300, 10, 0, 0),
    ],
)
async def test_verifications_are_spread_over_the_companies_of_a_day(
    left: int, takers: int, most: int, share: int
) -> None:
    assert fair_share(left, takers, most) == share


async def test_allowances_follow_the_settings() -> None:
    settings = load_settings({"ACRA_EXPRESS_POSTGRES_DSN": "postgresql://x@localhost/x"})
    known = {a.name: a for group in allowances(settings).values() for a in group}
    assert {name: (a.limit, a.own, a.window) for name, a in known.items()} == {
        "requests_1h": (200, 200, timedelta(hours=1)),
        "calls_1h": (120, 120, timedelta(hours=1)),
        "tokens_1m": (5000, 5000, timedelta(minutes=1)),
        "verifications_1d": (500, 300, timedelta(days=1)),
    }
    assert known["tokens_1m"].hold == timedelta(seconds=105), "send margin, and as long as Reader may bill the read"
    assert known["calls_1h"].counted_window == timedelta(seconds=3601.8)
    assert known["verifications_1d"].ceiling(JobLimits("x", {(Provider.ZEROBOUNCE, "verifications_1d"): 450})) == 450
    assert known["verifications_1d"].ceiling(JobLimits("x", {(Provider.ZEROBOUNCE, "verifications_1d"): 9999})) == 500
    assert known["verifications_1d"].ceiling(JobLimits("x", {(Provider.ZEROBOUNCE, "verifications_1d"): 5})) == 300
    shrunk = allowances(settings, window_scale=1 / 60)[Provider.DUCKDUCKGO][0]
    assert (shrunk.window, shrunk.hold) == (timedelta(minutes=1), timedelta(seconds=5) / 60)
