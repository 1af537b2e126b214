"""Our worker process for the benchmarks: real listener, poller and workers with a handler that does nothing."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

import uvloop
from rig import Rig

from acra_express_async import logs
from acra_express_async.db.session.pool import Database, connect
from acra_express_async.jobs.attempts import End, JobScope
from acra_express_async.models import Job

from .reporting import said, starts_now


async def serve(dsn: str, workers: int) -> None:
    """Print ``ready``, then one line for each job, until stdin closes."""
    logs.configure(level="INFO", form="json")  # logs like production, to stderr
    owner = await connect(dsn, {})
    tenant = await owner.fetchval("SELECT tenant_id FROM public.tenants WHERE name = 'acra_express'")
    await owner.close()
    # Opened as in preflight.py, but without the second pool: heartbeats of the rig share this one.
    database = Database(dsn, role="acra_express", tenant_id=tenant, size=4)
    await database.open()

    async def work(job: Job, _scope: JobScope) -> End:
        starts_now(job.job_id)
        return await rig.finish(job)

    rig = Rig(
        database,
        work,
        workers=workers,
        listen_dsn=dsn,
        lease=timedelta(seconds=60),
        heartbeat=timedelta(seconds=15),
    )
    async with rig.running():
        await rig.listening.wait()
        said("ready")
        await asyncio.to_thread(sys.stdin.read)
    await database.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(sys.argv[1], int(sys.argv[2])))
