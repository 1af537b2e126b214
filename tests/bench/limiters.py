"""Plain AsyncLimiters compared with our throttle and ledger on simulated time; uses the code of tests/limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from random import Random

import looptime
from limits.simulated import HOUR, REQUESTS, SHAPES, Shape, Vendor, hammer, judge, limiter_arrivals, settings

from acra_express_async.limits.budget_table import SEARCHES
from acra_express_async.providers import duckduckgo

HOURS = 3.0
HEADER = (
    "limiter",
    "violations",
    "worst window",
    "share used",
    "worst, restarted each half hour",
    "worst, 4 processes",
    "in the first minute",
)

Booked = Sequence[tuple[float, int]]
Run = Callable[[int, float | None], Awaitable[Booked]]
"""From processes and hours between restarts to arrivals."""


def limiters() -> list[tuple[str, ...]]:
    """One row for each way to keep 200 requests an hour: violations, worst window and used share of one long-running
    process, then the worst window with restarts and with several processes, and the burst after a quiet time."""
    own = ("ours", ours)
    shapes = [(f"AsyncLimiter({shape.rate:g}, {shape.period:g}): {shape.name}", plain(shape)) for shape in SHAPES]
    return [(name, *judged(run)) for name, run in (*shapes, own)]


def judged(run: Run) -> tuple[str, ...]:
    alone, restarted, four = (_lived(run, *how) for how in ((1, None), (1, 0.5), (4, None)))
    said = judge(alone, 200, HOUR, HOUR, HOURS * HOUR)
    worst = [str(judge(booked, 200, HOUR, HOUR, HOURS * HOUR).worst) for booked in (restarted, four)]
    first_minute = sum(at < alone[0][0] + 60 for at, _ in alone)
    return (str(said.violations), str(said.worst), f"{said.share:.2f}", *worst, str(first_minute))


def _lived(run: Run, processes: int, restart_every: float | None) -> Booked:
    """The arrivals of several simulated hours."""
    loop = looptime.new_event_loop()
    try:
        return loop.run_until_complete(run(processes, restart_every))
    finally:
        loop.close()


def plain(shape: Shape) -> Run:
    async def run(processes: int, restart_every: float | None) -> Booked:
        return await limiter_arrivals(shape, HOURS, processes=processes, restart_every=restart_every)

    return run


async def ours(processes: int, restart_every: float | None) -> Booked:
    random = Random(1)
    vendor = Vendor(lambda: random.lognormvariate(-0.3, 0.5))
    await hammer(
        REQUESTS,
        duckduckgo.pace(settings().duckduckgo),
        vendor,
        cost={SEARCHES: 1},
        hours=HOURS,
        processes=processes,
        restart_every=restart_every,
    )
    return [(at, 1) for at in vendor.arrivals]
