"""The backlog's shapes are what they say, and a claim reads few rows at any size."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from acra_express_async.sandbox.postgres import EmbeddedPostgres

from .backlog import HEADER, WARM_UP, Ground, Shape, ground

ROWS_OF_A_ROUND = 300
"""A claim, an idle poll, a look at what is due next, and the end of the job."""


@pytest.fixture
async def small(postgres: EmbeddedPostgres) -> AsyncIterator[Ground]:
    async with ground(postgres, Shape(2_000, dead=1_500, ours=500)) as made:
        yield made


async def rows_read(made: Ground) -> int:
    """Rows that this server read by scan or index so far; sessions tell at the end of each transaction here."""
    await made.owner.execute("SELECT pg_stat_clear_snapshot()")
    return int(
        await made.owner.fetchval(
            "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables"
            " WHERE relname IN ('background_jobs', 'leases')"
        )
    )


async def test_dead_versions_stay_while_a_foreign_snapshot_is_open(small: Ground) -> None:
    dead = await small.owner.fetchval(
        "SELECT sum(n_dead_tup) FROM pg_stat_user_tables WHERE relname IN ('background_jobs', 'leases')"
    )
    assert dead >= 0.9 * 1_500
    for _ in range(WARM_UP + 3):
        await small.measure()
    assert len(small.row()) == len(HEADER)


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_claims_read_few_of_ten_million_rows() -> None:
    """Run with `bin/test --slow -s tests/bench/test_backlog.py`: it prints the time of the load and of the claims."""
    with EmbeddedPostgres() as server:
        async with ground(server, Shape(10_000_000)) as made:
            for _ in range(WARM_UP):
                await made.measure()
            before = await rows_read(made)
            for _ in range(100):
                await made.measure()
            read = await rows_read(made) - before
            print("\n" + " | ".join(HEADER) + "\n" + " | ".join(made.row()))
    assert read < 100 * ROWS_OF_A_ROUND
