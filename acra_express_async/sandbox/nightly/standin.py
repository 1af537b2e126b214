"""A stand-in for the platform's nightly, written from contracts/platform.md A2 to A6 statement by statement.

It keeps the original's habits on purpose: a whole staging job in one transaction, claims without a guard, an ALTER in
every store, a fresh header for each stored company, errors of single companies swallowed, connections opened for every
step. It knows nothing of us.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import asyncpg

from acra_express_async.sandbox.nightly.store import Desk, Figures, Pause, Store, no_pause

DAILY_LIMIT = 20
BATCH = 200
FETCH = 500
STALE_MINUTES = 30
MAX_RETRIES = 2


class Nightly:
    """The dispatcher of `staging_upsert` and `enrich_candidates`.

    Args:
        dsn: the shared service account, owner of the tables.
        default_tenant: DEFAULT_TENANT_ID, under which its own store files its headers.
        pause: awaited at named points (`looked_up`, `stored_header`), so that a test can interleave.
    """

    def __init__(self, dsn: str, *, default_tenant: int | None = None, pause: Pause = no_pause) -> None:
        self.figures = Figures()
        self._desk = Desk(dsn, self.figures)
        self._store = Store(self._desk, default_tenant, pause)
        self._pause = pause

    async def run_pass(self) -> Figures:
        """Maintenance, then all staging jobs, then all enrichment jobs, by id; the list is read once."""
        began = time.monotonic()
        await self._maintain()
        async with self._desk.connection() as connection:
            jobs = await connection.fetch(
                """
                SELECT job_id, job_type, tenant_id, params FROM background_jobs
                WHERE status = 'queued' AND job_type IN ('staging_upsert', 'enrich_candidates')
                ORDER BY job_type = 'enrich_candidates', job_id
                """
            )
        for job in jobs:
            run = self._stage if job["job_type"] == "staging_upsert" else self._enrich
            async with self._desk.connection() as connection:
                await connection.execute(
                    "UPDATE background_jobs SET status = 'running', started_at = now() WHERE job_id = $1", job["job_id"]
                )
            await run(job["job_id"], job["tenant_id"], job["params"] or {})
        async with self._desk.connection() as connection:
            self.figures.jobs = Counter(
                {
                    f"{row['job_type']}:{row['status']}": row["n"]
                    for row in await connection.fetch(
                        "SELECT job_type, status, count(*) AS n FROM background_jobs"
                        " WHERE job_type IN ('staging_upsert', 'enrich_candidates') GROUP BY 1, 2"
                    )
                }
            )
        self.figures.seconds += time.monotonic() - began
        return self.figures

    async def _maintain(self) -> None:
        async with self._desk.connection() as connection:
            await connection.execute(
                """
                UPDATE background_jobs SET status = 'queued'
                WHERE status = 'running' AND job_type IN ('staging_upsert', 'enrich_candidates')
                  AND started_at < now() - make_interval(mins => $1)
                """,
                STALE_MINUTES,
            )
            await connection.execute(
                """
                UPDATE background_jobs SET status = 'queued', error = NULL,
                    params = coalesce(params, '{}') || jsonb_build_object(
                        'retries', coalesce((params ->> 'retries')::int, 0) + 1)
                WHERE status = 'error' AND job_type IN ('staging_upsert', 'enrich_candidates')
                  AND coalesce((params ->> 'retries')::int, 0) < $1
                """,
                MAX_RETRIES,
            )

    async def _stage(self, job_id: int, tenant: int | None, params: dict[str, Any]) -> None:
        terms = [str(term).strip().lower() for term in params.get("terms", [])]
        async with self._desk.connection() as connection:
            codes = await _codes(connection, terms)
            affected = 0
            try:
                async with connection.transaction():
                    affected = await self._upsert_all(connection, codes, " ".join(terms))
            except asyncpg.PostgresError as swallowed:
                self.figures.failed[type(swallowed).__name__] += 1
                self.figures.lost_staging_jobs += 1
            self.figures.staged += affected
            await connection.execute(
                "UPDATE background_jobs SET status = 'done', processed = $2, total = $2, ended_at = now()"
                " WHERE job_id = $1",
                job_id,
                affected,
            )
            if codes:
                await connection.execute(
                    "INSERT INTO background_jobs (tenant_id, job_type, status, params)"
                    " VALUES ($1, 'enrich_candidates', 'queued', $2)",
                    tenant,
                    {"ssic_codes": codes},
                )

    async def _upsert_all(self, connection: Any, codes: list[str], term: str) -> int:
        affected = 0
        rows = await connection.cursor(
            r"""
            SELECT uen, entity_name, primary_ssic_code, registration_incorporation_date, entity_status_description,
                   company_type_description
            FROM staging_acra_companies
            WHERE regexp_replace(primary_ssic_code::text, '\D', '', 'g') = ANY ($1::text[])
            """,
            codes,
        )
        while fetched := await rows.fetch(FETCH):
            for row in fetched:
                await self._upsert(connection, row, term)
                affected += 1
        return affected

    async def _upsert(self, connection: Any, row: Any, term: str) -> None:
        found = await connection.fetchval("SELECT company_id FROM companies WHERE uen = $1", row["uen"])
        if found is None:
            found = await connection.fetchval(
                "SELECT company_id FROM companies WHERE lower(name) = lower($1) LIMIT 1", row["entity_name"]
            )
        await self._pause("looked_up")
        year = int((row["registration_incorporation_date"] or "0")[:4])
        live = (row["entity_status_description"] or "").lower() in ("live", "registered", "existing")
        values = (row["uen"], row["entity_name"].strip(), term, str(row["primary_ssic_code"]), year or None, live)
        if found is not None:
            await connection.execute(
                """
                UPDATE companies SET uen = $1, name = $2, industry_norm = $3, industry_code = $4,
                    incorporation_year = coalesce($5, incorporation_year), founded_year = coalesce($5, founded_year),
                    sg_registered = $6, last_seen = now() WHERE company_id = $7
                """,
                *values,
                found,
            )
            return
        await connection.execute(
            """
            INSERT INTO companies (uen, name, industry_norm, industry_code, incorporation_year, founded_year,
                                   sg_registered, last_seen)
            VALUES ($1, $2, $3, $4, $5, $5, $6, now())
            """,
            *values,
        )

    async def _enrich(self, job_id: int, tenant: int | None, params: dict[str, Any]) -> None:
        async with self._desk.connection() as connection:
            limit, run_id = BATCH, None
            if tenant is not None:
                already = await connection.fetchval(
                    """
                    SELECT count(*) FROM company_enrichment_runs h JOIN enrichment_runs r ON r.run_id = h.run_id
                    WHERE r.tenant_id = $1 AND r.started_at >= date_trunc('day', now())
                    """,
                    tenant,
                )
                limit = min(BATCH, DAILY_LIMIT - already)
                run_id = await connection.fetchval(
                    "INSERT INTO enrichment_runs (tenant_id, status) VALUES ($1, 'running') RETURNING run_id", tenant
                )
            if limit <= 0:
                self.figures.deferred += 1
                await connection.execute(
                    "UPDATE background_jobs SET status = 'queued', error = 'deferred: daily cap reached'"
                    " WHERE job_id = $1",
                    job_id,
                )
                await self._close_run(connection, run_id)
                return
            candidates = await connection.fetch(
                r"""
                SELECT company_id, uen FROM companies
                WHERE regexp_replace(industry_code, '\D', '', 'g') = ANY ($1::text[])
                ORDER BY company_id LIMIT $2
                """,
                [str(code) for code in params.get("ssic_codes", [])],
                limit,
            )
        await asyncio.gather(*(self._store.one(row["company_id"], row["uen"], run_id) for row in candidates))
        done = len(candidates)
        async with self._desk.connection() as connection:
            if tenant is not None and done >= limit:
                await connection.execute(
                    "UPDATE background_jobs SET status = 'queued', processed = processed + $2, total = total + $2,"
                    " ended_at = now() WHERE job_id = $1",
                    job_id,
                    done,
                )
            else:
                await connection.execute(
                    "UPDATE background_jobs SET status = 'done', processed = $2, total = $2, ended_at = now()"
                    " WHERE job_id = $1",
                    job_id,
                    done,
                )
            await self._close_run(connection, run_id)

    async def _close_run(self, connection: Any, run_id: int | None) -> None:
        await connection.execute(
            "UPDATE enrichment_runs SET status = 'succeeded', ended_at = now() WHERE run_id = $1", run_id
        )


async def _codes(connection: Any, terms: list[str]) -> list[str]:
    rows = await connection.fetch(
        "SELECT code FROM ssic_ref, websearch_to_tsquery('english', $1) q WHERE fts @@ q"
        " ORDER BY ts_rank(fts, q) DESC LIMIT 30",
        " ".join(terms),
    )
    return [row["code"].lstrip("0") for row in rows]
