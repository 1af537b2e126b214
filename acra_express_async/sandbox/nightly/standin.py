"""The dispatcher of the platform's nightly, rebuilt statement by statement. It does not know that express exists.

It keeps the habits of the original on purpose:
- one transaction for a whole staging job;
- claims by id without a check of the status;
- an ALTER TABLE in every store, and a new header row for each stored company;
- errors of single companies are swallowed;
- a new connection for every step;
- a run context that a job without a tenant inherits from the previous job.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import asyncpg

from acra_express_async.sandbox.nightly.nightly_staging import NightlyStaging
from acra_express_async.sandbox.nightly.store import Desk, Figures, Pause, Run, Store, no_pause

DAILY_LIMIT = 20
BATCH = 200
STALE_MINUTES = 30
MAX_RETRIES = 2
RUN_NOW_LIMIT = 10
DONE_TRIES = 3


class Nightly:
    """The dispatcher of `staging_upsert` and `enrich_candidates`.

    Args:
        dsn: the shared service account, which owns the tables.
        default_tenant: DEFAULT_TENANT_ID, the tenant of the headers that it stores.
        pause: awaited at named points (`looked_up`, `stored_header`), so that a test can interleave statements.
    """

    def __init__(self, dsn: str, *, default_tenant: int | None = None, pause: Pause = no_pause) -> None:
        self.figures = Figures()
        self._desk = Desk(dsn, self.figures)
        self._staging = NightlyStaging(pause)
        self._store = Store(self._desk, default_tenant, pause)
        self._run: Run | None = None

    async def run_all(self) -> Figures:
        """The scheduled night: create the first job of new customers, then run a pass."""
        async with self._desk.connection() as connection:
            await _bootstrap(connection)
        return await self.run_pass()

    async def run_now(self) -> Figures:
        """The run that can be started over HTTP at any time of day."""
        return await self.run_pass(limit=RUN_NOW_LIMIT)

    async def run_pass(self, limit: int | None = None) -> Figures:
        """Maintenance, then all staging jobs, then all enrichment jobs, by id; the job list is read once."""
        began = time.monotonic()
        await self._maintain()
        async with self._desk.connection() as connection:
            jobs = await connection.fetch(
                """
                SELECT job_id, job_type, tenant_id, params FROM background_jobs
                WHERE status = 'queued' AND job_type IN ('staging_upsert', 'enrich_candidates')
                ORDER BY job_type = 'enrich_candidates', job_id LIMIT $1
                """,
                limit,
            )
        for job in jobs:
            await self._dispatch(job)
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

    async def _dispatch(self, job: Any) -> None:
        """Claim by id alone, whatever the status is by then; a failure leaves the header `running` for ever."""
        run = self._stage if job["job_type"] == "staging_upsert" else self._enrich
        async with self._desk.connection() as connection:
            await connection.execute(
                "UPDATE background_jobs SET status = 'running', started_at = now() WHERE job_id = $1", job["job_id"]
            )
        try:
            await run(job["job_id"], job["tenant_id"], job["params"] or {})
        except asyncpg.PostgresError as failure:
            self.figures.failed_jobs += 1
            async with self._desk.connection() as connection:
                await connection.execute(
                    "UPDATE background_jobs SET status = 'error', error = $2, ended_at = now() WHERE job_id = $1",
                    job["job_id"],
                    str(failure),
                )

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
            codes = await self._staging.codes(connection, terms)
            affected = 0
            try:
                async with connection.transaction():
                    affected = await self._staging.upsert_all(connection, codes, terms)
            except asyncpg.PostgresError as swallowed:
                self.figures.failed[type(swallowed).__name__] += 1
                self.figures.lost_staging_jobs += 1
            self.figures.staged += affected
            await self._staged(connection, job_id, affected)
            if codes:
                await connection.execute(
                    "INSERT INTO background_jobs (tenant_id, job_type, status, params)"
                    " VALUES ($1, 'enrich_candidates', 'queued', $2)",
                    tenant,
                    {"ssic_codes": codes},
                )

    async def _staged(self, connection: Any, job_id: int, affected: int) -> None:
        """Try three times; if all tries fail, the job stays `running`."""
        for _ in range(DONE_TRIES):
            try:
                await connection.execute(
                    "UPDATE background_jobs SET status = 'done', processed = $2, total = $2, ended_at = now()"
                    " WHERE job_id = $1",
                    job_id,
                    affected,
                )
            except asyncpg.PostgresError as swallowed:
                self.figures.failed[type(swallowed).__name__] += 1
            else:
                return

    async def _enrich(self, job_id: int, tenant: int | None, params: dict[str, Any]) -> None:
        async with self._desk.connection() as connection:
            limit = await self._begin(connection, tenant)
            if limit <= 0:
                self.figures.deferred += 1
                await connection.execute(
                    "UPDATE background_jobs SET status = 'queued', error = 'deferred: daily cap reached'"
                    " WHERE job_id = $1",
                    job_id,
                )
                await self._close_run(connection, tenant)
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
        await asyncio.gather(*(self._store.one(row["company_id"], row["uen"], self._run) for row in candidates))
        async with self._desk.connection() as connection:
            await _count_batch(connection, job_id, len(candidates), partial=len(candidates) >= limit)
            await self._close_run(connection, tenant)

    async def _begin(self, connection: Any, tenant: int | None) -> int:
        """How many companies this job may take; without a tenant there is no cap and the last job's context applies."""
        if tenant is None:
            return BATCH
        try:
            already = await connection.fetchval(
                """
                SELECT count(*) FROM company_enrichment_runs h JOIN enrichment_runs r ON r.run_id = h.run_id
                WHERE r.tenant_id = $1 AND r.started_at >= date_trunc('day', now())
                """,
                tenant,
            )
        except asyncpg.PostgresError as swallowed:
            self.figures.failed[type(swallowed).__name__] += 1
            already = 0
        run_id = await connection.fetchval(
            "INSERT INTO enrichment_runs (tenant_id, status) VALUES ($1, 'running') RETURNING run_id", tenant
        )
        self._run = Run(run_id, tenant)
        return int(min(BATCH, DAILY_LIMIT - already))

    async def _close_run(self, connection: Any, tenant: int | None) -> None:
        if tenant is not None and self._run is not None:
            await connection.execute(
                "UPDATE enrichment_runs SET status = 'succeeded', ended_at = now() WHERE run_id = $1", self._run.run_id
            )


async def _count_batch(connection: Any, job_id: int, done: int, *, partial: bool) -> None:
    """A full batch adds to the counters and leaves the job queued; any other batch overwrites them and ends the job."""
    await connection.execute(
        """
        UPDATE background_jobs SET status = CASE WHEN $3 THEN 'queued' ELSE 'done' END, ended_at = now(),
            processed = CASE WHEN $3 THEN processed ELSE 0 END + $2, total = CASE WHEN $3 THEN total ELSE 0 END + $2
        WHERE job_id = $1
        """,
        job_id,
        done,
        partial,
    )


async def _bootstrap(connection: Any) -> None:
    """Create a first staging job, from the newest rules, for each active customer without a job of the two types."""
    if await connection.fetchval("SELECT to_regclass('public.icp_rules') IS NULL"):
        return
    await connection.execute(
        """
        INSERT INTO background_jobs (tenant_id, job_type, status, params)
        SELECT o.tenant_id, 'staging_upsert', 'queued', jsonb_build_object('terms', r.terms)
        FROM odoo_connections o
        CROSS JOIN LATERAL (
            SELECT coalesce(i.payload -> 'preferred_titles', '[]') || coalesce(i.payload -> 'industries', '[]') AS terms
            FROM icp_rules i WHERE i.tenant_id = o.tenant_id ORDER BY i.created_at DESC LIMIT 1) AS r
        WHERE o.active AND NOT EXISTS (
            SELECT FROM background_jobs b
            WHERE b.tenant_id = o.tenant_id AND b.job_type IN ('staging_upsert', 'enrich_candidates'))
        """
    )
