"""The guest rules that need no interleaving (see README.md in this folder); each test carries the rule's number."""

from __future__ import annotations

import ast
import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from rig import enqueue, statuses

from acra_express_async.db.companies.company_rows import load_company
from acra_express_async.db.ops.quick_look import quick_look
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.models import (
    Company,
    CompanyId,
    Job,
    JobId,
    JobType,
    Provider,
    Refused,
    Token,
    Usage,
)
from acra_express_async.sandbox.nightly import Nightly, alerts, queue_depth

from .guest import Guest, outcome_for
from .worlds import CUSTOMERS

TESTS = Path(__file__).resolve().parents[1]
AUDIT = TESTS / "nightly/README.md"


def test_every_rule_has_a_row_and_every_named_test_exists() -> None:
    """README.md in this folder lists every rule, its tests, and how each was broken."""
    names = {
        node.name
        for module in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    rows = re.findall(r"^\| B(\d+) \|.*$", AUDIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(set(range(1, 27)) - set(map(int, rows))) == []
    named = set(re.findall(r"`(test_b\d+_\w+)`", AUDIT.read_text(encoding="utf-8")))
    assert named - names == set()
    assert {name for name in names if re.match(r"test_b\d+_", name)} - named == set()


async def first_company(owner: Connection) -> Company:
    company = await load_company(owner, CompanyId(await owner.fetchval("SELECT min(company_id) FROM companies")))
    assert company is not None
    return company


async def saved(guest: Guest, owner: Connection, database: Database, *, usage: Usage | None = None) -> Company:
    """Store the result of one company."""
    company = await first_company(owner)
    async with database.transaction() as connection:
        job = Job(JobId(1), JobType.ENRICHMENT, Token(1), {}, await connection.fetchval("SELECT now()"))
        outcome = replace(outcome_for(company), usage=usage or Usage())
        await guest.companies.save(connection, job, company, outcome)
    return company


async def test_b8_our_headers_are_never_visible_unfinished(
    guest: Guest, furnished: Connection, database: Database
) -> None:
    """The platform's alert looks at the newest header of each tenant; a save that fails half-way leaves no header."""
    await saved(guest, furnished, database)
    await furnished.execute("ALTER TABLE run_event_logs ADD CONSTRAINT never CHECK (false) NOT VALID")
    with pytest.raises(asyncpg.CheckViolationError):
        await saved(guest, furnished, database)
    headers = await furnished.fetch("SELECT status, ended_at IS NOT NULL AS ended FROM enrichment_runs")
    assert [tuple(row) for row in headers] == [("succeeded", True)]


async def test_b9_no_summaries_and_manifests_are_written(
    guest: Guest, furnished: Connection, database: Database
) -> None:
    await saved(guest, furnished, database)
    for table in ("run_summaries", "run_manifests", "run_stage_stats"):
        assert await furnished.fetchval(f"SELECT count(*) FROM {table}") == 0


LIMITED = Usage(
    searches=3,
    pages=4,
    tokens=2100,
    verifications=1,
    refused=(
        Refused(Provider.DUCKDUCKGO, "timeout", "timeout"),
        Refused(Provider.JINA, "rate_limited", "http_429"),
        Refused(Provider.JINA, "rate_limited", "http_429"),
        Refused(Provider.ZEROBOUNCE, "blocked", "no_credits", free=True),
    ),
)


async def customers_headers(owner: Connection) -> None:
    """Three customers: the last run succeeded, the last run failed, the last run met a rate limit."""
    for tenant, status, hits in ((501, "succeeded", 0), (502, "running", 0), (503, "succeeded", 3)):
        run = await owner.fetchval(
            "INSERT INTO enrichment_runs (tenant_id, status) VALUES ($1, $2) RETURNING run_id", tenant, status
        )
        await owner.execute(
            "INSERT INTO run_vendor_usage (run_id, tenant_id, vendor, calls, rate_limit_hits)"
            " VALUES ($1, $2, 'jina_mcp', 9, $3)",
            run,
            tenant,
            hits,
        )


async def test_b8_b10_platform_alerts_are_the_same_with_and_without_us(
    guest: Guest, furnished: Connection, database: Database
) -> None:
    """No additional alert for our tenant, and no missing alert of a customer."""
    await customers_headers(furnished)
    before = await alerts(furnished)
    assert before == {"tenant 502: last run running", "tenant 503: rate limit jina_mcp"}
    await saved(guest, furnished, database)
    await saved(guest, furnished, database, usage=LIMITED)
    assert await alerts(furnished) == before


async def test_b10_refused_calls_are_booked_under_our_own_tenant(
    guest: Guest, furnished: Connection, database: Database
) -> None:
    await saved(guest, furnished, database, usage=LIMITED)
    async with database.transaction() as connection:
        await guest.companies.book(connection, LIMITED)
    rows = await furnished.fetch(
        "SELECT vendor, calls, errors, tokens_output AS tokens, rate_limit_hits AS hits, quota_exhausted AS quota"
        " FROM run_vendor_usage WHERE tenant_id = $1 ORDER BY run_id, vendor",
        database.tenant_id,
    )
    lines = [
        ("acra_express_ddg", 3, 1, 0, 0, False),
        ("acra_express_jina", 4, 2, 2100, 2, False),
        ("zerobounce", 2, 1, 0, 0, True),
    ]
    assert [tuple(row.values()) for row in rows] == lines * 2
    assert (
        await furnished.fetchval("SELECT count(*) FROM run_vendor_usage WHERE tenant_id <> $1", database.tenant_id) == 0
    )
    assert await alerts(furnished) == set()  # a newer header in each of the two transactions clears the alert


async def test_b10_newest_run_with_rate_limit_hits_trips_the_alert(
    guest: Guest, furnished: Connection, database: Database
) -> None:
    await saved(guest, furnished, database, usage=LIMITED)
    await furnished.execute("DELETE FROM enrichment_runs WHERE run_id = (SELECT max(run_id) FROM enrichment_runs)")
    ours = f"tenant {database.tenant_id}: rate limit "
    assert await alerts(furnished) == {ours + "acra_express_jina", ours + "zerobounce"}


@pytest.mark.parametrize("lacks", ["rate_limit_hits", "quota_exhausted", "errors"])
async def test_b10_calls_are_booked_without_the_optional_columns(
    guest: Guest, furnished: Connection, database: Database, lacks: str
) -> None:
    await furnished.execute(f"ALTER TABLE run_vendor_usage DROP {lacks}")
    await saved(guest, furnished, database, usage=LIMITED)
    rows = await furnished.fetch("SELECT vendor, calls FROM run_vendor_usage ORDER BY vendor")
    assert [tuple(row) for row in rows] == [("acra_express_ddg", 3), ("acra_express_jina", 4), ("zerobounce", 2)]


async def test_b11_job_rows_stand_under_the_express_tenant(
    guest: Guest, furnished: Connection, database: Database
) -> None:
    """The queue of a customer never grows, even if the customer requested the work."""
    async with database.transaction() as connection:
        await guest.jobs.insert(connection, JobType.ENRICHMENT, {"company_ids": [1], "requested_by_tenant": 501})
    assert await queue_depth(furnished, database.tenant_id) == 1
    assert [await queue_depth(furnished, customer) for customer in CUSTOMERS] == [0] * len(CUSTOMERS)


async def test_b12_the_platform_worker_is_not_woken(furnished: Connection, fresh_dsn: str) -> None:
    """The platform's channel is silent for our rows; our channel receives ours and none of the platform's."""
    heard: list[str] = []
    arrived = asyncio.Event()
    listener = await connect(fresh_dsn, {})

    def note(_connection: Any, _pid: int, channel: str, _payload: object) -> None:
        heard.append(channel)
        if channel == "end_of_test":
            arrived.set()

    try:
        for channel in ("bg_jobs", "acra_express_jobs", "end_of_test"):
            await listener.add_listener(channel, note)
        await furnished.execute("INSERT INTO background_jobs (job_type, status) VALUES ('staging_upsert', 'queued')")
        await enqueue(furnished, 3)
        await furnished.execute("NOTIFY end_of_test")
        await arrived.wait()
    finally:
        await listener.close()
    assert heard == ["acra_express_jobs", "end_of_test"]


@pytest.mark.parametrize("job_type", ["staging_upsert", "enrich_candidates", "web_discovery_bg_enrich"])
async def test_b13_jobs_of_platform_types_cannot_be_written(
    furnished: Connection, database: Database, job_type: str
) -> None:
    [job_id] = await enqueue(furnished)
    async with database.session() as connection:
        for statement in (
            "INSERT INTO acra_express.express_jobs (job_type, status) VALUES ($1, 'queued')",
            "INSERT INTO public.background_jobs (job_type, status) VALUES ($1, 'queued')",
        ):
            with pytest.raises((asyncpg.WithCheckOptionViolationError, asyncpg.InsufficientPrivilegeError)):
                await connection.execute(statement, job_type)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE acra_express.express_jobs SET job_type = $1", job_type)
    assert await furnished.fetchval("SELECT job_type FROM background_jobs WHERE job_id = $1", job_id) == JobType.STAGING


async def test_b14_nightly_maintenance_leaves_our_jobs_alone(furnished: Connection, fresh_dsn: str) -> None:
    await enqueue(furnished, 2)
    await furnished.execute(
        "UPDATE background_jobs SET status = CASE job_id % 2 WHEN 0 THEN 'running' ELSE 'error' END,"
        " started_at = now() - interval '2 hours'"
    )
    before = await furnished.fetch("SELECT * FROM background_jobs ORDER BY job_id")
    await Nightly(fresh_dsn).run_pass()
    assert await furnished.fetch("SELECT * FROM background_jobs ORDER BY job_id") == before
    assert await statuses(furnished) == {"running": 1, "error": 1}


async def test_b15_the_role_can_see_how_full_the_server_is(
    furnished: Connection, database: Database, fresh_dsn: str
) -> None:
    before = (await quick_look(database)).connections
    more = [await connect(fresh_dsn, {}) for _ in range(5)]
    try:
        after = (await quick_look(database)).connections
    finally:
        for one in more:
            await one.close()
    async with database.session() as connection:
        name = await connection.fetchval("SELECT current_setting('application_name')")
    assert 0 < before < after <= 1
    assert name == "acra-express"


async def test_b22_scores_and_customer_tables_are_out_of_reach(furnished: Connection, database: Database) -> None:
    await furnished.execute(
        "CREATE TABLE lead_scores (company_id bigint PRIMARY KEY, tenant_id int); CREATE TABLE icp_rules (rule_id int)"
    )
    async with database.session() as connection:
        for table in ("lead_scores", "icp_rules", "odoo_connections"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"INSERT INTO {table} DEFAULT VALUES")


async def test_b25_our_query_does_not_wait_long_for_a_nightly_alter(furnished: Connection, database: Database) -> None:
    """A reader that waits for an ALTER makes all later sessions wait too, so ours gives up at once."""
    blocker = furnished.transaction()
    await blocker.start()
    await furnished.execute("ALTER TABLE enrichment_runs ADD COLUMN IF NOT EXISTS tenant_id integer")
    with pytest.raises(Exception, match="lock"):
        async with database.session() as connection:
            await connection.fetchval("SELECT acra_express.nightly_companies(current_date)")
    await blocker.rollback()


async def test_b26_our_result_survives_the_overwriting_nightly(
    guest: Guest, furnished: Connection, database: Database, fresh_dsn: str
) -> None:
    company = await saved(guest, furnished, database)
    await furnished.execute(
        "UPDATE companies SET website_domain = 'theirs.sg', linkedin_url = NULL, email = NULL, phone_number = NULL"
        " WHERE company_id = $1",
        company.company_id,
    )
    story = await furnished.fetchval(
        "SELECT source_json FROM company_enrichment_runs WHERE company_id = $1", company.company_id
    )
    assert story["site"]["domain"] == outcome_for(company).site.domain  # type: ignore[union-attr]
    assert story["emails"][0]["address"] == f"info@{story['site']['domain']}"
