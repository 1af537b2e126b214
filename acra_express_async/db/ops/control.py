"""What all replicas share besides the jobs: pause, ticks, housekeeping, and the figures of the queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from acra_express_async.db.jobs.listen import CHANNEL
from acra_express_async.db.jobs.neighbours import (
    NightlyJob,
    NightlyOverlap,
    companies_today,
    nightly_jobs,
    nightly_overlap,
    nightly_usual,
)
from acra_express_async.db.ops.progress_rows import WATCHED_EVERY, paused_by
from acra_express_async.db.ops.quick_look import QuickLook, quick_look
from acra_express_async.db.registry.registry_facts import RegistryFacts, registry_facts
from acra_express_async.db.schema.grants import lost_grants
from acra_express_async.db.session.pinned import APPLICATION_NAME, LISTENER_NAME
from acra_express_async.db.session.pool import Database

ORPHAN_AGE = timedelta(minutes=30)
"""A running express row without a lease is adopted after this; the same as the platform's JOB_STALE_MINUTES."""
KEEP_LEASES = timedelta(days=30)
KEEP_TICKS = timedelta(days=2)
TICK_IS_OLD = timedelta(hours=1)
"""Replicas' clocks differ by seconds; a later claim of the same moment means that the wall clock was set back."""


@dataclass(frozen=True, slots=True)
class QueueFigure:
    """Jobs of one type in one state: `state` is due, snoozed or running; ages in seconds."""

    job_type: str
    state: str
    depth: int
    oldest_age: float


class Control:
    """Shared switches and housekeeping.

    Args:
        database: sessions under the tenant role.
        echo: payload of the NOTIFY that a quick look sends to this process's listener; None for a command.
    """

    def __init__(self, database: Database, *, echo: str | None = None) -> None:
        self._database = database
        self._echo = echo

    async def pause(self, by: str, *, paused: bool) -> bool:
        """Stop or start claiming on all replicas; starting notifies them.

        False when that was so already: who did it first, and when, stays recorded.
        """
        async with self._database.transaction() as connection:
            changed = await connection.fetchval(
                """
                UPDATE acra_express.control SET paused = $1, changed_by = $2, changed_at = acra_express.clock()
                WHERE paused <> $1 RETURNING true
                """,
                paused,
                by,
            )
            await connection.execute("SELECT pg_notify($1, 'resumed')", CHANNEL)
        return bool(changed)

    async def take_cancelled(self) -> int:
        """Companies that persons cancelled and no replica has counted yet; only one replica gets each of them."""
        async with self._database.session() as connection:
            return int(
                await connection.fetchval(
                    """
                    WITH waiting AS (
                        SELECT c.uncounted_cancelled AS companies FROM acra_express.control c
                        WHERE c.uncounted_cancelled > 0 FOR UPDATE),
                    taken AS (
                        UPDATE acra_express.control SET uncounted_cancelled = 0 WHERE EXISTS (SELECT FROM waiting))
                    SELECT coalesce(sum(w.companies), 0)::bigint FROM waiting w
                    """
                )
            )

    async def quick_look(self) -> QuickLook:
        """What is asked every few seconds; see `quick_look.quick_look`."""
        return await quick_look(self._database, self._echo)

    async def lost_grants(self) -> list[str]:
        """The grants that the tenant role lacks now, for example ``EXECUTE of acra_express.claim``; catalogs only."""
        async with self._database.session() as connection:
            return await lost_grants(connection)

    async def moment(self) -> datetime:
        """The present moment by the database's clock."""
        async with self._database.session() as connection:
            at = await connection.fetchval("SELECT acra_express.clock()")
        assert isinstance(at, datetime)
        return at

    async def service_runs(self) -> bool:
        """Whether a service works on this database: one listens, or one has looked at live work in the last minutes.

        The second counts for a service whose listener cannot stay connected. It looks once in `WATCHED_EVERY`, and one
        that has ended is told apart at once: its pool is gone. (Behind a pooler the names of sessions say nothing.)
        """
        async with self._database.session() as connection:
            return bool(
                await connection.fetchval(
                    """
                    SELECT EXISTS (SELECT FROM pg_stat_activity a
                                   WHERE a.application_name = $1 AND a.datname = current_database())
                        OR (EXISTS (SELECT FROM acra_express.control c
                                    WHERE c.watched_at > acra_express.clock() - $2::interval)
                            AND ($3 OR EXISTS (SELECT FROM pg_stat_activity a
                                               WHERE a.application_name = $4 AND a.datname = current_database()
                                                 AND a.pid <> pg_backend_pid())))
                    """,
                    LISTENER_NAME,
                    2 * WATCHED_EVERY,
                    self._database.is_pooled,
                    APPLICATION_NAME,
                )
            )

    async def paused(self) -> bool:
        """Whether an operator has paused claiming."""
        return await self.paused_by() is not None

    async def paused_by(self) -> tuple[str, datetime] | None:
        """Who paused claiming, and when; None while it is not paused."""
        async with self._database.session() as connection:
            return await paused_by(connection)

    async def nightly_running(self) -> bool:
        """Whether a job of the nightly runs now."""
        async with self._database.session() as connection:
            return bool(await connection.fetchval("SELECT acra_express.nightly_running()"))

    async def nightly_jobs(self) -> list[NightlyJob]:
        """Its running jobs; see `neighbours.nightly_jobs`."""
        async with self._database.session() as connection:
            return await nightly_jobs(connection)

    async def nightly_overlap(self) -> NightlyOverlap:
        """What the two cost each other; see `neighbours.NightlyOverlap`."""
        async with self._database.session() as connection:
            return await nightly_overlap(connection)

    async def nightly_usual(self) -> dict[str, timedelta]:
        """How long its jobs take; see `neighbours.nightly_usual`."""
        async with self._database.transaction() as connection:
            return await nightly_usual(connection)

    async def registry_facts(self) -> RegistryFacts:
        """What of the registry is loaded, and how old it is."""
        async with self._database.session() as connection:
            return await registry_facts(connection)

    async def companies_today(self, zone: ZoneInfo) -> tuple[int, int]:
        """Companies done since midnight of `zone`, by express and by the nightly."""
        async with self._database.transaction() as connection:
            return await companies_today(connection, zone)

    async def claim_tick(self, loop: str, due_at: datetime, owner: str) -> bool:
        """Whether this replica does the tick's shared work: the first one to claim that moment.

        A wall clock that was set back repeats moments; a claim older than `TICK_IS_OLD` no longer counts.
        """
        async with self._database.session() as connection:
            return bool(
                await connection.fetchval(
                    """
                    INSERT INTO acra_express.ticks AS t (loop, due_at, owner, claimed_at)
                    VALUES ($1, $2, $3, acra_express.clock())
                    ON CONFLICT (loop, due_at) DO UPDATE SET owner = excluded.owner, claimed_at = excluded.claimed_at
                    WHERE t.claimed_at < excluded.claimed_at - $4::interval
                    RETURNING true
                    """,
                    loop,
                    due_at,
                    owner,
                    TICK_IS_OLD,
                )
            )

    async def reconcile(self) -> int:
        """Repair what was changed by hand or lost; returns how many jobs can be claimed again because of it.

        Queued rows whose lease is closed or was never written, and rows left `running` without a lease for half an hour
        (or since a moment in the future), become due. Leases of rows that have ended or were deleted stop being due.
        """
        async with self._database.transaction() as connection:
            await connection.execute(
                """
                UPDATE acra_express.leases l SET held = false, due_at = 'infinity'
                WHERE l.due_at < (SELECT acra_express.clock()) AND NOT EXISTS (
                    SELECT FROM acra_express.express_jobs j
                    WHERE j.job_id = l.job_id AND j.status IN ('queued', 'running'))
                """
            )
            rows = await connection.fetch(
                """
                INSERT INTO acra_express.leases AS l (job_id, job_created_at, due_at)
                SELECT j.job_id, j.created_at, acra_express.clock() FROM acra_express.express_jobs j
                LEFT JOIN acra_express.leases known USING (job_id)
                WHERE j.status IN ('queued', 'running')
                  AND ((known.job_id IS NULL AND j.started_at IS NOT NULL) OR known.due_at = 'infinity')
                  AND (j.status = 'queued' OR j.started_at IS NULL
                       OR j.started_at < (SELECT acra_express.clock()) - $1::interval
                       OR j.started_at > (SELECT acra_express.clock()) + $1::interval)
                ON CONFLICT (job_id) DO UPDATE SET due_at = excluded.due_at, held = false, errors = 0, crashes = 0
                WHERE l.due_at = 'infinity'
                RETURNING job_id
                """,
                ORPHAN_AGE,
            )
        return len(rows)

    async def prune(self) -> None:
        """Delete leases of jobs that ended long ago, and old ticks."""
        async with self._database.transaction() as connection:
            await connection.execute(
                """
                DELETE FROM acra_express.leases
                WHERE due_at = 'infinity' AND claimed_at < acra_express.clock() - $1::interval
                """,
                KEEP_LEASES,
            )
            await connection.execute(
                "DELETE FROM acra_express.ticks WHERE due_at < acra_express.clock() - $1::interval", KEEP_TICKS
            )

    async def queue(self) -> list[QueueFigure]:
        """Depth and oldest age by job type and state; uses the partial index of live express jobs.

        A due job's age counts from when it fell due: one that returns from a long snooze is not old. A row created or
        started in the future, or centuries ago, has no age; it is worked on like any other and then says what is wrong.
        """
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT job_type, state, count(*) AS depth,
                       -- no difference with an infinity: it is an error before PostgreSQL 17, and infinite since
                       coalesce(max(CASE WHEN since BETWEEN now - interval '100 years' AND now
                                         THEN extract(epoch FROM now - since) END), 0)::float8 AS oldest_age
                FROM (
                    SELECT j.job_type, clock.now,
                           CASE WHEN j.status = 'running' THEN 'running'
                                WHEN l.due_at > clock.now THEN 'snoozed' ELSE 'due' END AS state,
                           CASE WHEN j.status = 'running' THEN j.started_at
                                WHEN l.due_at <= clock.now THEN l.due_at ELSE j.created_at END AS since
                    FROM (SELECT acra_express.clock() AS now) clock
                    CROSS JOIN acra_express.express_jobs j
                    LEFT JOIN acra_express.leases l
                      ON l.job_id = j.job_id AND (l.job_created_at IS NULL OR l.job_created_at = j.created_at)
                    WHERE j.status IN ('queued', 'running')) live
                GROUP BY job_type, state
                """
            )
        return [QueueFigure(r["job_type"], r["state"], r["depth"], r["oldest_age"]) for r in rows]
