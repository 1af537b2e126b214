"""What the stand-in nightly does to one company, and how it reaches the database: a connection for every step."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

RECHECK_DAYS = 7
CONNECTIONS = 8
"""Its unpooled connections peak at 7 to 9 with 20 companies."""

Pause = Callable[[str], Awaitable[None]]


async def no_pause(_where: str) -> None:
    """The nightly does not wait."""


@dataclass
class Figures:
    """What one or more passes came to."""

    jobs: Counter[str] = field(default_factory=Counter)
    stored: int = 0
    skipped: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    staged: int = 0
    lost_staging_jobs: int = 0
    deferred: int = 0
    longest_statement: float = 0.0
    seconds: float = 0.0


class Desk:
    """Opens connections as the shared service account and times every statement."""

    def __init__(self, dsn: str, figures: Figures) -> None:
        self._dsn = dsn
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self.figures = figures

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        async with self._slots:
            connection = await asyncpg.connect(self._dsn, server_settings={"search_path": "public"})
            await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
            connection.add_query_logger(self._note)
            try:
                yield connection
            finally:
                await connection.close()

    def _note(self, query: Any) -> None:
        self.figures.longest_statement = max(self.figures.longest_statement, query.elapsed)


class Store:
    """Skip guard, core update, store in one transaction, contacts; errors of a company are swallowed."""

    def __init__(self, desk: Desk, default_tenant: int | None, pause: Pause) -> None:
        self._desk = desk
        self._default_tenant = default_tenant
        self._pause = pause

    async def one(self, company_id: int, uen: str, run_id: int | None) -> None:
        try:
            await self._enrich(company_id, uen, run_id)
        except asyncpg.PostgresError as swallowed:
            self._desk.figures.failed[type(swallowed).__name__] += 1

    async def _enrich(self, company_id: int, uen: str, run_id: int | None) -> None:
        async with self._desk.connection() as connection:
            if await connection.fetchval(
                """
                SELECT EXISTS (SELECT FROM company_enrichment_runs WHERE company_id = $1
                               AND coalesce(updated_at, now()) >= now() - make_interval(days => $2))
                """,
                company_id,
                RECHECK_DAYS,
            ):
                self._desk.figures.skipped += 1
                return
        domain = domain_of(uen)
        async with self._desk.connection() as connection:
            await connection.execute(
                """
                UPDATE companies SET name = coalesce(NULL, name), website_domain = coalesce($2, website_domain),
                    employees_est = NULL, revenue_bucket = NULL, incorporation_year = NULL, company_size = NULL,
                    hq_city = NULL, hq_country = NULL, linkedin_url = NULL, last_seen = now()
                WHERE company_id = $1
                """,
                company_id,
                domain,
            )
        # its capped headers are those of degraded rows: without a domain of its own every third is one
        degraded = company_id % 3 == 0
        async with self._desk.connection() as connection, connection.transaction():
            await connection.execute("ALTER TABLE enrichment_runs ADD COLUMN IF NOT EXISTS tenant_id integer")
            header = run_id
            if not degraded or header is None:
                header = await connection.fetchval(
                    "INSERT INTO enrichment_runs (tenant_id) VALUES ($1) RETURNING run_id", self._default_tenant
                )
            await self._pause("stored_header")
            await connection.execute(
                "INSERT INTO company_enrichment_runs (company_id, run_id, about_text, public_emails, degraded_reasons)"
                " VALUES ($1, $2, $3, $4, $5)",
                company_id,
                header,
                None if degraded else f"About {uen}",
                [f"info@{domain}"],
                "CRAWL_THIN" if degraded else None,
            )
            await connection.execute(
                "UPDATE companies SET website_domain = $2, linkedin_url = NULL, last_seen = now()"
                " WHERE company_id = $1",
                company_id,
                domain,
            )
        await self._contacts(company_id, f"info@{domain}")
        self._desk.figures.stored += 1

    async def _contacts(self, company_id: int, address: str) -> None:
        async with self._desk.connection() as connection:
            await connection.execute(
                "INSERT INTO contacts (company_id, email, email_verified, contact_source)"
                " VALUES ($1, $2, true, 'site_page') ON CONFLICT DO NOTHING",
                company_id,
                address,
            )
            await connection.execute(
                "INSERT INTO lead_emails (email, company_id, verification_status, source, last_verified_at)"
                " VALUES ($1, $2, 'valid', 'zerobounce', now()) ON CONFLICT (email) DO UPDATE SET"
                " company_id = excluded.company_id, verification_status = excluded.verification_status,"
                " source = excluded.source, last_verified_at = excluded.last_verified_at",
                address,
                company_id,
            )


def domain_of(uen: str) -> str:
    """The website of a company in these tests' world."""
    return f"c{uen.lower()}.com.sg"
