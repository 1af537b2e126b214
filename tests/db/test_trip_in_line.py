"""A breaker that opens beside a charge that waits for its budget; each of the two may wait longer than a session."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from acra_express_async.db.limits.breaker_rows import BreakerRows
from acra_express_async.db.limits.budget_ledger import BudgetLedger
from acra_express_async.db.limits.settlements import Settlements
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.limits import Allowance, Ask, Kind, State
from acra_express_async.models import JobLimits, Provider

COOLDOWNS = [timedelta(minutes=15)]


async def test_a_trip_waits_beside_a_charge_in_line(database: Database, owner: Connection, fresh_dsn: str) -> None:
    """A charge notes answers with its settlements, then waits for its budget: longer than 300 ms, the time that a
    session waits for a lock of the platform's."""
    settlements = Settlements("one")
    ledger = BudgetLedger(database, settlements)
    charge = await ledger.charge([_ask(Provider.DUCKDUCKGO)], JobLimits())
    ledger.ride(charge, {}, lambda: None)
    at_work = await connect(fresh_dsn, {})
    try:
        transaction = at_work.transaction()
        await transaction.start()
        await at_work.execute("SELECT FROM acra_express.budget_locks WHERE provider = 'jina' FOR UPDATE")
        async with asyncio.TaskGroup() as group:
            group.create_task(ledger.charge([_ask(Provider.JINA)], JobLimits()))
            await _wait_in_line(owner, 1)
            trip = BreakerRows(database, "another").trip(Provider.DUCKDUCKGO, Kind.BLOCKED, "captcha", COOLDOWNS)
            tripped = group.create_task(trip)
            await _wait_in_line(owner, 2, timedelta(milliseconds=400))
            await transaction.rollback()
    finally:
        await at_work.close()
    state, opened = tripped.result()
    assert (state.state, opened) == (State.OPEN, True)


def _ask(provider: Provider) -> Ask:
    day = timedelta(days=1)
    return Ask(Allowance(provider, "requests", 100, 1.0, day, timedelta(seconds=60)), 1)


async def _wait_in_line(owner: Connection, sessions: int, so_long: timedelta = timedelta()) -> None:
    """Until this many sessions have waited for a lock for so long, by the server's clock."""
    while True:
        waiting = await owner.fetchval(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'
              AND query_start < clock_timestamp() - $1::interval
            """,
            so_long,
        )
        if waiting >= sessions:
            return
