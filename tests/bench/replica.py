"""The database work of one replica: ``python -m bench.replica DSN TENANT direct|pooled``.

Prints ``ready``; answers each line ``claim N`` or ``reserve N`` on stdin with ``DONE BEGAN ENDED`` (monotonic, ns).
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import uvloop

from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.limits.budget_ledger import BudgetLedger
from acra_express_async.db.session.pool import Database
from acra_express_async.limits import Allowance, Ask, Charge
from acra_express_async.models import JobLimits, Provider

from .reporting import said

WORKERS = 2
ROLE = "acra_express"
PLENTY = 10**9
LEASE = timedelta(hours=1)
WINDOW = timedelta(seconds=0.2)
"""So short that a window holds about a hundred charges at these rates, like the real windows."""
ASKS = tuple(
    Ask(Allowance(Provider.JINA, name, PLENTY, 1.0, WINDOW, timedelta()), amount)
    for name, amount in (("calls_1h", 1), ("tokens_1m", 1500))
)
"""The charge for reading a page: two budgets of one provider in one step, so all compete for one allowance row."""


async def claims(jobs: Jobs, count: int) -> int:
    """Claim until the backlog is empty, at most `count` times; return the number of claimed jobs."""
    done = 0
    while done < count and await jobs.claim("bench", LEASE, 1):
        done += 1
    return done


async def reservations(ledger: BudgetLedger, count: int) -> int:
    """Make `count` reservations for reading a page."""
    for _ in range(count):
        assert isinstance(await ledger.charge(ASKS, JobLimits()), Charge)
    return count


async def serve(dsn: str, tenant: int, *, pooled: bool) -> None:
    database = Database(dsn, role=ROLE, tenant_id=tenant, size=WORKERS, pooled=pooled)
    await database.open()
    jobs, ledger = Jobs(database, database), BudgetLedger(database)
    tasks: dict[str, Callable[[int], Awaitable[int]]] = {
        "claim": lambda count: claims(jobs, count),
        "reserve": lambda count: reservations(ledger, count),
    }
    said("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        word, count = line.split()
        began = time.monotonic_ns()
        done = await asyncio.gather(*(tasks[word](int(count) // WORKERS) for _ in range(WORKERS)))
        said(f"{sum(done)} {began} {time.monotonic_ns()}")
    await database.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(sys.argv[1], int(sys.argv[2]), pooled=sys.argv[3] == "pooled"))
