"""The snapshot loop: asks the database for shared figures, so that no scrape and no probe has to.

A quick look, one statement, says whether the nightly runs and how many of the server's connections are taken; both are
passed on to jobs/courtesy.py, which the poller and the workers ask. It also says whether anything has changed. While
nothing has, and there is no job, the longer queries are left out: the database belongs to others.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import datetime, timedelta

from prometheus_async import aio

from acra_express_async import logs
from acra_express_async.companies.outlook import Outlook
from acra_express_async.db.companies.outcomes import DailyCap
from acra_express_async.db.jobs.neighbours import NightlyJob, NightlyOverlap
from acra_express_async.db.limits.budget_ledger import BudgetUse
from acra_express_async.db.ops.control import Control
from acra_express_async.db.ops.display import BudgetFrees, CampaignLine, CompanyLine, Display
from acra_express_async.db.ops.quick_look import QuickLook
from acra_express_async.db.records.freshness_rows import FreshnessCounts
from acra_express_async.db.registry.registry_facts import RegistryFacts
from acra_express_async.errors import Away, DatabaseAway, NotNow
from acra_express_async.jobs.courtesy import Courtesy
from acra_express_async.jobs.holds import Hold, hold_of, overlong, usual_end
from acra_express_async.limits import MendedKeys
from acra_express_async.metrics import JOB_STATES, JOB_TYPES
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.turn_loop import Loop
from acra_express_async.settings.tree import Settings

log = logs.logger("snapshot")

LOOP = "snapshot"
TURN_SECONDS = 5.0
"""How old the knowledge about the nightly may become while there are jobs."""
IDLE_EVERY = 2
"""Turns between two quick looks while there is no job: 10 s. A claim asks for the nightly by itself."""
FIGURES_EVERY = 3
"""Turns between two readings of the queue: every 15 s, once per usual scrape interval."""
GRANTS_EVERY = 12
"""Turns between two looks at the role's grants, which a restore or a script may take away: once a minute."""
COMPARED_EVERY = 12
"""Turns between two counts of the nightly's companies: once a minute, because that reads the nightly's own tables. It
is skipped while the nightly runs, whose ALTER TABLE would wait for the query (B25)."""

UNCHANGED_EVERY = 120
"""Turns between two readings of figures that nothing we know of has changed: every 10 min."""
ASKED_TURNS = 24
"""For so long after a person has looked at the page, all figures are kept as fresh as while there are jobs: 2 min."""
ALERTS_IDLE, ALERTS_QUIET = 4, 40
"""The alerts' turns of 15 s between two of their looks: a minute while there is no job, and 10 min when, besides, no
company has ended lately, no alert is under way and no breaker is open."""

USUAL_EVERY = 60 * COMPARED_EVERY
"""Turns between two looks at how long the nightly's jobs take: once an hour."""


@dataclass(slots=True)
class Snapshot:
    """What is known of the shared state.

    Attributes:
        taken_at: when queue, budgets and cap were read; None before the first reading.
        shown_at: the same of campaigns and companies, which may be late while the nightly locks its tables.
    """

    taken_at: datetime | None = None
    shown_at: datetime | None = None
    paused: bool = False
    paused_by: tuple[str, datetime] | None = None
    nightly_running: bool = False
    nightly_jobs: list[NightlyJob] = field(default_factory=list)
    nightly_usual: dict[str, timedelta] = field(default_factory=dict)
    overlap: NightlyOverlap = field(default_factory=NightlyOverlap)
    lost_grants: list[str] = field(default_factory=list)
    queue: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    cap_used: int = 0
    companies_today: dict[str, int] = field(default_factory=dict)
    budgets: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    frees: dict[tuple[str, str], BudgetFrees] = field(default_factory=dict)
    companies: list[CompanyLine] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    campaigns: list[CampaignLine] = field(default_factory=list)
    outlook: Outlook | None = None
    registry: RegistryFacts = field(default_factory=RegistryFacts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the figures come from.

    Args:
        control: the state of the service and of the nightly, and the queue.
        slots: of the daily cap.
        budgets: what the rolling windows contain.
        display: what the status page shows of shared work.
        outlook: what the forecast of the campaigns rests on; None where none is shown.
    """

    control: Control
    slots: DailyCap
    budgets: Callable[[], Awaitable[Sequence[BudgetUse]]]
    display: Display
    outlook: Callable[[], Awaitable[Outlook]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """What the loop asks and tells of the process that it belongs to.

    Args:
        busy: whether it has a job in hand.
        resumed: is called with the reason when more may be claimed than before.
        unsent: is called when an alert's message waits for a sender.
        probe_asked: is called when an operator's request for a probe waits.
    """

    busy: Callable[[], bool] = lambda: True
    resumed: Callable[[str], None] = lambda _reason: None
    unsent: Callable[[], None] = lambda: None
    probe_asked: Callable[[], None] = lambda: None


@dataclass(kw_only=True, eq=False, repr=False)
class SnapshotLoop:
    """Keeps `snapshot` and the gauges fresh.

    Args:
        courtesy: is passed the nightly's and the server's state after every reading, and decides what may be claimed.
        keys: is asked whether a key was mended for which a breaker is open; None where there are no providers.
        replica: takes what each replica counts once, such as cancelled companies; a command has none and only reads.
    """

    sources: Sources
    courtesy: Courtesy
    settings: Settings
    replica: Replica | None = None
    keys: MendedKeys | None = None
    context: InitVar[Context]

    def __post_init__(self, context: Context) -> None:
        self._health = context.health
        self._metrics = context.metrics
        self._now = context.now
        self.snapshot = Snapshot()
        self._turn = 0
        self._quick: QuickLook | None = None
        self._read: tuple[int, object] | None = None
        self._compared: int | None = None
        self._usual: int | None = None
        self._asked: int | None = None
        self._loop = Loop(LOOP, context)
        context.metrics.daily_cap_limit.set(self.settings.daily_cap)

    async def run(self) -> None:
        """Read until cancelled."""
        await self._loop.repeat(self._turn_in_time, every=TURN_SECONDS, missed=_missed)

    def asked(self) -> None:
        """A person looks at the page: keep everything on it fresh for a while. Only sets a mark."""
        self._asked = self._turn

    @property
    def idle(self) -> bool:
        """There is no job anywhere, as of the last look, and nobody looks at the page."""
        looked_at = self._asked is not None and self._turn - self._asked < ASKED_TURNS
        busy = self.replica is None or self.replica.busy()
        return not (self._quick is None or self._quick.live or looked_at or busy)

    @property
    def alerts_every(self) -> int:
        """How many of the alerts' turns may pass between two of their looks."""
        quick = self._quick
        if quick is None or not self.idle or quick.alarmed or quick.breaker_open:
            return 1
        return ALERTS_IDLE if quick.recent or quick.nightly_running else ALERTS_QUIET

    async def look(self) -> None:
        """One turn; the first is taken before anything is claimed. While the database is away the last one stands."""
        try:
            await self._take_turn()
        except NotNow as away:
            _missed(away)

    async def _turn_in_time(self) -> None:
        """Every turn while there are jobs; while there are none, every `IDLE_EVERY`th."""
        if self._turn % IDLE_EVERY and self.idle:
            self._turn += 1
        else:
            await self._take_turn()

    async def _take_turn(self) -> None:
        quick = await self._look_at_others()
        if self._turn % GRANTS_EVERY == 0 or self.snapshot.lost_grants:
            self.snapshot.lost_grants = await self.sources.control.lost_grants()
        await self._mind(quick)
        compares = self._wants_comparison(quick)
        if self._wants_figures(quick):
            await aio.time(self._metrics.snapshot_duration, self._take_figures())
            await self._show()
            self._read = (self._turn, quick.marks)
        elif self._unchanged(quick):
            self._taken_now()
            self.snapshot.shown_at = self.snapshot.taken_at
        if compares:
            await self._compare()
        self._turn += 1

    def figures_age(self) -> timedelta | None:
        """How old the oldest of the figures is that the page shows; None before the first reading."""
        taken_at, shown_at = self.snapshot.taken_at, self.snapshot.shown_at
        if taken_at is None:
            return None
        return self._now() - min(taken_at, shown_at or taken_at)

    def _unchanged(self, quick: QuickLook) -> bool:
        return self.idle and self._read is not None and self._read[1] == quick.marks

    def _wants_figures(self, quick: QuickLook) -> bool:
        if self._read is None:
            return True
        if self.idle and not self._unchanged(quick):
            return True
        return self._turn - self._read[0] >= (UNCHANGED_EVERY if self.idle else FIGURES_EVERY)

    def _wants_comparison(self, quick: QuickLook) -> bool:
        if quick.nightly_running:
            return False
        due = UNCHANGED_EVERY if self._unchanged(quick) else COMPARED_EVERY
        return self._compared is None or self._turn - self._compared >= due

    async def _mind(self, quick: QuickLook) -> None:
        """Pass on what waits for one of the other loops, and take what each replica counts once."""
        replica = self.replica
        if replica is not None and quick.unsent:
            replica.unsent()
        if replica is not None and quick.probe_asked:
            replica.probe_asked()
        if self.keys is not None and quick.breaker_open and (self.idle or self._turn % FIGURES_EVERY == 0):
            await self.keys.look()
        if replica is not None and quick.cancelled:
            self._metrics.companies_cancelled(await self.sources.control.take_cancelled())

    def hold(self) -> Hold | None:
        """What holds back all work by rule now, as of the last turn."""
        snapshot, courtesy = self.snapshot, self.courtesy
        return hold_of(
            paused=snapshot.paused_by,
            nightly=snapshot.nightly_jobs if courtesy.lets_nightly_first else (),
            usual=snapshot.nightly_usual,
            quiet=courtesy.quiet_hours,
            now=self._now(),
            connections_taken=courtesy.connections if courtesy.room == 0 else None,
        )

    def overlong(self) -> tuple[NightlyJob, datetime] | None:
        """The nightly's job that stops us for longer than usual, and when it should have been over."""
        snapshot = self.snapshot
        if not self.courtesy.nightly_has_the_way:
            return None
        job = overlong(snapshot.nightly_jobs, snapshot.nightly_usual, self._now())
        return None if job is None else (job, usual_end(job, snapshot.nightly_usual))

    async def _look_at_others(self) -> QuickLook:
        try:
            quick = await self.sources.control.quick_look()
        except DatabaseAway as away:
            if away.reason is Away.GRANTS:
                self.snapshot.lost_grants = await self.sources.control.lost_grants()
            raise
        self._health.database.answered()
        self._quick = quick
        self.snapshot.nightly_running = quick.nightly_running
        self.snapshot.nightly_jobs = await self.sources.control.nightly_jobs() if quick.nightly_running else []
        self._metrics.nightly_running.set(int(quick.nightly_running))
        self.snapshot.paused_by = quick.paused_by
        self.snapshot.paused = quick.paused_by is not None
        self._metrics.paused.set(int(self.snapshot.paused))
        more = self.courtesy.saw(nightly_running=quick.nightly_running, connections=quick.connections)
        self._metrics.standing_back.set(int(not self.courtesy.may_claim()))
        if more and self.replica is not None:
            self.replica.resumed("due")
        return quick

    async def _compare(self) -> None:
        """The nightly may lock its tables for long: then the last figures are kept, and nothing else waits."""
        self._compared = self._turn
        try:
            self.snapshot.overlap = await self.sources.control.nightly_overlap()
            express, nightly = await self.sources.control.companies_today(self.settings.zone)
            self.snapshot.registry = await self.sources.control.registry_facts()
            if self._usual is None or self._turn - self._usual >= USUAL_EVERY:
                self.snapshot.nightly_usual = await self.sources.control.nightly_usual()
                self._usual = self._turn
        except NotNow as busy:
            log.info("comparison.missed", error=str(busy))
            return
        age = self.snapshot.registry.age
        self._metrics.registry_age.set(age.total_seconds() if age is not None else math.nan)
        self._metrics.registry_empty.labels("companies").set(int(not self.snapshot.registry.companies))
        self._metrics.registry_empty.labels("codes").set(int(not self.snapshot.registry.codes))
        self.snapshot.companies_today = {"express": express, "nightly": nightly}
        for by, companies in self.snapshot.companies_today.items():
            self._metrics.companies_today.labels(by).set(companies)

    async def _take_figures(self) -> None:
        snapshot = self.snapshot
        figures = await self.sources.control.queue()
        snapshot.queue = {(f.job_type, f.state): (f.depth, f.oldest_age) for f in figures}
        snapshot.cap_used = await self.sources.slots.used()
        uses = await self.sources.budgets()
        snapshot.budgets = {
            (use.allowance.provider.value, use.allowance.name): (use.used + use.elsewhere, use.allowance.limit)
            for use in uses
        }
        frees = await self.sources.display.frees(use.allowance for use in uses)
        snapshot.frees = {(line.provider, line.budget): line for line in frees}
        self._taken_now()
        self._publish(snapshot)

    def _taken_now(self) -> None:
        """The figures are those of this moment: just read, or known to be unchanged."""
        self.snapshot.taken_at = self._now()
        self._metrics.queue_snapshot.set(self.snapshot.taken_at.timestamp())

    async def _show(self) -> None:
        """What only people look at. It reads a platform table, and may be late while that table is locked."""
        try:
            self.snapshot.companies = await self.sources.display.companies()
            self.snapshot.failures = await self.sources.display.failures()
            self.snapshot.campaigns = await self.sources.display.campaigns()
            freshness = await self.sources.display.freshness() or FreshnessCounts()
            if self.sources.outlook is not None and self._turn % COMPARED_EVERY == 0:
                self.snapshot.outlook = await self.sources.outlook()
        except NotNow as busy:
            log.info("display.missed", error=str(busy))
            return
        self.snapshot.shown_at = self._now()
        for age, companies in dataclasses.asdict(freshness).items():
            self._metrics.freshness.labels(age).set(companies)

    def _publish(self, snapshot: Snapshot) -> None:
        metrics = self._metrics
        for job_type in JOB_TYPES:
            for state in JOB_STATES:
                depth, age = snapshot.queue.get((job_type.value, state), (0, 0.0))
                metrics.queue_depth.labels(job_type.value, state).set(depth)
                metrics.queue_oldest_age.labels(job_type.value, state).set(age)
        metrics.daily_cap_used.set(snapshot.cap_used)
        for (provider, budget), (used, limit) in snapshot.budgets.items():
            metrics.budget_used.labels(provider, budget).set(used)
            metrics.budget_limit.labels(provider, budget).set(limit)


def _missed(away: NotNow) -> None:
    log.warning("snapshot.missed", error=str(away))
