"""The arithmetic of the benchmarks, and our own contender on a real database."""

from __future__ import annotations

from pathlib import Path

import pytest

from acra_express_async.db.pool import connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres

from .figures import rank, typical
from .pickup import contenders, working


def test_a_rank_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(1, 21)]
    assert rank(values, 0.5) == 10
    assert rank(values, 0.95) == 19
    assert rank([7.0], 0.99) == 7


def test_one_bad_round_does_not_move_the_median_of_rounds() -> None:
    assert typical([[1.0, 2.0], [1.0, 3.0], [90.0, 99.0]], 0.5) == 1
    assert typical([[1.0, 2.0], [1.0, 3.0], [90.0, 99.0]], 0.99) == 3


async def test_our_worker_process_takes_what_the_benchmark_inserts(postgres: EmbeddedPostgres) -> None:
    ours = contenders("unused")[0]
    async with working(ours, postgres) as (worker, connection):
        rows = await connection.fetch(ours.insert, 3)
        jobs = [row[0] for row in rows]
        await worker.saw(jobs)
        dsn_of_its_own = await connection.fetchval("SELECT current_database()")
    assert sorted(worker.started) == sorted(jobs)
    admin = await connect(postgres.dsn(), {})
    await admin.execute(f"DROP DATABASE {dsn_of_its_own} WITH (FORCE)")
    await admin.close()


@pytest.mark.parametrize("name", ["peers.py", "reporting.py"])
def test_what_runs_beside_the_peers_needs_nothing_of_ours(name: str) -> None:
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    assert "acra_express_async" not in text
