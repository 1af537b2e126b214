"""Whether the platform's job IDs come again, as they do after `background_jobs` was emptied or restored by itself."""

from __future__ import annotations

from dataclasses import dataclass

from acra_express_async.db.session.pool import Connection


@dataclass(frozen=True, slots=True)
class ReusedIds:
    """The next job gets the ID `following`; an earlier job of ours had `highest`."""

    following: int
    highest: int


async def reused_ids(connection: Connection) -> ReusedIds | None:
    """None while every new job has an ID that no job of ours had before, or when the sequence cannot be read."""
    row = await connection.fetchrow(
        """
        SELECT ids.last + 1 AS following, known.highest
        FROM (SELECT pg_sequence_last_value(s.name::regclass) AS last
              FROM (SELECT pg_get_serial_sequence('public.background_jobs', 'job_id') AS name) s) ids,
             (SELECT greatest((SELECT max(job_id) FROM acra_express.leases),
                              (SELECT max(job_id) FROM acra_express.outcomes)) AS highest) known
        WHERE known.highest > coalesce(ids.last, 0)
        """
    )
    return None if row is None or row["following"] is None else ReusedIds(row["following"], row["highest"])
