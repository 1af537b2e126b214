"""What the standing refresh needs to know before it stages anything, and its staging jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nsmallest
from zoneinfo import ZoneInfo

from acra_express_async.db.companies.campaign_rows import Asked, record_campaign
from acra_express_async.db.companies.left_out import CHUNK
from acra_express_async.db.companies.selection import FAILED_HOLDS
from acra_express_async.db.session.pool import Database
from acra_express_async.models import JobId, JobType
from acra_express_async.params import Campaign, StagingParams
from acra_express_async.registry.eligibility import LIVE, SILENT

REQUESTED_BY = "refresh"
"""Who asked, and the name of the day's campaign."""


@dataclass(frozen=True, slots=True)
class Look:
    """The state at a tick.

    Args:
        live: an express job is queued, snoozed or running: people's requests come first.
        paused: an operator has paused claiming.
        elapsed: the part of the calendar day that is over, from 0 to 1.
        used: slots of the daily cap taken today.
        campaign_id: the campaign of today's ticks; None before the first one.
        cancelled: an operator has cancelled that campaign.
    """

    live: bool
    paused: bool
    elapsed: float
    used: int
    campaign_id: int | None = None
    cancelled: bool = False


class RefreshRows:
    """Queries of the standing refresh, by the database's clock.

    Args:
        zone: the time zone whose calendar day counts.
    """

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone

    async def look(self) -> Look:
        """Read the state; raises NotNow."""
        async with self._database.session() as connection:
            row = await connection.fetchrow(
                """
                WITH today AS (
                    SELECT now, (now AT TIME ZONE $1)::date AS day FROM (SELECT acra_express.clock() AS now) c),
                bounds AS (
                    SELECT now, day, day::timestamp AT TIME ZONE $1 AS began,
                           (day + 1)::timestamp AT TIME ZONE $1 AS ends FROM today)
                SELECT EXISTS (SELECT FROM acra_express.express_jobs WHERE status IN ('queued', 'running')) AS live,
                       (SELECT paused FROM acra_express.control) AS paused,
                       (extract(epoch FROM now - began) / extract(epoch FROM ends - began))::float8 AS elapsed,
                       (SELECT count(*) FROM acra_express.daily_slots s WHERE s.day = bounds.day) AS used,
                       c.campaign_id, c.cancelled_at IS NOT NULL AS cancelled
                FROM bounds
                LEFT JOIN LATERAL (
                    SELECT campaign_id, cancelled_at FROM acra_express.campaigns
                    WHERE enqueued_at >= bounds.began AND enqueued_at < bounds.ends AND enqueued_by = $2 AND name = $2
                    ORDER BY enqueued_at, campaign_id LIMIT 1) c ON true
                """,
                self._zone.key,
                REQUESTED_BY,
            )
        assert row is not None
        return Look(**row)

    async def stalest(self, uens: Sequence[str], limit: int, recheck: timedelta, campaign_id: int | None) -> list[str]:
        """Those of `uens` that are due, at most `limit`: never looked at first, then the oldest answers.

        An answer is due after `recheck`, a failure after a day. Left out are companies that the registry does not
        list as live, that opted out, or wait in a job or list, and what today's campaign could not take already.
        """
        due: list[tuple[datetime, int, str]] = []
        for first in range(0, len(uens), CHUNK):
            async with self._database.session() as connection:
                rows = await connection.fetch(
                    _STALE,
                    list(uens[first : first + CHUNK]),
                    recheck,
                    min(recheck, FAILED_HOLDS),
                    campaign_id,
                    LIVE,
                    SILENT,
                )
            due += [(row["last"], first + row["place"], row["uen"]) for row in rows]
            due = nsmallest(limit, due)
        return [uen for _, _, uen in due]

    async def stage(self, params: StagingParams, *, campaign_id: int | None) -> tuple[JobId, int]:
        """Insert a staging job of the day's campaign, or the first one; the ids of job and campaign.

        The companies of a tick count their waiting time from the tick, because no person has waited since the first.
        """
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(
                """
                INSERT INTO acra_express.express_jobs (tenant_id, job_type, status, params, created_at)
                VALUES ($1, $2, 'queued', $3, acra_express.clock()) RETURNING job_id, created_at
                """,
                self._database.tenant_id,
                JobType.STAGING.value,
                params.as_json(),
            )
            assert row is not None
            job_id = JobId(row["job_id"])
            await connection.execute("SELECT acra_express.put_aside($1)", job_id)  # an earlier life of the database
            if campaign_id is None:
                await record_campaign(connection, job_id, row["created_at"], Asked(REQUESTED_BY, REQUESTED_BY))
                return job_id, job_id
            campaign = Campaign(id=campaign_id, enqueued_at=row["created_at"], left=params.limit)
            follows = params.model_copy(update={"limit": None, "campaign": campaign})
            await connection.execute(
                "UPDATE acra_express.express_jobs SET params = $2 WHERE job_id = $1", job_id, follows.as_json()
            )
            # names the campaign before the first claim, so that a cancel finds the job
            await connection.execute(
                """
                INSERT INTO acra_express.leases (job_id, job_created_at, due_at, campaign_id)
                VALUES ($1, $2, acra_express.clock(), $3)
                """,
                job_id,
                row["created_at"],
                campaign_id,
            )
        return job_id, campaign_id

    async def staged(self, job_id: JobId) -> int | None:
        """How many companies a staging job staged; None while it has not ended, or if it no longer exists."""
        async with self._database.session() as connection:
            total = await connection.fetchval(
                "SELECT total FROM acra_express.express_jobs WHERE job_id = $1 AND status IN ('done', 'error')", job_id
            )
        return None if total is None else int(total)


# $1 UENs, $2 how long an answer holds, $3 a failure or any other end, $4 today's campaign, $5 and $6 the patterns of
# registry/eligibility.py. `last` orders: the year 1 for a company without any end.
_STALE = """
    WITH waiting AS MATERIALIZED (
        SELECT acra_express.whole_number(e.value) AS company_id
        FROM acra_express.express_jobs j
        CROSS JOIN LATERAL jsonb_array_elements(
            CASE WHEN pg_column_size(j.params) <= 1048576 AND jsonb_typeof(j.params -> 'company_ids') = 'array'
                 THEN j.params -> 'company_ids' ELSE '[]' END) AS e(value)
        WHERE j.status IN ('queued', 'running') AND j.job_type = 'acra_express_enrich_candidates'),
    ended AS MATERIALIZED (
        SELECT e.uen, max(e.ended_at) AS last,
               max(e.ended_at + CASE WHEN e.kind IN ('enriched', 'no_website') THEN $2::interval
                                     ELSE $3::interval END) AS holds_until
        FROM acra_express.outcomes e WHERE e.uen = ANY ($1::text[]) GROUP BY e.uen),
    listed AS MATERIALIZED (
        SELECT l.uen FROM acra_express.campaign_uens l
        WHERE l.uen = ANY ($1::text[]) AND ((l.staging_job_id IS NULL AND l.kind IS NULL)
                                            OR (l.campaign_id = $4 AND l.kind = 'skipped')))
    SELECT asked.uen, asked.place, coalesce(greatest(o.last, h.last), '0001-01-02'::timestamptz) AS last
    FROM unnest($1::text[]) WITH ORDINALITY AS asked(uen, place)
    CROSS JOIN (SELECT acra_express.clock() AS at) now
    JOIN public.staging_acra_companies s ON s.uen = asked.uen
     AND (coalesce(s.entity_status_description, '') ~* $5 OR coalesce(s.entity_status_description, '') ~* $6)
    LEFT JOIN public.companies c ON c.uen = asked.uen
    LEFT JOIN ended o ON o.uen = asked.uen
    LEFT JOIN LATERAL (
        SELECT max(coalesce(u.updated_at, now.at)) AS last
        FROM public.company_enrichment_runs u WHERE u.company_id = c.company_id) h ON true
    WHERE coalesce(o.holds_until <= now.at, true) AND coalesce(h.last <= now.at - $2::interval, true)
      AND NOT EXISTS (SELECT FROM acra_express.opt_outs x WHERE x.kind = 'company' AND x.value = asked.uen)
      AND NOT EXISTS (SELECT FROM waiting w WHERE w.company_id = c.company_id)
      AND NOT EXISTS (SELECT FROM listed l WHERE l.uen = asked.uen)
"""
