"""Four processes share an allowance through PostgreSQL; the simulator's own ledger of arrivals is the judge.

Real time, real sockets, windows of a minute: the simulator's clock runs sixty times as fast, so its hour is our minute.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from acra_express_async.db.pool import Connection
from acra_express_async.models import Provider
from acra_express_async.sandbox.registry_sample import rows
from acra_express_async.sandbox.simulator import Options, Simulator
from acra_express_async.sandbox.simulator.clock import SimulatorClock
from acra_express_async.sandbox.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
SPEED = 60.0
HOUR = 3600.0
PROCESSES = 4


class Fleet:
    """Hammering processes that can be killed and started again."""

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self._running: list[asyncio.subprocess.Process] = []
        self.said = b""

    async def start(self) -> None:
        hammer = str(Path(__file__).with_name("hammer.py"))
        self._running.append(
            await asyncio.create_subprocess_exec(
                sys.executable, hammer, *self._arguments, stdout=asyncio.subprocess.PIPE
            )
        )

    async def kill(self, which: int) -> None:
        process = self._running.pop(which)
        assert process.returncode is None, "it ended by itself"
        process.kill()
        said, _ = await process.communicate()
        self.said += said

    async def stop(self) -> None:
        while self._running:
            await self.kill(0)


@asynccontextmanager
async def hammering(dsn: str, owner: Connection) -> AsyncIterator[tuple[Simulator, Fleet]]:
    tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    world = World(rows(20, seed=1))
    async with Simulator(world, Options(latency_scale=1.0), clock=SimulatorClock(speed=SPEED)) as simulator:
        base_url = simulator.base_url(Provider.DUCKDUCKGO)
        fleet = Fleet([dsn, str(tenant), base_url, str(1 / SPEED)])
        try:
            for _ in range(PROCESSES):
                await fleet.start()
            yield simulator, fleet
        finally:
            await fleet.stop()


def share_used(simulator: Simulator, since: float, until: float) -> float:
    used = sum(1 for arrival in simulator.ledger.arrivals if since <= arrival.at < until)
    return used / (200 * (until - since) / HOUR)


async def test_undisturbed_they_use_all_and_exceed_nothing(fresh_dsn: str, owner: Connection) -> None:
    async with hammering(fresh_dsn, owner) as (simulator, fleet):
        began = simulator.clock.now()
        await simulator.clock.sleep(3 * HOUR)
        ends = simulator.clock.now()
    used = share_used(simulator, began + HOUR, ends)
    worst = simulator.ledger.budgets["duckduckgo_requests"].worst
    print(f"{PROCESSES} processes: {used:.3f} of the allowance, at most {worst:g} in a window")
    assert simulator.violations == []
    assert fleet.said == b""
    assert used >= 0.99


async def test_killed_every_few_seconds_they_exceed_nothing(fresh_dsn: str, owner: Connection) -> None:
    random, kills = Random(1), 0
    async with hammering(fresh_dsn, owner) as (simulator, fleet):
        began = simulator.clock.now()
        while simulator.clock.now() < began + 2 * HOUR:
            await simulator.clock.sleep(random.uniform(2, 5) * SPEED)
            await fleet.kill(random.randrange(PROCESSES))
            await fleet.start()
            kills += 1
        ends = simulator.clock.now()
    used = share_used(simulator, began + HOUR, ends)
    print(f"{kills} kills: {used:.3f} of the allowance used")
    assert simulator.violations == []
    # a killed process has at most one charge on its way: throttled to one in flight
    assert used >= 0.99 - kills / 200
