"""How far the tenant role reaches: at start it tries what it must not be able to do, and must be refused.

Grants can be widened by hand, a role can be made superuser or BYPASSRLS, a policy can vanish: none of that shows
before it hurts. Everything happens in a transaction that is rolled back, whatever comes of it.
"""

from __future__ import annotations

import asyncpg

from acra_express_async import logs
from acra_express_async.db.grants import lost_grants
from acra_express_async.db.pool import Connection

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
"""What, of which table (one that is missing is out of reach), and the attempt."""

_HEADER = "INSERT INTO public.enrichment_runs (tenant_id) VALUES ($1)"


async def reach_faults(connection: Connection, role: str, tenant_id: int) -> list[str]:
    """One sentence for what the role lacks, else those of `overreach`; [] is right."""
    lost = await lost_grants(connection, role)
    if lost:
        return [f"the role {role} has lost its grants ({', '.join(lost)}); run `acra-express migrate` again"]
    return await overreach(connection, role, tenant_id)


async def overreach(connection: Connection, role: str, tenant_id: int) -> list[str]:
    """One sentence for each thing that the role can do and must not, or must be able to do and cannot; [] is right.

    A question that met a lock of the nightly's is left out: it was about a grant, and locks are taken after those.

    Args:
        role: the tenant role; it is taken for the transaction, whatever the session acts as.
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
            faults.append(f"row-level security of enrichment_runs does not hold the role {role} to its own tenant")
        elif await _succeeds(connection, _HEADER, tenant_id) is False:
            faults.append(f"the role {role} cannot write a header of its own tenant into enrichment_runs")
    finally:
        await outer.rollback()
    return faults


async def _succeeds(connection: Connection, statement: str, *values: object) -> bool | None:
    """Whether the database lets the statement through; None when a lock was in the way of an answer."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        await connection.execute(statement, *values)
    except _REFUSED:
        return False
    except _BUSY as busy:
        log.info("reach.busy", error=str(busy))
        return None
    else:
        return True
    finally:
        await attempt.rollback()
