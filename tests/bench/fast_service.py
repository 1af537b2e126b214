"""The service alone in a process whose clock runs fast: ``python -m bench.fast_service SPEED``.

Settings come from the environment as for `acra-express run`. It replaces the database's `acra_express.clock()`, prints
``ready`` once all clocks run, and serves until stdin closes. Leases, heartbeats and time-outs of the database use real
time; schedules, windows and everything else that waits use simulated time, as in `acra-express simulate`.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

import httpx

from acra_express_async import logs
from acra_express_async.db.session.pool import connect
from acra_express_async.limits import SEND_MARGIN
from acra_express_async.ops.preflight import prepare
from acra_express_async.runtime.realtime import real
from acra_express_async.sandbox.simulation import FastLoop
from acra_express_async.sandbox.simulation.day import STALL_SECONDS
from acra_express_async.sandbox.simulation.fast_clock import MIDNIGHT, Gearbox, SimulatedTime
from acra_express_async.service import Service
from acra_express_async.service.composition import Composition
from acra_express_async.service.process_context import ProcessOptions
from acra_express_async.settings.tree import Settings, load_settings

from .reporting import said


def _on_real_time(settings: Settings) -> Settings:
    names = ("lease_seconds", "heartbeat_seconds", "drain_seconds")
    # model_copy: the limits of these settings are meant for real seconds, not for those of this loop
    return settings.model_copy(update={name: real(getattr(settings, name)) for name in names})


async def serve(gearbox: Gearbox) -> None:
    settings = _on_real_time(load_settings())
    logs.configure(level="INFO", form="json")
    clock = SimulatedTime(gearbox, MIDNIGHT)
    owner = await connect(settings.postgres_dsn.get_secret_value(), {})
    await clock.install(owner)
    async with httpx.AsyncClient(follow_redirects=False, timeout=None) as http:
        composition = Composition(
            settings,
            await prepare(settings, clock=asyncio.get_running_loop().time),
            http,
            until_idle=False,
            options=ProcessOptions(
                wall=clock.wall, send_margin=SEND_MARGIN + timedelta(seconds=STALL_SECONDS * gearbox.pace)
            ),
        )
        service = await Service.of(composition)
        await clock.start(owner)
        await owner.close()
        running = asyncio.create_task(service.run())
        said("ready")
        await asyncio.to_thread(sys.stdin.read)
        service.supervisor.request_stop("the day is over")
        await running


if __name__ == "__main__":
    made = Gearbox(float(sys.argv[1]))
    with asyncio.Runner(loop_factory=lambda: FastLoop(made)) as runner:
        runner.run(serve(made))
