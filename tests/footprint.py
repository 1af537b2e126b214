"""What companies cost the database server, by its own counters: the real poller, workers and handlers in this process,
the simulator as every provider, and none of the loops that only watch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from process import Stage, stage

from acra_express_async.db.session.pool import Connection
from acra_express_async.models import Job, Usage
from acra_express_async.ops.preflight import prepare
from acra_express_async.providers.http_client import http_client
from acra_express_async.service.composition import Composition
from acra_express_async.settings.tree import load_settings

TYPICAL = Usage(searches=1, pages=2, verifications=1)
"""What the footprint of a company is stated for."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """The cost of `companies`, staging included and heartbeats excluded.

    Args:
        milliseconds: time in which the server executed statements.
        typical: UENs of the companies that used exactly `TYPICAL`.
    """

    companies: int
    transactions: int
    milliseconds: float
    wal_bytes: int
    usage: Usage
    typical: tuple[str, ...]

    @property
    def each(self) -> float:
        """Transactions a company."""
        return self.transactions / self.companies


async def footprint(dsn: str, folder: Path, count: int, only: tuple[str, ...] = ()) -> Footprint:
    """Work on `count` companies of the sample registry in one campaign, or on those of `only`."""
    async with stage(dsn, folder, rows=3 * count, allowance_scale=100_000.0, latency_scale=0.0) as standing:
        wanted = list(only) or standing.uens[:count]
        started = await _counters(standing.owner)
        await _worked_off(standing)  # what a start costs without any work
        before = await _counters(standing.owner)
        await standing.enqueue({"uens": wanted})
        heartbeats = await _worked_off(standing)
        after = await _counters(standing.owner)
        rows = await standing.owner.fetch(
            """
            SELECT uen, (detail #>> '{usage,searches}')::int AS searches, (detail #>> '{usage,pages}')::int AS pages,
                   (detail #>> '{usage,verifications}')::int AS verifications
            FROM acra_express.outcomes
            """
        )
    used = [Usage(searches=r["searches"], pages=r["pages"], verifications=r["verifications"]) for r in rows]
    return Footprint(
        companies=len(rows),
        transactions=after[0] - before[0] - (before[0] - started[0]) - heartbeats,
        milliseconds=after[1] - before[1] - (before[1] - started[1]),
        wal_bytes=after[2] - before[2] - (before[2] - started[2]),
        usage=sum(used, Usage()),
        typical=tuple(row["uen"] for row, each in zip(rows, used, strict=True) if each == TYPICAL),
    )


async def _worked_off(standing: Stage) -> int:
    """Work until nothing is due; how many heartbeats that took."""
    settings = load_settings(standing.environ)
    async with http_client() as http:
        access = await prepare(settings, clock=asyncio.get_running_loop().time)
        composition = Composition(settings, access, http, until_idle=True)
        await composition.snapshot_loop.look()
        jobs: Any = composition.jobs
        beat, beats = jobs.heartbeat, [0]

        async def heartbeat(job: Job) -> bool:
            beats[0] += 1
            return bool(await beat(job))

        jobs.heartbeat = heartbeat
        workers = [asyncio.create_task(worker.run()) for worker in composition.workers]
        await composition.poller.run()
        composition.dispatch.draining.set()
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)
        await access.work.close()
        await access.vital.close()
    return beats[0]


async def _counters(owner: Connection) -> tuple[int, float, int]:
    """Transactions, milliseconds of execution and WAL bytes; every other session has ended and has reported its own."""
    while await owner.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    ):
        await owner.execute("SELECT pg_stat_clear_snapshot()")
    await owner.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
    row = await owner.fetchrow(
        """
        SELECT xact_commit + xact_rollback AS transactions, active_time,
               pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint AS wal
        FROM pg_stat_database WHERE datname = current_database()
        """
    )
    assert row is not None
    return row["transactions"], row["active_time"], row["wal"]
