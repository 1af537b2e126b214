"""The selection reads the registry through the platform's index once a day and by key for each job, never by a scan."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from acra_express_async.db.companies import selection
from acra_express_async.db.companies.selection import Selection
from acra_express_async.db.registry import ssic_codes
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.params import Campaign, StagingParams
from acra_express_async.registry import eligibility

WINDOW = 200
"""Keys of one selection step, in the form of `values` below."""

RUNS = 20
"""After five executions PostgreSQL may switch to a generic plan; both plans must pass."""


async def furnish(owner: Connection, rows: int) -> None:
    """A registry of `rows`, three in ten live, spread over 600 codes with long and short ones."""
    await owner.execute(
        """
        INSERT INTO staging_acra_companies (uen, entity_name, entity_type_description, entity_status_description,
                                            primary_ssic_code, street_name)
        SELECT to_char(i, 'FM000000000') || 'A', 'COMPANY ' || i, 'Local Company',
               CASE WHEN i % 10 < 3 THEN 'Live Company' ELSE 'Struck Off' END,
               1000 + 100 * (sqrt(random()) * 600)::int, 'SOME STREET'
        FROM generate_series(1, $1::int) AS i
        """,
        rows,
        timeout=300,
    )
    await owner.execute("ANALYZE staging_acra_companies", timeout=120)


async def assert_no_scan(database: Database, shape: PlatformShape, rows_of_registry: int) -> None:
    asked = [str(1000 + 100 * n) for n in range(585, 600)]
    chosen = Selection(database, shape=shape, include_sole_proprietors=False, recheck_days=7, hold_nights=2)
    params = StagingParams(ssic_codes=asked)
    campaign = Campaign(id=1, enqueued_at=datetime.now(UTC))
    patterns = (eligibility.LIVE, eligibility.SILENT, eligibility.SOLE, eligibility.PERSONAL_TYPE)
    async with database.session() as connection:
        fill = await plan(connection, ssic_codes._FILL, asked[0], [asked[0]], *patterns)
    assert "idx_staging_acra_companies_ssic_norm" in fill
    assert "Seq Scan on staging_acra_companies" not in fill
    for _ in range(RUNS):
        picked = await chosen.pick(params, campaign, 5)
        assert len(picked.rows) == 5
        campaign = campaign.model_copy(update={"after": picked.after})
    async with database.session() as connection:
        values = (asked, "", False, WINDOW, timedelta(days=7), timedelta(days=1), datetime.now(UTC))
        for _ in range(RUNS):
            window = await plan(connection, selection._WINDOW_SQL, *values)
    assert "Seq Scan on staging_acra_companies" not in window
    read = [int(n) for n in re.findall(r"staging_acra_companies.*?rows=(\d+)", window)]
    assert max(read) < rows_of_registry / 20
    async with database.session() as connection:
        lines = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {selection._WINDOW_SQL}", *values)
    done = "\n".join(line[0] for line in lines)
    print(done)
    looked_at = [
        float(rows) * int(loops)
        for rows, loops in re.findall(r"staging_acra_companies.*?actual rows=([\d.]+) loops=(\d+)", done)
    ]
    # A window of 200 keys, each looked up once: the work of a job does not depend on the size of the registry.
    assert looked_at
    assert sum(looked_at) <= 2 * WINDOW


async def plan(connection: Connection, sql: str, *values: object) -> str:
    return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {sql}", *values))


async def test_selection_never_scans_the_registry(database: Database, owner: Connection, shape: PlatformShape) -> None:
    await furnish(owner, 30_000)
    await assert_no_scan(database, shape, 30_000)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_selection_never_scans_two_million_rows(
    database: Database, owner: Connection, shape: PlatformShape
) -> None:
    await furnish(owner, 2_000_000)
    await assert_no_scan(database, shape, 2_000_000)
