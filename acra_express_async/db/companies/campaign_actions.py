"""Cancels or retries a whole campaign, in one transaction over all its jobs.

The live jobs are locked in the order of their ids and then selected again, because a staging job that ended while we
waited for its lock has inserted a continuation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acra_express_async.db.companies.campaign_rows import CampaignState, campaign_states, known_campaign, live_jobs
from acra_express_async.db.companies.outcomes import note_cancelled
from acra_express_async.db.jobs.listen import CHANNEL
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import JobError


@dataclass(frozen=True, slots=True)
class Changed:
    """What an action did: jobs that were changed, companies that changed their state, jobs that run and were left."""

    jobs: int
    companies: int
    left_running: int = 0


class CampaignActions:
    """Acts under the tenant role; every method raises NotNow, and then nothing was changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cancel(self, campaign_id: int, by: str) -> Changed:
        """End every live job of the campaign; each company that had not ended becomes `cancelled`.

        A worker that holds one of its jobs is notified: it completes the call in flight, keeps a paid verification, and
        starts nothing more.

        Raises:
            JobError: no such campaign, or it is over.
        """
        async with self._database.transaction() as connection:
            await known_campaign(connection, campaign_id)
            locked = await _lock_live(connection, campaign_id)
            if not locked:
                raise JobError(f"campaign {campaign_id} is over; no company of it waits")
            [before] = await campaign_states(connection, [campaign_id])
            ended = await _cancel_companies(connection, locked, before)
            listed = await _cancel_list(connection, campaign_id)
            await _end_jobs(connection, locked, by)
            unstaged = max(0, before.states["waiting"] - ended - listed)
            await connection.execute(
                """
                UPDATE acra_express.campaigns
                SET cancelled_at = acra_express.clock(), cancelled_by = $2, unstaged_cancelled = unstaged_cancelled + $3
                WHERE campaign_id = $1
                """,
                campaign_id,
                by,
                unstaged,
            )
            await note_cancelled(connection, ended + listed + unstaged)
        return Changed(len(locked), ended + listed + unstaged)

    async def retry(self, campaign_id: int) -> Changed:
        """Queue every job again that ended in error or has failed companies; those companies wait again.

        Raises:
            JobError: no such campaign, or nothing of it failed.
        """
        async with self._database.transaction() as connection:
            before = await known_campaign(connection, campaign_id)
            wanted = [row["job_id"] for row in await connection.fetch(_RETRIED, campaign_id)]
            held = await _lock(connection, wanted)
            again = [job_id for job_id, status in held.items() if status != "running"]
            running = len(held) - len(again)
            if not again:
                raise JobError(
                    f"the failed companies of campaign {campaign_id} are in a job that runs; retry when it has ended"
                    if running
                    else f"no company of campaign {campaign_id} failed"
                    + ("; cancelled companies: enqueue them again" if before.states["cancelled"] else "")
                )
            failed = await connection.fetch(
                "DELETE FROM acra_express.outcomes WHERE job_id = ANY ($1::bigint[]) AND kind = 'failed' RETURNING 1",
                again,
            )
            await _queue(connection, again)
        return Changed(len(again), len(failed), running)


async def _lock_live(connection: Connection, campaign_id: int) -> list[int]:
    """Lock the campaign's live jobs, then those inserted while we waited; returns their ids."""
    locked: list[int] = []
    while True:
        new = sorted(await live_jobs(connection, campaign_id) - set(locked))
        if not new:
            return locked
        held = await _lock(connection, new)
        locked += [job_id for job_id, status in held.items() if status in ("queued", "running")]


async def _lock(connection: Connection, jobs: Sequence[int]) -> dict[int, str]:
    """Lock these jobs, by id so that the view locks no other row; returns the status of each."""
    rows = await connection.fetch(
        """
        SELECT job_id, status FROM acra_express.express_jobs
        WHERE job_id = ANY ($1::bigint[]) ORDER BY job_id FOR UPDATE
        """,
        list(jobs),
    )
    return {row["job_id"]: row["status"] for row in rows}


async def _cancel_companies(connection: Connection, jobs: Sequence[int], campaign: CampaignState) -> int:
    rows = await connection.fetch(
        """
        INSERT INTO acra_express.outcomes
            (job_id, job_created_at, company_id, uen, kind, reason, staging_job_id, staged_at, campaign_at, ended_at,
             campaign_id)
        SELECT j.job_id, j.created_at, wanted.id, c.uen, 'cancelled', 'cancelled',
               acra_express.whole_number(j.params -> 'staging_job_id'), least(j.created_at, now.at), $2::timestamptz,
               now.at, $3
        FROM acra_express.express_jobs j
        CROSS JOIN (SELECT acra_express.clock() AS at) now
        CROSS JOIN LATERAL (
            SELECT DISTINCT acra_express.whole_number(e.value) AS id
            FROM jsonb_array_elements(CASE WHEN jsonb_typeof(j.params -> 'company_ids') = 'array'
                                           THEN j.params -> 'company_ids' ELSE '[]' END) AS e(value)) wanted
        LEFT JOIN public.companies c ON c.company_id = wanted.id
        WHERE j.job_id = ANY ($1::bigint[]) AND j.job_type = 'acra_express_enrich_candidates' AND wanted.id > 0
        ON CONFLICT (job_id, company_id) DO NOTHING
        RETURNING 1
        """,
        list(jobs),
        campaign.enqueued_at,
        campaign.campaign_id,
    )
    return len(rows)


async def _cancel_list(connection: Connection, campaign_id: int) -> int:
    rows = await connection.fetch(
        """
        UPDATE acra_express.campaign_uens SET kind = 'cancelled', reason = 'cancelled'
        WHERE campaign_id = $1 AND staging_job_id IS NULL AND kind IS NULL RETURNING 1
        """,
        campaign_id,
    )
    return len(rows)


async def _end_jobs(connection: Connection, jobs: Sequence[int], by: str) -> None:
    await connection.execute(
        """
        UPDATE acra_express.express_jobs
        SET status = 'error', ended_at = acra_express.clock(), error = 'cancelled by ' || $2
        WHERE job_id = ANY ($1::bigint[])
        """,
        list(jobs),
        by,
    )
    await connection.execute(
        """
        UPDATE acra_express.leases SET held = false, due_at = 'infinity', token = acra_express.new_token()
        WHERE job_id = ANY ($1::bigint[])
        """,
        list(jobs),
    )
    await connection.execute("SELECT pg_notify($1, 'cancelled')", CHANNEL)


async def _queue(connection: Connection, jobs: Sequence[int]) -> None:
    await connection.execute(
        """
        UPDATE acra_express.express_jobs SET status = 'queued', ended_at = NULL, error = NULL
        WHERE job_id = ANY ($1::bigint[])
        """,
        list(jobs),
    )
    await connection.execute(
        """
        INSERT INTO acra_express.leases (job_id, job_created_at, due_at)
        SELECT j.job_id, j.created_at, acra_express.clock() FROM acra_express.express_jobs j
        WHERE j.job_id = ANY ($1::bigint[]) ORDER BY j.job_id
        ON CONFLICT (job_id) DO UPDATE
        SET due_at = excluded.due_at, held = false, errors = 0, crashes = 0, crashed_token = NULL, interruptions = 0,
            outage_since = NULL, wait_reason = NULL, stuck_since = NULL
        """,
        list(jobs),
    )
    await connection.execute("SELECT pg_notify($1, 'retry')", CHANNEL)


_RETRIED = """
    SELECT DISTINCT o.job_id FROM acra_express.outcomes o WHERE o.campaign_id = $1 AND o.kind = 'failed'
    UNION
    SELECT k.job_id FROM (
        SELECT $1::bigint AS id
        UNION ALL
        SELECT t.continuation_id FROM acra_express.staged t WHERE t.campaign_id = $1) s
    JOIN acra_express.express_jobs k ON k.job_id = s.id
    WHERE k.status = 'error' AND coalesce(k.error, '') NOT LIKE 'cancelled by %'
      AND NOT EXISTS (SELECT FROM acra_express.staged d WHERE d.staging_job_id = s.id)
"""
