"""The platform's own monitoring: its alerts every five minutes, and the queue depth that it shows to a customer."""

from __future__ import annotations

from acra_express_async.db.session.pool import Connection

LOW_CANDIDATES = 20


async def alerts(connection: Connection) -> set[str]:
    """The alerts that the platform's `alerts.py` would post now, one line per tenant and complaint.

    It looks at the newest header of every tenant. This checks the newest by id and the newest by start, so that neither
    meaning of the word can hide a complaint.
    """
    rows = await connection.fetch(
        """
        WITH newest AS (
            (SELECT DISTINCT ON (tenant_id) run_id, tenant_id, status FROM enrichment_runs
             ORDER BY tenant_id, run_id DESC)
            UNION
            (SELECT DISTINCT ON (tenant_id) run_id, tenant_id, status FROM enrichment_runs
             ORDER BY tenant_id, started_at DESC NULLS LAST, run_id DESC))
        SELECT tenant_id, 'last run ' || coalesce(status, 'without status') AS complaint FROM newest
        WHERE status IS DISTINCT FROM 'succeeded'
        UNION
        SELECT n.tenant_id, 'rate limit ' || u.vendor FROM newest n JOIN run_vendor_usage u USING (run_id)
        WHERE u.rate_limit_hits > 0 OR u.quota_exhausted
        UNION
        SELECT n.tenant_id, 'error rate of tavily' FROM newest n JOIN run_vendor_usage u USING (run_id)
        WHERE u.vendor = 'tavily' AND u.errors > 0
        UNION
        SELECT n.tenant_id, 'low candidates' FROM newest n JOIN run_summaries s USING (run_id)
        WHERE s.candidates < $1
        """,
        LOW_CANDIDATES,
    )
    return {f"tenant {row['tenant_id']}: {row['complaint']}" for row in rows}


async def queue_depth(connection: Connection, tenant_id: int) -> int:
    """`job_queue_depth`: all queued rows of the caller's tenant, of any type."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM background_jobs WHERE tenant_id = $1 AND status = 'queued'", tenant_id
        )
    )
