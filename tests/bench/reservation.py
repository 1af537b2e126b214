"""The cost of a reservation compared with the cheapest durable write, and the pruning of the ledger."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from acra_express_async.db.limits.budget_ledger import PRUNE_ROWS, BudgetLedger
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.limits import Ask, Charge, allowances
from acra_express_async.models import JobLimits, Provider
from acra_express_async.settings.tree import load_settings

from .figures import typical
from .server import ROLE, durable_server, new_database, owned

ROWS = 100_000
WARM_UP = 20
"""Executions of a statement before timing starts; by then PostgreSQL uses the generic plan."""
PAGE_TOKENS = 1502
HEADER = ("what", "median ms", "p95 ms", "/ INSERT", "statements", "rows in the ledger")

ALLOWANCES = allowances(load_settings({"POSTGRES_DSN": "postgresql://unused"}))
FIGURES = ALLOWANCES[Provider.JINA]
SEARCH = [Ask(ALLOWANCES[Provider.DUCKDUCKGO][0], 1)]
READ = [Ask(FIGURES[0], 1), Ask(FIGURES[1], PAGE_TOKENS)]

Act = Callable[[], Awaitable[object]]


async def reservation(rounds: int, times: int) -> list[tuple[str, ...]]:
    """Rows: a plain one-row INSERT, a reservation of one budget and of two, and the pruning of old rows.

    Reservations and INSERTs alternate, each with its own durable commit and its own connection.
    """
    async with AsyncExitStack() as stack:
        server = stack.enter_context(durable_server())
        dsn = await new_database(server, express=True)
        owner = await stack.enter_async_context(owned(dsn))
        await _fill(owner)
        tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
        database = Database(dsn, role=ROLE, tenant_id=tenant, size=1)
        await database.open()
        stack.push_async_callback(database.close)
        said: list[str] = []
        async with database.session() as connection:
            connection.add_query_logger(lambda record: said.append(record.query))
        ledger = BudgetLedger(database)
        plain, search, read = await _turns(owner, ledger, rounds, times)
        said.clear()
        await _reserve(ledger, READ)
        statements = len(said)
        rows = await _rows(owner)
        pruned, calls = await _prune(ledger)
        left = await _rows(owner)
    peer = typical(plain, 0.5)
    return [
        _row("one-row INSERT", plain, peer, "1", ""),
        _row("reservation of a search", search, peer, str(statements), f"{rows:,}"),
        _row("reservation of a read (call and tokens)", read, peer, str(statements), f"{rows:,}"),
        _row(f"prune, {PRUNE_ROWS:,} rows at most ({calls} calls)", [pruned], peer, "1", f"{left:,} afterwards"),
    ]


def _row(name: str, rounds: list[list[float]], peer: float, statements: str, rows: str) -> tuple[str, ...]:
    middle, late = typical(rounds, 0.5), typical(rounds, 0.95)
    return (name, f"{middle:.2f}", f"{late:.2f}", f"{middle / peer:.2f}", statements, rows)


async def _turns(owner: Connection, ledger: BudgetLedger, rounds: int, times: int) -> list[list[list[float]]]:
    """Milliseconds of INSERTs and of reservations for searches and reads, by round; reservations are refunded outside
    the measured time."""
    await owner.execute("CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount int NOT NULL)")
    granted: list[Charge] = []

    async def insert() -> None:
        await owner.execute("INSERT INTO plain (amount) VALUES ($1)", 1)

    async def search() -> None:
        granted.append(await _reserve(ledger, SEARCH))

    async def read() -> None:
        granted.append(await _reserve(ledger, READ))

    acts: tuple[Act, ...] = (insert, search, read)
    took: list[list[list[float]]] = [[] for _ in acts]
    for number in range(rounds + 1):
        for each in took:
            each.append([])
        for _ in range(times if number else WARM_UP):
            for act, each in zip(acts, took, strict=True):
                each[-1].append(await _milliseconds(act))
                while granted:
                    await ledger.refund(granted.pop())
    return [each[1:] for each in took]


async def _reserve(ledger: BudgetLedger, asks: Sequence[Ask]) -> Charge:
    answer = await ledger.charge(asks, JobLimits())
    if not isinstance(answer, Charge):
        raise RuntimeError(f"refused: {answer}")
    return answer


async def _prune(ledger: BudgetLedger) -> tuple[list[float], int]:
    """Milliseconds of each call until no old rows are left, and the number of calls."""
    took = []
    while True:
        began = time.perf_counter()
        gone = await ledger.prune(FIGURES)
        took.append((time.perf_counter() - began) * 1e3)
        if gone == 0:
            return took, len(took)
        if gone > PRUNE_ROWS:
            raise RuntimeError(f"one prune removed {gone} rows")


async def _milliseconds(act: Act) -> float:
    began = time.perf_counter()
    await act()
    return (time.perf_counter() - began) * 1e3


async def _rows(owner: Connection) -> int:
    return int(await owner.fetchval("SELECT count(*) FROM acra_express.budget_charges"))


async def _fill(owner: Connection) -> None:
    """Insert 100 calls and 100 searches of the current hour, and calls and tokens of earlier days."""
    await owner.execute("SET statement_timeout = 0")
    await owner.execute(
        """
        INSERT INTO acra_express.budget_charges (charge_id, provider, budget, amount, charged_at, ages_from)
        SELECT nextval('acra_express.charge_ids'), CASE b.budget WHEN 'requests_1h' THEN 'duckduckgo' ELSE 'jina' END,
               b.budget, 1, moment, moment
        FROM (SELECT n, CASE WHEN n <= 100 THEN 'requests_1h' WHEN n <= 200 OR n % 2 = 0 THEN 'calls_1h'
                             ELSE 'tokens_1m' END AS budget,
                     clock_timestamp() - CASE WHEN n <= 200 THEN n * interval '15 seconds'
                                              ELSE interval '1 day' + n * interval '1 second' END AS moment
              FROM generate_series(1, $1::int) AS n) AS b
        """,
        ROWS,
        timeout=600,
    )
    await owner.execute("VACUUM ANALYZE acra_express.budget_charges", timeout=600)
