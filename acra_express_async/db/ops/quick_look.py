"""What every replica asks the database every few seconds, in one statement: whether it accepts writes, who goes first,
and whether anything has changed that is worth a longer look. The same transaction sends the NOTIFY by which the
listener knows that its connection works."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from acra_express_async.db.jobs.listen import CHANNEL
from acra_express_async.db.limits.probe_requests import VALID_FOR
from acra_express_async.db.session.pool import Database, Row, require_writable
from acra_express_async.errors import LockBusy

RECENT = timedelta(hours=2)
"""A company that ended within this time still counts in a window of an alert."""


@dataclass(frozen=True, slots=True)
class QuickLook:
    """The database at one moment.

    Attributes:
        connections: part of the server's connections that are taken, by all clients, without reserved ones; 1.0 or
            more is full.
        paused_by: who paused claiming, and when; None while it is not paused.
        live: there are queued or running jobs, waiting or not.
        cancelled: companies were cancelled that no replica has counted yet.
        unsent: an alert's message waits for a sender.
        probe_asked: an operator asked for a probe that no replica has taken.
        breaker_open: at least one breaker is open or half open.
        alarmed: an alert fires, or may fire or resolve by the passing of time alone.
        recent: a company ended within `RECENT`.
        moved_at: when a company last ended.
        loaded_at: when the registry was last loaded.
    """

    nightly_running: bool
    connections: float
    paused_by: tuple[str, datetime] | None
    live: bool
    cancelled: bool
    unsent: bool
    probe_asked: bool
    breaker_open: bool
    alarmed: bool
    recent: bool
    moved_at: datetime | None
    loaded_at: datetime | None

    @property
    def marks(self) -> tuple[bool, datetime | None, datetime | None]:
        """While these stay the same, the figures of the queue and of what has ended do too."""
        return self.live, self.moved_at, self.loaded_at


async def quick_look(database: Database, echo: str | None = None) -> QuickLook:
    """Ask on a session of the working pool, because other DSNs may lead to another server.

    Args:
        echo: payload of a NOTIFY to this process's listener; None sends none.

    Raises:
        DatabaseAway: it does not answer, or accepts no writes: then every session of the pool will be replaced.
    """
    try:
        row = await _row(database, echo)
    except LockBusy:
        if echo is None:
            raise
        # commits with a NOTIFY take turns, and another one may wait for its synchronous standby; the listener will ask
        row = await _row(database, None)
    return QuickLook(
        nightly_running=row["nightly_running"],
        connections=row["taken"] / max(1, row["free_for_all"]),
        paused_by=(row["changed_by"] or "an operator", row["changed_at"]) if row["paused"] else None,
        live=row["live"],
        cancelled=row["cancelled"],
        unsent=row["unsent"],
        probe_asked=row["probe_asked"],
        breaker_open=row["breaker_open"],
        alarmed=row["alarmed"],
        recent=row["recent"],
        moved_at=row["moved_at"],
        loaded_at=row["loaded_at"],
    )


async def _row(database: Database, echo: str | None) -> Row:
    async with database.session() as connection:
        row = await connection.fetchrow(_LOOK, VALID_FOR, RECENT, CHANNEL, echo)
        assert row is not None
        require_writable(standby=row["standby"], read_only=row["read_only"])
    return row


# backend_type is hidden from other roles; a backend with a user and a database is a client
_LOOK = """
    SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS read_only,
           acra_express.nightly_running() AS nightly_running,
           (SELECT count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL AND datid IS NOT NULL) AS taken,
           current_setting('max_connections')::int
               - current_setting('superuser_reserved_connections')::int AS free_for_all,
           c.paused, c.changed_by, coalesce(c.changed_at, clock.now) AS changed_at,
           c.uncounted_cancelled > 0 AS cancelled,
           EXISTS (SELECT FROM acra_express.express_jobs j WHERE j.status IN ('queued', 'running')) AS live,
           EXISTS (SELECT FROM acra_express.alerts a
                   WHERE a.unsent IS NOT NULL AND (a.sending_until IS NULL OR a.sending_until <= clock.now)) AS unsent,
           EXISTS (SELECT FROM acra_express.alerts a
                   WHERE a.firing OR a.pending_since IS NOT NULL OR a.missed IS NOT NULL) AS alarmed,
           EXISTS (SELECT FROM acra_express.probe_requests p
                   WHERE p.taken_at IS NULL AND p.requested_at > clock.now - $1::interval) AS probe_asked,
           EXISTS (SELECT FROM acra_express.breakers b WHERE b.open_until IS NOT NULL) AS breaker_open,
           ended.moved_at, coalesce(ended.moved_at > clock.now - $2::interval, false) AS recent, r.loaded_at,
           CASE WHEN $4::text IS NOT NULL THEN pg_notify($3, $4) END AS echo
    FROM (SELECT acra_express.clock() AS now) clock
    CROSS JOIN acra_express.control c
    CROSS JOIN (SELECT max(o.ended_at) AS moved_at FROM acra_express.outcomes o) ended
    LEFT JOIN acra_express.registry_state r ON true
"""
