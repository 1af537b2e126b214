"""The arithmetic of the benchmarks, and our worker process on a real database."""

from __future__ import annotations

from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from rig import enqueue

from acra_express_async.db.session.pool import connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres

from . import limiters, replicas, soak
from .figures import rank, typical
from .limiters import SHAPES, judged, plain
from .pickup import contenders, working
from .server import new_database, owned
from .tracing import ratio


def test_percentiles_are_measured_values() -> None:
    values = [float(number) for number in range(1, 21)]
    assert rank(values, 0.5) == 10
    assert rank(values, 0.95) == 19
    assert rank([7.0], 0.99) == 7


def test_one_bad_round_does_not_change_the_median() -> None:
    assert typical([[1.0, 2.0], [1.0, 3.0], [90.0, 99.0]], 0.5) == 1
    assert typical([[1.0, 2.0], [1.0, 3.0], [90.0, 99.0]], 0.99) == 3


def test_a_ratio_is_taken_within_each_round() -> None:
    assert ratio([2.0, 30.0, 4.0], [1.0, 10.0, 4.0]) == "2.00 (1.00 to 3.00)"


async def test_our_worker_process_runs_the_inserted_jobs(postgres: EmbeddedPostgres) -> None:
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


async def test_replicas_share_one_backlog_and_one_allowance(postgres: EmbeddedPostgres) -> None:
    dsn = await new_database(postgres, express=True)
    async with owned(dsn) as owner, AsyncExitStack() as stack:
        tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
        pair = [await stack.enter_async_context(replicas.replica(dsn, tenant, "direct")) for _ in range(2)]
        for each in pair:
            assert await each.line() == "ready"
        await enqueue(owner, 8)
        assert (await replicas.rate(pair, "claim", 6))[0] == 8
        assert (await replicas.rate(pair, "reserve", 4))[0] == 8
        held = await owner.fetchval("SELECT count(*) FROM acra_express.leases WHERE held")
        charged = await owner.fetchval("SELECT count(DISTINCT charge_id) FROM acra_express.budget_charges")
    assert (held, charged) == (8, 8)
    admin = await connect(postgres.dsn(), {})
    await admin.execute(f"DROP DATABASE {dsn.rpartition('/')[2]} WITH (FORCE)")
    await admin.close()


def test_a_variant_without_a_measurement_shows_a_dash() -> None:
    seen = {("direct", word, number): [10.0 * number, 1.0, 99.0] for word in replicas.WORDS for number in (1, 2, 4, 8)}
    table = replicas.rows(seen)
    assert table[0] == ("1", "10", "1.00", "10", "1.00", *4 * ["–"])
    assert table[3][1:3] == ("80", "8.00")


@pytest.mark.parametrize("name", ["peers.py", "reporting.py"])
def test_peer_benchmarks_import_nothing_of_ours(name: str) -> None:
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    assert "acra_express_async" not in text


def test_only_the_naive_limiter_violates_in_the_table() -> None:
    """One row of each kind; the benchmark command computes the whole table."""
    naive, ours = judged(plain(SHAPES[0])), judged(limiters.ours)
    assert int(naive[0]) > 0
    assert int(naive[1]) >= 399
    assert ours[:3] == ("0", "200", "1.00")
    assert ours[3:5] == ("200", "200"), "restarted, and four at once"


@pytest.mark.parametrize("companies", [10_000, 2_000, 240])
def test_hour_1_of_a_soak_fills_what_has_bounds(companies: int) -> None:
    ends = soak.ends_of_hours(companies)
    assert (len(ends), ends[-1]) == (soak.HOURS, companies)
    assert ends[0] == min(416, companies // 2)
    assert all(earlier < later for earlier, later in pairwise(ends))
