"""How much of an allowance is used and how often a rolling window is exceeded, compared with plain AsyncLimiters.

Hours of calls at full speed on simulated time, see simulated.py.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from limits.simulated import HOUR, REQUESTS, SHAPES, Shape, Vendor, hammer, judge, limiter_arrivals, reading, settings

from acra_express_async.limits import Pace
from acra_express_async.limits.budget_table import READS, SEARCHES, TOKENS
from acra_express_async.providers import duckduckgo, jina

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize(("processes", "workers"), [(1, 2), (1, 1), (4, 2)])
async def test_all_requests_are_used_and_never_exceeded(processes: int, workers: int) -> None:
    random, pace = Random(1), duckduckgo.pace(settings().duckduckgo)
    vendor = Vendor(lambda: random.lognormvariate(-0.3, 0.5))
    await hammer(REQUESTS, pace, vendor, cost={SEARCHES: 1}, hours=3, processes=processes, workers=workers)
    said = judge([(at, 1) for at in vendor.arrivals], 200, HOUR, HOUR, 3 * HOUR)
    assert said.violations == 0
    assert said.share >= 0.99
    assert said.worst == 200
    assert judge([(at, 1) for at in vendor.arrivals], 15 * processes, 60, 0, 3 * HOUR).violations == 0


async def test_all_calls_are_used_even_at_a_slow_provider() -> None:
    random = Random(2)
    vendor = Vendor(lambda: min(random.lognormvariate(1.4, 0.9), 29), lambda: random.randint(200, 1500))
    pace = jina.pace(settings().jina)
    await hammer(reading(), pace, vendor, cost={READS: 1, TOKENS: 1502}, hours=3)
    said = judge([(at, 1) for at in vendor.arrivals], 120, HOUR, HOUR, 3 * HOUR)
    assert said.violations == 0
    assert said.share >= 0.99
    assert judge(vendor.billed, 5000, 60, HOUR, 3 * HOUR).violations == 0
    assert judge([(at, 1) for at in vendor.arrivals], 20, 60, 0, 3 * HOUR).violations == 0, "the vendor's own minute"


@pytest.mark.parametrize("processes", [1, 4])
async def test_four_fifths_of_the_tokens_are_used_and_never_exceeded(processes: int) -> None:
    """Calls are not the limit here; most pages use their whole reservation, like real company pages."""
    random = Random(3)
    vendor = Vendor(lambda: min(random.lognormvariate(1.4, 0.6), 29), lambda: 1500 - random.randint(0, 300) // 10)
    pace = Pace.of_allowance(10_000, timedelta(hours=1), burst=30, in_flight=8)
    figures = reading(ACRA_EXPRESS_JINA__CALLS_PER_HOUR="10000")
    await hammer(figures, pace, vendor, cost={READS: 1, TOKENS: 1502}, hours=1, processes=processes, workers=4)
    said = judge(vendor.billed, 5000, 60, 600, HOUR)
    assert said.violations == 0
    assert said.share >= 0.80


async def test_a_one_minute_window_is_used_too() -> None:
    """The margin is shortened like the window, as in the tests on real time."""
    minute = tuple(
        replace(allowance, limit=60, window=timedelta(minutes=1), hold=timedelta(seconds=5)) for allowance in REQUESTS
    )
    random = Random(4)
    vendor = Vendor(lambda: random.uniform(0.01, 0.1))
    pace = Pace.of_allowance(60, timedelta(minutes=1), burst=15)
    await hammer(minute, pace, vendor, cost={SEARCHES: 1}, hours=0.2)
    said = judge([(at, 1) for at in vendor.arrivals], 60, 60, 60, 0.2 * HOUR)
    assert said.violations == 0
    assert said.share >= 0.99


async def test_restarts_in_every_window_exceed_nothing() -> None:
    random = Random(6)
    vendor = Vendor(lambda: random.lognormvariate(-0.3, 0.5))
    pace = duckduckgo.pace(settings().duckduckgo)
    await hammer(REQUESTS, pace, vendor, cost={SEARCHES: 1}, hours=3, processes=2, restart_every=0.3)
    said = judge([(at, 1) for at in vendor.arrivals], 200, HOUR, HOUR, 3 * HOUR)
    assert said.violations == 0
    assert said.share >= 0.99


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_a_simple_limiter_violates_or_wastes(shape: Shape) -> None:
    said = judge(await limiter_arrivals(shape, 3), 200, HOUR, HOUR, 3 * HOUR)
    print(f"{shape}: {said.violations} violations, worst {said.worst}, used {said.share:.2f}")
    assert (said.violations == 0) == shape.safe
    assert not shape.safe or said.share < 0.95


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.safe], ids=lambda shape: shape.name)
async def test_an_in_process_limiter_fails_with_four_processes(shape: Shape) -> None:
    assert judge(await limiter_arrivals(shape, 2, processes=4), 200, HOUR, HOUR, 2 * HOUR).violations > 0
