"""The clock of leases goes on while the machine is suspended; the event loop's own does not."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from rig import Rig, enqueue, statuses

from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import LeaseLost
from acra_express_async.jobs.attempts import End, JobScope
from acra_express_async.models import Job
from acra_express_async.runtime import realtime


def test_the_time_of_suspension_is_read_from_the_kernel() -> None:
    assert realtime.suspended() == pytest.approx(
        time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC), abs=0.5
    )


async def test_elapsed_adds_it_to_the_clock_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime, "suspended", lambda: 3600.0)
    assert realtime.elapsed() - asyncio.get_running_loop().time() == pytest.approx(3600, abs=5)


async def test_a_machine_suspended_past_its_lease_calls_nobody(
    database: Database, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the loop's clock the lease has 59 s left; before the next heartbeat no call is made all the same."""
    refused: list[LeaseLost] = []

    async def work(job: Job, scope: JobScope) -> End:
        scope.check()
        monkeypatch.setattr(realtime, "suspended", lambda: 61.0)
        try:
            scope.check()
        except LeaseLost as lost:
            refused.append(lost)
        monkeypatch.setattr(realtime, "suspended", lambda: 0.0)
        return await rig.finish(job)

    monkeypatch.setattr(realtime, "suspended", lambda: 0.0)
    minute, quarter = timedelta(seconds=60), timedelta(seconds=15)
    rig = Rig(database, work, workers=1, lease=minute, heartbeat=quarter, until_idle=True, lease_clock=realtime.elapsed)
    await enqueue(owner)
    assert await rig.supervisor.run() == 0
    assert len(refused) == 1
    assert await statuses(owner) == {"done": 1}
