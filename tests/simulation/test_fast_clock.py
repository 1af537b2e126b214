"""The fast clock: timers, sleeps and the three wall clocks agree; time limits for machines stay real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import pytest

from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.runtime.realtime import rate, real
from acra_express_async.sandbox.simulation.fast_clock import MIDNIGHT, SHIFT_SECONDS, FastLoop, Gearbox, SimulatedTime

RATE = 1_000.0


def lived_fast(story: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    with asyncio.Runner(loop_factory=lambda: FastLoop(Gearbox(RATE))) as runner:
        return runner.run(story())


def test_a_timer_takes_real_time_divided_by_the_rate() -> None:
    async def story() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        began, real_began = loop.time(), time.monotonic()
        await asyncio.sleep(50)
        return loop.time() - began, time.monotonic() - real_began

    simulated, passed = lived_fast(story)
    assert simulated >= 50
    assert simulated == pytest.approx(passed * RATE, rel=0.01, abs=1)


def test_timers_fire_in_order_at_any_rate() -> None:
    async def story() -> list[int]:
        loop, heard, last = asyncio.get_running_loop(), list[int](), asyncio.Event()
        for seconds in (30, 10, 20):
            loop.call_later(seconds, heard.append, seconds)
        loop.call_later(40, last.set)
        await last.wait()
        return heard

    assert lived_fast(story) == [10, 20, 30]


def test_loop_timeouts_are_simulated_and_machine_waits_are_real() -> None:
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


async def test_time_limits_are_unchanged_on_an_ordinary_loop() -> None:
    assert rate() == 1
    assert real(7.5) == 7.5


async def test_the_database_clock_starts_on_demand_and_keeps_pace(owner: Connection) -> None:
    clock = SimulatedTime(Gearbox(RATE), MIDNIGHT)
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


def test_a_simulated_day_cannot_be_advanced_manually() -> None:
    with pytest.raises(ValueError, match="by itself"):
        SimulatedTime(Gearbox(RATE), MIDNIGHT).advance(60)


class Hands:
    """Real seconds that a test advances."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_a_rate_shift_starts_when_announced_and_never_goes_back() -> None:
    hands = Hands()
    gearbox = Gearbox(80, fastest=800, clock=hands)
    began = gearbox.seconds()
    bend = gearbox.shift(800)
    assert (bend.real, gearbox.pace) == (1000 + SHIFT_SECONDS, 800)
    hands.at = bend.real - 0.01
    assert gearbox.seconds() - began == pytest.approx(80 * (SHIFT_SECONDS - 0.01))
    hands.at = bend.real + 1
    assert gearbox.seconds() - began == pytest.approx(80 * SHIFT_SECONDS + 800)
    slow = gearbox.shift(80)
    hands.at = slow.real + 1
    assert gearbox.seconds() - began == pytest.approx(80 * SHIFT_SECONDS + 800 + 800 * SHIFT_SECONDS + 80)


def test_a_shift_too_fast_or_too_early_is_refused() -> None:
    hands = Hands()
    gearbox = Gearbox(80, fastest=800, clock=hands)
    with pytest.raises(ValueError, match="801"):
        gearbox.shift(801)
    gearbox.shift(800)
    with pytest.raises(ValueError, match="now"):
        gearbox.shift(80)


def test_machine_time_limits_use_the_fastest_gear() -> None:
    loop = FastLoop(Gearbox(80, fastest=800))
    assert loop.rate == 800
    loop.close()


def test_all_clocks_take_a_shift_at_the_same_moment(fresh_dsn: str) -> None:
    gearbox = Gearbox(80, fastest=RATE)

    async def story() -> list[tuple[datetime, datetime, datetime]]:
        owner = await connect(fresh_dsn, {})
        clock = SimulatedTime(gearbox, MIDNIGHT)
        await clock.install(owner)
        await clock.start(owner)
        seen = []
        for pace in (RATE, 80, RATE):
            await clock.shift(owner, pace)
            before = clock.wall()
            said = await owner.fetchval("SELECT acra_express.clock()")
            seen.append((before, said, clock.wall()))
        await owner.close()
        return seen

    with asyncio.Runner(loop_factory=lambda: FastLoop(gearbox)) as runner:
        seen = runner.run(story())
    for before, said, after in seen:
        assert before - timedelta(milliseconds=5) <= said <= after + timedelta(milliseconds=5)
    assert [before for before, _, _ in seen] == sorted(before for before, _, _ in seen)
