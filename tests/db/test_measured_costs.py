"""What companies cost: a drift is followed, and few companies decide nothing."""

from __future__ import annotations

import json

import pytest

from acra_express_async.db.limits.measured_costs import LEAST_COMPANIES, MOST_COMPANIES, MOST_READ, measured_costs
from acra_express_async.db.session.pool import Connection, Database


async def ended(owner: Connection, pages: list[int], *, days_ago: int = 0) -> None:
    """Companies that ended one after another, a second apart, the last one now."""
    first = await owner.fetchval("SELECT coalesce(max(company_id), 0) FROM acra_express.outcomes")
    details = [
        json.dumps(
            {
                "usage": {"searches": 2, "pages": each, "tokens": 400 * each, "verifications": 0},
                "stage_seconds": {"search": 12.0, "read": 10.0},
                "waited_seconds": 4.0,
            }
        )
        for each in pages
    ]
    await owner.execute(
        """
        INSERT INTO acra_express.outcomes
            (job_id, company_id, uen, kind, reason, staged_at, campaign_at, ended_at, detail)
        SELECT 1, $1 + d.place, 'U' || ($1 + d.place), 'no_website', 'no_proof', c.at, c.at, c.at, d.detail::jsonb
        FROM unnest($2::text[]) WITH ORDINALITY AS d(detail, place)
        CROSS JOIN LATERAL (
            SELECT now() - make_interval(days => $3, secs => cardinality($2::text[]) - d.place) AS at) c
        """,
        first,
        details,
        days_ago,
    )


async def test_few_companies_are_no_measure(database: Database, owner: Connection) -> None:
    await ended(owner, [1] * (LEAST_COMPANIES - 1))
    async with database.session() as connection:
        assert await measured_costs(connection) is None
    await ended(owner, [1])
    async with database.session() as connection:
        costs = await measured_costs(connection)
    assert costs is not None
    assert (costs.searches, costs.pages, costs.tokens, costs.verifications) == pytest.approx((2, 1, 400, 0))
    assert (costs.seconds, costs.measured) == (pytest.approx(18.0), LEAST_COMPANIES)


async def test_the_newest_companies_count_most(database: Database, owner: Connection) -> None:
    """Two hundred companies of three pages, then a hundred of one: an equal average would still say 2.3."""
    await ended(owner, [3] * 200, days_ago=1)
    await ended(owner, [1] * 100)
    async with database.session() as connection:
        costs = await measured_costs(connection)
    assert costs is not None
    assert 1.5 < costs.pages < 1.8
    assert costs.tokens == pytest.approx(400 * costs.pages)


async def test_no_more_companies_are_read_than_count(database: Database, owner: Connection) -> None:
    await ended(owner, [3] * 50, days_ago=1)
    await ended(owner, [1] * MOST_COMPANIES)
    await ended(owner, [9] * 50, days_ago=8)
    async with database.session() as connection:
        costs = await measured_costs(connection)
    assert costs is not None
    assert (costs.pages, costs.measured) == (pytest.approx(1.0), MOST_COMPANIES)


async def skipped(owner: Connection, companies: int) -> None:
    """Companies that end now without costing anything, as a list enqueued once more leaves them."""
    await owner.execute(
        """
        INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, reason, ended_at, detail)
        SELECT 2, coalesce(last.id, 0) + i, 'S' || i, 'skipped', 'recently_checked', now(), '{"usage": {"pages": 9}}'
        FROM (SELECT max(company_id) AS id FROM acra_express.outcomes WHERE job_id = 2) last
        CROSS JOIN generate_series(1, $1) AS i
        """,
        companies,
    )


async def test_companies_behind_many_skipped_ones_count(database: Database, owner: Connection) -> None:
    await ended(owner, [1] * LEAST_COMPANIES, days_ago=1)
    await skipped(owner, MOST_READ - LEAST_COMPANIES)
    async with database.session() as connection:
        costs = await measured_costs(connection)
    assert costs is not None
    assert (costs.pages, costs.measured) == (pytest.approx(1.0), LEAST_COMPANIES)


async def test_a_week_of_skipped_companies_is_not_read(database: Database, owner: Connection) -> None:
    """The read is bounded: what lies behind so many outcomes that cost nothing no longer counts."""
    await ended(owner, [1] * LEAST_COMPANIES, days_ago=1)
    await skipped(owner, MOST_READ)
    async with database.session() as connection:
        assert await measured_costs(connection) is None
