"""Run a day of the real service on a fast clock: real loops, real PostgreSQL, real HTTP; only time is simulated.

Schedules, windows, backoff, provider latencies and the hour of the nightly use simulated time. Leases, heartbeats,
pings and time-outs of the database use real time, so that a stall of this machine is not mistaken for a crash. The
clock multiplies the machine's own delays, so it runs slowly while there is work and fast while there is none.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx

from acra_express_async import logs
from acra_express_async.companies.forecast import foreseen
from acra_express_async.db.companies.campaign_rows import Asked
from acra_express_async.db.jobs.job_commands import Operator
from acra_express_async.db.session.pool import Database, connect
from acra_express_async.limits import SEND_MARGIN, resolve
from acra_express_async.models import JobType
from acra_express_async.ops.preflight import prepare
from acra_express_async.params import StagingParams
from acra_express_async.runtime.realtime import real
from acra_express_async.sandbox.nightly import run_apart
from acra_express_async.sandbox.postgres import EmbeddedPostgres
from acra_express_async.sandbox.simulation.arrivals import EVERY, PROFILES, WHOLE_DAY, Enqueue, Market
from acra_express_async.sandbox.simulation.day_record import (
    DayOptions,
    DayRecord,
    Promise,
    cpu_seconds,
    feel,
    look,
    sample,
)
from acra_express_async.sandbox.simulation.fast_clock import MIDNIGHT, Gearbox, SimulatedTime
from acra_express_async.sandbox.simulation.gears import Driver
from acra_express_async.sandbox.simulation.surroundings import furnish, undisturbed_night
from acra_express_async.sandbox.simulator import Options, Simulator
from acra_express_async.sandbox.testbed import DATABASE, build_database
from acra_express_async.sandbox.world import World
from acra_express_async.service import Service
from acra_express_async.service.composition import Composition
from acra_express_async.service.process_context import ProcessOptions
from acra_express_async.settings.tree import Settings, load_settings

REGISTRY_ROWS = 800
"""About 560 live companies: the cap of 300 and the companies of the nightly's customers."""
NIGHT = timedelta(hours=1)
"""The platform's nightly starts at 01:00 Singapore time."""
MACHINE_SECONDS = 0.5
"""Real seconds added to every provider's time-out: the delay that this machine, not the provider, may cause."""
STALL_SECONDS = 0.25
"""The same for a send, between its charge and its first byte on the network."""


@asynccontextmanager
async def lived(options: DayOptions, gearbox: Gearbox, log_path: Path) -> AsyncIterator[DayRecord]:
    """Run a day and yield its record; database and simulator stay up until the context ends.

    Must run on the `FastLoop` of this gearbox. The service's warnings go to `log_path`.
    """
    profile = PROFILES[options.profile]
    with (
        tempfile.TemporaryDirectory(prefix="acra-express-day-") as folder,
        EmbeddedPostgres() as postgres,
        log_path.open("w", encoding="utf-8") as log,
    ):
        logs.configure(level="WARNING", form="json", stream=log)
        nightly_too = options.hours >= WHOLE_DAY
        clock = SimulatedTime(gearbox, MIDNIGHT if nightly_too else MIDNIGHT + profile.begins)
        owner = await build_database(postgres)
        try:
            await clock.install(owner)
            dsn = postgres.dsn(DATABASE)
            town = await furnish(owner, dsn, Path(folder), rows=REGISTRY_ROWS, seed=options.seed)
        finally:
            await owner.close()
        undisturbed = await undisturbed_night(postgres) if nightly_too else None
        owner = await connect(dsn, {"search_path": "public"})
        world = World.from_csv(town.registry, seed=options.seed, page_size=options.page_size)
        given = Options(seed=options.seed)
        try:
            async with Simulator(world, given, clock=clock, scenario=options.scenario) as simulator:
                settings = settings_for(simulator, dsn, options)
                market = Market(town.uens, town.codes, settings.batch_size, settings.daily_cap)
                settings = settings_for(simulator, dsn, options, **(profile.settings(market) | dict(options.given)))
                market = replace(market, batch=settings.batch_size, cap=settings.daily_cap)
                began = clock.begin.timestamp()
                record = DayRecord(options, gearbox, began, simulator, settings, owner, undisturbed=undisturbed)
                await _live(record, clock, profile.arrivals(options.hours, market))
                yield record
        finally:
            await owner.close()


def settings_for(simulator: Simulator, dsn: str, options: DayOptions, **given: str) -> Settings:
    """The defaults, except `given`, the addresses, and what runs on real time and is therefore longer on this loop.

    Raises:
        ConfigError: a given setting is unknown or invalid.
    """
    stall = MACHINE_SECONDS * options.speed
    figures = {
        "POSTGRES_DSN": dsn,
        "WORKERS": options.workers,
        "HTTP__HOST": "127.0.0.1",
        "HTTP__PORT": 0,
        "DUCKDUCKGO__BASE_URL": simulator.base_url("duckduckgo"),
        "DUCKDUCKGO__TIMEOUT_SECONDS": 10 + stall,
        "JINA__BASE_URL": simulator.base_url("jina"),
        "JINA__API_KEY": simulator.options.jina_key,
        "JINA__TIMEOUT_SECONDS": 30 + stall,
        "ZEROBOUNCE__BASE_URL": simulator.base_url("zerobounce"),
        "ZEROBOUNCE__API_KEY": simulator.options.zerobounce_key,
        "ZEROBOUNCE__TIMEOUT_SECONDS": 35 + stall,
        "SLACK__WEBHOOK_URL": simulator.webhook_url,
        "SLACK__TIMEOUT_SECONDS": 5 + stall,
    }
    settings = load_settings({f"ACRA_EXPRESS_{name}": str(value) for name, value in (figures | given).items()})
    on_real_time = ("lease_seconds", "heartbeat_seconds", "drain_seconds")
    # model_copy: the limits of these settings are meant for real seconds, not for those of this loop
    return settings.model_copy(update={name: real(getattr(settings, name)) for name in on_real_time})


async def _live(record: DayRecord, clock: SimulatedTime, plan: Sequence[Enqueue]) -> None:
    """Start the replicas, let the day pass and stop them; the record receives everything observed."""
    settings = record.settings
    access = await prepare(settings, clock=asyncio.get_running_loop().time)
    operator = Database(
        settings.postgres_dsn.get_secret_value(), role=settings.tenant_role, tenant_id=access.tenant_id, size=1
    )
    await operator.open()
    async with httpx.AsyncClient(
        follow_redirects=False,
        timeout=None,  # noqa: S113 - every try has its own deadline
        # A pooled connection would age on httpx's real clock and the simulator's fast clock, and they would disagree.
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=0),
    ) as http:
        services = [await _service(settings, clock, http, record) for _ in range(record.options.replicas)]
        await access.work.close()
        await access.vital.close()
        await clock.start(record.owner)
        began, cpu = time.monotonic(), cpu_seconds()
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(service.run()) for service in services]
            around = [
                group.create_task(_drive(record, clock, settings.postgres_dsn.get_secret_value(), plan)),
                group.create_task(_operate(record, clock, operator, plan)),
                group.create_task(_night(record, clock, settings.postgres_dsn.get_secret_value())),
                group.create_task(sample(record, clock)),
                group.create_task(feel(record)),
            ]
            await clock.sleep_until(clock.begin + timedelta(hours=record.options.hours))
            record.samples.append(await look(record, clock))
            for task in around:
                task.cancel()
            record.real_seconds, record.cpu_seconds = time.monotonic() - began, cpu_seconds() - cpu
            for service in services:
                service.supervisor.request_stop("the day is over")
            record.exit_codes = [await task for task in running]
    await operator.close()


async def _service(settings: Settings, clock: SimulatedTime, http: httpx.AsyncClient, record: DayRecord) -> Service:
    """One replica, built as `service.run` builds it, with the simulated wall clock."""
    composition = Composition(
        settings,
        await prepare(settings, clock=asyncio.get_running_loop().time),
        http,
        until_idle=False,
        options=ProcessOptions(
            wall=clock.wall,
            send_margin=SEND_MARGIN + timedelta(seconds=STALL_SECONDS * record.options.speed),
        ),
    )
    record.metrics.append(composition.context.metrics)
    return await Service.of(composition)


async def _drive(record: DayRecord, clock: SimulatedTime, dsn: str, plan: Sequence[Enqueue]) -> None:
    meetings = {one.at for one in plan}
    if record.settings.refresh_ssic or record.settings.refresh_terms:
        meetings |= {EVERY * number for number in range(int(timedelta(hours=record.options.hours) / EVERY) + 1)}
    owner = await connect(dsn, {"search_path": "public"})
    driver = Driver(
        clock,
        owner,
        slow=record.options.speed,
        fast=record.options.idle_speed,
        appointments=[clock.begin + at for at in sorted(meetings)],
        nightly_runs=lambda: record.nightly_runs,
    )
    try:
        await driver.run()
    finally:
        owner.terminate()


async def _operate(record: DayRecord, clock: SimulatedTime, operator: Database, plan: Sequence[Enqueue]) -> None:
    for one in plan:
        await clock.sleep_until(clock.begin + one.at)
        if one.forecast:
            record.promises.append(await _promised(record.settings, operator, StagingParams.parse(one.params)))
            continue
        async with operator.session() as connection:
            await connection.execute(
                """
                INSERT INTO acra_express.express_jobs (tenant_id, job_type, status, params, created_at)
                VALUES ($1, $2, 'queued', $3, acra_express.clock())
                """,
                operator.tenant_id,
                JobType.STAGING.value,
                dict(one.params),
            )


async def _promised(settings: Settings, operator: Database, params: StagingParams) -> Promise:
    """Enqueue as the command does it."""
    seen = await foreseen(operator, settings, params, resolve(params.throttle, settings))
    asked = Asked(expected=seen.companies if seen.exact else None)
    campaign_id = await Operator(operator).enqueue(params, asked)
    assert seen.ends_at is not None
    return Promise(campaign_id, seen.companies, seen.asked_at, seen.ends_at)


async def _night(record: DayRecord, clock: SimulatedTime, dsn: str) -> None:
    """Run the nightly at its hour in real time: a pass of seconds takes a simulated quarter of an hour or more.

    A simulation shorter than a day starts after it.
    """
    if record.undisturbed is None:
        return
    await clock.sleep_until(clock.begin + NIGHT)
    record.nightly_runs = True
    record.nightly = await run_apart(dsn, 1)
    record.nightly_runs = False
