"""A replica that spends without pause until it is killed: ``python hammer.py ASSIGNMENT`` (JSON, see fleet.py).

It prints ``ready`` and its wall clock, then one line for each call that failed for another reason than a missing
budget. It uses the service's own parts; only windows, paces and cool-downs are divided by the speed of the clock.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import httpx
from prometheus_client import CollectorRegistry

from acra_express_async import logs
from acra_express_async.db.limits.breaker_rows import BreakerRows
from acra_express_async.db.limits.budget_ledger import BudgetLedger
from acra_express_async.db.session.pool import Database
from acra_express_async.errors import BudgetExhausted, ProviderError
from acra_express_async.limits import SEND_MARGIN, Breaker, Budget, Throttle, allowances
from acra_express_async.limits.breaker import COOLDOWNS
from acra_express_async.metrics import Metrics
from acra_express_async.models import Provider
from acra_express_async.providers.base import Caller, Unscoped
from acra_express_async.providers.duckduckgo import DuckDuckGo
from acra_express_async.providers.jina import JinaReader
from acra_express_async.providers.zerobounce import ZeroBounce
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.health import Health
from acra_express_async.service.clients import paces, shared_turns
from acra_express_async.settings.tree import Settings, load_settings

LEAST_MARGIN = timedelta(seconds=1)
"""Shortest margin between charge and send, because this machine does not get faster with the simulator's clock."""
LEAST_PATIENCE = timedelta(seconds=1)
LONGEST_PAUSE = 5.0

Act = Callable[[str], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one replica spends; `speed` is that of the provider's clock, `settings` have names without the prefix."""

    title: str
    provider: Provider
    dsn: str
    tenant: int
    speed: float
    workers: int
    settings: Mapping[str, str]


def caller(task: Assignment, settings: Settings, database: Database) -> Caller:
    """Build a caller as service/calls.py does, with shorter times."""
    provider, scale = task.provider, 1 / task.speed
    margin = max(SEND_MARGIN * scale, LEAST_MARGIN)
    patience = max(timedelta(seconds=settings.budget_wait_seconds) * scale, LEAST_PATIENCE)
    pace = paces(settings)[provider]
    pace = replace(pace, interval=pace.interval * scale, spacing=pace.spacing * scale, jitter=pace.jitter * scale)
    figures = allowances(settings, window_scale=scale, margin=margin / scale)[provider]
    turns = shared_turns(settings, window_scale=scale, margin=margin / scale).get(provider, ())

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds * scale)

    context = Context(
        metrics=Metrics(CollectorRegistry()),
        health=Health(time.monotonic),
        random=random.Random(),
        clock=time.monotonic,
        now=lambda: datetime.now(UTC),
    )
    return Caller(
        provider,
        Throttle(provider, pace, patience=patience, context=context),
        budget=Budget(provider, figures, BudgetLedger(database), patience=patience, turns=turns, context=context),
        breaker=Breaker(
            provider,
            BreakerRows(database),
            context.metrics,
            cooldowns={kind: [each * scale for each in cooldowns] for kind, cooldowns in COOLDOWNS.items()},
        ),
        margin=margin,
        context=replace(context, pause=sleep),
    )


def act_of(task: Assignment, database: Database, http: httpx.AsyncClient) -> Act:
    """One call of the provider's client; `name` makes it a new request."""
    settings = load_settings(
        {"ACRA_EXPRESS_POSTGRES_DSN": task.dsn} | {f"ACRA_EXPRESS_{name}": v for name, v in task.settings.items()}
    )
    through = caller(task, settings, database)
    if task.provider is Provider.DUCKDUCKGO:
        engine = DuckDuckGo(http, settings.duckduckgo, through)
        return lambda name: engine.search(f"company {name}", Unscoped())
    if task.provider is Provider.JINA:
        reader = JinaReader(http, settings.jina, through)
        return lambda name: reader.read(f"https://kopi.com.sg/{name}", Unscoped())
    verifier = ZeroBounce(http, settings.zerobounce, through)
    return lambda name: verifier.verify(f"info.{name}@kopi.com.sg", Unscoped())


async def spend(title: str, act: Act, worker: int) -> None:
    for number in count():
        try:
            await act(f"{os.getpid()}-{worker}-{number}")
        except BudgetExhausted as refused:
            await asyncio.sleep((refused.retry_after or timedelta()).total_seconds())
        except ProviderError as failed:
            print(f"{title}: {failed.reason}", flush=True)
            pause = (failed.retry_after or timedelta()).total_seconds()
            await asyncio.sleep(min(max(pause, 0.1), LONGEST_PAUSE))


async def main(tasks: list[Assignment], address: str) -> None:
    """Run the replica with a separate loopback address, like replicas on different hosts."""
    async with AsyncExitStack() as stack:
        transport = httpx.AsyncHTTPTransport(local_address=address)
        http = await stack.enter_async_context(httpx.AsyncClient(transport=transport))
        databases: dict[str, Database] = {}
        for task in tasks:
            if task.dsn not in databases:
                databases[task.dsn] = Database(task.dsn, role="acra_express", tenant_id=task.tenant, size=4)
                await databases[task.dsn].open()
        print(f"ready {time.time()}", flush=True)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for task in tasks:
            act = act_of(task, databases[task.dsn], http)
            for worker in range(task.workers):
                group.create_task(spend(task.title, act, worker))


if __name__ == "__main__":
    logs.configure(level="ERROR", form="console")
    told = json.loads(sys.argv[1])
    egress = {"DUCKDUCKGO__EGRESS": told["address"]}
    assignments = [
        Assignment(**{**task, "provider": Provider(task["provider"]), "settings": {**task["settings"], **egress}})
        for task in told["tasks"]
    ]
    asyncio.run(main(assignments, told["address"]))
