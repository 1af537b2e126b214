"""What is recorded while a simulated day passes, and the tasks that record it."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from acra_express_async.db.session.pool import Connection
from acra_express_async.errors import AcraExpressError
from acra_express_async.metrics import Metrics
from acra_express_async.sandbox.nightly import Figures
from acra_express_async.sandbox.simulation.fast_clock import Gearbox, SimulatedTime
from acra_express_async.sandbox.simulator import Simulator
from acra_express_async.sandbox.world import PageSize
from acra_express_async.settings.tree import Settings

SAMPLE_EVERY = timedelta(minutes=10)
FEEL_SECONDS = 0.05
WORK_SPEED, IDLE_SPEED = 100.0, 800.0
"""Simulated seconds per real second. A company takes about 0.05 s of a quiet machine; at 100 that is a quarter of its
providers' time. Idle hours cost only the timers of the loops, once per replica."""
MOST_GEARS = 8
"""Between the two gears: time limits for machines assume the fast one. In the slow one they are this many times as
long, and with more the watchdog would take the listener's pause between two pings for a hang."""


@dataclass(frozen=True, slots=True)
class DayOptions:
    """`speed`: simulated seconds per real second while there is work. `given`: settings that override those of the
    profile, names without the prefix. The other fields are the options of `acra-express simulate`."""

    hours: float = 24.0
    profile: str = "paced"
    workers: int = 2
    replicas: int = 1
    seed: int = 7
    speed: float = WORK_SPEED
    scenario: str = "happy"
    page_size: PageSize = 0
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def idle_speed(self) -> float:
        return max(self.speed, min(IDLE_SPEED / self.replicas, MOST_GEARS * self.speed))

    def gearbox(self) -> Gearbox:
        """The gearbox for the event loop of this day."""
        return Gearbox(self.speed, fastest=self.idle_speed)


@dataclass(frozen=True, slots=True)
class Sample:
    """The state at one moment: companies done so far, use of the simulator's windows, resident memory in bytes."""

    hour: float
    done: int
    used: dict[str, float]
    resident: int


@dataclass(frozen=True, slots=True)
class Promise:
    """What `enqueue` said about one campaign: how many companies, and when they should be done."""

    campaign_id: int
    companies: int
    asked_at: datetime
    ends_at: datetime


@dataclass(slots=True)
class DayRecord:
    """Everything observed during a day; `day_report.py` evaluates it."""

    options: DayOptions
    gearbox: Gearbox
    began: float
    simulator: Simulator
    settings: Settings
    owner: Connection
    metrics: list[Metrics] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    exit_codes: list[int] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    undisturbed: Figures | None = None
    nightly: Figures | None = None
    nightly_runs: bool = False
    real_seconds: float = 0.0
    cpu_seconds: float = 0.0
    worst_stall: float = 0.0
    stalled: float = 0.0


async def sample(record: DayRecord, clock: SimulatedTime) -> None:
    while True:
        record.samples.append(await look(record, clock))
        await clock.sleep(SAMPLE_EVERY.total_seconds())


async def feel(record: DayRecord) -> None:
    """Measure how late this process is scheduled, in real seconds; the clock multiplies this delay by `speed`."""
    loop, gearbox = asyncio.get_running_loop(), record.gearbox
    while True:
        due = loop.time() + FEEL_SECONDS * gearbox.pace
        await asyncio.sleep(due - loop.time())
        late = (loop.time() - due) / gearbox.pace
        record.worst_stall = max(record.worst_stall, late)
        record.stalled += max(0.0, late)


async def look(record: DayRecord, clock: SimulatedTime) -> Sample:
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


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
