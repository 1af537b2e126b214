"""Take an express job, keep it and prove that it is ours: claim, heartbeat, fence.

The view, the claim and the fence are the owner's functions and objects of the schema. A process that was frozen and
wakes up after its lease was taken over changes nothing and gets `LeaseLost`. Lock order: job, then lease.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from acra_express_async.db.jobs.queue_marks import FullLook, QueueMarks
from acra_express_async.db.session.kept import KeptSession
from acra_express_async.db.session.pool import Connection, Database, Row
from acra_express_async.errors import LeaseLost
from acra_express_async.models import Job, JobId, JobType, Token
from acra_express_async.params import MAX_BYTES, params_fault, row_fault
from acra_express_async.runtime.realtime import elapsed


@dataclass(frozen=True, slots=True)
class Claimed:
    """The answer to one claim.

    Attributes:
        job: None where nothing could be claimed.
        nightly_running: nothing was looked for, because a job of the nightly runs.
        due: how long until a snoozed job or a lease falls due, at most zero when one is due now; None without one, and
            where a job was claimed.
    """

    job: Job | None = None
    nightly_running: bool = False
    due: timedelta | None = None


class JobClaims:
    """Claims on the jobs of one database.

    Args:
        database: sessions under the tenant role.
        vital: sessions kept free for heartbeats, so that a busy pool cannot cause a lease to expire.
        clock: monotonic seconds, by which the holder judges its lease.
    """

    def __init__(self, database: Database, vital: Database, *, clock: Callable[[], float] = elapsed) -> None:
        self._database = database
        self._vital = vital
        self._clock = clock
        self._marks = QueueMarks(clock)
        self._kept = KeptSession(database)

    async def claim(self, owner: str, lease: timedelta, limit: int = 1) -> list[Job]:
        """Claim up to `limit` due jobs for `lease` from now; none while an operator has paused claiming.

        The first heartbeat confirms a claim. One that expires unconfirmed counts as no crash, because its answer may
        have been lost; from the second one in a row it does, because the job may end its process at once.

        Raises:
            DatabaseAway: the claim may have been made all the same; `give_back` hands such jobs back.
        """
        async with self._database.session() as connection:
            rows = await connection.fetch(_CLAIM, owner, lease, limit, None, None, False, MAX_BYTES)
        return [_job_of(row, lease) for row in rows if row["job_id"] is not None]

    async def claim_next(self, owner: str, lease: timedelta, *, nightly_first: bool) -> Claimed:
        """Claim one due job as `claim` does, and say in the same statement what else the caller has to know.

        Args:
            nightly_first: claim nothing while a job of the nightly runs.

        Raises:
            DatabaseAway: the claim may have been made all the same; `give_back` hands such a job back.
        """
        look = self._marks.stale()
        claimed = await self._claim_one(owner, lease, nightly_first=nightly_first, look=look)
        fruitless = claimed.job is None and not claimed.nightly_running
        if fruitless and not look and self._marks.doubtful():
            return await self._claim_one(owner, lease, nightly_first=nightly_first, look=True)
        return claimed

    async def _claim_one(self, owner: str, lease: timedelta, *, nightly_first: bool, look: bool) -> Claimed:
        """One claim above the marks; with `look` one of everything, which renews them."""
        asked = self._clock()
        if look:
            row = await self._kept.run(
                lambda on: on.fetchrow(_CLAIM_AND_LOOK, owner, lease, 1, nightly_first, MAX_BYTES)
            )
            assert row is not None
            self._marks.saw(FullLook(row["first_job"], row["first_due"], row["last_job"], row["looked_at"]))
        else:
            job, due = self._marks.job, self._marks.due
            row = await self._kept.run(
                lambda on: on.fetchrow(_CLAIM, owner, lease, 1, job, due, nightly_first, MAX_BYTES)
            )
        assert row is not None
        if row["job_id"] is not None:
            return Claimed(replace(_job_of(row, lease), asked=asked))
        due_in = row["due"]
        return Claimed(nightly_running=row["nightly_running"], due=due_in if isinstance(due_in, timedelta) else None)

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
            extended = await connection.fetchval(_HEARTBEAT, job.job_id, job.token, job.lease)
            if extended:
                return True
            # a second statement, because the first one saw the rows as they were before it waited for their lock
            if await connection.fetchval(
                "SELECT true FROM acra_express.leases WHERE job_id = $1 AND token = $2 AND NOT held",
                job.job_id,
                job.token,
            ):
                return False
        raise lost(job)

    @asynccontextmanager
    async def owned(self, job: Job) -> AsyncIterator[Connection]:
        """A transaction in which the job is certainly ours; its row and its lease stay locked until the end.

        Raises:
            LeaseLost: it is not ours; nothing was written.
        """
        async with self._database.transaction() as connection:
            if not await connection.fetchval("SELECT acra_express.fence($1, $2)", job.job_id, job.token):
                raise lost(job)
            yield connection

    async def next_due(self) -> timedelta | None:
        """How long until a snoozed job or a lease falls due: at most zero when one is due now, None without one."""
        async with self._database.session() as connection:
            delay = await connection.fetchval(
                """
                SELECT due_at - acra_express.clock() FROM acra_express.leases
                WHERE due_at >= coalesce($1::timestamptz, '-infinity') AND due_at < 'infinity' ORDER BY due_at LIMIT 1
                """,
                self._marks.due,
            )
        return delay if isinstance(delay, timedelta) else None


_HEARTBEAT = """
    UPDATE acra_express.leases l SET due_at = acra_express.clock() + $3, confirmed = true
    WHERE l.job_id = $1 AND l.token = $2 AND l.held
      AND EXISTS (SELECT FROM acra_express.express_jobs j WHERE j.job_id = $1 AND j.status = 'running')
    RETURNING true
"""

# A claim does not wait for the disk: the next durable commit of any session makes it durable too, and no call is paid
# for without one. If the server crashes before that, the job is queued as before, and the token is lost.
# Two statements: with the look as a parameter, the server would plan each claim anew.
_CLAIM = """
    SELECT set_config('synchronous_commit', 'off', true), c.nightly_running, c.due, c.job_id, c.job_type, c.token,
           c.created_at, c.attempts, c.errors, c.crashes, c.expired, c.outage, c.interruptions, c.crashed, c.replaced,
           c.fault, c.params, jsonb_typeof(c.params) = 'object' AS is_object
    FROM acra_express.claim_jobs($1, $2, $3, true, $4, $5, $6, $7) c
"""
_CLAIM_AND_LOOK = """
    SELECT set_config('synchronous_commit', 'off', true), c.nightly_running, c.due, c.job_id, c.job_type, c.token,
           c.created_at, c.attempts, c.errors, c.crashes, c.expired, c.outage, c.interruptions, c.crashed, c.replaced,
           c.fault, c.params, jsonb_typeof(c.params) = 'object' AS is_object,
           m.first_job, m.first_due, m.last_job, m.looked_at
    FROM acra_express.queue_marks() m
    CROSS JOIN acra_express.claim_jobs($1, $2, $3, true, NULL, NULL, $4, $5) c
"""


def _job_of(row: Row, lease: timedelta) -> Job:
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


def lost(job: Job) -> LeaseLost:
    """What a write raises that came without the token of the job's lease."""
    return LeaseLost(f"job {job.job_id}: token {job.token} no longer owns it, or its status was changed by hand")
