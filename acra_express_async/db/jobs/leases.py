"""Express rows of `background_jobs` and their leases: claim, heartbeat, and every way in which an attempt ends.

Every write after the claim begins with `acra_express.fence(job, token)`. A process that was frozen and wakes up after
its lease was taken over therefore changes nothing and gets `LeaseLost`. Lock order: job, then lease.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from acra_express_async.db.companies.outcomes import end_unfinished
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import LeaseLost
from acra_express_async.logs import printable
from acra_express_async.models import Job, JobId, JobType, Token, WaitReason
from acra_express_async.params import MAX_BYTES, params_fault, row_fault

ERROR_TEXT_LIMIT = 1000
"""Characters of an error that are kept in the job's row: a few sentences, not a page."""
SERVICE = "service"
"""What a job waits for that a fault in our own code put off."""


class Jobs:
    """The job rows and leases in one database.

    Args:
        database: sessions under the tenant role.
        vital: sessions kept free for heartbeats, so that a busy pool cannot cause a lease to expire.
    """

    def __init__(self, database: Database, vital: Database) -> None:
        self._database = database
        self._vital = vital

    async def claim(self, owner: str, lease: timedelta, limit: int = 1) -> list[Job]:
        """Claim up to `limit` due jobs for `lease` from now; none while an operator has paused claiming.

        The first heartbeat confirms a claim. A claim that expires unconfirmed counts as no crash: its answer was lost.

        Raises:
            DatabaseAway: the claim may have been made all the same; `give_back` hands such jobs back.
        """
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT c.job_id, c.job_type, c.token, c.created_at, c.attempts, c.errors, c.crashes, c.expired,
                       c.outage, c.interruptions, c.crashed, c.replaced, f.fault,
                       CASE WHEN f.fault IS NULL THEN c.params END AS params,
                       f.fault IS NULL AND jsonb_typeof(c.params) = 'object' AS is_object
                FROM acra_express.claim_jobs($1, $2, $3, true) c
                CROSS JOIN LATERAL acra_express.params_fault(c.params, $4) AS f(fault)
                """,
                owner,
                lease,
                limit,
                MAX_BYTES,
            )
        return [_job_of(row, lease) for row in rows]

    async def give_back(self, owner: str, in_hand: Iterable[Token], abandoned: Iterable[Job]) -> int:
        """Queue the jobs that `owner` holds without knowing it, with the attempt handed back; returns how many.

        Args:
            owner: as given to `claim`.
            in_hand: tokens of the claims that a worker has or that wait for one.
            abandoned: jobs that could not be handed back while the database was away. If another process has claimed
                one of them since, the crash counted at that claim is taken back, because its holder is alive.
        """
        left = list(abandoned)
        async with self._database.session() as connection:
            given: int = await connection.fetchval(
                "SELECT acra_express.give_back($1, $2, $3, $4)",
                owner,
                list(in_hand),
                [job.job_id for job in left],
                [job.token for job in left],
            )
        return given

    async def heartbeat(self, job: Job) -> bool:
        """Extend the lease by its length from now, on a connection that nothing else uses; the first one confirms it.

        Returns:
            False when the holder itself has just ended this claim: a heartbeat may run between the commit of `finish`
            and its return.

        Raises:
            LeaseLost: the token is no longer ours, or the status was changed by hand (a cancel).
        """
        async with self._vital.session() as connection:
            if await connection.fetchval(
                """
                UPDATE acra_express.leases l SET due_at = acra_express.clock() + $3, confirmed = true
                WHERE l.job_id = $1 AND l.token = $2 AND l.held
                  AND EXISTS (SELECT FROM acra_express.express_jobs j WHERE j.job_id = $1 AND j.status = 'running')
                RETURNING true
                """,
                job.job_id,
                job.token,
                job.lease,
            ):
                return True
            # a second statement, because the first one saw the rows as they were before it waited for their lock
            if await connection.fetchval(
                "SELECT true FROM acra_express.leases WHERE job_id = $1 AND token = $2 AND NOT held",
                job.job_id,
                job.token,
            ):
                return False
        raise _lost(job)

    @asynccontextmanager
    async def owned(self, job: Job) -> AsyncIterator[Connection]:
        """A transaction in which the job is certainly ours; its row and its lease stay locked until the end.

        Raises:
            LeaseLost: it is not ours; nothing was written.
        """
        async with self._database.transaction() as connection:
            if not await connection.fetchval("SELECT acra_express.fence($1, $2)", job.job_id, job.token):
                raise _lost(job)
            yield connection

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

    async def progress(self, connection: Connection, job: Job, *, processed: int, total: int) -> None:
        """Record committed companies, inside a transaction of `owned`; resets crashes, interruptions and outages."""
        await connection.execute(
            "UPDATE acra_express.express_jobs SET processed = $2, total = $3 WHERE job_id = $1",
            job.job_id,
            processed,
            total,
        )
        await connection.execute(
            """
            UPDATE acra_express.leases
            SET crashes = 0, crashed_token = NULL, interruptions = 0, outage_since = NULL, fault = NULL,
                wait_reason = NULL, stuck_since = NULL
            WHERE job_id = $1
            """,
            job.job_id,
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
                    fault = $4, waits_for = $5, wait_reason = $6,
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
                    stuck_since = coalesce(stuck_since, acra_express.clock())
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
                    interruptions = interruptions + 1, wait_reason = $3,
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

    async def next_due(self) -> timedelta | None:
        """How long until a snoozed job or a lease falls due: at most zero when one is due now, None without one."""
        async with self._database.session() as connection:
            delay = await connection.fetchval(
                """
                SELECT due_at - acra_express.clock() FROM acra_express.leases
                WHERE due_at < 'infinity' ORDER BY due_at LIMIT 1
                """
            )
        return delay if isinstance(delay, timedelta) else None

    async def fresh_waits(self) -> bool:
        """Whether a job is due that was never claimed: a worker then hands its own job back after the next company.

        False while claiming is paused: no worker would take either job, and running jobs go on to their end.
        """
        async with self._database.session() as connection:
            return bool(
                await connection.fetchval(
                    """
                    SELECT NOT (SELECT c.paused FROM acra_express.control c) AND EXISTS (
                        SELECT FROM acra_express.express_jobs j
                        WHERE j.status IN ('queued', 'running') AND j.status = 'queued' AND j.started_at IS NULL
                          AND NOT EXISTS (SELECT FROM acra_express.leases l WHERE l.job_id = j.job_id
                                          AND (l.job_created_at IS NULL OR l.job_created_at = j.created_at)))
                    """
                )
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


def _job_of(row: Mapping[str, Any], lease: timedelta) -> Job:
    params = row["params"] if isinstance(row["params"], dict) else {}
    # the codec answers None for what is nested more deeply than Python reads
    fault = row["fault"] or ("too_deep" if row["is_object"] and row["params"] is None else None)
    return Job(
        job_id=JobId(row["job_id"]),
        job_type=JobType(row["job_type"]),
        token=Token(row["token"]),
        params=params,
        created_at=row["created_at"],
        attempt=row["attempts"],
        errors=row["errors"],
        crashes=row["crashes"],
        expired=row["expired"],
        crashed=row["crashed"],
        outage=row["outage"],
        interruptions=row["interruptions"],
        replaced=row["replaced"],
        lease=lease,
        fault=row_fault(row["job_id"], row["created_at"]) or params_fault(fault),
    )


async def _close_lease(connection: Connection, job: Job) -> None:
    await connection.execute(
        "UPDATE acra_express.leases SET held = false, due_at = 'infinity' WHERE job_id = $1", job.job_id
    )


def _kept(text: str | None) -> str | None:
    """The text in a form for the row's error column: it may quote params, which can contain anything."""
    return printable(text)[:ERROR_TEXT_LIMIT] if text else None


def _lost(job: Job) -> LeaseLost:
    return LeaseLost(f"job {job.job_id}: token {job.token} no longer owns it, or its status was changed by hand")
