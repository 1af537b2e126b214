"""A process that claims a job and dies as soon as its handler would start; run by test_first_heartbeat.py.

Arguments: DSN, role, tenant, "cold" (the connection of the heartbeats has sent none yet) or "warm", and "asyncio" or
"uvloop". Prints the ID of the job and ends with exit code 9.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta

import uvloop

from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.session.pool import Database
from acra_express_async.models import Job


async def main(dsn: str, role: str, tenant: int, kind: str) -> None:
    work = Database(dsn, role=role, tenant_id=tenant, size=2)
    vital = Database(dsn, role=role, tenant_id=tenant, size=2)
    await work.open()
    await vital.open()
    jobs = Jobs(work, vital)
    if kind == "warm":
        await jobs.heartbeat(await claimed(jobs))
    job = await claimed(jobs)
    print(job.job_id, flush=True)
    sending = asyncio.Event()
    beating = asyncio.create_task(jobs.heartbeat(job, sending.set))
    await sending.wait()  # as the worker does before it starts the handler
    assert not beating.done()
    os._exit(9)


async def claimed(jobs: Jobs) -> Job:
    job = (await jobs.claim_next("mortal", timedelta(minutes=1), nightly_first=False)).job
    assert job is not None
    return job


if __name__ == "__main__":
    run = uvloop.run if sys.argv[5] == "uvloop" else asyncio.run
    run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
