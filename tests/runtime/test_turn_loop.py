"""The one loop: it beats while it rests, steps aside when a turn cannot be taken, and is woken at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import fields

import pytest
from contexts import Always, context_of

from acra_express_async.errors import DatabaseAway, LockBusy, NotNow
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.health import BEAT_SECONDS, SILENCE_SECONDS, Health
from acra_express_async.runtime.turn_loop import Loop, full_jitter

AWAY = DatabaseAway("gone")
BUSY = LockBusy("locked", reason="lock_timeout", retry_after=None)  # type: ignore[arg-type]


class Over(Exception):
    """Ends a loop from one of its turns."""


def turns(*steps: Exception | float | None) -> Callable[[], Awaitable[float | None]]:
    """One step a turn: raise it, or answer it; then `Over`."""
    left = iter(steps)

    async def turn() -> float | None:
        step = next(left, Over())
        if isinstance(step, Exception):
            raise step
        return step

    return turn


@pytest.mark.looptime
@pytest.mark.parametrize("reason", [AWAY, BUSY], ids=["away", "lock"])
async def test_a_turn_that_cannot_be_taken_is_left_to_the_next(reason: NotNow) -> None:
    missed: list[NotNow] = []
    began = asyncio.get_running_loop().time()
    with pytest.raises(Over):
        await Loop("a", context_of()).repeat(turns(reason, None), every=5.0, missed=missed.append)
    assert missed == [reason]
    assert asyncio.get_running_loop().time() - began == pytest.approx(10.0)


@pytest.mark.looptime
async def test_a_fault_of_our_own_ends_the_loop() -> None:
    with pytest.raises(ZeroDivisionError):
        await Loop("a", context_of()).repeat(turns(ZeroDivisionError()), every=5.0, missed=lambda _away: None)


@pytest.mark.looptime
async def test_a_turn_may_say_how_long_to_sleep() -> None:
    began = asyncio.get_running_loop().time()
    with pytest.raises(Over):
        await Loop("a", context_of()).repeat(turns(3.0, 0.0, None), every=60.0, missed=lambda _away: None)
    assert asyncio.get_running_loop().time() - began == pytest.approx(63.0)


@pytest.mark.looptime
@pytest.mark.parametrize("rest", ["sleep", "wait"])
async def test_a_long_rest_never_looks_stuck(rest: str) -> None:
    time = asyncio.get_running_loop().time
    health, ages = Health(time), list[float]()
    loop = Loop("a", context_of(health=health))
    resting = asyncio.create_task(getattr(loop, rest)(4 * SILENCE_SECONDS))
    while not resting.done():
        await asyncio.sleep(1)
        ages.append(health.beacons["a"].age)
        assert health.stuck == []
    assert max(ages[:-1]) <= BEAT_SECONDS


@pytest.mark.looptime
async def test_waking_ends_a_wait_and_not_a_sleep() -> None:
    loop, time = Loop("a", context_of()), asyncio.get_running_loop().time
    began = time()
    asyncio.get_running_loop().call_later(2, loop.wake)
    await loop.sleep(7)
    assert time() - began == pytest.approx(7)
    assert await loop.wait(600), "it was woken during the sleep"
    assert time() - began == pytest.approx(7)
    loop.woken.clear()
    assert not await loop.wait(25)
    assert time() - began == pytest.approx(32)


@pytest.mark.looptime
async def test_a_loop_that_is_over_rests_no_longer_than_a_beat() -> None:
    over = asyncio.Event()
    loop, time = Loop("a", context_of(), over=over.is_set), asyncio.get_running_loop().time
    began = time()
    asyncio.get_running_loop().call_later(2, over.set)
    await loop.sleep(600)
    assert time() - began == pytest.approx(BEAT_SECONDS)
    assert not await loop.wait(600)


@pytest.mark.parametrize(("failures", "most"), [(0, 0.5), (1, 1.0), (3, 4.0), (6, 30.0), (10_000, 30.0)])
def test_pauses_double_up_to_a_limit(failures: int, most: float) -> None:
    assert full_jitter(Always(1.0), failures, first=0.5, most=30.0) == most
    assert full_jitter(Always(0.0), failures, first=0.5, most=30.0) == 0.0


def test_the_context_holds_no_part_of_the_service() -> None:
    assert [each.name for each in fields(Context)] == ["metrics", "health", "random", "clock", "now", "pause"]
