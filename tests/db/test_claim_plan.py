"""The claim and the idle poll use the partial index, also with generic plans, behind a large foreign backlog."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.session.pool import Connection, Database

ROWS = 100_000
LEASE = timedelta(seconds=60)

FRESH = """
    SELECT b.job_id FROM public.background_jobs b
    WHERE b.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates')
      AND b.status IN ('queued', 'running') AND b.status = 'queued' AND b.started_at IS NULL
      AND b.job_id >= from_job
      AND NOT EXISTS (SELECT FROM acra_express.leases l WHERE l.job_id = b.job_id
                      AND (l.job_created_at IS NULL OR l.job_created_at = b.created_at))
    ORDER BY b.started_at NULLS FIRST, b.job_id
    LIMIT 1 FOR UPDATE OF b SKIP LOCKED
"""
WAITING = """
    SELECT b.job_id FROM acra_express.leases l JOIN public.background_jobs b ON b.job_id = l.job_id
    WHERE l.due_at >= from_due AND l.due_at <= (SELECT acra_express.clock())
      AND b.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates')
      AND b.status || '' IN ('queued', 'running')
    ORDER BY l.due_at, l.job_id
    LIMIT 1 FOR UPDATE OF b SKIP LOCKED
"""
PULLED = """
    SELECT b.job_id FROM acra_express.leases l JOIN public.background_jobs b ON b.job_id = l.job_id
    WHERE l.claimed_at IS NULL AND l.due_at >= from_due AND l.due_at < 'infinity'
      AND b.job_type = 'acra_express_staging_upsert' AND b.status || '' = 'queued'
      AND NOT EXISTS (
          SELECT FROM acra_express.leases w
          WHERE w.campaign_id = acra_express.campaign_in(b.job_id, b.job_type, b.params)
            AND w.claimed_at IS NOT NULL AND NOT w.held AND w.due_at < 'infinity')
    ORDER BY l.due_at, l.job_id
    LIMIT 1 FOR UPDATE OF b SKIP LOCKED
"""


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database, database)


async def fill(owner: Connection, *, ours: int) -> None:
    """Fill the table: half queued nightly jobs, half history of ours, and a few live jobs of ours."""
    await owner.execute(
        """
        INSERT INTO background_jobs (job_type, status, params, started_at)
        SELECT 'enrich_candidates', 'queued', '{}', NULL FROM generate_series(1, $1 / 2);
        """.replace("$1", str(ROWS))
    )
    await owner.execute(
        """
        INSERT INTO background_jobs (job_type, status, params, started_at)
        SELECT 'acra_express_enrich_candidates', 'done', '{}', now() FROM generate_series(1, $1 / 2);
        """.replace("$1", str(ROWS))
    )
    await owner.execute(
        "INSERT INTO acra_express.leases (job_id, job_created_at, due_at, claimed_at, attempts)"
        " SELECT job_id, created_at, 'infinity', now(), 1 FROM background_jobs WHERE status = 'done'"
    )
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params)"
        f" SELECT 'acra_express_staging_upsert', 'queued', '{{}}' FROM generate_series(1, {ours})"
    )
    await owner.execute(
        "INSERT INTO acra_express.outcomes (job_id, job_created_at, company_id, kind, ended_at)"
        " SELECT job_id, created_at, 1, 'enriched', created_at FROM background_jobs WHERE status = 'done'"
    )
    await owner.execute("ANALYZE background_jobs; ANALYZE acra_express.leases; ANALYZE acra_express.outcomes")


async def rows_touched(owner: Connection, statement: str) -> tuple[str, int]:
    """The plan, and how many rows its scans returned or discarded; generic plans only."""
    async with owner.transaction():
        await owner.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        plan = "\n".join(
            row[0] for row in await owner.fetch(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {statement}")
        )
    counted = [float(n) for n in re.findall(r"Rows Removed by \w+(?: \w+)?: (\d+)", plan)]
    counted += [float(n) for n in re.findall(r"Scan.*\(actual rows=([\d.]+)", plan)]
    return plan, int(sum(counted))


@pytest.mark.parametrize("marks", [(0, "-infinity"), (ROWS // 2, "2026-01-01 00:00:00+08")], ids=["all", "marks"])
@pytest.mark.parametrize("statement", [FRESH, WAITING, PULLED], ids=["fresh", "waiting", "pulled"])
async def test_each_part_of_the_claim_reads_few_rows(owner: Connection, statement: str, marks: tuple[int, str]) -> None:
    await fill(owner, ours=20)
    marked = statement.replace("from_job", str(marks[0])).replace("from_due", f"timestamptz '{marks[1]}'")
    plan, touched = await rows_touched(owner, marked)
    assert "Seq Scan on background_jobs" not in plan
    assert touched < 50, plan
    if statement is FRESH:
        assert "acra_express_live_jobs" in plan


async def test_the_checked_statements_equal_those_of_the_function(owner: Connection) -> None:
    """The plan is checked on copies of the statements, so the copies must equal the function."""
    source = await owner.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'claim_jobs' AND pronargs = 8")

    def words(text: str) -> str:
        return " ".join(text.split())

    for statement in (FRESH, WAITING, PULLED):
        body = words(statement).removeprefix("SELECT b.job_id FROM ")
        assert body in words(source)


async def test_claims_read_few_rows_when_the_plan_is_cached(jobs: Jobs, owner: Connection, database: Database) -> None:
    """25 executions of one prepared statement: the plan that the server caches must not scan the backlog."""
    await fill(owner, ours=30)
    for _ in range(25):
        assert len(await jobs.claim("me", LEASE, 1)) == 1
    before = await rows_read(database)
    for _ in range(5):
        assert len(await jobs.claim("me", LEASE, 1)) == 1
    for _ in range(5):
        assert await jobs.claim("me", LEASE, 1) == []
        await jobs.next_due()
    read = await rows_read(database) - before
    assert 0 < read < 1000, read


async def test_a_hand_back_reads_only_held_leases(jobs: Jobs, owner: Connection, database: Database) -> None:
    """The poller asks every few seconds while it is in doubt."""
    await fill(owner, ours=10)
    held = [job for _ in range(6) for job in await jobs.claim("me", LEASE, 1)]
    known = [job.token for job in held[:5]]
    assert await jobs.give_back("me", known, []) == 1
    before = await rows_read(database)
    for _ in range(10):
        assert await jobs.give_back("me", known, held[5:]) == 0
    assert await rows_read(database) - before < 300


async def rows_read(database: Database) -> int:
    """Rows read from the claim's tables by scan or index, as the server counted them for the claiming session.

    The pool hands out the connection that was used last, so this is the claiming one, and its counts are flushed.
    """
    async with database.session() as connection:
        if not await connection.fetchval("SELECT to_regproc('pg_stat_force_next_flush') IS NOT NULL"):
            pytest.skip(
                "PostgreSQL 14 counts rows at intervals; test_each_part_of_the_claim_reads_few_rows looks at plans"
            )
        await connection.execute("SELECT pg_stat_force_next_flush()")
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        return int(
            await connection.fetchval(
                """
                SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_all_tables
                WHERE relname IN ('background_jobs', 'leases', 'outcomes', 'staged', 'campaigns', 'campaign_uens')
                """
            )
        )
