"""Forbidden statements of the tenant role and the database's answers; ``-s`` prints them as one list."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from acra_express_async.db.schema.grants import grant_all
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.models import Outcome, OutcomeKind, Usage

from .builders import a_company, stored

NO_ROW = "no row"
ATTEMPTS = (
    ("read a nightly job", "SELECT * FROM public.background_jobs"),
    ("read one through our view", "SELECT * FROM acra_express.express_jobs WHERE job_type NOT LIKE 'acra_express_%'"),
    ("requeue a nightly job", "UPDATE public.background_jobs SET status = 'queued' WHERE job_id = 900"),
    ("requeue one through our view", "UPDATE acra_express.express_jobs SET status = 'done' WHERE job_id = 900"),
    ("delete a nightly job", "DELETE FROM public.background_jobs WHERE job_id = 900"),
    ("delete one of our own", "DELETE FROM acra_express.express_jobs WHERE job_id = 901"),
    ("lock a nightly job", "SELECT FROM public.background_jobs WHERE job_id = 900 FOR UPDATE"),
    (
        "enqueue a nightly job",
        "INSERT INTO public.background_jobs (job_type, status) VALUES ('staging_upsert', 'queued')",
    ),
    (
        "enqueue one through our view",
        "INSERT INTO acra_express.express_jobs (job_type, status) VALUES ('enrich_candidates', 'queued')",
    ),
    ("turn one of ours into a nightly job", "UPDATE acra_express.express_jobs SET job_type = 'enrich_candidates'"),
    ("read another tenant's headers", "SELECT * FROM public.enrichment_runs WHERE tenant_id = 501"),
    ("read a header without tenant", "SELECT * FROM public.enrichment_runs WHERE tenant_id IS NULL"),
    ("write a header for another tenant", "INSERT INTO public.enrichment_runs (tenant_id) VALUES (501)"),
    ("write a header without tenant", "INSERT INTO public.enrichment_runs (tenant_id) VALUES (NULL)"),
    ("change another tenant's header", "UPDATE public.enrichment_runs SET status = 'failed' WHERE tenant_id = 501"),
    ("delete another tenant's header", "DELETE FROM public.enrichment_runs WHERE tenant_id = 501"),
    ("read another tenant's usage", "SELECT * FROM public.run_vendor_usage WHERE tenant_id = 501"),
    (
        "write another tenant's usage",
        "INSERT INTO public.run_vendor_usage (run_id, tenant_id, vendor) VALUES (1, 501, 'zerobounce')",
    ),
    ("read customers' connections", "SELECT * FROM public.odoo_connections"),
    ("cut a customer's connection", "UPDATE public.odoo_connections SET active = false"),
    ("add a customer's connection", "INSERT INTO public.odoo_connections (tenant_id) VALUES (9)"),
    ("create a table", "CREATE TABLE public.mine (x int)"),
    ("create a table in our own schema", "CREATE TABLE acra_express.mine (x int)"),
    ("add a column", "ALTER TABLE public.enrichment_runs ADD COLUMN IF NOT EXISTS tenant_id integer"),
    ("drop a table", "DROP TABLE public.companies"),
    ("empty a table", "TRUNCATE public.companies"),
    ("create an index", "CREATE INDEX ON public.companies (name)"),
    ("create a function", "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    (
        "replace an owner's function",
        "CREATE OR REPLACE FUNCTION acra_express.nightly_running() RETURNS boolean LANGUAGE sql AS 'SELECT false'",
    ),
    ("switch the trigger off", "ALTER TABLE public.background_jobs DISABLE TRIGGER ALL"),
    ("drop row-level security", "ALTER TABLE public.enrichment_runs DISABLE ROW LEVEL SECURITY"),
    ("lock companies", "LOCK TABLE public.companies IN ACCESS EXCLUSIVE MODE"),
    ("make a role", "CREATE ROLE mine"),
)
SECURED = ("enrichment_runs", "run_vendor_usage", "run_event_logs")
DISGUISED = (
    *((f"as 501: read its rows of {table}", f"SELECT * FROM public.{table}") for table in SECURED),
    ("as 501: write a header", "INSERT INTO public.enrichment_runs (tenant_id) VALUES (501)"),
    (
        "as 501: write its usage",
        "INSERT INTO public.run_vendor_usage (run_id, tenant_id, vendor) VALUES (1000, 501, 'serper')",
    ),
    (
        "as 501: write into its log",
        "INSERT INTO public.run_event_logs (run_id, tenant_id, stage, event, status) VALUES (1000, 501, 'x', 'x', 'x')",
    ),
    ("as 501: write a header of ours", "INSERT INTO public.enrichment_runs (tenant_id) VALUES ({ours})"),
    ("as 501: lift the wall", "DROP POLICY acra_express_only ON public.enrichment_runs"),
    ("as 501: widen the wall", "ALTER POLICY acra_express_only ON public.enrichment_runs USING (true)"),
)
"""Statements that the role tries after `set_config('request.tenant_id', '501', true)`, which it is free to run."""


@pytest_asyncio.fixture
async def neighbours(owner: Connection) -> AsyncIterator[Connection]:
    """A nightly job, one of ours, a customer with connection, header, usage and event, and a header without tenant."""
    await owner.execute(
        """
        INSERT INTO background_jobs (job_id, job_type, status, tenant_id) VALUES
            (900, 'staging_upsert', 'running', 501), (901, 'acra_express_staging_upsert', 'queued', NULL);
        INSERT INTO odoo_connections (tenant_id) VALUES (501);
        INSERT INTO enrichment_runs (run_id, tenant_id, status) VALUES (1000, 501, 'succeeded'), (1001, NULL, NULL);
        INSERT INTO run_vendor_usage (run_id, tenant_id, vendor, calls) VALUES (1000, 501, 'zerobounce', 5);
        INSERT INTO run_event_logs (run_id, tenant_id, stage, event, status) VALUES (1000, 501, 'search', 'x', 'ok')
        """
    )
    yield owner


async def picture(owner: Connection) -> list[object]:
    tables = ("background_jobs", "odoo_connections", *SECURED, "companies")
    return [await owner.fetch(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


async def answer_to(connection: Connection, attempt: str, tenant_id: int) -> str:
    """The database's answer to the role acting as this tenant; statements that succeed are marked DONE."""
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('request.tenant_id', $1, true)", str(tenant_id))
            # UPDATE and DELETE return a count, queries return rows
            rows = await connection.fetch(attempt)
            done = await connection.execute(attempt) if not rows else f"{len(rows)} rows"
    except (asyncpg.InsufficientPrivilegeError, asyncpg.WithCheckOptionViolationError) as refused:
        return f"{refused.sqlstate} {refused}".splitlines()[0]
    return NO_ROW if done.endswith(" 0") else f"DONE: {done}"


async def test_b24_the_database_refuses_every_forbidden_statement(database: Database, neighbours: Connection) -> None:
    before = await picture(neighbours)
    answers = []
    async with database.session() as connection:
        assert await connection.fetchval("SELECT current_user") == "acra_express"
        for what, attempt in ATTEMPTS:
            answers.append((what, await answer_to(connection, attempt, database.tenant_id)))
        for what, attempt in DISGUISED:
            statement = attempt.format(ours=database.tenant_id)
            answers.append((what, await answer_to(connection, statement, 501)))
    print("\n" + "\n".join(f"{what:<38} {answer}" for what, answer in answers))
    assert [(what, answer) for what, answer in answers if answer.startswith("DONE")] == []
    hidden = {what for what, answer in answers if answer == NO_ROW}
    assert hidden == {  # row-level security and the view do not refuse, they show no rows
        "read one through our view",
        "requeue one through our view",
        "read another tenant's headers",
        "read a header without tenant",
        "read another tenant's usage",
        *(f"as 501: read its rows of {table}" for table in SECURED),
    }
    assert {answer[:5] for what, answer in answers if what not in hidden} == {"42501", "44000"}
    assert await picture(neighbours) == before


@pytest_asyncio.fixture
async def a_customer_s_role(owner: Connection) -> AsyncIterator[str]:
    """A role with the same grants but without our policy, so that it can write rows of a customer."""
    role = f"theirs_{secrets.token_hex(4)}"
    await owner.execute(f"CREATE ROLE {role} NOLOGIN NOINHERIT")
    await grant_all(owner, role)
    yield role
    await owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_b23_two_tenants_never_see_rows_of_each_other(
    database: Database, neighbours: Connection, a_customer_s_role: str, fresh_dsn: str, shape: object
) -> None:
    """Our role under our tenant, another role under a customer's: each sees only its own run, usage and events."""
    theirs = Database(fresh_dsn, role=a_customer_s_role, tenant_id=501, size=1)
    await theirs.open()
    usage = Usage(searches=1, pages=2, tokens=3)
    try:
        runs = {}
        for number, tenant in enumerate((database, theirs)):
            company = await a_company(neighbours, f"20190000{number}A")
            outcome = Outcome(OutcomeKind.NO_WEBSITE, "no_search_results", usage=usage)
            runs[tenant] = (await stored(tenant, shape, company, outcome)).run_id  # type: ignore[arg-type]
        for tenant, before in ((database, set()), (theirs, {1000})):
            seen = {}
            async with tenant.session() as connection:
                for table in SECURED:
                    rows = await connection.fetch(f"SELECT run_id, tenant_id FROM {table}")
                    assert {row["tenant_id"] for row in rows} == {tenant.tenant_id}
                    seen[table] = {row["run_id"] for row in rows}
            assert seen == {
                "enrichment_runs": {runs[tenant]} | before,
                "run_vendor_usage": {runs[tenant]} | before,
                "run_event_logs": {runs[tenant]} | before,
            }
    finally:
        await theirs.close()
    assert await neighbours.fetchval("SELECT count(*) FROM enrichment_runs") == 4
