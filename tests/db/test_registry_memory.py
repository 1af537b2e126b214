"""The memory of a registry load does not grow with the file."""

from __future__ import annotations

import pytest
from registry_months import load_month

from acra_express_async.db.session.pool import Connection

SMALL, MONTH = 50_000, 500_000


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_memory_of_a_load_does_not_grow_with_the_file(fresh_dsn: str, owner: Connection) -> None:
    small = await load_month(fresh_dsn, SMALL)
    assert (small.loaded, small.updated) == (SMALL, 0)
    month = await load_month(fresh_dsn, MONTH)
    assert (month.loaded, month.updated, month.unchanged) == (MONTH - SMALL, 0, SMALL)
    assert await owner.fetchval("SELECT count(*) FROM staging_acra_companies") == MONTH
    # With a file ten times as large, keeping even a few bytes per row would show as tens of megabytes.
    assert month.file_megabytes > 9 * small.file_megabytes
    assert month.megabytes < 1.15 * small.megabytes
