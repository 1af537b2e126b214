"""What an operator does with express jobs: enqueue, list, show, retry, cancel. Jobs of other types are out of reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from acra_express_async.db.companies.campaign_rows import Asked, record_campaign
from acra_express_async.db.companies.outcomes import end_unfinished, note_cancelled
from acra_express_async.db.jobs.leases import ERROR_TEXT_LIMIT
from acra_express_async.db.jobs.listen import CHANNEL
from acra_express_async.db.jobs.uen_lists import list_progress, store_list
from acra_express_async.db.session.pool import Connection, Database, Row
from acra_express_async.errors import JobError, UnknownId
from acra_express_async.models import JobId, JobType, OutcomeKind
from acra_express_async.params import (
    MAX_BYTES,
    MAX_ID,
    Campaign,
    StagingParams,
    id_of,
    listed_uens,
    moment_in,
    params_fault,
)

LISTED_BYTES = 64 * 1024
"""Params longer than this are shown by `jobs show` alone, or a list of a thousand jobs could be a gigabyte."""


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job as an operator sees it; `state` is due, snoozed, running, done or error; `failed` counts companies.

    `params` is what was written into the row, or None when `params_fault` says why it cannot be shown. Moments that
    Python cannot represent are shown as the nearest one that it can. `uens_listed` and `uens_waiting` count the list of
    the job's campaign, where a single job is shown.
    """

    job_id: int
    job_type: str
    state: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    due_at: datetime | None
    processed: int
    total: int
    attempts: int
    errors: int
    crashes: int
    error: str | None
    params: Any
    params_fault: str | None = None
    failed: int = 0
    uens_listed: int = 0
    uens_waiting: int = 0


@dataclass(frozen=True, slots=True)
class EndedCompany:
    """How a company of a job ended; `latency_seconds` is the time since it was staged."""

    job_id: int
    company_id: int
    uen: str | None
    name: str | None
    kind: str
    reason: str
    ended_at: datetime
    latency_seconds: float | None


class Operator:
    """The operator's commands on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enqueue(
        self, params: StagingParams, asked: Asked | None = None, uens: Sequence[str] | None = None
    ) -> JobId:
        """Insert a campaign's first staging job, its row and its list of UENs; the trigger notifies the service."""
        async with self._database.transaction() as connection:
            return await insert_campaign(connection, self._database.tenant_id, params, asked, uens)

    async def listed(self, *, state: str | None, limit: int) -> list[JobLine]:
        """The newest jobs first, at most `limit`; only those in `state` when it is given."""
        async with self._database.session() as connection:
            rows = await _lines(connection, state=state, limit=limit)
            failed = await connection.fetch(
                """
                SELECT job_id, count(*) AS companies FROM acra_express.outcomes
                WHERE job_id = ANY ($1::bigint[]) AND kind = 'failed' GROUP BY job_id
                """,
                [row["job_id"] for row in rows],
            )
        counts = {row["job_id"]: row["companies"] for row in failed}
        return [_line(row, counts.get(row["job_id"], 0), most_bytes=LISTED_BYTES) for row in rows]

    async def shown(self, job_id: int) -> tuple[JobLine, list[EndedCompany]]:
        """One job and how its companies ended; for a staging job, those of its whole campaign so far.

        Raises:
            UnknownId: there is no express job with this id.
        """
        async with self._database.session() as connection:
            rows = await _lines(connection, job_id=_known(job_id), limit=1)
            if not rows:
                raise _unknown(job_id)
            [row] = rows
            outcomes = await connection.fetch(
                """
                SELECT o.job_id, o.company_id, o.uen, c.name, o.kind, o.reason, o.ended_at,
                       extract(epoch FROM o.ended_at - o.staged_at)::float8 AS latency_seconds
                FROM acra_express.outcomes o LEFT JOIN public.companies c USING (company_id)
                WHERE (o.job_id = $1 AND EXISTS (
                        SELECT FROM acra_express.express_jobs j
                        WHERE j.job_id = $1 AND coalesce(o.job_created_at = j.created_at, o.ended_at >= j.created_at)))
                   OR (o.ended_at >= $2::timestamptz AND o.campaign_at = $2::timestamptz)
                ORDER BY o.ended_at
                """,
                job_id,
                _campaign_at(row),
            )
            listed, waiting = await list_progress(connection, _campaign_of(row))
        failed = sum(outcome["kind"] == "failed" for outcome in outcomes)
        line = replace(_line(row, failed, most_bytes=MAX_BYTES), uens_listed=listed, uens_waiting=waiting)
        return line, [EndedCompany(**outcome) for outcome in outcomes]

    async def retry(self, job_id: int) -> str:
        """Queue an ended or snoozed job again, due at once and without its errors and crashes; notifies the service.

        Companies that ended as `failed` are retried; all others stay as they are.

        Raises:
            UnknownId: there is no such job.
            JobError: it is running, or it has staged its companies, which are in another job now.
        """
        async with self._database.transaction() as connection:
            before = (await _locked(connection, job_id))["status"]
            if before == "running":
                raise JobError(f"job {job_id} is running; cancel it first")
            await _refuse_staged(connection, job_id)
            await connection.execute(
                """
                UPDATE acra_express.express_jobs SET status = 'queued', ended_at = NULL, error = NULL WHERE job_id = $1
                """,
                job_id,
            )
            await connection.execute(
                """
                INSERT INTO acra_express.leases (job_id, job_created_at, due_at)
                SELECT j.job_id, j.created_at, acra_express.clock() FROM acra_express.express_jobs j WHERE j.job_id = $1
                ON CONFLICT (job_id) DO UPDATE
                SET due_at = excluded.due_at, held = false, errors = 0, crashes = 0, crashed_token = NULL,
                    interruptions = 0, outage_since = NULL, wait_reason = NULL, stuck_since = NULL
                """,
                job_id,
            )
            await connection.execute("DELETE FROM acra_express.outcomes WHERE job_id = $1 AND kind = 'failed'", job_id)
            await connection.execute("SELECT pg_notify($1, 'retry')", CHANNEL)
        return str(before)

    async def cancel(self, job_id: int, by: str) -> str:
        """End a job in `error` and return its old status. The worker of a running one completes its call.

        Raises:
            UnknownId: there is no such job.
            JobError: it has ended.
        """
        async with self._database.transaction() as connection:
            row = await _locked(connection, job_id)
            if row["status"] in ("done", "error"):
                raise JobError(f"job {job_id} has already ended ({row['status']})")
            ended = await end_unfinished(
                connection,
                JobId(job_id),
                JobType(row["job_type"]),
                row["params"] if isinstance(row["params"], dict) else {},
                created_at=row["created_at"],
                reason="cancelled",
                kind=OutcomeKind.CANCELLED,
            )
            await note_cancelled(connection, len(ended))
            await connection.execute(
                """
                UPDATE acra_express.express_jobs
                SET status = 'error', ended_at = acra_express.clock(), error = 'cancelled by ' || $2
                WHERE job_id = $1
                """,
                job_id,
                by,
            )
            await connection.execute(
                """
                UPDATE acra_express.leases
                SET held = false, due_at = 'infinity', token = acra_express.new_token() WHERE job_id = $1
                """,
                job_id,
            )
            await connection.execute("SELECT pg_notify($1, 'cancelled')", CHANNEL)
        return str(row["status"])


async def insert_campaign(
    connection: Connection,
    tenant_id: int,
    params: StagingParams,
    asked: Asked | None = None,
    uens: Sequence[str] | None = None,
) -> JobId:
    """See `Operator.enqueue`; in the caller's transaction."""
    row = await connection.fetchrow(
        """
        INSERT INTO acra_express.express_jobs (tenant_id, job_type, status, params, created_at)
        VALUES ($1, $2, 'queued', $3, acra_express.clock()) RETURNING job_id, created_at
        """,
        tenant_id,
        JobType.STAGING.value,
        params.model_copy(update={"uens": []}).as_json(),
    )
    assert row is not None
    job_id = JobId(row["job_id"])
    await connection.execute("SELECT acra_express.put_aside($1)", job_id)  # an earlier life of the database
    await record_campaign(connection, job_id, row["created_at"], asked)
    listed = listed_uens(params.uens) if uens is None else list(uens)
    if listed:
        await store_list(connection, job_id, listed, afresh=True)
        campaign = Campaign(id=job_id, enqueued_at=row["created_at"], left=params.limit)
        bare = params.model_copy(update={"uens": [], "limit": None, "campaign": campaign})
        await connection.execute(
            "UPDATE acra_express.express_jobs SET params = $2 WHERE job_id = $1", job_id, bare.as_json()
        )
    return job_id


async def _lines(
    connection: Connection, *, limit: int, job_id: int | None = None, state: str | None = None
) -> list[Row]:
    """The columns of `JobLine` except `failed`, newest first: of one job, or of the jobs in one state."""
    return await connection.fetch(
        """
        SELECT job_id, job_type, state, created_at, started_at, ended_at, due_at, processed, total, attempts, errors,
               crashes, left(error, $4) AS error, acra_express.params_fault(params, $5) AS params_fault,
               CASE WHEN acra_express.params_fault(params, $5) IS NULL THEN params END AS params
        FROM (
            SELECT j.job_id, j.job_type, j.created_at, j.started_at, j.ended_at, coalesce(j.processed, 0) AS processed,
                   coalesce(j.total, 0) AS total, j.error, coalesce(j.params, '{}') AS params,
                   coalesce(l.attempts, 0) AS attempts, coalesce(l.errors, 0) AS errors,
                   coalesce(l.crashes, 0) AS crashes, nullif(l.due_at, 'infinity') AS due_at,
                   CASE WHEN j.status <> 'queued' THEN j.status
                        WHEN l.due_at > (SELECT acra_express.clock()) THEN 'snoozed' ELSE 'due' END AS state
            FROM acra_express.express_jobs j
            LEFT JOIN acra_express.leases l
              ON l.job_id = j.job_id AND (l.job_created_at IS NULL OR l.job_created_at = j.created_at)) line
        WHERE ($1::bigint IS NULL OR job_id = $1) AND ($2::text IS NULL OR state = $2)
        ORDER BY job_id DESC LIMIT $3
        """,
        job_id,
        state,
        limit,
        ERROR_TEXT_LIMIT,
        MAX_BYTES if job_id is not None else LISTED_BYTES,
    )


def _line(row: Row, failed: int, *, most_bytes: int) -> JobLine:
    return replace(JobLine(**row), params_fault=params_fault(row["params_fault"], most_bytes), failed=failed)


def _campaign_at(row: Row) -> datetime | None:
    """The moment by which outcomes refer to the campaign of a staging job; None for any other job."""
    if row["job_type"] != JobType.STAGING.value:
        return None
    return moment_in(_campaign_in(row), "enqueued_at") or row["created_at"]


def _campaign_of(row: Row) -> int:
    """The campaign whose list a job works on; the job's own id where it names none."""
    return id_of(_campaign_in(row).get("id")) or int(row["job_id"])


def _campaign_in(row: Row) -> Mapping[str, Any]:
    campaign = row["params"].get("campaign") if isinstance(row["params"], dict) else None
    return campaign if isinstance(campaign, dict) else {}


async def _refuse_staged(connection: Connection, job_id: int) -> None:
    """A staging job runs once: a second run would stage its companies twice.

    Raises:
        JobError: it did its work; the sentence names the command for its companies.
    """
    row = await connection.fetchrow(
        """
        SELECT s.enrichment_job_id, coalesce(s.campaign_id, s.staging_job_id) AS campaign_id
        FROM acra_express.staged s JOIN acra_express.express_jobs j ON j.job_id = s.staging_job_id
        WHERE s.staging_job_id = $1 AND coalesce(s.job_created_at = j.created_at, s.staged_at >= j.created_at)
        """,
        job_id,
    )
    if row is not None:
        enrichment = row["enrichment_job_id"]
        where = "" if enrichment is None else f" in job {enrichment}"
        raise JobError(
            f"job {job_id} has staged its companies and cannot run again; use `acra-express campaigns retry"
            f" {row['campaign_id']}` to try the failed companies{where} again"
        )


def _known(job_id: int) -> int:
    """The id, if the table could hold it.

    Raises:
        UnknownId: it could not, so there is no such job.
    """
    if not -MAX_ID - 1 <= job_id <= MAX_ID:
        raise _unknown(job_id)
    return job_id


def _unknown(job_id: int) -> UnknownId:
    return UnknownId(f"there is no express job {job_id}")


async def _locked(connection: Connection, job_id: int) -> Row:
    """The job's row, locked, and rid of what an earlier job with this ID left."""
    row = await connection.fetchrow(
        """
        SELECT status, job_type, created_at,
               CASE WHEN acra_express.params_fault(params, $2) IS NULL THEN params END AS params
        FROM acra_express.express_jobs WHERE job_id = $1 FOR UPDATE
        """,
        _known(job_id),
        MAX_BYTES,
    )
    if row is None:
        raise _unknown(job_id)
    await connection.execute("SELECT acra_express.put_aside($1)", job_id)
    return row
