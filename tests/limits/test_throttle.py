"""The throttle of a provider, on simulated loop time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from contexts import Always, context_of
from provider_fakes import FakeScope

from acra_express_async.errors import BudgetExhausted, Draining
from acra_express_async.limits import Pace, Throttle
from acra_express_async.models import Provider

pytestmark = pytest.mark.looptime
MINUTE = timedelta(minutes=1)


def throttle(pace: Pace, patience: timedelta = MINUTE) -> Throttle:
    return Throttle(Provider.DUCKDUCKGO, pace, patience=patience, context=context_of(random=Always(0.5)))


async def starts(limiter: Throttle, calls: int, duration: float = 0.0) -> list[float]:
    """The times at which each of `calls` concurrent callers started, by the loop's clock."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    at: list[float] = []

    async def one() -> None:
        async with limiter.turn(FakeScope()):
            at.append(loop.time() - began)
            await asyncio.sleep(duration)

    async with asyncio.TaskGroup() as group:
        for _ in range(calls):
            group.create_task(one())
    return at


async def test_a_burst_after_quiet_starts_at_once_then_paced() -> None:
    at = await starts(throttle(Pace(burst=5, interval=10, in_flight=20)), 8)
    assert at[:5] == [0] * 5
    for turn, due in zip(at[5:], (10, 20, 30), strict=True):
        assert due <= turn <= due + 1, "never early, at most one check late"


async def test_quiet_time_accrues_credit_up_to_the_burst() -> None:
    limiter = throttle(Pace(burst=3, interval=10, in_flight=20))
    await starts(limiter, 3)
    await asyncio.sleep(1000)
    assert (await starts(limiter, 4))[:3] == [0] * 3


async def test_no_rolling_minute_exceeds_the_published_limit() -> None:
    pace = Pace.of_allowance(100_000, timedelta(hours=1), burst=50, vendor_per_minute=20, in_flight=100)
    at = await starts(throttle(pace, timedelta(hours=1)), 60)
    assert max(sum(1 for turn in at if start <= turn < start + 60) for start in at) <= 20


async def test_the_pace_spreads_the_allowance_with_headroom() -> None:
    pace = Pace.of_allowance(200, timedelta(hours=1), burst=40)
    assert pace.burst == 40
    assert pace.interval == pytest.approx(3600 / 220)
    assert Pace.of_allowance(3, timedelta(hours=1), burst=40).burst == 3


async def test_one_in_flight_serialises_the_calls() -> None:
    assert await starts(throttle(Pace(burst=9, interval=0.01)), 3, duration=4) == [0, 4, 8]


async def test_spacing_counts_from_the_send() -> None:
    limiter = throttle(Pace(burst=9, interval=0.01, spacing=3, jitter=2))
    loop = asyncio.get_running_loop()
    async with limiter.turn(FakeScope()):
        await asyncio.sleep(50)  # waits for a budget
        limiter.started()
        sent = loop.time()
    async with limiter.turn(FakeScope()):
        assert loop.time() - sent == pytest.approx(4)


async def test_turns_are_first_come_first_served() -> None:
    limiter = throttle(Pace(burst=1, interval=1))
    order: list[int] = []

    async def one(which: int) -> None:
        async with limiter.turn(FakeScope()):
            order.append(which)

    async with asyncio.TaskGroup() as group:
        for which in range(6):
            group.create_task(one(which))
    assert order == [0, 1, 2, 3, 4, 5]


async def test_a_requested_pause_holds_all_calls() -> None:
    limiter = throttle(Pace(burst=9, interval=0.01))
    limiter.hold(timedelta(seconds=20))
    limiter.hold(timedelta(seconds=2))
    assert await starts(limiter, 1) == [20]


async def test_a_pause_beyond_the_patience_is_refused_at_once() -> None:
    limiter = throttle(Pace(burst=9, interval=0.01))
    limiter.hold(timedelta(seconds=300))
    began = asyncio.get_running_loop().time()
    with pytest.raises(BudgetExhausted) as refused:
        async with limiter.turn(FakeScope()):
            pytest.fail("no turn was due")
    assert asyncio.get_running_loop().time() == began
    assert refused.value.retry_after is not None
    assert refused.value.retry_after >= timedelta(seconds=300)
    assert not refused.value.sent


async def test_a_caller_out_of_patience_leaves_and_the_others_proceed() -> None:
    limiter = throttle(Pace(burst=1, interval=45, in_flight=9))

    async def one() -> str:
        async with limiter.turn(FakeScope()):
            return "turn"

    *served, late = await asyncio.gather(*(one() for _ in range(3)), return_exceptions=True)
    assert served == ["turn", "turn"]
    assert isinstance(late, BudgetExhausted)
    assert late.retry_after is not None
    assert late.retry_after >= timedelta(seconds=45)
    await asyncio.sleep(45)
    assert len(await starts(limiter, 1)) == 1, "the semaphore and the line are free again"


async def test_draining_ends_the_wait_within_a_second() -> None:
    limiter = throttle(Pace(burst=1, interval=50))
    await starts(limiter, 1)
    scope = FakeScope(refuse_at=5, error=Draining("the service is stopping"))
    began = asyncio.get_running_loop().time()
    with pytest.raises(Draining):
        async with limiter.turn(scope):
            pytest.fail("no turn was due")
    assert asyncio.get_running_loop().time() - began <= 5
    assert len(await starts(throttle(Pace(burst=1, interval=1)), 1)) == 1


async def test_a_cancelled_caller_leaves_no_gap_in_the_queue() -> None:
    limiter = throttle(Pace(burst=9, interval=0.01))
    got = asyncio.Event()

    async def hold_turn() -> None:
        async with limiter.turn(FakeScope()):
            got.set()
            await asyncio.sleep(10)

    async def wait_turn() -> None:
        async with limiter.turn(FakeScope()):
            pytest.fail("cancelled before its turn")

    async with asyncio.TaskGroup() as group:
        group.create_task(hold_turn())
        await got.wait()
        waiter = group.create_task(wait_turn())
        await asyncio.sleep(1)
        waiter.cancel()
    assert await starts(limiter, 1) == [0]
