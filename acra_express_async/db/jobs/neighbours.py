"""What a guest asks about the house: how full the server is (platform.md B15), and what the nightly did today."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from acra_express_async.db.session.pool import Connection

LOOK_TIMEOUT = "2s"
"""How long a question about the nightly's history may hold a lock on it (platform.md B25)."""


async def connection_share(connection: Connection) -> float:
    """Part of the server's connections that are taken, by anybody, reserved ones left out; 1.0 and more is full."""
    # backend_type is hidden from a role that is not the session's own; a client is who has a user and a database
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
    """Companies that express and that the nightly have done since midnight of `zone`; needs a transaction.

    Ours count when somebody found out something (`enriched` or `no_website`); the nightly's are those for which it
    wrote history, as its own cap counts.
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
