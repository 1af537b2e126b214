"""Outcomes of companies, and the slots of the daily cap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from acra_express_async import logs
from acra_express_async.db.companies.judged import hold_company, judged_in
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.models import Company, CompanyId, Job, JobId, JobType, Outcome, OutcomeKind
from acra_express_async.params import believable, companies_named_in, id_of, moment_in

log = logs.logger("outcomes")


@dataclass(frozen=True, slots=True)
class Ended:
    """Time from the company's staging job, and from the campaign's enqueue, until the result was written."""

    latency: timedelta
    campaign_age: timedelta


@dataclass(frozen=True, slots=True)
class Slot:
    """Whether a company may be worked on: the slot is ours, or belongs to another live job, or none is left."""

    ours: bool
    elsewhere: bool
    until_tomorrow: timedelta


@dataclass(frozen=True, slots=True)
class SinceLoaded:
    """What has happened to a company since it was loaded.

    Args:
        judged: people have said something about it, so the outcome is out of date.
        answered_elsewhere: another job has answered for it since this one took its slot. The slots prevent that, but
            the previous version of the service does not see a slot of another day.
    """

    judged: bool
    answered_elsewhere: bool


class Outcomes:
    """Outcomes of enrichment jobs; one row for each company of a job."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ended(self, connection: Connection, job_id: JobId) -> frozenset[CompanyId]:
        """The companies of this job that are done."""
        rows = await connection.fetch("SELECT company_id FROM acra_express.outcomes WHERE job_id = $1", job_id)
        return frozenset(CompanyId(row["company_id"]) for row in rows)

    async def since_loaded(self, connection: Connection, job: Job, company: Company) -> SinceLoaded:
        """What has happened to the company since it was loaded.

        Inside the transaction that stores the outcome, which no judgement can overtake; two such transactions for one
        company run one after the other.
        """
        await hold_company(
            connection, company.company_id
        )  # a separate statement: the next one must see what came before
        row = await connection.fetchrow(
            """
            SELECT max(j.value) FILTER (WHERE j.judgement IN ('accept', 'set') AND j.field = 'site') AS site,
                   coalesce(bool_or(j.judgement = 'none'), false) AS no_site,
                   array_agg(j.value) FILTER (WHERE j.judgement = 'reject' AND j.field = 'site') AS sites,
                   array_agg(coalesce(encode(j.address_hash, 'hex'), j.value))
                       FILTER (WHERE j.judgement IN ('reject', 'bounced') AND j.field <> 'site') AS contacts,
                   EXISTS (
                       SELECT FROM acra_express.outcomes o
                       WHERE o.company_id = $2 AND o.job_id <> $3 AND o.kind IN ('enriched', 'no_website')
                         AND o.ended_at >= (
                             SELECT max(s.taken_at) FROM acra_express.daily_slots s
                             WHERE s.company_id = $2 AND s.job_id = $3)) AS answered
            FROM acra_express.judgements j WHERE j.uen = $1 AND j.ended_at IS NULL
            """,
            company.uen,
            company.company_id,
            job.job_id,
        )
        assert row is not None
        return SinceLoaded(judged=judged_in(row) != company.judged, answered_elsewhere=row["answered"])

    async def write(
        self,
        connection: Connection,
        job: Job,
        company: Company,
        outcome: Outcome,
        *,
        staging_job_id: int | None,
        staged_at: datetime,
        campaign_at: datetime,
        detail: dict[str, Any],
        level: str | None = None,
        level_table: int | None = None,
    ) -> Ended:
        """Write one outcome inside the transaction that stores its results; the time is the database's.

        Args:
            level: how sure the site is, by version `level_table` of the thresholds; None without a site.
        """
        row = await connection.fetchrow(
            """
            INSERT INTO acra_express.outcomes
                (job_id, job_created_at, company_id, uen, kind, reason, staging_job_id, staged_at, campaign_at,
                 ended_at, detail, level, level_table)
            VALUES ($1, (SELECT j.created_at FROM acra_express.express_jobs j WHERE j.job_id = $1),
                    $2, $3, $4, $5, $6, $7, $8, acra_express.clock(), $9, $10, $11)
            RETURNING ended_at - staged_at AS latency, ended_at - campaign_at AS campaign_age
            """,
            job.job_id,
            company.company_id,
            company.uen,
            outcome.kind.value,
            outcome.reason,
            staging_job_id,
            staged_at,
            campaign_at,
            detail,
            level,
            level_table,
        )
        assert row is not None
        return Ended(latency=row["latency"], campaign_age=row["campaign_age"])


async def end_unfinished(
    connection: Connection,
    job_id: JobId,
    job_type: JobType,
    params: Mapping[str, Any],
    *,
    created_at: datetime,
    reason: str,
    kind: OutcomeKind = OutcomeKind.FAILED,
) -> list[timedelta]:
    """Write `kind` for each company of an enrichment job that has no outcome, in the transaction that ends the job.

    Works on any params, however broken: a job must always be able to end. Values that the table refuses all the same
    cost the job's companies their rows, never the job its end.

    Returns:
        For each company ended here, its wait since the staging job; zero if no plausible time of staging is known.
    """
    if job_type is not JobType.ENRICHMENT:
        return []
    staged_at = moment_in(params, "staged_at") or believable(created_at)
    try:
        async with connection.transaction():
            rows = await connection.fetch(
                """
                INSERT INTO acra_express.outcomes
                    (job_id, job_created_at, company_id, uen, kind, reason, staging_job_id, staged_at, campaign_at,
                     ended_at)
                SELECT $1, (SELECT j.created_at FROM acra_express.express_jobs j WHERE j.job_id = $1),
                       wanted.id, c.uen, $7, $3, $4, coalesce($5::timestamptz, now.at),
                       coalesce($6::timestamptz, $5, now.at), now.at
                FROM unnest($2::bigint[]) AS wanted(id) CROSS JOIN (SELECT acra_express.clock() AS at) now
                LEFT JOIN public.companies c ON c.company_id = wanted.id
                ON CONFLICT (job_id, company_id) DO NOTHING
                RETURNING ended_at - staged_at AS waited
                """,
                job_id,
                companies_named_in(params),
                reason,
                id_of(params.get("staging_job_id")),
                staged_at,
                moment_in(params, "campaign_enqueued_at"),
                kind.value,
            )
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as refused:
        log.exception("companies.unwritten", job_id=job_id, error=str(refused))
        return []
    return [row["waited"] for row in rows]


async def note_cancelled(connection: Connection, companies: int) -> None:
    """Leave it to the running service to count these companies in its metrics; see `Control.take_cancelled`."""
    if companies:
        await connection.execute(
            "UPDATE acra_express.control SET uncounted_cancelled = uncounted_cancelled + $1", companies
        )


class DailyCap:
    """Slots of the daily cap, keyed by (day, company): resuming takes no second slot, and no slot can leak.

    Args:
        zone: the time zone whose calendar day counts.
    """

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database = database
        self.zone = zone

    async def take(self, connection: Connection, company_id: CompanyId, job_id: JobId, cap: int) -> Slot:
        """Take today's slot for a company, as the last step of the caller's transaction, for which other sessions wait:
        whatever else that transaction holds, it is about to commit.

        A slot belongs to one job. While that job is live and has not decided about the company, no other may work on
        the company, whatever the day of the slot; afterwards the slot is taken over.
        """
        # one session at a time; otherwise two replicas could both see the last free slot and take it
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('acra_express.daily_slots'))")
        row = await connection.fetchrow(
            """
            WITH today AS (
                SELECT now, (now AT TIME ZONE $1)::date AS day FROM (SELECT acra_express.clock() AS now) c),
            elsewhere AS MATERIALIZED (
                SELECT FROM acra_express.daily_slots s JOIN acra_express.express_jobs j ON j.job_id = s.job_id
                WHERE s.company_id = $2 AND s.job_id <> $3 AND j.status IN ('queued', 'running')
                  AND NOT EXISTS (
                      SELECT FROM acra_express.outcomes o WHERE o.job_id = s.job_id AND o.company_id = $2)),
            slot AS (
                SELECT s.day FROM acra_express.daily_slots s JOIN today ON today.day = s.day
                WHERE s.company_id = $2),
            taken AS (
                INSERT INTO acra_express.daily_slots (day, company_id, job_id, taken_at)
                SELECT day, $2, $3, now FROM today
                WHERE NOT EXISTS (SELECT FROM elsewhere) AND NOT EXISTS (SELECT FROM slot)
                  AND (SELECT count(*) FROM acra_express.daily_slots s WHERE s.day = today.day) < $4
                RETURNING true),
            taken_over AS (
                UPDATE acra_express.daily_slots s
                SET job_id = $3, taken_at = CASE WHEN s.job_id = $3 THEN s.taken_at ELSE today.now END
                FROM slot, today
                WHERE s.day = slot.day AND s.company_id = $2 AND NOT EXISTS (SELECT FROM elsewhere)
                RETURNING true)
            SELECT EXISTS (SELECT FROM taken) OR EXISTS (SELECT FROM taken_over) AS ours,
                   EXISTS (SELECT FROM elsewhere) AS elsewhere,
                   ((today.day + 1)::timestamp AT TIME ZONE $1) - today.now AS until_tomorrow
            FROM today
            """,
            self.zone.key,
            company_id,
            job_id,
            cap,
        )
        assert row is not None
        return Slot(ours=row["ours"], elsewhere=row["elsewhere"], until_tomorrow=row["until_tomorrow"])

    async def hand_back(self, company_id: CompanyId, job_id: JobId) -> None:
        """Return the slot of a company for which nothing was sent."""
        async with self._database.session() as connection:
            await connection.execute(
                """
                DELETE FROM acra_express.daily_slots
                WHERE day = (acra_express.clock() AT TIME ZONE $1)::date AND company_id = $2 AND job_id = $3
                """,
                self.zone.key,
                company_id,
                job_id,
            )

    async def used(self) -> int:
        """Slots taken today."""
        async with self._database.session() as connection:
            return int(
                await connection.fetchval(
                    "SELECT count(*) FROM acra_express.daily_slots"
                    " WHERE day = ((SELECT acra_express.clock()) AT TIME ZONE $1)::date",
                    self.zone.key,
                )
            )
