"""What the standing refresh needs to know before it stages anything."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from acra_express_async.db.session.pool import Database
from acra_express_async.models import JobId


@dataclass(frozen=True, slots=True)
class Look:
    """The state at a tick.

    Args:
        live: an express job is queued, snoozed or running: people's requests come first.
        paused: an operator has paused claiming.
        elapsed: the part of the calendar day that is over, from 0 to 1.
        used: slots of the daily cap taken today.
    """

    live: bool
    paused: bool
    elapsed: float
    used: int


class RefreshRows:
    """Queries of the standing refresh, by the database's clock.

    Args:
        zone: the time zone whose calendar day counts.
    """

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone

    async def look(self) -> Look:
        """Read the state; raises DatabaseAway or LockBusy."""
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
                       (SELECT count(*) FROM acra_express.daily_slots s WHERE s.day = bounds.day) AS used
                FROM bounds
                """,
                self._zone.key,
            )
        assert row is not None
        return Look(row["live"], row["paused"], row["elapsed"], row["used"])

    async def staged(self, job_id: JobId) -> int | None:
        """How many companies a staging job staged; None while it has not ended, or if it no longer exists."""
        async with self._database.session() as connection:
            total = await connection.fetchval(
                "SELECT total FROM acra_express.express_jobs WHERE job_id = $1 AND status IN ('done', 'error')", job_id
            )
        return None if total is None else int(total)
