"""Reads what the nightly does in the database, and what it did today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from acra_express_async.db.session.pool import Connection

LOOK_TIMEOUT = "2s"
"""How long a query of the nightly's history may hold a lock on it (B25): its ALTER TABLE would wait for the query."""

SKIPPED_FOR = timedelta(days=7)
"""The nightly skips a company for so long after anybody wrote history for it (B6)."""
STALE_AFTER = timedelta(minutes=30)
"""The nightly's JOB_STALE_MINUTES: at its next pass it queues a job again that has been running for longer."""
PENDING_NIGHTS = 3650
"""A pending job of the nightly counts for the overlap however old it is."""
STAGING = "staging_upsert"
"""The nightly's job type during which no company of ours is inserted (B1)."""


@dataclass(frozen=True, slots=True)
class NightlyJob:
    """A job of the nightly that shows `running`; after `holds_until` we no longer believe it."""

    job_id: int
    job_type: str
    started_at: datetime
    holds_until: datetime

    def is_stale(self, now: datetime) -> bool:
        """It stops our inserts and has been running for so long that it was probably left behind by a crash."""
        return self.job_type == STAGING and self.started_at < now - STALE_AFTER and now < self.holds_until


@dataclass(frozen=True, slots=True)
class NightlyOverlap:
    """What express and the nightly cost each other.

    Attributes:
        skipped_ahead: companies that the nightly's pending jobs will skip, since we enriched them within 7 days.
        relabelled: companies of ours of 7 days whose row has another UEN now. The nightly looks a UEN that it does not
            know up by its name, and gives our row the UEN of a namesake.
    """

    skipped_ahead: int = 0
    relabelled: int = 0


async def nightly_jobs(connection: Connection) -> list[NightlyJob]:
    """The nightly's running jobs, the oldest first."""
    rows = await connection.fetch(
        "SELECT job_id, job_type, started_at, holds_until FROM acra_express.nightly_jobs_running()"
    )
    return [NightlyJob(**row) for row in rows]


async def nightly_usual(connection: Connection) -> dict[str, timedelta]:
    """The longest of the nightly's latest jobs, by type; empty where none is known. Needs a transaction."""
    await connection.execute("SELECT set_config('statement_timeout', $1, true)", LOOK_TIMEOUT)
    rows = await connection.fetch("SELECT job_type, longest FROM acra_express.nightly_usual()")
    return {row["job_type"]: row["longest"] for row in rows}


async def nightly_overlap(connection: Connection) -> NightlyOverlap:
    """See `NightlyOverlap`; reads our outcomes of 7 days and their companies by key."""
    row = await connection.fetchrow(
        r"""
        WITH ours AS MATERIALIZED (
            SELECT o.company_id, o.uen, o.kind FROM acra_express.outcomes o
            WHERE o.ended_at > (SELECT acra_express.clock()) - $1::interval),
        codes AS MATERIALIZED (SELECT c.code FROM acra_express.nightly_codes($2) AS c(code))
        SELECT count(DISTINCT o.company_id) FILTER (
                   WHERE o.kind = 'enriched' AND ltrim(regexp_replace(c.industry_code, '\D', '', 'g'), '0') IN (
                       SELECT code FROM codes)) AS ahead,
               count(DISTINCT o.company_id) FILTER (WHERE o.uen <> '' AND c.uen <> o.uen) AS relabelled
        FROM ours o JOIN public.companies c ON c.company_id = o.company_id
        """,
        SKIPPED_FOR,
        PENDING_NIGHTS,
    )
    assert row is not None
    return NightlyOverlap(row["ahead"], row["relabelled"])


async def companies_today(connection: Connection, zone: ZoneInfo) -> tuple[int, int]:
    """Companies that express and the nightly have done since midnight of `zone`; needs a transaction.

    Ours count when there is an answer (`enriched` or `no_website`); the nightly's are those for which it wrote history,
    which is what its own cap counts.
    """
    await connection.execute(
        "SELECT set_config('timezone', $1, true), set_config('statement_timeout', $2, true)", zone.key, LOOK_TIMEOUT
    )
    row = await connection.fetchrow(
        """
        SELECT (SELECT count(DISTINCT o.company_id) FROM acra_express.outcomes o
                WHERE o.kind IN ('enriched', 'no_website')
                  AND o.ended_at >= (SELECT date_trunc('day', acra_express.clock()))) AS express,
               acra_express.nightly_companies((SELECT acra_express.clock())::date) AS nightly
        """
    )
    assert row is not None
    return int(row["express"]), int(row["nightly"])
