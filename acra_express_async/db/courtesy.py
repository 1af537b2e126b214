"""How full the server is: a guest does not take the last chairs (platform.md B15)."""

from __future__ import annotations

from acra_express_async.db.pool import Connection

SHRINK_ABOVE = 0.7
"""Part of `max_connections` above which we take nothing new: the nightly opens up to nine unpooled ones at a time."""


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
