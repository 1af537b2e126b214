"""What live jobs wait for and since when, and when work was last held back by rule; every moment is the database's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from acra_express_async.db.session.pool import Connection, Database, Row

WATCHED_EVERY = timedelta(minutes=1)
"""How often it is noted that a service looks, while there is work."""
UNWATCHED = timedelta(minutes=5)
"""After a longer gap no service ran: its jobs did not move, but nothing was stuck. A service that restarts again and
again leaves no such gap."""
NAMED_CAMPAIGNS = 5
MOST_JOBS = 5_000
"""Live jobs that one look reads: so many of the queue, and so many of those that were claimed before. All of a queue of
250,000 took half a second of two cores."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Live jobs that wait for the same thing.

    Attributes:
        kind: `due` (no worker has taken them), `running`, `scheduled` (due later, without a reason), or the
            `WaitReason` of their latest attempt.
        waits_for: the provider, where the kind is about one.
        jobs: how many; of a queue longer than `MOST_JOBS` not all are counted.
        since: the earliest moment since when one of them waits so; of stuck ones, since its first fruitless attempt.
        next_at: when the first of them is due again; None when one is due or running now.
        said: what the row of the first of them says.
        errors: the most errors that one of them had.
        campaigns: the first few campaigns they belong to.
    """

    kind: str
    waits_for: str | None
    jobs: int
    since: datetime
    next_at: datetime | None = None
    said: str = ""
    errors: int = 0
    first_job: int = 0
    campaigns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveWork:
    """All live work at one moment.

    Attributes:
        moved_at: when a company last ended; None before the first one.
        held_at: when work was last held back by rule, or no service was there to do it.
    """

    now: datetime
    moved_at: datetime | None = None
    held_at: datetime | None = None
    waiting: tuple[Waiting, ...] = ()


class ProgressRows:
    """Reads under the tenant role; raises NotNow when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(self, *, held: bool | None) -> LiveWork:
        """What waits now.

        Args:
            held: whether everything is held back by rule now, which is noted; None notes nothing.
        """
        async with self._database.session() as connection:
            rows = await connection.fetch(_WAITING, NAMED_CAMPAIGNS, MOST_JOBS)
            if rows and held is not None:
                await connection.execute(_WATCHED, held, WATCHED_EVERY, UNWATCHED)
            row = await connection.fetchrow(
                """
                SELECT clock.now, c.held_at, (
                    SELECT o.ended_at FROM acra_express.outcomes o
                    WHERE o.ended_at <= clock.now ORDER BY o.ended_at DESC LIMIT 1) AS moved_at
                FROM (SELECT acra_express.clock() AS now) clock CROSS JOIN acra_express.control c
                """
            )
        assert row is not None
        return LiveWork(row["now"], row["moved_at"], row["held_at"], tuple(_waiting(each) for each in rows))


async def paused_by(connection: Connection) -> tuple[str, datetime] | None:
    """Who paused claiming, and when; None while it is not paused."""
    row = await connection.fetchrow(
        "SELECT paused, changed_by, coalesce(changed_at, acra_express.clock()) AS changed_at FROM acra_express.control"
    )
    if row is None or not row["paused"]:
        return None
    return row["changed_by"] or "an operator", row["changed_at"]


def _waiting(row: Row) -> Waiting:
    return Waiting(
        kind=row["kind"],
        waits_for=row["waits_for"],
        jobs=row["jobs"],
        since=row["since"],
        next_at=row["next_at"],
        said=row["said"] or "",
        errors=row["errors"],
        first_job=row["first_job"],
        campaigns=tuple(row["campaigns"] or ()),
    )


# A row that claims to be made in the future, or centuries ago, waits since now; the job itself says what is wrong.
# Texts and campaigns are looked up afterwards, for a few jobs only: the queue may be long. Of a long one its first part
# is read, in which jobs that were never served come first, and the leases that fall due first. An ORDER BY on the view
# would sort all of it, and plain joins would read all of it too.
_WAITING = """
    SELECT w.kind, w.waits_for, w.jobs, w.since, w.next_at, w.errors, w.first_job,
           (SELECT left(j.error, 300) FROM acra_express.express_jobs j WHERE j.job_id = w.first_job) AS said,
           ARRAY (SELECT DISTINCT l.campaign_id FROM acra_express.leases l
                  WHERE l.due_at < 'infinity' AND l.campaign_id IS NOT NULL AND l.wait_reason = w.kind
                    AND l.stuck_for IS NOT DISTINCT FROM w.waiting_for LIMIT $1) AS campaigns
    FROM (
        SELECT kind, nullif(waiting_for, 'service') AS waits_for, waiting_for, count(*) AS jobs,
               min(CASE WHEN since BETWEEN now - interval '100 years' AND now THEN since ELSE now END) AS since,
               CASE WHEN bool_and(coming) THEN min(due_at) END AS next_at, max(errors) AS errors,
               min(job_id) AS first_job
        FROM (
            SELECT j.job_id, clock.now, l.due_at, coalesce(l.errors, 0) AS errors,
                   j.status = 'queued' AND coalesce(l.due_at > clock.now, false) AS coming,
                   CASE WHEN l.stuck_since IS NOT NULL THEN l.wait_reason
                        WHEN j.status = 'running' THEN 'running'
                        WHEN l.due_at > clock.now THEN coalesce(l.wait_reason, 'scheduled')
                        ELSE 'due' END AS kind,
                   CASE WHEN l.stuck_since IS NOT NULL THEN l.stuck_for
                        WHEN j.status = 'queued' AND l.due_at > clock.now THEN l.waits_for END AS waiting_for,
                   CASE WHEN l.stuck_since IS NOT NULL THEN l.stuck_since
                        WHEN j.status = 'running' THEN j.started_at
                        WHEN l.due_at <= clock.now THEN l.due_at ELSE j.created_at END AS since
            FROM (SELECT acra_express.clock() AS now) clock
            CROSS JOIN (
                (SELECT b.job_id, b.status, b.started_at, b.created_at FROM acra_express.express_jobs b
                 WHERE b.status IN ('queued', 'running') LIMIT $2)
                UNION
                SELECT b.job_id, b.status, b.started_at, b.created_at
                FROM (SELECT c.job_id FROM acra_express.leases c
                      WHERE c.due_at < 'infinity' ORDER BY c.due_at, c.job_id LIMIT $2) claimed
                CROSS JOIN LATERAL (
                    SELECT e.job_id, e.status, e.started_at, e.created_at FROM acra_express.express_jobs e
                    WHERE e.job_id = claimed.job_id AND e.status IN ('queued', 'running') LIMIT 1) b) j
            LEFT JOIN LATERAL (
                SELECT h.due_at, h.errors, h.wait_reason, h.waits_for, h.stuck_since, h.stuck_for
                FROM acra_express.leases h
                WHERE h.job_id = j.job_id AND (h.job_created_at IS NULL OR h.job_created_at = j.created_at)
                LIMIT 1) l ON true) live
        GROUP BY kind, waiting_for) w
    ORDER BY w.kind, w.waits_for
"""

_WATCHED = """
    UPDATE acra_express.control c
    SET held_at = CASE WHEN $1 OR c.watched_at IS NULL OR c.watched_at < now.at - $3::interval THEN now.at
                       ELSE c.held_at END,
        watched_at = now.at
    FROM (SELECT acra_express.clock() AS at) now
    WHERE c.watched_at IS NULL OR c.watched_at <= now.at - $2::interval
"""
