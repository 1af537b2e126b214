"""The snapshot loop: asks the database for shared figures, so that no scrape and no probe has to.

A quick look, one statement, says whether the nightly runs and how many of the server's connections are taken; both are
passed on to jobs/courtesy.py, which the poller and the workers ask. It also says whether anything has changed. While
nothing has, and there is no job, the longer queries are left out: the database belongs to others.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

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
from acra_express_async.metrics import JOB_STATES, JOB_TYPES, Metrics
from acra_express_async.runtime.health import Health

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


class SnapshotLoop:
    """Keeps `snapshot` and the gauges fresh.

    Args:
        shown: the source of what the status page shows of shared work.
        courtesy: is passed the nightly's and the server's state after every reading, and decides what may be claimed.
        zone: the time zone whose midnight begins a day.
        cap: the configured daily cap.
        now: the wall clock.
        outlook: reads what the forecast of the campaigns rests on; None where none is shown.
        keys: is asked whether a key was mended for which a breaker is open; None where there are no providers.
        resumed: is called when more may be claimed than before.
        busy: whether this process has a job in hand.
        unsent: is called when an alert's message waits for a sender.
        probe_asked: is called when an operator's request for a probe waits.
        counts: take what each replica counts once, such as cancelled companies; a command only reads.
        pause: waits, in seconds.
    """

    def __init__(
        self,
        *,
        shared: Control,
        slots: DailyCap,
        budgets: Callable[[], Awaitable[Sequence[BudgetUse]]],
        shown: Display,
        courtesy: Courtesy,
        zone: ZoneInfo,
        cap: int,
        health: Health,
        metrics: Metrics,
        now: Callable[[], datetime],
        resumed: Callable[[str], None],
        keys: MendedKeys | None = None,
        outlook: Callable[[], Awaitable[Outlook]] | None = None,
        busy: Callable[[], bool] = lambda: True,
        unsent: Callable[[], None] = lambda: None,
        probe_asked: Callable[[], None] = lambda: None,
        counts: bool = True,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.snapshot = Snapshot()
        self._shared = shared
        self._slots = slots
        self._budgets = budgets
        self._shown = shown
        self._courtesy = courtesy
        self._zone = zone
        self._turn = 0
        self._health = health
        self._beacon = health.beacon(LOOP)
        self._metrics = metrics
        self._now = now
        self._resumed = resumed
        self._keys = keys
        self._outlook = outlook
        self._busy = busy
        self._unsent = unsent
        self._probe_asked = probe_asked
        self._counts = counts
        self._pause = pause
        self._quick: QuickLook | None = None
        self._read: tuple[int, object] | None = None
        self._compared: int | None = None
        self._usual: int | None = None
        self._asked: int | None = None
        metrics.daily_cap_limit.set(cap)

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            if self._turn % IDLE_EVERY and self.idle:
                self._beacon.beat()
                self._turn += 1
            else:
                await self.look()
            await self._pause(TURN_SECONDS)

    def asked(self) -> None:
        """A person looks at the page: keep everything on it fresh for a while. Only sets a mark."""
        self._asked = self._turn

    @property
    def idle(self) -> bool:
        """There is no job anywhere, as of the last look, and nobody looks at the page."""
        looked_at = self._asked is not None and self._turn - self._asked < ASKED_TURNS
        return not (self._quick is None or self._quick.live or looked_at or self._busy())

    @property
    def alerts_every(self) -> int:
        """How many of the alerts' turns may pass between two of their looks."""
        quick = self._quick
        if quick is None or not self.idle or quick.alarmed or quick.breaker_open:
            return 1
        return ALERTS_IDLE if quick.recent or quick.nightly_running else ALERTS_QUIET

    async def look(self) -> None:
        """One turn; the first is taken before anything is claimed. While the database is away the last one stands."""
        self._beacon.beat()
        try:
            quick = await self._look_at_others()
            if self._turn % GRANTS_EVERY == 0 or self.snapshot.lost_grants:
                self.snapshot.lost_grants = await self._shared.lost_grants()
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
        except NotNow as away:
            log.warning("snapshot.missed", error=str(away))

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
        if quick.unsent:
            self._unsent()
        if quick.probe_asked:
            self._probe_asked()
        if self._keys is not None and quick.breaker_open and (self.idle or self._turn % FIGURES_EVERY == 0):
            await self._keys.look()
        if self._counts and quick.cancelled:
            self._metrics.companies_cancelled(await self._shared.take_cancelled())

    def hold(self) -> Hold | None:
        """What holds back all work by rule now, as of the last turn."""
        snapshot, courtesy = self.snapshot, self._courtesy
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
        if not self._courtesy.nightly_has_the_way:
            return None
        job = overlong(snapshot.nightly_jobs, snapshot.nightly_usual, self._now())
        return None if job is None else (job, usual_end(job, snapshot.nightly_usual))

    async def _look_at_others(self) -> QuickLook:
        try:
            quick = await self._shared.quick_look()
        except DatabaseAway as away:
            if away.reason is Away.GRANTS:
                self.snapshot.lost_grants = await self._shared.lost_grants()
            raise
        self._health.database.answered()
        self._quick = quick
        self.snapshot.nightly_running = quick.nightly_running
        self.snapshot.nightly_jobs = await self._shared.nightly_jobs() if quick.nightly_running else []
        self._metrics.nightly_running.set(int(quick.nightly_running))
        self.snapshot.paused_by = quick.paused_by
        self.snapshot.paused = quick.paused_by is not None
        self._metrics.paused.set(int(self.snapshot.paused))
        more = self._courtesy.saw(nightly_running=quick.nightly_running, connections=quick.connections)
        self._metrics.standing_back.set(int(not self._courtesy.may_claim()))
        if more:
            self._resumed("due")
        return quick

    async def _compare(self) -> None:
        """The nightly may lock its tables for long: then the last figures are kept, and nothing else waits."""
        self._compared = self._turn
        try:
            self.snapshot.overlap = await self._shared.nightly_overlap()
            express, nightly = await self._shared.companies_today(self._zone)
            self.snapshot.registry = await self._shared.registry_facts()
            if self._usual is None or self._turn - self._usual >= USUAL_EVERY:
                self.snapshot.nightly_usual = await self._shared.nightly_usual()
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
        figures = await self._shared.queue()
        snapshot.queue = {(f.job_type, f.state): (f.depth, f.oldest_age) for f in figures}
        snapshot.cap_used = await self._slots.used()
        uses = await self._budgets()
        snapshot.budgets = {
            (use.allowance.provider.value, use.allowance.name): (use.used + use.elsewhere, use.allowance.limit)
            for use in uses
        }
        frees = await self._shown.frees(use.allowance for use in uses)
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
            self.snapshot.companies = await self._shown.companies()
            self.snapshot.failures = await self._shown.failures()
            self.snapshot.campaigns = await self._shown.campaigns()
            freshness = await self._shown.freshness() or FreshnessCounts()
            if self._outlook is not None and self._turn % COMPARED_EVERY == 0:
                self.snapshot.outlook = await self._outlook()
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
