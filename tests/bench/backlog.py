"""Claims and idle polls behind a large table, and behind dead row versions that no vacuum may remove."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median

from rig import enqueue

from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.jobs.queue_marks import LOOK_SECONDS
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.models import Job
from acra_express_async.sandbox.postgres import EmbeddedPostgres

from .figures import rank
from .server import ROLE, durable_server, new_database, owned

WARM_UP = 20
"""Executions of a statement before timing starts; by then PostgreSQL uses the generic plan."""
TIMED = 300
"""Enough for a 99th percentile that three slow ones do not decide."""
VERSIONS_OF_A_JOB = 10
"""Dead versions that a job of ours leaves here: queued, claimed, ended, and seven heartbeats of its lease."""
HEADER = (
    "rows",
    "dead versions",
    "of these ours",
    "load s",
    *("claim p50 ms", "claim p99 ms", "idle poll p50 ms", "idle poll p99 ms", "next due p50 ms", "next due p99 ms"),
    "look p50 ms",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of `background_jobs`, and dead versions made while another session keeps its snapshot.

    Args:
        rows: half a foreign backlog, half ended jobs of the platform and of ours.
        dead: versions in all; the platform's rows leave what ours do not.
        ours: of these, versions of our jobs and leases.
    """

    rows: int
    dead: int = 0
    ours: int = 0


SHAPES = (
    Shape(10_000),
    Shape(1_000_000),
    Shape(1_000_000, 1_000_000),
    Shape(1_000_000, 1_000_000, 5_000),
    Shape(1_000_000, 1_000_000, 50_000),
)
"""Of ours: none; 5,000, what two busy workers leave in a day (a heartbeat each 15 s in 10 hours, claims and ends of 100
jobs); 50,000, the same for a session that somebody forgot ten days ago."""


@dataclass(slots=True)
class Seconds:
    """Real seconds, and those that a benchmark does not wait for."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@dataclass(slots=True)
class Ground:
    """A filled database, a session of the service on it, and what was measured there, in milliseconds."""

    shape: Shape
    owner: Connection
    jobs: Jobs
    load_seconds: float
    seconds: Seconds
    claims: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    due: list[float] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)

    async def measure(self) -> None:
        """One claim of a new job, one that finds nothing, and one look at what is due next; the job then ends.

        At the end a minute goes by for the marks, and the claim that finds nothing looks at everything.
        """
        await enqueue(self.owner, 1)
        job = await self._claimed(self.claims)
        if job is None:
            raise RuntimeError("the new job was not found")
        if await self._claimed(self.idle):
            raise RuntimeError("the benchmark's database had another job that was due")
        began = time.perf_counter()
        await self.jobs.next_due()
        self.due.append((time.perf_counter() - began) * 1e3)
        await self.jobs.end(job, total=0)
        await self.look()

    async def look(self) -> None:
        """What the poller does once a minute."""
        self.seconds.ahead += LOOK_SECONDS
        await self._claimed(self.looks)

    async def _claimed(self, times: list[float]) -> Job | None:
        began = time.perf_counter()
        claimed = await self.jobs.claim_next("bench", timedelta(hours=1), nightly_first=True)
        times.append((time.perf_counter() - began) * 1e3)
        return claimed.job

    def row(self) -> tuple[str, ...]:
        """The row of `HEADER`."""
        timed = [figures[WARM_UP:] for figures in (self.claims, self.idle, self.due)]
        cells = [f"{figure:.2f}" for figures in timed for figure in (median(figures), rank(figures, 0.99))]
        shape = self.shape
        look = f"{median(self.looks[WARM_UP:]):.2f}"
        return f"{shape.rows:,}", f"{shape.dead:,}", f"{shape.ours:,}", f"{self.load_seconds:.0f}", *cells, look


async def backlog(shapes: Sequence[Shape] = SHAPES, *, timed: int = TIMED) -> list[tuple[str, ...]]:
    """Rows of `HEADER`; the shapes alternate claim by claim, so that the machine's load affects all."""
    with durable_server() as server:
        async with AsyncExitStack() as stack:
            grounds = [await stack.enter_async_context(ground(server, shape)) for shape in shapes]
            for _ in range(WARM_UP + timed):
                for each in grounds:
                    await each.measure()
            return [each.row() for each in grounds]


@asynccontextmanager
async def ground(server: EmbeddedPostgres, shape: Shape) -> AsyncIterator[Ground]:
    """A database of this shape; the foreign snapshot is kept until the end."""
    async with AsyncExitStack() as stack:
        dsn = await new_database(server, express=True)
        owner = await stack.enter_async_context(owned(dsn))
        began = time.monotonic()
        await fill(owner, shape.rows)
        seconds = time.monotonic() - began
        if shape.dead:
            await stack.enter_async_context(foreign_snapshot(dsn))
            await make_dead(owner, shape)
        tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
        database = Database(dsn, role=ROLE, tenant_id=tenant, size=1)
        await database.open()
        stack.push_async_callback(database.close)
        clock = Seconds()
        made = Ground(shape, owner, Jobs(database, database, clock=clock), seconds, clock)
        for _ in range(2):  # a service that has been running for two minutes
            await made.look()
        yield made


async def fill(owner: Connection, rows: int) -> None:
    """Fill the table: half a foreign backlog, half ended jobs of the platform and of ours with their leases."""
    await owner.execute("SET statement_timeout = 0")
    await owner.execute(
        """
        INSERT INTO background_jobs (job_type, status, params, started_at, ended_at)
        SELECT CASE WHEN i % 4 = 3 THEN 'acra_express_enrich_candidates' ELSE 'web_discovery_bg_enrich' END,
               CASE WHEN i % 2 = 0 THEN 'queued' ELSE 'done' END, '{}',
               CASE WHEN i % 2 = 1 THEN now() END, CASE WHEN i % 2 = 1 THEN now() END
        FROM generate_series(0, $1::int - 1) AS i
        """,
        rows,
        timeout=3600,
    )
    await owner.execute(
        """
        INSERT INTO acra_express.leases (job_id, job_created_at, due_at, claimed_at, attempts)
        SELECT job_id, created_at, 'infinity', started_at, 1 FROM background_jobs
        WHERE job_type = 'acra_express_enrich_candidates'
        """,
        timeout=3600,
    )
    for table in ("background_jobs", "acra_express.leases"):
        await owner.execute(f"VACUUM ANALYZE {table}", timeout=3600)


@asynccontextmanager
async def foreign_snapshot(dsn: str) -> AsyncIterator[None]:
    """Another session's open transaction, as a dump or a forgotten console keeps it: no dead version may go."""
    session = await connect(dsn, {})
    try:
        async with session.transaction(isolation="repeatable_read"):
            await session.fetchval("SELECT count(*) FROM tenants")
            yield
    finally:
        await session.close()


async def make_dead(owner: Connection, shape: Shape) -> None:
    """Update rows until `shape.dead` versions are dead, and show that a vacuum removes none of them."""
    foreign = shape.dead - shape.ours
    while foreign > 0:
        changed = await owner.fetchval(
            """
            WITH chosen AS (SELECT job_id FROM background_jobs
                            WHERE status = 'queued' AND job_type = 'web_discovery_bg_enrich' LIMIT $1::int),
                 changed AS (UPDATE background_jobs b SET processed = coalesce(b.processed, 0) + 1
                             FROM chosen WHERE b.job_id = chosen.job_id RETURNING 1)
            SELECT count(*) FROM changed
            """,
            foreign,
            timeout=3600,
        )
        foreign -= changed
    await _our_dead(owner, shape.ours // VERSIONS_OF_A_JOB)
    await owner.execute(
        "SELECT pg_stat_force_next_flush()"
    )  # what is counted later would be added to what vacuum finds
    for table in ("background_jobs", "acra_express.leases"):
        await owner.execute(f"VACUUM ANALYZE {table}", timeout=3600)
    await owner.execute("SELECT pg_stat_clear_snapshot()")
    dead = await owner.fetchval(
        "SELECT sum(n_dead_tup) FROM pg_stat_user_tables WHERE relname IN ('background_jobs', 'leases')"
    )
    if dead < 0.9 * shape.dead:
        raise RuntimeError(f"only {dead} of {shape.dead} versions are dead and still there")


async def _our_dead(owner: Connection, jobs: int) -> None:
    """Jobs of ours that were queued, claimed, kept alive and ended the day before; one statement a version."""
    await owner.execute(
        """
        INSERT INTO background_jobs (job_type, status, params)
        SELECT 'acra_express_enrich_candidates', 'queued', '{}' FROM generate_series(1, $1::int)
        """,
        jobs,
        timeout=3600,
    )
    ours = "job_type = 'acra_express_enrich_candidates'"
    await owner.execute(
        f"""
        INSERT INTO acra_express.leases (job_id, job_created_at, held, due_at, claimed_at, attempts)
        SELECT job_id, created_at, true, now() - interval '1 day', now(), 1
        FROM background_jobs WHERE {ours} AND status = 'queued'
        """,
        timeout=3600,
    )
    await owner.execute(
        f"UPDATE background_jobs SET status = 'running', started_at = now() WHERE {ours} AND status = 'queued'",
        timeout=3600,
    )
    for _ in range(VERSIONS_OF_A_JOB - 3):
        await owner.execute(
            "UPDATE acra_express.leases SET due_at = due_at + interval '15 seconds' WHERE held", timeout=3600
        )
    await owner.execute(
        f"UPDATE background_jobs SET status = 'done', ended_at = now() WHERE {ours} AND status = 'running'",
        timeout=3600,
    )
    await owner.execute("UPDATE acra_express.leases SET held = false, due_at = 'infinity' WHERE held", timeout=3600)
