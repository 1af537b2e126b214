"""A process that searches without pause until it is killed: ``python hammer.py DSN TENANT BASE_URL WINDOW_SCALE``."""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import timedelta
from itertools import count

import httpx
from prometheus_client import CollectorRegistry

from acra_express_async.db.budgets import BreakerRows, BudgetLedger
from acra_express_async.db.pool import Database
from acra_express_async.errors import Blocked, BudgetExhausted
from acra_express_async.limits import Breaker, Budget, Pace, Throttle, allowances
from acra_express_async.metrics import Metrics
from acra_express_async.models import Provider
from acra_express_async.providers.base import Caller, Unscoped
from acra_express_async.providers.duckduckgo import DuckDuckGo
from acra_express_async.settings import load_settings

WORKERS = 2


async def main(dsn: str, tenant: int, base_url: str, window_scale: float) -> None:
    settings = load_settings(
        {"ACRA_EXPRESS_POSTGRES_DSN": dsn, "ACRA_EXPRESS_DUCKDUCKGO__BASE_URL": base_url}
    )  # fmt: skip
    database = Database(dsn, role="acra_express", tenant_id=tenant, size=3)
    await database.open()
    provider, metrics = Provider.DUCKDUCKGO, Metrics(CollectorRegistry())
    figures = allowances(settings, window_scale=window_scale)[provider]
    patience = timedelta(seconds=5)
    pace = Pace.of_allowance(figures[0].limit, figures[0].window, burst=40)
    caller = Caller(
        provider,
        Throttle(provider, pace, patience=patience, random=random.random),
        metrics,
        budget=Budget(provider, figures, BudgetLedger(database), patience=patience),
        breaker=Breaker(provider, BreakerRows(database), metrics),
        random=random.random,
    )
    async with httpx.AsyncClient() as http, asyncio.TaskGroup() as group:
        engine = DuckDuckGo(http, settings.duckduckgo, caller)
        for worker in range(WORKERS):
            group.create_task(search(engine, worker))


async def search(engine: DuckDuckGo, worker: int) -> None:
    for number in count():
        try:
            await engine.search(f"company {worker} {number}", Unscoped())
        except BudgetExhausted as refused:
            await asyncio.sleep((refused.retry_after or timedelta()).total_seconds())
        except Blocked:
            print("blocked", flush=True)
            return


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
