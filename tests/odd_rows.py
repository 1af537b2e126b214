"""Rows of `background_jobs` that no program of ours wrote, and what must become of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from acra_express_async.db.session.pool import Connection

STAGING, ENRICHMENT = "acra_express_staging_upsert", "acra_express_enrich_candidates"
BIGINT = 2**63
ENDLESS = '{"uens": ["201900001C"], "campaign": {"id": 1, "enqueued_at": "2026-11-26T00:00:00Z", "left": -1}}'


@dataclass(frozen=True)
class Row:
    """One row as it is inserted; moments and params are text, so that PostgreSQL alone judges them."""

    job_type: str = STAGING
    params: str | None = None
    created_at: str = "2026-11-26 00:00:00+00"
    status: str = "queued"
    started_at: str | None = None
    ended_at: str | None = None
    job_id: int | None = None
    tenant_id: int | None = None
    processed: int | None = 0
    total: int | None = 0
    error: str | None = None


async def insert(owner: Connection, row: Row) -> int:
    """The row's id."""
    return int(
        await owner.fetchval(
            """
            INSERT INTO background_jobs (job_id, job_type, params, created_at, status, started_at, ended_at, tenant_id,
                                         processed, total, error)
            VALUES (coalesce($1, nextval('background_jobs_job_id_seq')), $2, $3::text::jsonb, $4::text::timestamptz, $5,
                    $6::text::timestamptz, $7::text::timestamptz, $8, $9, $10, $11)
            RETURNING job_id
            """,
            row.job_id,
            row.job_type,
            row.params,
            row.created_at,
            row.status,
            row.started_at,
            row.ended_at,
            row.tenant_id,
            row.processed,
            row.total,
            row.error,
        )
    )


def assert_ended_with_a_sentence(row: Any) -> None:
    asked = f"{row['job_type']} {row['params']} made {row['created_at']} -> {row['status']}: {row['error']}"
    assert row["status"] == "error", asked
    assert row["error"], asked
    assert len(row["error"]) <= 1000, asked
    assert row["error"].splitlines() == [row["error"]], asked
    assert not row["error"].startswith(("retry: ", "deferred: ")), asked
    assert "Error" not in row["error"], asked


ODD = {
    "campaign of the year 1": Row(
        params='{"uens": ["x"], "campaign": {"id": 1, "enqueued_at": "0001-01-01T00:00:00+14:00", "left": 5}}'
    ),
    "campaign of the year 9999": Row(
        params='{"uens": ["x"], "campaign": {"id": 1, "enqueued_at": "9999-12-31T23:59:59-12:00", "left": 5}}'
    ),
    "staged in the year 1": Row(
        ENRICHMENT,
        '{"company_ids": [5], "staged_at": "0001-01-01T00:00:00+14:00",'
        ' "campaign_enqueued_at": "0001-01-01T00:00:00+14:00"}',
    ),
    "staged in the year 9999": Row(ENRICHMENT, '{"company_ids": [5], "staged_at": "9999-12-31T23:59:59-12:00"}'),
    "made at infinity": Row(ENRICHMENT, '{"company_ids": [5]}', "infinity"),
    "made at minus infinity": Row(params='{"uens": ["x"]}', created_at="-infinity"),
    "made in the year 20000": Row(params='{"uens": ["x"]}', created_at="20000-01-01"),
    "made in 4713 BC": Row(ENRICHMENT, '{"company_ids": [5]}', "4713-01-01 BC"),
    "begun at infinity": Row(ENRICHMENT, '{"company_ids": "all"}', status="running", started_at="infinity"),
    "begun in 4713 BC": Row(ENRICHMENT, '{"company_ids": "all"}', status="running", started_at="4713-01-01 BC"),
    "queued after infinity": Row(ENRICHMENT, '{"company_ids": "all"}', started_at="infinity", ended_at="-infinity"),
    "a staging job of 31 digits": Row(ENRICHMENT, f'{{"company_ids": [5], "staging_job_id": 1{"0" * 30}}}'),
    "a campaign of 41 digits": Row(ENRICHMENT, f'{{"company_ids": [5], "campaign_id": 1{"0" * 40}}}'),
    "a fraction of a company": Row(ENRICHMENT, '{"company_ids": [1.5]}'),
    "a company of 31 digits": Row(ENRICHMENT, '{"company_ids": [1e30]}'),
    "less than nothing left": Row(params=ENDLESS),
    "a limit of 30 digits": Row(params='{"uens": ["x"], "limit": 1e30}'),
    "a number of 100,000 digits": Row(params='{"uens": ["x"], "limit": 1e100000}'),
    "a thousand levels": Row(params='{"uens": ' + "[" * 1900 + "]" * 1900 + "}"),
    "two megabytes": Row(params='{"uens": ["' + "x" * 2_000_000 + '"]}'),
    "10,001 companies": Row(ENRICHMENT, json.dumps({"company_ids": list(range(1, 10_002))})),
    "no object": Row(params="[1]"),
    "an id below zero": Row(params='{"uens": ["x"]}', job_id=-5),
    "the lowest id": Row(ENRICHMENT, '{"company_ids": [5]}', job_id=-BIGINT),
}
