"""How the stand-in nightly stores one company, with a new connection for every step."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

RECHECK_DAYS = 7
CONNECTIONS = 8
"""Companies at a time. The unpooled connections of the platform peak at 7 to 9 with 20 companies."""

Pause = Callable[[str], Awaitable[None]]


async def no_pause(_where: str) -> None:
    """Do not wait."""


@dataclass
class Figures:
    """Counts of one or more passes.

    `cpu_seconds` is what its process and its sessions of the server used, `runnable_seconds` how long they wanted to
    run while another process did; both are zero where the system does not tell.
    """

    jobs: Counter[str] = field(default_factory=Counter)
    stored: int = 0
    skipped: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    staged: int = 0
    lost_staging_jobs: int = 0
    failed_jobs: int = 0
    deferred: int = 0
    longest_statement: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    runnable_seconds: float = 0.0

    @property
    def corrected_seconds(self) -> float:
        """The wall time as it would be if it had always run when it wanted to."""
        wanted = self.cpu_seconds + self.runnable_seconds
        return self.seconds * self.cpu_seconds / wanted if wanted else self.seconds

    def note_cpu(self, pid: int) -> None:
        """Add what a process used that is about to end."""
        cpu, runnable = processor_seconds(pid)
        self.cpu_seconds += cpu
        self.runnable_seconds += runnable


def processor_seconds(pid: int) -> tuple[float, float]:
    """Seconds on a processor, and seconds waiting for one, of a process so far; zeros where nobody tells."""
    try:
        cpu, runnable, _ = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return 0.0, 0.0
    return int(cpu) / 1e9, int(runnable) / 1e9


@dataclass(frozen=True, slots=True)
class Run:
    """The run context: the header that degraded rows and vendor usage refer to."""

    run_id: int
    tenant: int


class Desk:
    """Opens connections as the shared service account and measures every statement."""

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
                self.figures.note_cpu(connection.get_server_pid())
                await connection.close()

    def _note(self, query: Any) -> None:
        self.figures.longest_statement = max(self.figures.longest_statement, query.elapsed)


class Store:
    """Skip guard, core update, store in one transaction, contacts; errors of single companies are swallowed."""

    def __init__(self, desk: Desk, default_tenant: int | None, pause: Pause) -> None:
        self._desk = desk
        self._default_tenant = default_tenant
        self._pause = pause

    async def one(self, company_id: int, uen: str | None, run: Run | None) -> None:
        """Enrich one company; `run` is the context, which a job without a tenant inherits from the previous job."""
        try:
            await self._enrich(company_id, uen, run)
        except asyncpg.PostgresError as swallowed:
            self._desk.figures.failed[type(swallowed).__name__] += 1

    async def _enrich(self, company_id: int, uen: str | None, run: Run | None) -> None:
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
        domain = domain_of(uen or f"n{company_id}")
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
        # Headers of capped runs belong to degraded rows; every third company without a domain gets one.
        degraded = run if company_id // 3 % 3 == 0 else None
        for snapshot in range(company_id % 3):
            await self._file(company_id, None, {"about_text": None, "domain": f"{snapshot}.{domain}"})
        facts = {"about_text": None if degraded else f"About {uen or company_id}", "public_emails": [f"info@{domain}"]}
        await self._file(company_id, degraded, facts, website=domain)
        await self._contacts(company_id, f"info@{domain}", run)
        self._desk.figures.stored += 1

    async def _file(
        self, company_id: int, run: Run | None, facts: dict[str, Any], *, website: str | None = None
    ) -> None:
        """Write the company and its history row, under the context's run or under a new one that is never closed."""
        async with self._desk.connection() as connection, connection.transaction():
            await connection.execute("ALTER TABLE enrichment_runs ADD COLUMN IF NOT EXISTS tenant_id integer")
            header = (
                run.run_id
                if run is not None
                else await connection.fetchval(
                    "INSERT INTO enrichment_runs (tenant_id) VALUES ($1) RETURNING run_id", self._default_tenant
                )
            )
            if website is not None:
                await self._pause("stored_header")
            await connection.execute(
                "INSERT INTO company_enrichment_runs"
                " (company_id, run_id, about_text, domain, public_emails, degraded_reasons)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                company_id,
                header,
                facts["about_text"],
                facts.get("domain"),
                facts.get("public_emails"),
                "CRAWL_THIN" if run is not None else None,
            )
            if website is not None:
                await connection.execute(
                    "UPDATE companies SET website_domain = $2, linkedin_url = NULL, last_seen = now()"
                    " WHERE company_id = $1",
                    company_id,
                    website,
                )

    async def _contacts(self, company_id: int, address: str, run: Run | None) -> None:
        async with self._desk.connection() as connection:
            await self._verify(connection, address, run)
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

    async def _verify(self, connection: Any, address: str, run: Run | None) -> None:
        """Trust a cached answer of any age; otherwise cache a new answer and add the call to the run's usage."""
        if await connection.fetchval("SELECT status FROM email_verification_cache WHERE email = $1", address):
            return
        await connection.execute(
            "INSERT INTO email_verification_cache (email, status, confidence) VALUES ($1, 'valid', 0.0)"
            " ON CONFLICT (email) DO UPDATE SET status = excluded.status, checked_at = now()",
            address,
        )
        if run is not None:
            await connection.execute(
                "INSERT INTO run_vendor_usage AS u (run_id, tenant_id, vendor, calls) VALUES ($1, $2, 'zerobounce', 1)"
                " ON CONFLICT (run_id, tenant_id, vendor) DO UPDATE SET calls = u.calls + excluded.calls",
                run.run_id,
                run.tenant,
            )


def domain_of(uen: str) -> str:
    """The website of a company in the world of the stand-in."""
    return f"c{uen.lower()}.com.sg"
