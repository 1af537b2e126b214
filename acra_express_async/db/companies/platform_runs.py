"""The platform's records of a run: header, vendor usage, events. All are written under the express tenant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection
from acra_express_async.db.session.stored_json import stored_json
from acra_express_async.models import Company, Outcome, OutcomeKind, Provider, Refused, Usage

STAGE = "acra_express"
_INT_MAX = 2**31 - 1
_MAX_ERROR_CODE = 64
_QUOTA_REASONS = frozenset({"no_credits"})


@dataclass(frozen=True, slots=True)
class _Line:
    """One row of `run_vendor_usage`."""

    vendor: str
    calls: int
    tokens: int
    refused: tuple[Refused, ...]

    @property
    def rate_limit_hits(self) -> int:
        return sum(one.outcome == "rate_limited" for one in self.refused)

    @property
    def quota_exhausted(self) -> bool:
        """Only the vendor's own answer counts; our budgets are not the vendor's quota."""
        return any(one.reason in _QUOTA_REASONS for one in self.refused)


def _lines_of(usage: Usage) -> list[_Line]:
    """What was sent, including retries and refusals; a free verification that failed was a call too."""
    refused = {provider: tuple(one for one in usage.refused if one.provider == provider) for provider in Provider}
    free = sum(one.free for one in refused[Provider.ZEROBOUNCE])
    lines = (
        _Line("acra_express_ddg", usage.searches, 0, refused[Provider.DUCKDUCKGO]),
        _Line("acra_express_jina", usage.pages, usage.tokens, refused[Provider.JINA]),
        _Line("zerobounce", usage.verifications + free, 0, refused[Provider.ZEROBOUNCE]),
    )
    return [line for line in lines if line.calls or line.refused]


async def write_header(
    connection: Connection, tenant_id: int, shape: PlatformShape, usage: Usage, seconds: float
) -> int:
    """Insert a header that is already finished: the platform's alert takes any other status of the newest run for a
    fault (B8).

    The platform also posts a message every five minutes while the newest header of any tenant has rate-limit hits
    (B10). Ours are handled by our own alerts. So a run with rate-limit hits is followed, in the same transaction, by a
    newer header without any, and is never the newest.
    """
    run_id = await _insert_header(connection, tenant_id, shape, seconds)
    if any(line.rate_limit_hits or line.quota_exhausted for line in _lines_of(usage)):
        await _insert_header(connection, tenant_id, shape, 0.0)
    return run_id


async def _insert_header(connection: Connection, tenant_id: int, shape: PlatformShape, seconds: float) -> int:
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
            seconds,
        )
    )


async def write_usage(connection: Connection, tenant_id: int, shape: PlatformShape, run_id: int, usage: Usage) -> None:
    """One row per vendor, under our own vendor names, so that they trigger no alert that is meant for the nightly.

    A run belongs to one company, or to one interrupted attempt, so its rows never collide with earlier ones. Sums over
    runs are the same as with the platform's additive upsert.
    """
    if not shape.has("run_vendor_usage", "run_id", "tenant_id", "vendor", "calls", "tokens_output"):
        return
    lines = _lines_of(usage)
    base = (
        run_id,
        tenant_id,
        [line.vendor for line in lines],
        [line.calls for line in lines],
        [line.tokens for line in lines],
    )
    if not shape.has("run_vendor_usage", "errors", "rate_limit_hits", "quota_exhausted"):
        await connection.execute(
            """
            INSERT INTO public.run_vendor_usage (run_id, tenant_id, vendor, calls, tokens_output)
            SELECT $1, $2, u.vendor, u.calls, u.tokens
            FROM unnest($3::text[], $4::int[], $5::int[]) AS u(vendor, calls, tokens)
            """,
            *base,
        )
        return
    await connection.execute(
        """
        INSERT INTO public.run_vendor_usage
            (run_id, tenant_id, vendor, calls, tokens_output, errors, rate_limit_hits, quota_exhausted)
        SELECT $1, $2, u.vendor, u.calls, u.tokens, u.errors, u.hits, u.exhausted
        FROM unnest($3::text[], $4::int[], $5::int[], $6::int[], $7::int[], $8::boolean[])
             AS u(vendor, calls, tokens, errors, hits, exhausted)
        """,
        *base,
        [len(line.refused) for line in lines],
        [line.rate_limit_hits for line in lines],
        [line.quota_exhausted for line in lines],
    )


async def book(connection: Connection, tenant_id: int, shape: PlatformShape, usage: Usage) -> None:
    """A separate run for what an interrupted attempt cost: it found nothing, but the vendors were called."""
    if not shape.has("run_vendor_usage", "run_id", "tenant_id", "vendor", "calls", "tokens_output"):
        return
    run_id = await write_header(connection, tenant_id, shape, usage, 0.0)
    await write_usage(connection, tenant_id, shape, run_id, usage)


async def write_event(
    connection: Connection,
    tenant_id: int,
    shape: PlatformShape,
    company: Company,
    run_id: int,
    outcome: Outcome,
    detail: Mapping[str, Any],
) -> None:
    """One event per outcome; a failure is recorded here, never as a failed header."""
    if not shape.has("run_event_logs", "run_id", "tenant_id", "stage", "event", "status"):
        return
    failed = outcome.kind is OutcomeKind.FAILED
    extra = {key: detail[key] for key in ("service", "job_id", "attempt", "outcome", "reason", "usage")}
    await connection.execute(
        """
        INSERT INTO public.run_event_logs
            (run_id, tenant_id, stage, company_id, event, status, error_code, duration_ms, extra, ts)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb, acra_express.clock())
        """,
        run_id,
        tenant_id,
        STAGE,
        company.company_id if company.company_id <= _INT_MAX else None,  # the platform's column is a 32-bit int
        "error" if failed else "finish",
        "error" if failed else "ok",
        outcome.reason[:_MAX_ERROR_CODE] or None if failed else None,
        min(_INT_MAX, round(1000 * sum(seconds for _, seconds in outcome.stage_seconds))),
        stored_json(extra),
    )
