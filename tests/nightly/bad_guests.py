"""Guests that break one rule each, in ways that the grants and time-outs of the tenant role would not allow.

They act as the shared service account and, where timing matters, wait until the database shows the nightly at work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from acra_express_async.db.session.pool import Connection
from acra_express_async.jobs.attempts import End, JobScope
from acra_express_async.models import Company, Job
from acra_express_async.sandbox.nightly import domain_of

from .guest import Guest


class BadGuest(Guest):
    """Breaks its rule once, then works like a good guest."""

    done = False

    async def _work_on(self, job: Job, scope: JobScope) -> End:
        if not self.done:
            self.done = True
            await self.misdeed()
        return await super()._work_on(job, scope)

    async def misdeed(self) -> None:
        """Break the rule; does nothing here, because some guests break theirs elsewhere."""

    async def until(self, connection: Connection, asked: str) -> None:
        """Wait until the query answers true, or until no nightly job is left that could make it true."""
        while not await connection.fetchval(asked):
            if not await connection.fetchval(
                "SELECT EXISTS (SELECT FROM background_jobs WHERE status IN ('queued', 'running')"
                " AND job_type IN ('staging_upsert', 'enrich_candidates'))"
            ):
                return


class WrongTenant(BadGuest):
    """Writes its headers under a customer tenant; the harness grants that, the tenant role would be refused."""


class InsertRace(BadGuest):
    """Inserts companies while a staging job runs, in one transaction and in the reverse order."""

    async def misdeed(self) -> None:
        async with self.database.transaction() as connection:
            await self.until(
                connection,
                "SELECT EXISTS (SELECT FROM background_jobs WHERE job_type = 'staging_upsert' AND status = 'running')",
            )
            await connection.execute(
                "INSERT INTO companies (uen, name) SELECT uen, 'RACE' FROM (SELECT uen FROM staging_acra_companies s"
                " WHERE NOT EXISTS (SELECT FROM companies c WHERE c.uen = s.uen) ORDER BY uen DESC LIMIT 60) AS last"
            )
            await self.until(connection, f"{WAITED})" % "0.1 s")


class CompaniesFirst(BadGuest):
    """Updates companies first, and writes a header only when a store of the nightly waits for it."""

    async def misdeed(self) -> None:
        async with self.database.session() as connection:
            await self.until(connection, STORING)
            while await connection.fetchval(STORING):
                async with connection.transaction():
                    await connection.execute("UPDATE companies SET last_seen = now()")
                    met = [await connection.fetchval(STORE_BEHIND_US) for _ in range(20)]
                    if any(met):
                        await connection.execute(
                            "INSERT INTO enrichment_runs (tenant_id, status) VALUES ($1, 'succeeded')",
                            self.database.tenant_id,
                        )
                        return


class LongTransaction(BadGuest):
    """Keeps the transaction of a company open while the nightly stores, as if it called a provider within it."""

    held = False

    async def save(self, connection: Connection, job: Job, company: Company) -> None:
        await super().save(connection, job, company)
        if not self.held and await connection.fetchval(STORING):
            self.held = True
            await self.until(connection, f"{WAITED} AND relation = 'enrichment_runs'::regclass)" % "1.5 s")


class StolenDomain(BadGuest):
    """Gives the domains of the nightly's first candidates to other companies before the nightly starts.

    It does nothing else: the nightly would skip companies that it enriched and so would not notice the lost domains.
    """

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[int]]:
        async with self.database.transaction() as connection:
            ids = await connection.fetch("SELECT company_id, uen FROM companies ORDER BY company_id")
            for thief, robbed in zip(reversed(ids), ids[: len(ids) // 2], strict=False):
                await connection.execute(
                    "UPDATE companies SET website_domain = $2 WHERE company_id = $1",
                    thief["company_id"],
                    domain_of(robbed["uen"]),
                )
        async with super().running() as service:
            yield service

    async def _work_on(self, job: Job, scope: JobScope) -> End:
        return await self.finish(job)


WAITED = (
    "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND clock_timestamp() - waitstart > interval '%s'"
    " AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
)
"""A session has waited for this one for this long, by the server's clock; a condition may be appended."""
STORE_BEHIND_US = (
    "SELECT EXISTS (SELECT FROM pg_locks w JOIN pg_locks h ON h.pid = w.pid WHERE NOT w.granted AND h.granted"
    " AND h.relation = 'enrichment_runs'::regclass AND h.mode = 'AccessExclusiveLock'"
    " AND pg_backend_pid() = ANY (pg_blocking_pids(w.pid)))"
)
"""A session that altered the table of headers in its transaction waits for this one."""
STORING = "SELECT EXISTS (SELECT FROM background_jobs WHERE job_type = 'enrich_candidates' AND status = 'running')"
