"""What alerts are judged by, and their stored state; every moment is the database's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from acra_express_async.db.session.pool import Database

STALE = timedelta(days=1)
"""A resolve this old is no longer worth a message (the webhook was dead, or has only now been configured)."""


@dataclass(frozen=True, slots=True)
class AlertState:
    """One row of the table; `version` 0 means that there is no row yet. Migration 0005 explains the columns."""

    key: str
    since: datetime
    firing: bool = False
    version: int = 0
    pending_since: datetime | None = None
    cooled_at: datetime | None = None
    missed: dict[str, Any] | None = None
    unsent: str | None = None
    told_at: datetime | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """Companies that ended in one window: how many count, and how many of them failed."""

    total: int
    failed: int

    @property
    def ratio(self) -> float:
        return self.failed / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Failures:
    """The window that ends now, the worst one since the given moment (None when none had enough companies), and its
    most common reason."""

    current: Window
    worst: Window | None
    reason: str


@dataclass(frozen=True, slots=True)
class BreakerLine:
    """A breaker that is not closed: `kind` is blocked or outage, `reason` the provider's word."""

    provider: str
    kind: str
    reason: str
    open_until: datetime


@dataclass(frozen=True, slots=True)
class OwnFaults:
    """Jobs that wait for a repair of our own code, and the exception that most of them met."""

    jobs: int
    commonest: str


class AlertRows:
    """Alert states in PostgreSQL; all methods raise NotNow when it cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self) -> tuple[datetime, dict[str, AlertState]]:
        """The database's time and all alerts that have a row."""
        async with self._database.session() as connection:
            now = await connection.fetchval("SELECT acra_express.clock()")
            rows = await connection.fetch(
                """
                SELECT key, since, firing, version, pending_since, cooled_at, missed, unsent, told_at, detail
                FROM acra_express.alerts
                """
            )
        return now, {row["key"]: AlertState(**row) for row in rows}

    async def put(self, state: AlertState) -> bool:
        """Compare-and-set: store it as the next version; False when another replica was first.

        A message that is still to be sent becomes due at once.
        """
        async with self._database.session() as connection:
            stored = await connection.fetchval(
                """
                INSERT INTO acra_express.alerts AS a
                    (key, since, firing, version, pending_since, cooled_at, missed, unsent, told_at, detail)
                SELECT $1, $2, $3, $4 + 1, $5, $6, $7, $8, $9, $10
                WHERE $4 = 0 OR EXISTS (SELECT FROM acra_express.alerts k WHERE k.key = $1)
                ON CONFLICT (key) DO UPDATE
                SET since = excluded.since, firing = excluded.firing, version = excluded.version,
                    pending_since = excluded.pending_since, cooled_at = excluded.cooled_at, missed = excluded.missed,
                    unsent = excluded.unsent, told_at = excluded.told_at, detail = excluded.detail,
                    sending_until = NULL
                WHERE a.version = $4
                RETURNING true
                """,
                state.key,
                state.since,
                state.firing,
                state.version,
                state.pending_since,
                state.cooled_at,
                state.missed,
                state.unsent,
                state.told_at,
                state.detail,
            )
        return stored is True

    async def claim_unsent(self, lease: timedelta) -> AlertState | None:
        """One message that waits to be sent, for this caller alone during `lease`; the oldest first."""
        async with self._database.session() as connection:
            row = await connection.fetchrow(
                """
                UPDATE acra_express.alerts a
                SET sending_until = (SELECT acra_express.clock()) + $1::interval, version = a.version + 1
                WHERE a.key = (
                    SELECT w.key FROM acra_express.alerts w
                    WHERE w.unsent IS NOT NULL
                      AND (w.sending_until IS NULL OR w.sending_until <= (SELECT acra_express.clock()))
                      AND (w.firing OR w.since > (SELECT acra_express.clock()) - $2::interval)
                    ORDER BY w.since LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING a.key, a.since, a.firing, a.version, a.pending_since, a.cooled_at, a.missed, a.unsent,
                          a.told_at, a.detail
                """,
                lease,
                STALE,
            )
        return None if row is None else AlertState(**row)

    async def told(self, state: AlertState) -> None:
        """Slack has accepted the claimed message. A newer state of the alert keeps its own message."""
        await self._sent(state, told=True)

    async def dropped(self, state: AlertState) -> None:
        """The claimed message can never be sent."""
        await self._sent(state, told=False)

    async def _sent(self, state: AlertState, *, told: bool) -> None:
        async with self._database.session() as connection:
            await connection.execute(
                """
                UPDATE acra_express.alerts
                SET unsent = NULL, sending_until = NULL, version = version + 1,
                    told_at = CASE WHEN $3 THEN (SELECT acra_express.clock()) ELSE told_at END
                WHERE key = $1 AND version = $2
                """,
                state.key,
                state.version,
                told,
            )

    async def postpone(self, state: AlertState, delay: timedelta) -> None:
        """The claimed message was not accepted; it is due again after `delay`."""
        async with self._database.session() as connection:
            await connection.execute(
                """
                UPDATE acra_express.alerts SET sending_until = (SELECT acra_express.clock()) + $3::interval
                WHERE key = $1 AND version = $2
                """,
                state.key,
                state.version,
                delay,
            )

    async def breakers(self) -> list[BreakerLine]:
        """Every breaker that is open or half open."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT provider, kind, reason, open_until FROM acra_express.breakers
                WHERE open_until IS NOT NULL AND kind IS NOT NULL ORDER BY provider
                """
            )
        return [BreakerLine(**row) for row in rows]

    async def own_faults(self) -> OwnFaults:
        """Live jobs that are snoozed since companies broke in our own code, one after the other."""
        async with self._database.session() as connection:
            row = await connection.fetchrow(
                """
                SELECT count(*) AS jobs, coalesce(mode() WITHIN GROUP (ORDER BY fault), '') AS commonest
                FROM acra_express.leases WHERE fault IS NOT NULL AND due_at < 'infinity'
                """
            )
        assert row is not None
        return OwnFaults(row["jobs"], row["commonest"])

    async def failures(self, window: timedelta, *, since: datetime, least: int) -> Failures:
        """The failure ratio over `window`: now, and at its worst over every window that ended after `since`.

        The ratio rises only when a company fails, or when one that did not fail leaves the window. So only windows that
        end at such a moment (and now) have to be tried. A window contains the companies with `start < ended_at <= end`.

        Args:
            least: windows with fewer companies are ignored.
        """
        async with self._database.session() as connection:
            row = await connection.fetchrow(_FAILURES, window, since, least)
        assert row is not None
        worst = None if row["worst_total"] is None else Window(row["worst_total"], row["worst_failed"])
        return Failures(Window(row["total"], row["failed"]), worst, row["reason"] or "")


_FAILURES = """
    WITH clock AS (SELECT acra_express.clock() AS now),
    recent AS MATERIALIZED (
        SELECT o.ended_at AS at, o.kind = 'failed' AS failed, o.reason
        FROM acra_express.outcomes o, clock
        WHERE o.ended_at > least((SELECT acra_express.clock()), $2::timestamptz) - $1::interval
          AND o.ended_at <= clock.now AND o.kind IN ('enriched', 'no_website', 'failed')),
    ends AS (
        SELECT at, count(*) OVER back AS total, count(*) FILTER (WHERE failed) OVER back AS failures, failed AS matters
        FROM recent WINDOW back AS (ORDER BY at RANGE BETWEEN $1 - interval '1 microsecond' PRECEDING AND CURRENT ROW)
        UNION ALL
        SELECT at + $1, count(*) OVER ahead, count(*) FILTER (WHERE failed) OVER ahead, NOT failed
        FROM recent WINDOW ahead AS (ORDER BY at RANGE BETWEEN interval '1 microsecond' FOLLOWING AND $1 FOLLOWING)
        UNION ALL
        SELECT now, count(at), count(at) FILTER (WHERE failed), true
        FROM clock LEFT JOIN recent ON at > now - $1 GROUP BY now),
    worst AS (
        SELECT e.at, e.total, e.failures FROM ends e, clock
        WHERE e.matters AND e.at <= clock.now AND e.at >= $2 AND e.total >= $3
        ORDER BY e.failures::float8 / e.total DESC, e.at DESC LIMIT 1)
    SELECT w.total AS worst_total, w.failures AS worst_failed,
           (SELECT count(*) FROM recent WHERE at > now - $1) AS total,
           (SELECT count(*) FROM recent WHERE failed AND at > now - $1) AS failed,
           (SELECT mode() WITHIN GROUP (ORDER BY reason) FROM recent
            WHERE failed AND at > w.at - $1 AND at <= w.at) AS reason
    FROM clock LEFT JOIN worst w ON true
"""
