"""A day of the real service on a fast clock: real loops, real PostgreSQL, real HTTP; only time is simulated.

Schedules, windows, backoff, provider latencies and the nightly's hour are simulated time. Leases, heartbeats, pings
and time-outs of the database stay on real time: a stall of this machine must not be taken for a death.
"""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx

from acra_express_async import logs
from acra_express_async.db.operator import Operator
from acra_express_async.db.pool import Connection, Database, connect
from acra_express_async.errors import AcraExpressError
from acra_express_async.metrics import Metrics
from acra_express_async.preflight import prepare
from acra_express_async.realtime import rate, real
from acra_express_async.sandbox.nightly import Figures, run_apart
from acra_express_async.sandbox.postgres import EmbeddedPostgres
from acra_express_async.sandbox.simulation.arrivals import MORNING, PROFILES, WHOLE_DAY, Enqueue, Market
from acra_express_async.sandbox.simulation.clock import MIDNIGHT, SimulatedTime
from acra_express_async.sandbox.simulation.surroundings import settle, undisturbed_night
from acra_express_async.sandbox.simulator import Options, Simulator
from acra_express_async.sandbox.stage import DATABASE, build_database
from acra_express_async.sandbox.world import World
from acra_express_async.service import Service
from acra_express_async.service.parts import Parts
from acra_express_async.settings import Settings, load_settings

REGISTRY_ROWS = 800
"""Some 560 live companies: the cap of 300, and what the nightly's customers are after."""
NIGHT = timedelta(hours=1)
"""From midnight: the platform's nightly begins at 01:00 Singapore time."""
SAMPLE_EVERY = timedelta(minutes=10)
FEEL_SECONDS = 0.05
MACHINE_SECONDS = 0.5
"""Added to every provider's time-out in real seconds: what this machine, not the provider, may take."""


@dataclass(frozen=True, slots=True)
class DayOptions:
    """`speed` is simulated seconds per real one; the other figures are those of `acra-express simulate`."""

    hours: float = 24.0
    profile: str = "paced"
    workers: int = 2
    replicas: int = 1
    seed: int = 7
    speed: float = 300.0
    scenario: str = "happy"


@dataclass(frozen=True, slots=True)
class Sample:
    """The state at one moment: companies done so far, use of the simulator's windows, resident bytes."""

    hour: float
    done: int
    used: dict[str, float]
    resident: int


@dataclass(slots=True)
class Record:
    """Everything that was seen of a day; `report.py` makes figures of it."""

    options: DayOptions
    began: float
    simulator: Simulator
    owner: Connection
    metrics: list[Metrics] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    exit_codes: list[int] = field(default_factory=list)
    undisturbed: Figures | None = None
    nightly: Figures | None = None
    enqueued: int = 0
    real_seconds: float = 0.0
    cpu_seconds: float = 0.0
    worst_stall: float = 0.0
    stalled: float = 0.0


@asynccontextmanager
async def lived(options: DayOptions, log_path: Path) -> AsyncIterator[Record]:
    """Live through a day; its database and simulator stay up for whoever looks at the record.

    Must run on a `FastLoop`. The service's warnings go to `log_path`.
    """
    with (
        tempfile.TemporaryDirectory(prefix="acra-express-day-") as folder,
        EmbeddedPostgres() as postgres,
        log_path.open("w", encoding="utf-8") as log,
    ):
        logs.configure(level="WARNING", form="json", stream=log)
        nightly_too = options.hours >= WHOLE_DAY
        begin = MIDNIGHT if nightly_too else MIDNIGHT + MORNING
        clock = SimulatedTime(rate(), begin)
        owner = await build_database(postgres)
        try:
            await clock.install(owner)
            dsn = postgres.dsn(DATABASE)
            town = await settle(owner, dsn, Path(folder), rows=REGISTRY_ROWS, seed=options.seed)
        finally:
            await owner.close()
        undisturbed = await undisturbed_night(postgres) if nightly_too else None
        owner = await connect(dsn, {"search_path": "public"})
        world = World.from_csv(town.registry, seed=options.seed)
        given = Options(seed=options.seed)
        try:
            async with Simulator(world, given, clock=clock, scenario=options.scenario) as simulator:
                record = Record(options, begin.timestamp(), simulator, owner, undisturbed=undisturbed)
                settings = settings_for(simulator, dsn, options)
                market = Market(town.uens, town.codes, settings.batch_size, settings.daily_cap)
                plan = PROFILES[options.profile](options.hours, market)
                await _live(record, settings, clock, plan)
                yield record
        finally:
            await owner.close()


def settings_for(simulator: Simulator, dsn: str, options: DayOptions) -> Settings:
    """The defaults, but for addresses, and for what is real time and therefore `rate` times longer on this loop."""
    stall = real(MACHINE_SECONDS)
    figures = {
        "POSTGRES_DSN": dsn,
        "WORKERS": options.workers,
        "LEASE_SECONDS": real(60),
        "HEARTBEAT_SECONDS": real(15),
        "DRAIN_SECONDS": real(25),
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
    return load_settings({f"ACRA_EXPRESS_{name}": str(value) for name, value in figures.items()})


async def _live(record: Record, settings: Settings, clock: SimulatedTime, plan: Sequence[Enqueue]) -> None:
    """Start the replicas, let the day go by, stop them; everything seen goes into the record."""
    ground = await prepare(settings, clock=asyncio.get_running_loop().time)
    operator = Database(
        settings.postgres_dsn.get_secret_value(), role=settings.tenant_role, tenant_id=ground.tenant_id, size=1
    )
    await operator.open()
    async with httpx.AsyncClient(
        follow_redirects=False,
        timeout=None,  # noqa: S113 - every try has a deadline of its own
        # a kept connection would age on httpx's real clock and on the simulator's fast one: they would disagree
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=0),
    ) as http:
        services = [await _service(settings, clock, http, record) for _ in range(record.options.replicas)]
        await ground.work.close()
        await ground.vital.close()
        await clock.start(record.owner)
        began, cpu = time.monotonic(), _cpu_seconds()
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(service.run()) for service in services]
            around = [
                group.create_task(_operate(record, clock, Operator(operator), plan)),
                group.create_task(_night(record, clock, settings.postgres_dsn.get_secret_value())),
                group.create_task(_sample(record, clock)),
                group.create_task(_feel(record)),
            ]
            await clock.sleep_until(clock.begin + timedelta(hours=record.options.hours))
            record.samples.append(await _look(record, clock))
            for task in around:
                task.cancel()
            record.real_seconds, record.cpu_seconds = time.monotonic() - began, _cpu_seconds() - cpu
            for service in services:
                service.supervisor.request_stop("the day is over")
            record.exit_codes = [await task for task in running]
    await operator.close()


async def _service(settings: Settings, clock: SimulatedTime, http: httpx.AsyncClient, record: Record) -> Service:
    """One replica, wired as `service.run` wires it, with the simulated wall clock."""
    parts = Parts(
        settings,
        await prepare(settings, clock=asyncio.get_running_loop().time),
        until_idle=False,
        wall=clock.wall,
    )
    await parts.connect(http)
    record.metrics.append(parts.metrics)
    web = parts.web()
    return Service(parts.supervisor(web), web, parts.health)


async def _operate(record: Record, clock: SimulatedTime, operator: Operator, plan: Sequence[Enqueue]) -> None:
    for one in plan:
        await clock.sleep_until(clock.begin + one.at)
        await operator.enqueue(one.params)
        record.enqueued += 1


async def _night(record: Record, clock: SimulatedTime, dsn: str) -> None:
    """The nightly at its hour, in real time: a pass of seconds is a simulated quarter of an hour and more.

    A simulation that is shorter than a day begins behind it.
    """
    if record.undisturbed is None:
        return
    await clock.sleep_until(clock.begin + NIGHT)
    record.nightly = await run_apart(dsn, 1)


async def _sample(record: Record, clock: SimulatedTime) -> None:
    while True:
        record.samples.append(await _look(record, clock))
        await clock.sleep(SAMPLE_EVERY.total_seconds())


async def _feel(record: Record) -> None:
    """How late this process gets its turn, in real seconds: what the machine adds to every latency, `speed` times."""
    while True:
        due = time.monotonic() + FEEL_SECONDS
        await asyncio.sleep(real(FEEL_SECONDS))
        late = time.monotonic() - due
        record.worst_stall = max(record.worst_stall, late)
        record.stalled += max(0.0, late)


async def _look(record: Record, clock: SimulatedTime) -> Sample:
    done = await record.owner.fetchval(
        "SELECT count(*) FROM acra_express.outcomes WHERE kind IN ('enriched', 'no_website')"
    )
    if done is None:
        raise AcraExpressError("the simulated database does not answer")
    now = clock.now()
    used = {name: window.total(now) for name, window in record.simulator.ledger.budgets.items()}
    return Sample((now - record.began) / 3600, int(done), used, _resident_bytes())


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
