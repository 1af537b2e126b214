"""What an operator sees of the nightly beside us: its running jobs, and what the two cost each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from acra_express_async.db.jobs.neighbours import NightlyJob, NightlyOverlap
from acra_express_async.db.ops.control import Control
from acra_express_async.db.session.pool import Connection, Database

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def job(job_type: str, minutes: int) -> NightlyJob:
    started = NOON - timedelta(minutes=minutes)
    return NightlyJob(1, job_type, started, started + timedelta(hours=6))


@pytest.mark.parametrize(
    ("job_type", "minutes", "stale"),
    [
        ("staging_upsert", 29, False),
        ("staging_upsert", 31, True),
        ("staging_upsert", 359, True),
        ("staging_upsert", 361, False),
        ("enrich_candidates", 200, False),
    ],
)
def test_only_a_staging_job_that_holds_us_too_long_is_stale(job_type: str, minutes: int, stale: bool) -> None:
    assert job(job_type, minutes).is_stale(NOON) is stale


async def test_running_jobs_of_the_nightly_are_named(owner: Connection, database: Database) -> None:
    await owner.execute(
        """
        INSERT INTO background_jobs (job_type, status, started_at) VALUES
            ('enrich_candidates', 'running', now() - interval '5 minutes'),
            ('staging_upsert', 'running', now() - interval '3 hours'),
            ('staging_upsert', 'running', now() - interval '7 hours'),
            ('staging_upsert', 'done', now()),
            ('web_discovery_bg_enrich', 'running', now()),
            ('acra_express_staging_upsert', 'running', now())
        """
    )
    found = await Control(database).nightly_jobs()
    assert [(each.job_id, each.job_type) for each in found] == [(2, "staging_upsert"), (1, "enrich_candidates")]
    assert found[0].holds_until - found[0].started_at == timedelta(hours=6)


async def test_a_running_job_without_a_start_is_shown(owner: Connection, database: Database) -> None:
    """It counts from its creation, and no longer than any other: it does not hold us for ever and unseen."""
    control = Control(database)
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, created_at)"
        " VALUES ('staging_upsert', 'running', now() - interval '1 hour')"
    )
    [found] = await control.nightly_jobs()
    assert (found.job_type, found.holds_until - found.started_at) == ("staging_upsert", timedelta(hours=6))
    assert await control.nightly_running()
    await owner.execute("UPDATE background_jobs SET created_at = now() - interval '7 hours'")
    assert not await control.nightly_running()
    assert await control.nightly_jobs() == []


async def test_the_price_of_overlap_is_counted(owner: Connection, database: Database) -> None:
    """Of six companies two are enriched by us, within seven days, and candidates of a pending job; one has another UEN
    now."""
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, created_at, params) VALUES"
        " ('enrich_candidates', 'queued', now() - interval '9 days', '{\"ssic_codes\": [\"01111\", \"62011\"]}'),"
        " ('enrich_candidates', 'done', now(), '{\"ssic_codes\": [\"47102\"]}')"
    )
    await owner.execute(
        """
        WITH made AS (
            INSERT INTO companies (uen, name, industry_code) VALUES
                ('U1', 'a', '1111'), ('U2', 'b', '62011'), ('U3', 'c', '47102'), ('U4', 'd', '1111'),
                ('U5', 'e', '1111'), ('X6', 'f', NULL)
            RETURNING company_id, uen)
        INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, ended_at)
        SELECT 1, company_id, replace(uen, 'X', 'U'), CASE uen WHEN 'U4' THEN 'no_website' ELSE 'enriched' END,
               now() - CASE uen WHEN 'U5' THEN interval '8 days' ELSE interval '1 hour' END
        FROM made
        """
    )
    assert await Control(database).nightly_overlap() == NightlyOverlap(skipped_ahead=2, relabelled=1)
