"""What a claim may write: progress, the jobs that follow, and every way in which an attempt ends.

Every write begins with `acra_express.fence(job, token)`, see `JobClaims.owned`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from acra_express_async.db.companies.outcomes import end_unfinished
from acra_express_async.db.jobs.claims import JobClaims, lost
from acra_express_async.db.session.pool import Connection
from acra_express_async.logs import printable
from acra_express_async.models import Job, JobId, JobType, WaitReason

ERROR_TEXT_LIMIT = 1000
"""Characters of an error that are kept in the job's row: a few sentences, not a page."""
SERVICE = "service"
"""What a job waits for that a fault in our own code put off."""


class Jobs(JobClaims):
    """The job rows and leases in one database: claims, and what their holders write."""

    async def finish(self, connection: Connection, job: Job, *, total: int, note: str | None = None) -> None:
        """End the job as done, inside a transaction of `owned`; `note` stays in the row's error column."""
        await connection.execute(
            """
            UPDATE acra_express.express_jobs
            SET status = 'done', ended_at = acra_express.clock(), processed = $2, total = $2, error = $3
            WHERE job_id = $1
            """,
            job.job_id,
            total,
            _kept(note),
        )
        await _close_lease(connection, job)

    async def end(self, job: Job, *, total: int, note: str | None = None) -> None:
        """`finish` where nothing else is written with it: one statement instead of a transaction of five.

        Raises:
            LeaseLost: it is not ours; nothing was written.
        """
        async with self._database.session() as connection:
            if not await connection.fetchval(
                "SELECT acra_express.finish($1, $2, $3, $4)", job.job_id, job.token, total, _kept(note)
            ):
                raise lost(job)

    async def rewrite(self, connection: Connection, job: Job, params: dict[str, Any]) -> None:
        """Store a job's params in another form, inside a transaction of `owned`."""
        await connection.execute(
            "UPDATE acra_express.express_jobs SET params = $2 WHERE job_id = $1", job.job_id, params
        )

    async def staged(
        self, connection: Connection, job: Job, *, enrichment: JobId | None, continuation: JobId | None
    ) -> None:
        """Record what a staging job produced; the primary key rules out a second enrichment job."""
        await connection.execute(
            """
            INSERT INTO acra_express.staged
                (staging_job_id, job_created_at, enrichment_job_id, continuation_id, staged_at)
            SELECT j.job_id, j.created_at, $2, $3, acra_express.clock()
            FROM acra_express.express_jobs j WHERE j.job_id = $1
            """,
            job.job_id,
            enrichment,
            continuation,
        )

    async def progress(self, connection: Connection, job: Job, *, processed: int, total: int) -> bool:
        """Record committed companies, inside a transaction of `owned`; resets crashes, interruptions and outages.

        Returns:
            Whether a job is due that was never claimed: a worker then hands its own job back. False while claiming is
            paused: no worker would take either job, and running jobs go on to their end.
        """
        return bool(
            await connection.fetchval(
                """
                WITH job AS (
                    UPDATE acra_express.express_jobs SET processed = $2, total = $3 WHERE job_id = $1),
                lease AS (
                    UPDATE acra_express.leases
                    SET crashes = 0, crashed_token = NULL, interruptions = 0, outage_since = NULL, fault = NULL,
                        wait_reason = NULL, stuck_since = NULL
                    WHERE job_id = $1)
                SELECT NOT (SELECT c.paused FROM acra_express.control c) AND EXISTS (
                    SELECT FROM acra_express.express_jobs j
                    WHERE j.status IN ('queued', 'running') AND j.status = 'queued' AND j.started_at IS NULL
                      AND NOT EXISTS (SELECT FROM acra_express.leases l WHERE l.job_id = j.job_id
                                      AND (l.job_created_at IS NULL OR l.job_created_at = j.created_at)))
                """,
                job.job_id,
                processed,
                total,
            )
        )

    async def fail(self, job: Job, error: str, *, reason: str) -> list[timedelta]:
        """End the job in `error`; each of its unfinished companies gets its `failed` outcome in the same transaction.

        Returns:
            For each company failed here, how long it had been waiting since its staging job.
        """
        async with self.owned(job) as connection:
            waited = await end_unfinished(
                connection, job.job_id, job.job_type, job.params, created_at=job.created_at, reason=reason
            )
            await connection.execute(
                """
                UPDATE acra_express.express_jobs
                SET status = 'error', ended_at = acra_express.clock(), error = $2
                WHERE job_id = $1
                """,
                job.job_id,
                _kept(error),
            )
            await _close_lease(connection, job)
        return waited

    async def snooze(
        self,
        job: Job,
        delay: timedelta,
        error: str,
        *,
        outage: bool = False,
        fault: str | None = None,
        waits_for: str | None = None,
        reason: WaitReason = WaitReason.OUTAGE,
    ) -> None:
        """Back to `queued`, due after `delay`, with the attempt handed back; the row says ``deferred: …``.

        Args:
            outage: a provider is unavailable (not a budget or the cap): the duration of the outage is counted until
                there is progress; time that the job waits for a budget or the cap does not count.
            fault: the exception in our own code that the job waits for; an alert reports it.
            waits_for: what other campaigns would wait for too: a provider or `SERVICE`. Their continuations are left
                to the next tick. None for what concerns this campaign alone.
            reason: a wait by rule ends the time for which the job counts as stuck; any other begins or continues it.
        """
        async with self.owned(job) as connection:
            await self._requeue(connection, job, f"deferred: {error}")
            await connection.execute(
                """
                UPDATE acra_express.leases
                SET held = false, due_at = acra_express.clock() + $2, attempts = attempts - 1,
                    outage_since = CASE WHEN $3 THEN coalesce(outage_since, acra_express.clock())
                                        ELSE outage_since + $2 END,
                    fault = $4, waits_for = $5, stuck_for = $5, wait_reason = $6,
                    stuck_since = CASE WHEN NOT $7 THEN coalesce(stuck_since, acra_express.clock()) END
                WHERE job_id = $1
                """,
                job.job_id,
                delay,
                outage,
                fault,
                waits_for,
                reason.value,
                reason.by_rule,
            )

    async def retry_later(self, job: Job, delay: timedelta, error: str) -> None:
        """Back to `queued` after a job-specific error, which counts."""
        async with self.owned(job) as connection:
            await self._requeue(connection, job, f"retry: {error}")
            await connection.execute(
                """
                UPDATE acra_express.leases
                SET held = false, due_at = acra_express.clock() + $2, errors = errors + 1, wait_reason = $3,
                    stuck_for = NULL, stuck_since = coalesce(stuck_since, acra_express.clock())
                WHERE job_id = $1
                """,
                job.job_id,
                delay,
                WaitReason.ERROR.value,
            )

    async def interrupt(self, job: Job, delay: timedelta, error: str) -> None:
        """Back to `queued` because the database could not serve it; counts neither as an attempt nor as an error."""
        async with self.owned(job) as connection:
            await self._requeue(connection, job, f"retry: {error}")
            await connection.execute(
                """
                UPDATE acra_express.leases
                SET held = false, due_at = acra_express.clock() + $2, attempts = attempts - 1,
                    interruptions = interruptions + 1, wait_reason = $3, stuck_for = NULL,
                    stuck_since = coalesce(stuck_since, acra_express.clock())
                WHERE job_id = $1
                """,
                job.job_id,
                delay,
                WaitReason.INTERRUPTED.value,
            )

    async def release(self, job: Job) -> None:
        """Hand the job back, due at once, with the attempt handed back: for a deploy, or to let a new job go first."""
        async with self.owned(job) as connection:
            await self._requeue(connection, job, None)
            await connection.execute(
                """
                UPDATE acra_express.leases SET held = false, due_at = acra_express.clock(), attempts = attempts - 1
                WHERE job_id = $1
                """,
                job.job_id,
            )

    async def _requeue(self, connection: Connection, job: Job, error: str | None) -> None:
        await connection.execute(
            "UPDATE acra_express.express_jobs SET status = 'queued', error = $2 WHERE job_id = $1",
            job.job_id,
            _kept(error),
        )

    async def insert(
        self, connection: Connection, job_type: JobType, params: dict[str, Any], *, due_in: timedelta | None = None
    ) -> JobId:
        """A new queued row under the express tenant; with `due_in` it may not be claimed before then."""
        made = await connection.fetchrow(
            """
            INSERT INTO acra_express.express_jobs (tenant_id, job_type, status, params, created_at)
            VALUES ($1, $2, 'queued', $3, acra_express.clock()) RETURNING job_id, created_at
            """,
            self._database.tenant_id,
            job_type.value,
            params,
        )
        assert made is not None
        if due_in is not None:
            # the row of an earlier job with this ID would let it be claimed at once
            await connection.execute("SELECT acra_express.put_aside($1)", made["job_id"])
            await connection.execute(
                """
                INSERT INTO acra_express.leases (job_id, job_created_at, due_at)
                VALUES ($1, $2, acra_express.clock() + $3)
                """,
                made["job_id"],
                made["created_at"],
                due_in,
            )
        return JobId(made["job_id"])


async def _close_lease(connection: Connection, job: Job) -> None:
    await connection.execute(
        "UPDATE acra_express.leases SET held = false, due_at = 'infinity' WHERE job_id = $1", job.job_id
    )


def _kept(text: str | None) -> str | None:
    """The text in a form for the row's error column: it may quote params, which can contain anything."""
    return printable(text)[:ERROR_TEXT_LIMIT] if text else None
