"""Reads what others do in the database: how full the server is (B15), and what the nightly did today."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from acra_express_async.db.session.pool import Connection

LOOK_TIMEOUT = "2s"
"""How long a query of the nightly's history may hold a lock on it (B25): its ALTER TABLE would wait for the query."""


async def connection_share(connection: Connection) -> float:
    """Part of the server's connections that are taken, by all clients, without reserved ones; 1.0 or more is full."""
    # backend_type is hidden from other roles; a backend with a user and a database is a client
    row = await connection.fetchrow(
        """
        SELECT (SELECT count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL AND datid IS NOT NULL) AS taken,
               current_setting('max_connections')::int
               - current_setting('superuser_reserved_connections')::int AS free_for_all
        """
    )
    assert row is not None
    return float(row["taken"]) / max(1, int(row["free_for_all"]))


async def companies_today(connection: Connection, zone: ZoneInfo) -> tuple[int, int]:
    """Companies that express and the nightly have done since midnight of `zone`; needs a transaction.

    Ours count when there is an answer (`enriched` or `no_website`); the nightly's are those for which it wrote history,
    which is what its own cap counts.
    """
    await connection.execute(
        "SELECT set_config('timezone', $1, true), set_config('statement_timeout', $2, true)", zone.key, LOOK_TIMEOUT
    )
    row = await connection.fetchrow(
        """
        SELECT (SELECT count(DISTINCT o.company_id) FROM acra_express.outcomes o
                WHERE o.kind IN ('enriched', 'no_website')
                  AND o.ended_at >= (SELECT date_trunc('day', acra_express.clock()))) AS express,
               acra_express.nightly_companies((SELECT acra_express.clock())::date) AS nightly
        """
    )
    assert row is not None
    return int(row["express"]), int(row["nightly"])
