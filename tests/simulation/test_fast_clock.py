"""The fast clock: timers, sleeps and the three wall clocks agree; patience with machines stays real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from acra_express_async.db.pool import Connection
from acra_express_async.realtime import rate, real
from acra_express_async.sandbox.simulation.clock import MIDNIGHT, FastLoop, SimulatedTime

RATE = 1_000.0


def lived_fast(story: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    with asyncio.Runner(loop_factory=lambda: FastLoop(RATE)) as runner:
        return runner.run(story())


def test_a_timer_takes_its_share_of_real_time() -> None:
    async def story() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        began, real_began = loop.time(), time.monotonic()
        await asyncio.sleep(50)
        return loop.time() - began, time.monotonic() - real_began

    simulated, passed = lived_fast(story)
    assert simulated >= 50
    assert simulated == pytest.approx(passed * RATE, rel=0.01, abs=1)


def test_timers_fire_in_order_whatever_the_rate() -> None:
    async def story() -> list[int]:
        loop, heard, last = asyncio.get_running_loop(), list[int](), asyncio.Event()
        for seconds in (30, 10, 20):
            loop.call_later(seconds, heard.append, seconds)
        loop.call_later(40, last.set)
        await last.wait()
        return heard

    assert lived_fast(story) == [10, 20, 30]


def test_a_time_out_of_the_loop_is_simulated_and_patience_with_a_machine_is_real() -> None:
    async def story() -> tuple[float, float]:
        assert rate() == RATE
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(real(0.02)):
                await asyncio.Event().wait()
        return time.monotonic() - began, real(3)

    passed, patience = lived_fast(story)
    assert passed >= 0.02
    assert patience == 3 * RATE


async def test_in_production_a_second_is_a_second() -> None:
    assert rate() == 1
    assert real(7.5) == 7.5


async def test_the_database_s_clock_stands_until_the_start_and_then_keeps_pace_with_ours(owner: Connection) -> None:
    clock = SimulatedTime(RATE, MIDNIGHT)
    await clock.install(owner)
    assert await owner.fetchval("SELECT acra_express.clock()") == MIDNIGHT
    assert clock.wall() == MIDNIGHT
    await clock.start(owner)
    before = clock.wall()
    said = await owner.fetchval("SELECT acra_express.clock()")
    after = clock.wall()
    assert before > MIDNIGHT
    # the server's clock_timestamp() has microseconds: a millisecond of simulated time at this rate
    assert before - timedelta(milliseconds=2) <= said <= after + timedelta(milliseconds=2)


def test_a_simulated_day_cannot_be_moved_by_hand() -> None:
    with pytest.raises(ValueError, match="by itself"):
        SimulatedTime(RATE, MIDNIGHT).advance(60)
