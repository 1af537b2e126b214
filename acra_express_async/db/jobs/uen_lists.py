"""A campaign's list of UENs: stored once under the campaign's id, read batch by batch, kept after its end.

A job that belongs to a campaign carries no list; a batch takes the next UENs in the transaction that finishes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from acra_express_async.db.session.pool import Connection, Database

PRUNED_AT_ONCE = 5000
"""UENs that one tick deletes at most: some 50 ms."""


class UenLists:
    """Lists of UENs by campaign."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prune(self, keep: timedelta) -> int:
        """Delete UENs of a list that is older than `keep` and of which nothing waits or runs; returns how many.

        At most `PRUNED_AT_ONCE` of one campaign; call it at ticks. What the list counted (UENs that never became
        companies) moves into the campaign's row, so that its states still add up.
        """
        async with self._database.transaction() as connection:
            campaign_id = await connection.fetchval(_FINISHED, keep)
            if campaign_id is None:
                return 0
            return int(await connection.fetchval(_PRUNE, campaign_id, PRUNED_AT_ONCE))

    async def store(self, connection: Connection, campaign_id: int, uens: Sequence[str], *, afresh: bool) -> None:
        """See `store_list`; in the caller's transaction."""
        await store_list(connection, campaign_id, uens, afresh=afresh)

    async def take(
        self, connection: Connection, campaign_id: int, job_id: int, uens: Sequence[str], refused: Mapping[str, str]
    ) -> None:
        """Record which batch took these UENs, in the transaction that finishes it.

        Args:
            refused: for each UEN that became no company, the reason why it was left out; it counts as skipped.
        """
        await connection.execute(
            """
            UPDATE acra_express.campaign_uens u SET
                staging_job_id = $2, kind = CASE WHEN r.uen IS NOT NULL THEN 'skipped' END, reason = r.reason
            FROM unnest($3::text[]) AS taken(uen)
            LEFT JOIN unnest($4::text[], $5::text[]) AS r(uen, reason) ON r.uen = taken.uen
            WHERE u.campaign_id = $1 AND u.uen = taken.uen
            """,
            campaign_id,
            job_id,
            list(uens),
            list(refused),
            list(refused.values()),
        )


async def store_list(connection: Connection, campaign_id: int, uens: Sequence[str], *, afresh: bool) -> None:
    """Append UENs (see `params.listed_uens`) to the campaign's list; one that was taken already is to be taken again.

    Args:
        afresh: the campaign begins here. Rows under its id then belong to an earlier campaign, whose job id was
            assigned again after a restore; they are deleted.
    """
    if afresh:
        await connection.execute("DELETE FROM acra_express.campaign_uens WHERE campaign_id = $1", campaign_id)
    await connection.execute(
        """
        INSERT INTO acra_express.campaign_uens AS u (campaign_id, uen, place, listed_at)
        SELECT $1, asked.uen, last.place + asked.place, acra_express.clock()
        FROM unnest($2::text[]) WITH ORDINALITY AS asked(uen, place)
        CROSS JOIN (SELECT coalesce(max(place), 0) AS place FROM acra_express.campaign_uens WHERE campaign_id = $1) last
        ON CONFLICT (campaign_id, uen) DO UPDATE
        SET place = excluded.place, staging_job_id = NULL, kind = NULL, reason = NULL
        """,
        campaign_id,
        list(uens),
    )


async def list_progress(connection: Connection, campaign_id: int) -> tuple[int, int]:
    """How many UENs a campaign's list holds, and how many of them wait for a batch."""
    row = await connection.fetchrow(
        """
        SELECT count(*) AS listed, count(*) FILTER (WHERE staging_job_id IS NULL AND kind IS NULL) AS waiting
        FROM acra_express.campaign_uens WHERE campaign_id = $1
        """,
        campaign_id,
    )
    assert row is not None
    return row["listed"], row["waiting"]


# $1 how long lists are kept. Of the campaigns that old, the first one that still has a list.
_FINISHED = """
    SELECT c.campaign_id FROM acra_express.campaigns c
    WHERE c.enqueued_at < (SELECT acra_express.clock()) - $1::interval
      AND EXISTS (SELECT FROM acra_express.campaign_uens u WHERE u.campaign_id = c.campaign_id)
      AND NOT EXISTS (
          SELECT FROM acra_express.campaign_uens u
          WHERE u.campaign_id = c.campaign_id AND u.staging_job_id IS NULL AND u.kind IS NULL)
      AND NOT EXISTS (
          SELECT FROM acra_express.leases l WHERE l.campaign_id = c.campaign_id AND l.due_at < 'infinity')
    ORDER BY c.enqueued_at, c.campaign_id LIMIT 1
"""

_PRUNE = """
    WITH gone AS (
        DELETE FROM acra_express.campaign_uens u
        WHERE u.campaign_id = $1 AND u.uen IN (
            SELECT o.uen FROM acra_express.campaign_uens o WHERE o.campaign_id = $1 ORDER BY o.uen LIMIT $2)
        RETURNING u.kind),
    kept AS (
        UPDATE acra_express.campaigns SET
            pruned_skipped = pruned_skipped + (SELECT count(*) FROM gone WHERE kind = 'skipped'),
            pruned_cancelled = pruned_cancelled + (SELECT count(*) FROM gone WHERE kind = 'cancelled')
        WHERE campaign_id = $1)
    SELECT count(*) FROM gone
"""
