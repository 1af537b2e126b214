"""Worlds and simulators for the tests of the sandbox: small, seeded, on a clock that only tests advance."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Protocol

import httpx
import pytest
import pytest_asyncio

from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.simulator import Options, Simulator, SimulatorClock
from acra_express_async.sandbox.world import Truth, World

MIDDAY = 1_800_014_400.0
"""Virtual start of every test: 2027-01-15 12:00 UTC, far from any midnight."""


@pytest.fixture(scope="session")
def rows() -> list[dict[str, str]]:
    """300 rows of the fictional registry."""
    return list(registry_sample.rows(300, seed=10))


@pytest.fixture(scope="session")
def world(rows: list[dict[str, str]]) -> World:
    return World(rows, seed=10)


@pytest.fixture
def clock() -> SimulatorClock:
    """A clock that stands still until `advance`."""
    return SimulatorClock(speed=0, start=MIDDAY)


class Starter(Protocol):
    async def __call__(self, options: Options | None = None, scenario: str = "happy") -> Simulator: ...


@pytest_asyncio.fixture
async def start(world: World, clock: SimulatorClock) -> AsyncIterator[Starter]:
    """Starts simulators without latency; they stop at the end of the test."""
    async with AsyncExitStack() as stack:

        async def starter(options: Options | None = None, scenario: str = "happy") -> Simulator:
            chosen = options or Options(latency_scale=0, flag_get=0, flag_user_agent=0, ad_share=0, box_share=0)
            return await stack.enter_async_context(Simulator(world, chosen, clock=clock, scenario=scenario))

        yield starter


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def truths(world: World) -> list[Truth]:
    """The truth of every company."""
    return [world.truth(uen) for uen in world.uens()]


@pytest.fixture(scope="session")
def found(world: World, truths: list[Truth]) -> Truth:
    """A company whose home page a plain query finds, with a mail address and at least 700 tokens."""
    plain = (truth for truth in truths if truth.kind == "plain" and truth.domain and truth.emails)
    long = (truth for truth in plain if len(world.page(f"https://{truth.domain}/").main) > 2_800)
    return next(truth for truth in long if any(f"{truth.domain}/" in hit.url for hit in world.search(truth.name)))


Of = Callable[[str], Truth]


@pytest.fixture(scope="session")
def of_kind(truths: list[Truth]) -> Of:
    """The first company of a kind of site."""

    def first(kind: str) -> Truth:
        return next(truth for truth in truths if truth.kind == kind)

    return first
