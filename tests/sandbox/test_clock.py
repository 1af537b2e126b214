"""Virtual time: stopped, fast and running clocks."""

from __future__ import annotations

import asyncio

import pytest

from acra_express_async.sandbox.simulator import SimulatorClock


async def test_an_advanced_clock_wakes_its_sleepers_on_time() -> None:
    clock = SimulatorClock(speed=0, start=1000)
    woken: list[str] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("long", 60))
        short = group.create_task(sleeper("short", 10))
        await asyncio.sleep(0)
        clock.advance(10)
        await short
        assert woken == ["short"]
        clock.advance(50)
    assert woken == ["short", "long"]
    assert clock.now() == 1060


async def test_a_fast_clock_multiplies_its_source() -> None:
    source = 5.0
    clock = SimulatorClock(speed=60, start=0, source=lambda: source)
    source += 2
    assert clock.now() == 120
    clock.advance(5)
    assert clock.now() == 125


async def test_a_running_clock_wakes_by_itself() -> None:
    clock = SimulatorClock(speed=1_000_000)
    before = clock.now()
    await clock.sleep(30)
    assert clock.now() >= before + 30


def test_time_never_goes_back() -> None:
    with pytest.raises(ValueError, match="backwards"):
        SimulatorClock(speed=0, start=0).advance(-1)
    with pytest.raises(ValueError, match="backwards"):
        SimulatorClock(speed=-1)
