"""The stand-in behaves like the platform's nightly; otherwise the pairs would not prove anything."""

from __future__ import annotations

from typing import Any

import pytest

from acra_express_async.db.session.pool import Connection
from acra_express_async.sandbox.nightly import DAILY_LIMIT, Nightly, alerts

from .test_bad_guests import enrichment_job
from .worlds import CUSTOMERS, nightly_jobs


async def job(owner: Connection, job_type: str, status: str, **params: Any) -> int:
    return int(
        await owner.fetchval(
            "INSERT INTO background_jobs (tenant_id, job_type, status, params, started_at)"
            " VALUES ($1, $2, $3, $4, now() - interval '40 minutes') RETURNING job_id",
            CUSTOMERS[0],
            job_type,
            status,
            params,
        )
    )


async def test_maintenance_requeues_only_its_stale_and_failed_jobs(furnished: Connection, fresh_dsn: str) -> None:
    stale = await job(furnished, "enrich_candidates", "running", ssic_codes=["99999"])
    failed = await job(furnished, "enrich_candidates", "error", ssic_codes=["99999"], retries=1)
    given_up = await job(furnished, "staging_upsert", "error", terms=["x"], retries=2)
    foreign = await job(furnished, "web_discovery_bg_enrich", "running")
    await Nightly(fresh_dsn).run_pass()
    found = dict(await furnished.fetch("SELECT job_id, status FROM background_jobs"))  # type: ignore[arg-type]
    assert found == {stale: "done", failed: "done", given_up: "error", foreign: "running"}
    retries = await furnished.fetchval("SELECT params ->> 'retries' FROM background_jobs WHERE job_id = $1", failed)
    assert retries == "2"


async def test_a_padded_code_matches_nothing_and_the_job_is_done(furnished: Connection, fresh_dsn: str) -> None:
    await nightly_jobs(furnished, [("vegetables",)])
    figures = await Nightly(fresh_dsn).run_pass()
    assert (figures.staged, figures.lost_staging_jobs) == (0, 0)
    assert dict(figures.jobs) == {"staging_upsert:done": 1, "enrich_candidates:queued": 1}
    assert (
        await furnished.fetchval("SELECT params ->> 'ssic_codes' FROM background_jobs ORDER BY 1 LIMIT 1")
        == '["01111"]'
    )


async def test_a_job_without_a_tenant_is_uncapped_and_reuses_the_run(furnished: Connection, fresh_dsn: str) -> None:
    await furnished.execute("UPDATE companies SET industry_code = '62011'")
    await enrichment_job(furnished, "33120")
    await furnished.execute(
        "INSERT INTO background_jobs (job_type, status, params) VALUES ('enrich_candidates', 'queued', $1)",
        {"ssic_codes": ["62011"]},
    )
    figures = await Nightly(fresh_dsn).run_pass()
    assert figures.stored == 6
    charged = await furnished.fetchval(
        "SELECT count(*) FROM company_enrichment_runs h JOIN enrichment_runs r USING (run_id) WHERE r.tenant_id = $1",
        CUSTOMERS[0],
    )
    assert charged == 2  # its degraded rows: every third company


async def test_a_failed_job_leaves_a_running_header_and_an_alert(furnished: Connection, fresh_dsn: str) -> None:
    await enrichment_job(furnished)
    await furnished.execute("ALTER TABLE companies RENAME industry_code TO trade_code")
    figures = await Nightly(fresh_dsn).run_pass()
    assert (figures.failed_jobs, dict(figures.jobs)) == (1, {"enrich_candidates:error": 1})
    assert await alerts(furnished) == {f"tenant {CUSTOMERS[0]}: last run running"}


@pytest.mark.parametrize(("zone", "counted"), [("UTC", True), ("Pacific/Kiritimati", False)])
async def test_the_day_of_the_cap_begins_at_server_midnight(
    furnished: Connection, fresh_dsn: str, zone: str, counted: bool
) -> None:
    """Twenty rows from the first second of this UTC day; in another time zone of the server they may be yesterday's."""
    await enrichment_job(furnished)
    began = await furnished.fetchval("SELECT date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'")
    theirs = await furnished.fetchval(
        "SELECT date_trunc('day', now() AT TIME ZONE $1::text) AT TIME ZONE $1::text", zone
    )
    run = await furnished.fetchval(
        "INSERT INTO enrichment_runs (tenant_id, started_at) VALUES ($1, $2) RETURNING run_id", CUSTOMERS[0], began
    )
    await furnished.execute(
        "INSERT INTO companies (uen, name) SELECT 'Z' || n, 'Z' FROM generate_series(1, $1::int) n", DAILY_LIMIT
    )
    await furnished.execute(
        "INSERT INTO company_enrichment_runs (company_id, run_id)"
        " SELECT company_id, $1 FROM companies WHERE uen LIKE 'Z%'",
        run,
    )
    name = await furnished.fetchval("SELECT current_database()")
    await furnished.execute(f"ALTER DATABASE {name} SET timezone = '{zone}'")
    figures = await Nightly(fresh_dsn).run_pass()
    assert figures.deferred == int(counted or began >= theirs)


async def test_manual_run_takes_ten_jobs_scheduled_one_adds_customers(furnished: Connection, fresh_dsn: str) -> None:
    await nightly_jobs(furnished, [("nothing",)] * 12)
    assert (await Nightly(fresh_dsn).run_now()).jobs["staging_upsert:queued"] == 2
    await furnished.execute(
        "DELETE FROM background_jobs;"
        "CREATE TABLE icp_rules (tenant_id int, payload jsonb, created_at timestamptz DEFAULT now());"
        """INSERT INTO icp_rules VALUES (501, '{"preferred_titles": ["pump"], "industries": []}')"""
    )
    assert (await Nightly(fresh_dsn).run_all()).jobs["staging_upsert:done"] == 1
