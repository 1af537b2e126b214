"""The platform's own books of a run: header, vendor usage, events. All under the express tenant, never a customer's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from acra_express_async.db.platform import PlatformShape
from acra_express_async.db.pool import Connection
from acra_express_async.db.stored_json import stored_json
from acra_express_async.models import Company, Outcome, OutcomeKind

STAGE = "acra_express"
_INT_MAX = 2**31 - 1
_MAX_ERROR_CODE = 64


async def write_header(connection: Connection, tenant_id: int, shape: PlatformShape, outcome: Outcome) -> int:
    """A header that is born finished: the platform's alert takes any other status of a newest run for a fault (B8)."""
    if not shape.has("enrichment_runs", "started_at", "ended_at", "status"):
        return int(
            await connection.fetchval(
                "INSERT INTO public.enrichment_runs (tenant_id) VALUES ($1) RETURNING run_id", tenant_id
            )
        )
    return int(
        await connection.fetchval(
            """
            INSERT INTO public.enrichment_runs (started_at, ended_at, tenant_id, status)
            SELECT now - make_interval(secs => $2::float8), now, $1::int, 'succeeded'
            FROM (SELECT acra_express.clock() AS now) c
            RETURNING run_id
            """,
            tenant_id,
            sum(seconds for _, seconds in outcome.stage_seconds),
        )
    )


async def write_usage(
    connection: Connection, tenant_id: int, shape: PlatformShape, run_id: int, outcome: Outcome
) -> None:
    """Vendor names of our own, so that our figures never trip an alert made for the platform's vendors (B10)."""
    if not shape.has("run_vendor_usage", "run_id", "tenant_id", "vendor", "calls", "tokens_output"):
        return
    used = outcome.usage
    vendors = {
        "acra_express_ddg": (used.searches, 0),
        "acra_express_jina": (used.pages, used.tokens),
        "zerobounce": (used.verifications, 0),
    }
    rows = [(name, calls, tokens) for name, (calls, tokens) in vendors.items() if calls]
    await connection.execute(
        """
        INSERT INTO public.run_vendor_usage (run_id, tenant_id, vendor, calls, tokens_output)
        SELECT $1, $2, u.vendor, u.calls, u.tokens
        FROM unnest($3::text[], $4::int[], $5::int[]) AS u(vendor, calls, tokens)
        """,
        run_id,
        tenant_id,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )


async def write_event(
    connection: Connection,
    tenant_id: int,
    shape: PlatformShape,
    company: Company,
    run_id: int,
    outcome: Outcome,
    story: Mapping[str, Any],
) -> None:
    """One event for every outcome; a failure speaks here and never through a bad header."""
    if not shape.has("run_event_logs", "run_id", "tenant_id", "stage", "event", "status"):
        return
    failed = outcome.kind is OutcomeKind.FAILED
    extra = {key: story[key] for key in ("service", "job_id", "attempt", "outcome", "reason", "usage")}
    await connection.execute(
        """
        INSERT INTO public.run_event_logs
            (run_id, tenant_id, stage, company_id, event, status, error_code, duration_ms, extra, ts)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb, acra_express.clock())
        """,
        run_id,
        tenant_id,
        STAGE,
        company.company_id if company.company_id <= _INT_MAX else None,  # the platform's column is a plain int
        "error" if failed else "finish",
        "error" if failed else "ok",
        outcome.reason[:_MAX_ERROR_CODE] or None if failed else None,
        min(_INT_MAX, round(1000 * sum(seconds for _, seconds in outcome.stage_seconds))),
        stored_json(extra),
    )
