"""Checks at the start what the tenant role can reach, by trying what it must not be able to do.

Grants can be widened by hand, a role can be made superuser or BYPASSRLS, and a policy can disappear, all unnoticed
until they do harm. Every try runs in a transaction that is rolled back.
"""

from __future__ import annotations

import asyncpg

from acra_express_async import logs
from acra_express_async.db.schema.grants import lost_grants
from acra_express_async.db.schema.row_security import unrestricted_tables
from acra_express_async.db.session.pool import Connection

log = logs.logger("reach")

_REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.WithCheckOptionViolationError)
_BUSY = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)

_MUST_FAIL = (
    ("read the nightly's jobs", "background_jobs", "SELECT job_id FROM public.background_jobs LIMIT 1"),
    ("read customers' connections", "odoo_connections", "SELECT tenant_id FROM public.odoo_connections LIMIT 1"),
    (
        "write a job of the nightly",
        "background_jobs",
        "INSERT INTO public.background_jobs (job_type, status) VALUES ('staging_upsert', 'done')",
    ),
    (
        "write a job of the nightly through its own view",
        "background_jobs",
        "INSERT INTO acra_express.express_jobs (job_type, status) VALUES ('staging_upsert', 'done')",
    ),
)
"""What is tried, on which table (a missing one is out of reach), and the statement."""

_HEADER = "INSERT INTO public.enrichment_runs (tenant_id) VALUES ($1)"

_FOREIGN_JOB = """
    INSERT INTO acra_express.express_jobs (tenant_id, job_type, status)
    VALUES ($1, 'acra_express_staging_upsert', 'done')
"""

_DISGUISED = (
    ("enrichment_runs", _HEADER),
    ("run_vendor_usage", "INSERT INTO public.run_vendor_usage (run_id, tenant_id, vendor) VALUES (0, $1, 'probe')"),
    (
        "run_event_logs",
        "INSERT INTO public.run_event_logs (run_id, tenant_id, stage, event, status) VALUES (0, $1, 'x', 'x', 'x')",
    ),
)
"""Rows of another tenant, written with `request.tenant_id` set to it; tried where the table is secured by row."""

_SEEN = """
    SELECT EXISTS (
        SELECT FROM public.enrichment_runs
        WHERE run_id > (SELECT nextval(pg_get_serial_sequence('public.enrichment_runs', 'run_id'))) - 1000
          AND tenant_id <> $1)
"""
"""Headers of other tenants among the newest thousand: a short index range, however large the table is."""

_OTHERS = 20
"""How many other tenants the role pretends to be; each costs a round trip."""


async def reach_faults(connection: Connection, role: str, tenant_id: int) -> list[str]:
    """One sentence if the role lacks something, otherwise those of `overreach`; [] if there is no fault."""
    lost = await lost_grants(connection, role)
    if lost:
        return [f"the role {role} has lost its grants ({', '.join(lost)}); run `acra-express migrate` again"]
    unheld = await unrestricted_tables(connection, role, tenant_id)
    if unheld:
        held = f"nothing restricts the role {role} to tenant {tenant_id} on {', '.join(unheld)}"
        return [f"{held}; run `acra-express migrate`"]
    return await overreach(connection, role, tenant_id)


async def creates_in_public(connection: Connection, role: str) -> bool:
    """Whether the role may create tables and functions in schema public.

    PostgreSQL granted that to everybody until version 14, and a database that was upgraded from there still does.
    """
    return bool(await connection.fetchval("SELECT has_schema_privilege($1::name, 'public', 'CREATE')", role))


async def overreach(connection: Connection, role: str, tenant_id: int) -> list[str]:
    """One sentence for each thing that the role can do but must not, or must be able to do but cannot.

    A try that ran into a lock of the nightly counts as neither.

    Args:
        role: the tenant role; it is set for the transaction, whatever role the session has.
        tenant_id: the express tenant.
    """
    faults = []
    outer = connection.transaction()
    await outer.start()
    try:
        await connection.execute(
            "SELECT set_config('role', $1, true), set_config('request.tenant_id', $2, true)", role, str(tenant_id)
        )
        for what, table, attempt in _MUST_FAIL:
            there = await connection.fetchval("SELECT to_regclass('public.' || $1::text) IS NOT NULL", table)
            if there and await _succeeds(connection, attempt):
                faults.append(f"the role {role} can {what}")
        if await _succeeds(connection, _HEADER, tenant_id + 1):
            faults.append(f"row-level security of enrichment_runs does not restrict the role {role} to its tenant")
        elif await _succeeds(connection, _HEADER, tenant_id) is False:
            faults.append(f"the role {role} cannot write a header of its own tenant into enrichment_runs")
        if await _succeeds(connection, _FOREIGN_JOB, tenant_id + 1):
            faults.append(f"the role {role} can enqueue a job under another tenant")
        faults += await _disguised(connection, role, tenant_id)
    finally:
        await outer.rollback()
    return faults


async def _disguised(connection: Connection, role: str, tenant_id: int) -> list[str]:
    """What the role can reach by pretending to be another tenant; leaves `request.tenant_id` changed."""
    secured = await connection.fetch(
        "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity"
    )
    tables = {row["name"] for row in secured}
    others = await connection.fetch(
        "SELECT tenant_id FROM public.tenants WHERE tenant_id <> $1 ORDER BY tenant_id LIMIT $2", tenant_id, _OTHERS
    )
    called = "SELECT set_config('request.tenant_id', $1, true)"
    faults = []
    for row in others:
        await connection.execute(called, str(row["tenant_id"]))
        if "enrichment_runs" in tables and await _answers(connection, _SEEN, tenant_id):
            faults.append(f"the role {role} can see another tenant's rows of enrichment_runs")
            break
    other = others[0]["tenant_id"] if others else tenant_id + 1
    await connection.execute(called, str(other))
    for table, attempt in _DISGUISED:
        if table in tables and await _succeeds(connection, attempt, other):
            faults.append(f"the role {role} can write another tenant's rows into {table}")
    return faults


async def _answers(connection: Connection, question: str, *values: object) -> bool:
    """The answer to a yes-or-no query; no, when a lock or a missing grant prevented it."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        return bool(await connection.fetchval(question, *values))
    except (*_REFUSED, *_BUSY) as refused:
        log.info("reach.unanswered", error=str(refused))
        return False
    finally:
        await attempt.rollback()


async def _succeeds(connection: Connection, statement: str, *values: object) -> bool | None:
    """Whether the database lets the statement through; None when a lock prevented an answer."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        await connection.execute(statement, *values)
    except _REFUSED:
        return False
    except _BUSY as busy:
        log.info("reach.busy", error=str(busy))
        return None
    except asyncpg.IntegrityConstraintViolationError:
        return True  # row-level security is checked before constraints, so it had let the row through
    else:
        return True
    finally:
        await attempt.rollback()
