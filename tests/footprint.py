"""What companies cost the database server, by its own counters: the real poller, workers and handlers in this process,
the simulator as every provider, and none of the loops that only watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from process import Stage, stage

from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.models import Job, Usage
from acra_express_async.ops.preflight import prepare
from acra_express_async.providers.http_client import http_client
from acra_express_async.service.composition import Composition
from acra_express_async.settings.tree import load_settings

TYPICAL = Usage(searches=1, pages=2, verifications=1)
"""What the footprint of a company is stated for."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """The cost of `companies`: staging, claims and further sessions included; without what a start costs that finds
    nothing to do, without heartbeats and without the statements that measure.

    Args:
        transactions: as the server counted them, in every session of the database.
        round_trips: statements that were sent one after the other, BEGIN and COMMIT among them.
        milliseconds: time in which the server executed statements (`active_time` of `pg_stat_database`).
        typical: UENs of the companies that used exactly `TYPICAL`.
    """

    companies: int
    transactions: int
    round_trips: int
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
        asked = _Sent()
        standing.owner.add_query_logger(asked.count)
        started = await _counters(standing.owner, asked)
        idle = await _worked_off(standing)  # what a start costs without any work
        before = await _counters(standing.owner, asked)
        await standing.enqueue({"uens": wanted})
        worked = await _worked_off(standing)
        after = await _counters(standing.owner, asked)
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
        transactions=after[0] - before[0] - (before[0] - started[0]) - worked.heartbeats,
        round_trips=worked.round_trips - idle.round_trips - worked.heartbeats,
        milliseconds=after[1] - before[1] - (before[1] - started[1]),
        wal_bytes=after[2] - before[2] - (before[2] - started[2]),
        usage=sum(used, Usage()),
        typical=tuple(row["uen"] for row, each in zip(rows, used, strict=True) if each == TYPICAL),
    )


@dataclass(slots=True)
class _Sent:
    """What a process sent to the server."""

    heartbeats: int = 0
    round_trips: int = 0

    @asynccontextmanager
    async def counted(self) -> AsyncIterator[None]:
        """Count what is sent on sessions that are opened inside."""
        dial = Database._dial

        async def dialled(database: Database, *how: Any, **more: Any) -> Any:
            connection = await dial(database, *how, **more)
            connection.add_query_logger(self.count)
            return connection

        with patch.object(Database, "_dial", dialled):
            yield

    def count(self, _query: object) -> None:
        """Called by the driver for each statement."""
        self.round_trips += 1


async def _worked_off(standing: Stage) -> _Sent:
    """Work until nothing is due."""
    sent = _Sent()
    settings = load_settings(standing.environ)
    async with http_client() as http, sent.counted():
        access = await prepare(settings, clock=asyncio.get_running_loop().time)
        composition = Composition(settings, access, http, until_idle=True)
        await composition.snapshot_loop.look()
        jobs: Any = composition.jobs
        beat = jobs.heartbeat

        async def heartbeat(job: Job) -> bool:
            sent.heartbeats += 1
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
    return sent


async def _counters(owner: Connection, asked: _Sent) -> tuple[int, float, int]:
    """Transactions, milliseconds of execution and WAL bytes; every other session has ended and has reported its own.

    Args:
        asked: what `owner` has sent, each in a separate transaction that does not count.
    """
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
    return row["transactions"] - asked.round_trips, row["active_time"], row["wal"]
