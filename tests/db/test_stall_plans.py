"""What finds stalled work stays cheap: with a long history of jobs, and with a queue of a quarter of a million."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from acra_express_async.db.ops.failing_parts import _FAILING, LEAST_CALLS, LEAST_COMPANIES, PART_HOURS, FailingParts
from acra_express_async.db.ops.progress_rows import _WAITING, MOST_JOBS, NAMED_CAMPAIGNS, ProgressRows
from acra_express_async.db.session.pool import Connection, Database

JOBS = 250_000
RECENT = 600
"""Companies of two hours: three times what the default budgets allow."""


async def history(owner: Connection) -> None:
    """A quarter of a million jobs that ended, each with its lease and a company, spread over months; the last `RECENT`
    within two hours."""
    await owner.execute(
        f"""
        INSERT INTO background_jobs (job_type, status, params, created_at, started_at)
        SELECT 'acra_express_enrich_candidates', 'done', '{{}}', at, at
        FROM (SELECT now() - make_interval(secs => 10 * n) AS at FROM generate_series(1, {JOBS}) n) made
        """
    )
    await owner.execute(
        """
        INSERT INTO acra_express.leases (job_id, job_created_at, due_at, claimed_at, attempts, campaign_id)
        SELECT job_id, created_at, 'infinity', created_at, 1, job_id % 1000 FROM background_jobs
        """
    )
    await owner.execute(
        """
        INSERT INTO acra_express.outcomes
            (job_id, job_created_at, company_id, kind, reason, ended_at, staged_at, campaign_at, campaign_id, detail)
        SELECT job_id, created_at, job_id, 'enriched', '', created_at, created_at, created_at, job_id % 1000,
               '{"usage": {"searches": 2, "pages": 1, "failed": {"jina": 1}}}'
        FROM background_jobs
        """
    )


async def backlog(owner: Connection) -> None:
    """A queue of as many live jobs: a hundredth was claimed once and waits for a provider."""
    await owner.execute(
        f"""
        INSERT INTO background_jobs (job_type, status, params)
        SELECT 'acra_express_staging_upsert', 'queued', '{{"ssic_codes": ["10712"]}}' FROM generate_series(1, {JOBS})
        """
    )
    await owner.execute(
        """
        INSERT INTO acra_express.leases
            (job_id, job_created_at, due_at, claimed_at, attempts, campaign_id, wait_reason, waits_for, stuck_since,
             stuck_for)
        SELECT job_id, created_at, now() + interval '5 minutes', now(), 1, job_id, 'outage', 'jina', now(), 'jina'
        FROM background_jobs WHERE status = 'queued' AND job_id % 100 = 0
        """
    )
    await owner.execute("UPDATE background_jobs SET started_at = now() WHERE status = 'queued' AND job_id % 100 = 0")


async def rows_touched(owner: Connection, statement: str, *arguments: object) -> int:
    """How many rows the statement's scans of tables returned or discarded."""
    rows = await owner.fetch(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {statement}", *arguments)
    plan = "\n".join(row[0] for row in rows)
    gone = [float(n) for n in re.findall(r"Rows Removed by \w+(?: \w+)?: (\d+)", plan)]
    scans = re.findall(r"(?:Index|Index Only|Seq|Bitmap Heap) Scan [^\n]*\(actual rows=([\d.]+) loops=(\d+)\)", plan)
    return int(sum(gone) + sum(float(found) * int(loops) for found, loops in scans))


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_looking_for_stalls_reads_a_bounded_part(owner: Connection, database: Database) -> None:
    await history(owner)
    await owner.execute("ANALYZE background_jobs; ANALYZE acra_express.leases; ANALYZE acra_express.outcomes")
    failing = (timedelta(hours=PART_HOURS), LEAST_COMPANIES, LEAST_CALLS)
    assert await rows_touched(owner, _FAILING, *failing) < 20 * RECENT, "two hours of outcomes, not all of them"
    assert await rows_touched(owner, _WAITING, NAMED_CAMPAIGNS, MOST_JOBS) < 100, "what has ended is not read"
    [part] = await FailingParts(database).look()
    assert (part.name, part.subject) == ("provider_failing", "jina")
    await backlog(owner)
    await owner.execute("ANALYZE background_jobs; ANALYZE acra_express.leases")
    assert await rows_touched(owner, _WAITING, NAMED_CAMPAIGNS, MOST_JOBS) < 10 * MOST_JOBS
    waiting = {each.kind: each for each in (await ProgressRows(database).look(held=None)).waiting}
    assert 0.9 * MOST_JOBS < waiting["due"].jobs <= MOST_JOBS, "of the jobs that were never served not all are counted"
    assert (waiting["outage"].jobs, waiting["outage"].waits_for) == (JOBS // 100, "jina")
    assert len(waiting["outage"].campaigns) == NAMED_CAMPAIGNS
