"""What the tenant role may and may not do, and the owner's functions that it uses instead (B1, B4, B5, B16)."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest

from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import Away, DatabaseAway

REFUSED = [
    "SELECT * FROM background_jobs",
    "UPDATE background_jobs SET status = 'queued' WHERE job_type = 'staging_upsert'",
    "DELETE FROM background_jobs",
    "SELECT * FROM odoo_connections",
    "SELECT status FROM tenants",
    "INSERT INTO companies (uen, name) VALUES ('x', 'x')",
    "DELETE FROM companies",
    "UPDATE companies SET uen = 'x'",
    "UPDATE companies SET employees_est = 1",
    "UPDATE enrichment_runs SET status = 'running'",
    "DELETE FROM enrichment_runs",
    "UPDATE company_enrichment_runs SET about_text = ''",
    "UPDATE contacts SET email = 'x'",
    "DELETE FROM contacts",
    "UPDATE lead_emails SET left_company = true",
    "UPDATE lead_emails SET bounce_count = 0",
    "DELETE FROM lead_emails",
    "DELETE FROM email_verification_cache",
    "UPDATE staging_acra_companies SET entity_name = 'x'",
    "INSERT INTO run_summaries (run_id, tenant_id) VALUES (1, 1)",
    "SELECT acra_express.nightly_holds(ARRAY['staging_upsert'])",
    "UPDATE acra_express.hash_key SET key = ''",
    "CREATE TABLE public.mine (x int)",
    "CREATE TABLE acra_express.mine (x int)",
    "ALTER TABLE companies ADD COLUMN mine int",
    "DROP TABLE companies",
    "TRUNCATE companies",
    "CREATE INDEX ON companies (name)",
]


@pytest.mark.parametrize("attempt", REFUSED)
async def test_b24_the_role_lacks_the_privilege(database: Database, attempt: str) -> None:
    with pytest.raises(DatabaseAway) as refused:
        async with database.session() as connection:
            await connection.execute(attempt)
    assert refused.value.reason is Away.GRANTS


async def test_the_role_cannot_lock_the_table_itself(database: Database) -> None:
    with pytest.raises(DatabaseAway, match="permission denied"):
        async with database.transaction() as connection:
            await connection.execute("LOCK TABLE companies IN ACCESS EXCLUSIVE MODE")


async def test_b23_headers_of_other_tenants_are_out_of_reach(database: Database, owner: Connection) -> None:
    await owner.execute("INSERT INTO enrichment_runs (tenant_id, status) VALUES (777, 'succeeded'), (NULL, NULL)")
    async with database.session() as connection:
        assert await connection.fetchval("SELECT count(*) FROM enrichment_runs") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("INSERT INTO enrichment_runs (tenant_id, status) VALUES (777, 'succeeded')")


async def nightly_job(owner: Connection, job_type: str, status: str, *, age: timedelta, params: object = None) -> None:
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, created_at, started_at, params)"
        " VALUES ($1, $2, now() - $3::interval, CASE WHEN $2 = 'running' THEN now() - $3::interval END, $4)",
        job_type,
        status,
        age,
        params,
    )


@pytest.mark.parametrize(
    ("job_type", "status", "age", "expected"),
    [
        ("staging_upsert", "running", timedelta(minutes=1), True),
        ("enrich_candidates", "running", timedelta(hours=2), True),
        ("enrich_candidates", "queued", timedelta(minutes=1), False),
        ("staging_upsert", "running", timedelta(hours=7), False),
        ("web_discovery_bg_enrich", "running", timedelta(minutes=1), False),
        ("acra_express_staging_upsert", "running", timedelta(minutes=1), False),
    ],
)
async def test_a_running_nightly_is_recognised(
    database: Database, owner: Connection, job_type: str, status: str, age: timedelta, expected: bool
) -> None:
    await nightly_job(owner, job_type, status, age=age)
    async with database.session() as connection:
        assert await connection.fetchval("SELECT acra_express.nightly_running()") is expected


async def test_a_running_nightly_job_without_a_start_counts(database: Database, owner: Connection) -> None:
    await owner.execute("INSERT INTO background_jobs (job_type, status) VALUES ('staging_upsert', 'running')")
    async with database.session() as connection:
        assert await connection.fetchval("SELECT acra_express.nightly_running()") is True


async def test_b5_codes_of_nightly_jobs_are_held_for_some_nights(database: Database, owner: Connection) -> None:
    day = timedelta(days=1)
    await nightly_job(owner, "enrich_candidates", "queued", age=day, params={"ssic_codes": ["01111", "47102", "x"]})
    await nightly_job(owner, "enrich_candidates", "queued", age=3 * day, params={"ssic_codes": ["62011"]})
    await nightly_job(owner, "enrich_candidates", "done", age=day, params={"ssic_codes": ["62012"]})
    await nightly_job(owner, "enrich_candidates", "running", age=day, params={"ssic_codes": "no list"})
    await nightly_job(owner, "enrich_candidates", "running", age=day)
    async with database.session() as connection:
        for nights, expected in ((2, {"1111", "47102", ""}), (4, {"1111", "47102", "62011", ""}), (0, set())):
            codes = await connection.fetch("SELECT acra_express.nightly_codes($1)", nights)
            assert {row[0] for row in codes} - {""} == expected - {""}


async def test_b5_codes_of_nightly_jobs_with_retries_left_are_held(database: Database, owner: Connection) -> None:
    """Each pass of the nightly queues them again; after two retries it gives a job up."""
    day = timedelta(days=1)
    for code, retries in (("1", None), ("2", 0), ("3", 1), ("4", 2), ("5", 3), ("6", "1"), ("7", "many"), ("8", {})):
        params = {"ssic_codes": [code]} | ({} if retries is None else {"retries": retries})
        await nightly_job(owner, "enrich_candidates", "error", age=day, params=params)
    await nightly_job(owner, "staging_upsert", "error", age=day, params={"ssic_codes": ["9"]})
    async with database.session() as connection:
        codes = await connection.fetch("SELECT acra_express.nightly_codes(2)")
    assert {row[0] for row in codes} == {"1", "2", "3", "6", "7", "8"}


async def test_b4_a_tenant_is_free_only_without_customer_or_jobs(database: Database, owner: Connection) -> None:
    await owner.execute("INSERT INTO odoo_connections (tenant_id, active) VALUES (501, false)")
    await owner.execute(
        "INSERT INTO background_jobs (tenant_id, job_type, status) VALUES (502, 'staging_upsert', 'done'),"
        " (503, 'acra_express_staging_upsert', 'done')"
    )
    async with database.session() as connection:
        answers = [await connection.fetchval("SELECT acra_express.tenant_is_free($1)", n) for n in (501, 502, 503)]
        assert answers == [False, False, True]
        assert await connection.fetchval("SELECT acra_express.tenant_is_free(NULL)") is False
    await owner.execute("DROP TABLE odoo_connections")
    async with database.session() as connection:
        assert await connection.fetchval("SELECT acra_express.tenant_is_free(501)") is True


async def test_b16_work_of_other_tenants_is_counted_but_not_visible(database: Database, owner: Connection) -> None:
    ours = database.tenant_id
    for tenant, calls, hours in ((901, 10, 1), (902, 5, 30), (None, 3, 1), (ours, 100, 1)):
        run = await owner.fetchval(
            "INSERT INTO enrichment_runs (tenant_id, started_at) VALUES ($1, now() - make_interval(hours => $2))"
            " RETURNING run_id",
            tenant,
            hours,
        )
        await owner.execute(
            "INSERT INTO run_vendor_usage (run_id, tenant_id, vendor, calls) VALUES ($1, $2, 'zerobounce', $3),"
            " ($1, $2, 'tavily', 50)",
            run,
            tenant or 0,
            calls,
        )
        company = await owner.fetchval("INSERT INTO companies (name) VALUES ('x') RETURNING company_id")
        await owner.execute("INSERT INTO company_enrichment_runs (company_id, run_id) VALUES ($1, $2)", company, run)
    async with database.session() as connection:
        assert await connection.fetchval("SELECT count(*) FROM run_vendor_usage") == 2
        since = "SELECT acra_express.verifications_elsewhere_since(now() - interval '24 hours')"
        assert await connection.fetchval(since) == 13
        days = "SELECT sum(acra_express.nightly_companies(d::date)) FROM generate_series(now() - '2 days'::interval,"
        assert await connection.fetchval(f"{days} now(), '1 day') AS d") == 3
