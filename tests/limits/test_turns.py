"""A budget charges the shared turns with every call and waits for them, on simulated loop time."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta

import pytest
from contexts import Always, context_of
from provider_fakes import FakeLedger, FakeScope

from acra_express_async.errors import BudgetExhausted
from acra_express_async.limits import Allowance, Budget, Refusal
from acra_express_async.models import Provider

pytestmark = pytest.mark.looptime
DUCKDUCKGO = Provider.DUCKDUCKGO
SECOND = timedelta(seconds=1)
HOUR = Allowance(DUCKDUCKGO, "requests_1h", 200, 1, timedelta(hours=1), 5 * SECOND)
TURN = Allowance(DUCKDUCKGO, "turn:default", 1, 1, 3 * SECOND, 15 * SECOND, jitter=3 * SECOND)


def budget(ledger: FakeLedger, patience: timedelta = 60 * SECOND) -> Budget:
    return Budget(DUCKDUCKGO, [HOUR], ledger, patience=patience, turns=[TURN], context=context_of(random=Always(0.5)))


async def took(ledger: FakeLedger) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await budget(ledger).charge({"requests_1h": 1}, FakeScope())
    return loop.time() - began


async def test_every_call_is_charged_a_turn() -> None:
    ledger = FakeLedger()
    assert await took(ledger) == 0
    assert ledger.events == [("charged", {"requests_1h": 1, "turn:default": 1})]


async def test_a_free_turn_is_taken_with_jitter() -> None:
    """Or replicas that alternate would call as regularly as a machine."""
    assert await took(FakeLedger(deque([Refusal("turn:default", 2 * SECOND)]))) == pytest.approx(3.5)


async def test_a_turn_in_flight_is_looked_for_after_the_spacing() -> None:
    """An answer now would free it after the spacing at the earliest, however long it is held for."""
    refusals = [Refusal("turn:default", 18 * SECOND, in_flight=1) for _ in range(3)]
    assert await took(FakeLedger(deque(refusals))) == pytest.approx(9)


async def test_a_turn_that_does_not_come_is_no_budget_used_up() -> None:
    ledger = FakeLedger(deque([Refusal("turn:default", 18 * SECOND, in_flight=1) for _ in range(30)]))
    with pytest.raises(BudgetExhausted, match="no turn at duckduckgo within 10 s") as refused:
        await budget(ledger, 10 * SECOND).charge({"requests_1h": 1}, FakeScope())
    assert (refused.value.reason, refused.value.sent) == ("throttled", False)
    assert refused.value.retry_after == 18 * SECOND
