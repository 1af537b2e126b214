"""The wiring of one process: every part is constructed, in the order in which the parts need each other."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random, SystemRandom
from typing import Any

import httpx

from acra_express_async.companies.outlook_reading import read_outlook
from acra_express_async.db.companies.answer_memory import Memory
from acra_express_async.db.companies.outcomes import DailyCap
from acra_express_async.db.companies.selection import Selection
from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.jobs.listen import Listener
from acra_express_async.db.limits.breaker_rows import BreakerRows
from acra_express_async.db.limits.budget_ledger import BudgetLedger
from acra_express_async.db.limits.settlements import Settlements
from acra_express_async.db.ops.control import Control
from acra_express_async.db.ops.display import Display
from acra_express_async.jobs.attempt_ends import AttemptEnds
from acra_express_async.jobs.attempts import LockRetry
from acra_express_async.jobs.poller import Poller
from acra_express_async.jobs.worker import Handler, Worker
from acra_express_async.limits import SEND_MARGIN, Breaker
from acra_express_async.limits.budget_table import BUDGETS
from acra_express_async.metrics import new_metrics
from acra_express_async.models import Job, JobType, Provider
from acra_express_async.ops.preflight import DatabaseAccess
from acra_express_async.ops.pulse import Pulse
from acra_express_async.ops.snapshot import SnapshotLoop
from acra_express_async.ops.status import status
from acra_express_async.runtime.build import revision
from acra_express_async.runtime.cron import Cron
from acra_express_async.runtime.health import Health
from acra_express_async.runtime.realtime import elapsed
from acra_express_async.runtime.secret_files import Secrets
from acra_express_async.runtime.supervisor import Closer, Component, Supervisor
from acra_express_async.service.background import build_alerts, build_chores, build_courtesy, build_refresh
from acra_express_async.service.clients import (
    Providers,
    build_pipeline,
    build_probes,
    build_providers,
    cut_off_from,
    mended_keys,
)
from acra_express_async.service.desk import build_console
from acra_express_async.service.handlers import build_handlers
from acra_express_async.settings.tree import Settings
from acra_express_async.traces import Traces
from acra_express_async.web import WebServer, build_app
from acra_express_async.web.address import page_address


class Composition:
    """All parts of one process.

    Args:
        wall: the wall clock, if it is not the real one (a simulated day).
        send_margin: the time from a charge to the first byte sent; longer on a fast clock, where a slow machine counts.
        log_lines_dropped: how many log lines were dropped since the start.
        traces: begins one for each attempt at a job; none without.
        last_steps: closed after everything that may still use them.
    """

    def __init__(
        self,
        settings: Settings,
        access: DatabaseAccess,
        *,
        until_idle: bool,
        wall: Callable[[], datetime] | None = None,
        send_margin: timedelta = SEND_MARGIN,
        log_lines_dropped: Callable[[], int] = lambda: 0,
        secrets_in_force: Secrets | None = None,
        traces: Traces | None = None,
        last_steps: Sequence[Closer] = (),
    ) -> None:
        loop = asyncio.get_running_loop()
        self.settings = settings
        self.access = access
        self.until_idle = until_idle
        self.clock = loop.time
        self._wall = wall
        self._send_margin = send_margin
        self._log_lines_dropped = log_lines_dropped
        self._secrets = secrets_in_force or Secrets.of(settings, {})
        self._traces = traces or Traces()
        self._last_steps = last_steps
        self.random = Random(SystemRandom().random())  # noqa: S311 - jitter, not secrets
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.metrics = new_metrics(row.key for row in BUDGETS)
        self.metrics.running(revision=revision(), postgresql=access.server_version)
        self.health = Health(time.monotonic)  # liveness is real time, also on a simulated clock
        self.health.schema_checked = True
        self.health.database.answered()
        for pool in (access.work, access.vital):
            pool.observe(self.health.database.refused)
        self.draining = asyncio.Event()
        self.idle = asyncio.Event()
        self.queue: asyncio.Queue[Job] = asyncio.Queue()
        self.jobs = Jobs(access.work, access.vital)
        self.control = Control(access.work)
        self.cap = DailyCap(access.work, settings.zone)
        self.selection = Selection(
            access.work,
            shape=access.shape,
            include_sole_proprietors=settings.include_sole_proprietors,
            recheck_days=settings.recheck_days,
            hold_nights=settings.nightly_hold_nights,
        )
        self.lock_retry = LockRetry(self.random, lambda reason: self.metrics.nightly_yields.labels(reason).inc())
        self.ends = AttemptEnds(
            self.jobs,
            self.metrics,
            self.random,
            self.lock_retry,
            max_errors=settings.max_errors,
            max_crashes=settings.max_crashes,
        )
        self.started_at = self.now()
        self._breakers: Mapping[Provider, Breaker] = {}
        self.courtesy = build_courtesy(settings, self.now, self.metrics, lambda: cut_off_from(self._breakers))

    def now(self) -> datetime:
        """The wall clock in the configured zone; only ticks and displays use it."""
        if self._wall is not None:
            return self._wall().astimezone(self.settings.zone)
        return datetime.now(self.settings.zone)

    async def connect(self, http: httpx.AsyncClient) -> None:
        """Providers, loops and workers."""
        settings, access = self.settings, self.access
        settlements = Settlements()
        ledger, breakers = BudgetLedger(access.work, settlements), BreakerRows(access.work, self.owner)
        keys = mended_keys(self._secrets, breakers.mend, access.hashes)
        providers = build_providers(
            settings,
            http,
            ledger=ledger,
            breaker_store=breakers,
            keys=keys,
            metrics=self.metrics,
            random=self.random,
            margin=self._send_margin,
            secrets=self._secrets,
            kept=True,
        )
        self._breakers = providers.breakers
        every = [allowance for figures in providers.allowances.values() for allowance in figures]
        charged = [*every, *(turn for turns in providers.turns.values() for turn in turns)]
        memory = Memory(access.work, settlements)
        self.snapshot_loop = SnapshotLoop(
            shared=self.control,
            slots=self.cap,
            budgets=lambda: ledger.usage(every),
            shown=Display(access.work),
            courtesy=self.courtesy,
            zone=settings.zone,
            cap=settings.daily_cap,
            health=self.health,
            metrics=self.metrics,
            now=self.now,
            keys=keys,
            outlook=lambda: read_outlook(access.work, settings),
            resumed=lambda reason: self.poller.wake(reason),  # noqa: PLW0108 - the poller is built later
            busy=lambda: self.poller.busy,
            unsent=lambda: self.courier.wake(),  # noqa: PLW0108 - built later, like the poller
            probe_asked=lambda: self.probes.wake(),  # noqa: PLW0108 - built later
        )
        self.poller = self._poller()
        self.listener = Listener(
            self._secrets.listen_dsn or self._secrets.postgres_dsn,
            role=settings.tenant_role,
            wake=self._heard,
            health=self.health,
            metrics=self.metrics,
            random=self.random,
        )
        self.alerts, self.courier = build_alerts(
            settings,
            access.work,
            providers.slack,
            budgets=lambda: ledger.usage(every),
            hold=self.snapshot_loop.hold,
            nightly=self.snapshot_loop.overlong,
            every=lambda: self.snapshot_loop.alerts_every,
            cap=lambda: (self.snapshot_loop.snapshot.cap_used, settings.daily_cap),
            instance=self.owner,
            runbook=lambda: f"{page_address(settings.http, self._web.port)}/runbook",
            health=self.health,
            metrics=self.metrics,
        )
        self.probes = build_probes(
            settings,
            access.work,
            providers,
            self._secrets,
            owner=self.owner,
            courtesy=self.courtesy,
            health=self.health,
        )
        self.pulse = Pulse(
            health=self.health,
            metrics=self.metrics,
            clock=self.clock,
            now=self.now,
            log_lines_dropped=self._log_lines_dropped,
        )
        refresh = build_refresh(
            settings,
            access.work,
            self.courtesy,
            until_tick=lambda: self.cron.until_tick(),  # noqa: PLW0108 - the cron is built after its chores
            clock=self.clock,
            health=self.health,
        )
        self.cron = Cron(
            settings.schedule,
            now=self.now,
            wake=self.poller.wake,
            housekeeping=self.control,
            chores=[
                lambda: ledger.prune(charged),
                memory.prune,
                self.selection.count_postal_codes,
                self.selection.update_domains,
                *build_chores(settings, access, refresh),
            ],
            owner=self.owner,
            health=self.health,
            metrics=self.metrics,
            clock=self.clock,
        )
        handlers = self._handlers(providers, memory, settlements)
        self.workers = [self._worker(number, handlers) for number in range(1, settings.workers + 1)]
        self.metrics.workers.set(settings.workers)
        await self.snapshot_loop.look()  # the workers must know of the nightly before their first call

    def _heard(self, reason: str) -> None:
        """A notification is news of a job: perhaps a new one, perhaps a cancelled one that a worker has."""
        self.poller.wake(reason)
        self.probes.wake()
        for worker in self.workers:
            worker.look_at_lease()

    def _poller(self) -> Poller:
        return Poller(
            queue=self.queue,
            jobs=self.jobs,
            owner=self.owner,
            lease=timedelta(seconds=self.settings.lease_seconds),
            allowed=self.courtesy.jobs_allowed,
            nightly_first=self.courtesy.lets_nightly_first,
            nightly_runs=self.courtesy.met_nightly,
            draining=self.draining,
            idle=self.idle,
            until_idle=self.until_idle,
            health=self.health,
            metrics=self.metrics,
            random=self.random,
        )

    def _worker(self, number: int, handlers: dict[JobType, Handler]) -> Worker:
        return Worker(
            f"worker-{number}",
            queue=self.queue,
            jobs=self.jobs,
            ends=self.ends,
            handlers=handlers,
            heartbeat=timedelta(seconds=self.settings.heartbeat_seconds),
            draining=self.draining,
            beacon=self.health.beacon(f"worker-{number}"),
            poller=self.poller,
            stands_back=self.courtesy.stands_back,
            metrics=self.metrics,
            traces=self._traces,
            clock=elapsed,  # the lease goes on while the machine is suspended
        )

    def _handlers(self, providers: Providers, memory: Memory, settlements: Settlements) -> dict[JobType, Handler]:
        pipeline = build_pipeline(
            self.settings,
            self.access,
            providers,
            hashes=self.access.hashes,
            memory=memory,
            settlements=settlements,
            snapshot=lambda: self.snapshot_loop.snapshot,
            clock=self.clock,
        )
        return build_handlers(
            self.settings,
            self.access,
            pipeline,
            jobs=self.jobs,
            cap=self.cap,
            selection=self.selection,
            until_tick=self.cron.until_tick,
            at_once=self.until_idle,
            metrics=self.metrics,
            lock_retry=self.lock_retry,
            clock=self.clock,
            random=self.random,
        )

    def _status(self) -> dict[str, Any]:
        self.snapshot_loop.asked()
        return status(
            settings=self.settings,
            health=self.health,
            snapshot_loop=self.snapshot_loop,
            courtesy=self.courtesy,
            alerts=self.alerts,
            workers=self.workers,
            started_at=self.started_at,
            now=self.now,
        )

    def web(self) -> WebServer:
        """The app over the state of this process, with the console where one is configured."""
        self.console = build_console(
            self.settings,
            self.access,
            self._secrets,
            courtesy=self.courtesy,
            status=self._status,
            health=self.health,
            clock=self.clock,
        )
        app = build_app(
            health=self.health,
            metrics=self.metrics,
            status=self._status,
            view=None if self.console is None else self.console.view,
        )
        if self.console is not None:
            self.console.attach(app)
        self._web = WebServer(app, self.settings.http.host, self.settings.http.port)
        return self._web

    def supervisor(self, web: WebServer) -> Supervisor:
        """Start order: snapshot (it knows whether the nightly runs), listener, cron, poller; then the workers."""
        return Supervisor(
            loops=[
                Component("snapshot", self.snapshot_loop.run),
                Component("listener", self.listener.run),
                Component("cron", self.cron.run),
                Component("poller", self.poller.run, feeds_queue=True),
                Component("alerts", self.alerts.run),
                Component("courier", self.courier.run),
                Component("pulse", self.pulse.run),
                Component("probes", self.probes.run),
                *([] if self.console is None else [Component("console", self.console.sessions.run)]),
            ],
            workers=self.workers,
            queue=self.queue,
            hand_back=self.jobs.release,
            closers=[
                Closer("slack", self.courier.deliver),
                *([] if self.console is None else [Closer("console pool", self.console.sessions.close)]),
                Closer("vital pool", self.access.vital.close),
                Closer("work pool", self.access.work.close),
                *self._last_steps,
                Closer("web", web.stop),
            ],
            draining=self.draining,
            idle=self.idle,
            wake=self.poller.wake,
            drain_seconds=self.settings.drain_seconds,
            health=self.health,
            metrics=self.metrics,
            random=self.random,
        )
