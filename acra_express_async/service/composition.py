"""The wiring of one process: every part is constructed, in the order in which the parts need each other."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import chain
from secrets import token_hex
from typing import Any

import httpx

from acra_express_async.companies.outlook_reading import read_outlook
from acra_express_async.db.companies.answer_memory import Memory
from acra_express_async.db.companies.outcomes import DailyCap
from acra_express_async.db.companies.selection import Selection
from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.jobs.listen import Listener, new_echo
from acra_express_async.db.limits.breaker_rows import BreakerRows
from acra_express_async.db.limits.budget_ledger import BudgetLedger, BudgetUse
from acra_express_async.db.limits.settlements import Settlements
from acra_express_async.db.ops.control import Control
from acra_express_async.db.ops.display import Display
from acra_express_async.jobs.attempt_ends import AttemptEnds
from acra_express_async.jobs.attempts import LockRetry
from acra_express_async.jobs.lease_keeping import LeaseKeeper
from acra_express_async.jobs.poller import Poller
from acra_express_async.jobs.worker import Handler, Worker
from acra_express_async.models import JobType
from acra_express_async.ops.preflight import DatabaseAccess
from acra_express_async.ops.pulse import Pulse
from acra_express_async.ops.snapshot import Replica, SnapshotLoop, Sources
from acra_express_async.ops.status import status
from acra_express_async.runtime.build import revision
from acra_express_async.runtime.cron import Cron, Schedule
from acra_express_async.runtime.dispatch import Dispatch
from acra_express_async.runtime.realtime import elapsed
from acra_express_async.runtime.secret_files import Secrets
from acra_express_async.runtime.supervisor import Closer, Component, Supervisor
from acra_express_async.service.background import (
    build_alerts,
    build_chores,
    build_courier,
    build_courtesy,
    build_refresh,
)
from acra_express_async.service.clients import (
    build_pipeline,
    build_probes,
    build_providers,
    cut_off_from,
    mended_keys,
)
from acra_express_async.service.desk import build_console
from acra_express_async.service.handlers import build_handlers
from acra_express_async.service.process_context import ProcessOptions, process_context
from acra_express_async.settings.tree import Settings
from acra_express_async.web import WebServer, build_app
from acra_express_async.web.address import PageAddress


class Composition:
    """All parts of one process, built in the order in which they need each other; none of them runs yet.

    Args:
        http: the client that all providers share.
        until_idle: drain what is due, then end.
    """

    def __init__(
        self,
        settings: Settings,
        access: DatabaseAccess,
        http: httpx.AsyncClient,
        *,
        until_idle: bool,
        options: ProcessOptions | None = None,
    ) -> None:
        self.settings = settings
        self.access = access
        self.until_idle = until_idle
        self.options = options or ProcessOptions()
        self.secrets = self.options.secrets or Secrets.of(settings, {})
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}"
        self.context = process_context(settings, self.options.wall)
        self._prepare_health()
        self.started_at = self.context.now()
        self.dispatch = Dispatch()
        self.schedule = Schedule(settings.schedule, self.context.now)
        self._stores()
        self._providers(http)
        self._poller_and_messengers()
        self._snapshot()
        self._workers()
        self._beside_the_work()
        self._for_people()

    def _prepare_health(self) -> None:
        self.context.metrics.running(revision=revision(), postgresql=self.access.server_version)
        self.context.metrics.workers.set(self.settings.workers)
        self.context.health.schema_checked = True
        self.context.health.database.answered()
        for pool in (self.access.work, self.access.vital):
            pool.observe(self.context.health.database.refused)

    def _stores(self) -> None:
        """What the parts read and write in the database."""
        settings, access = self.settings, self.access
        self.jobs = Jobs(access.work, access.vital)
        self.echo = new_echo()
        self.control = Control(access.work, echo=self.echo)
        self.cap = DailyCap(access.work, settings.zone)
        self.settlements = Settlements(self.owner)
        self.memory = Memory(access.work, self.settlements)
        self.ledger = BudgetLedger(access.work, self.settlements)
        self.selection = Selection(
            access.work,
            shape=access.shape,
            include_sole_proprietors=settings.include_sole_proprietors,
            recheck_days=settings.recheck_days,
            hold_nights=settings.nightly_hold_nights,
        )

    def _providers(self, http: httpx.AsyncClient) -> None:
        breakers = BreakerRows(self.access.work, self.owner)
        self.keys = mended_keys(self.secrets, breakers.mend, self.access.hashes)
        self.providers = build_providers(
            self.settings,
            http,
            ledger=self.ledger,
            breaker_store=breakers,
            keys=self.keys,
            context=self.context,
            margin=self.options.send_margin,
            secrets=self.secrets,
            kept=True,
        )

    def _poller_and_messengers(self) -> None:
        """Poller, courier and probes: the loops that the snapshot wakes."""
        settings, access, context = self.settings, self.access, self.context
        self.courtesy = build_courtesy(settings, context, partial(cut_off_from, self.providers.breakers))
        self.poller = Poller(
            dispatch=self.dispatch,
            jobs=self.jobs,
            owner=self.owner,
            lease=timedelta(seconds=settings.lease_seconds),
            courtesy=self.courtesy,
            until_idle=self.until_idle,
            context=context,
        )
        self.page_address = PageAddress(settings.http)
        self.courier = build_courier(
            settings,
            access.work,
            self.providers.slack,
            instance=self.owner,
            runbook=self.page_address.runbook,
            context=context,
        )
        self.probes = build_probes(
            settings,
            access.work,
            self.providers,
            self.secrets,
            owner=self.owner,
            courtesy=self.courtesy,
            context=context,
        )

    def _snapshot(self) -> None:
        self.snapshot_loop = SnapshotLoop(
            sources=Sources(
                control=self.control,
                slots=self.cap,
                budgets=self._budgets,
                display=Display(self.access.work),
                outlook=partial(read_outlook, self.access.work, self.settings),
            ),
            replica=Replica(
                busy=self.poller.has_jobs,
                resumed=self.poller.wake,
                unsent=self.courier.wake,
                probe_asked=self.probes.wake,
            ),
            courtesy=self.courtesy,
            settings=self.settings,
            keys=self.keys,
            context=self.context,
        )

    def _workers(self) -> None:
        settings = self.settings
        lock_retry = LockRetry(self.context.random, self._gave_way)
        ends = AttemptEnds(
            jobs=self.jobs,
            lock_retry=lock_retry,
            max_errors=settings.max_errors,
            max_crashes=settings.max_crashes,
            context=self.context,
        )
        handlers = self._handlers(lock_retry)
        context = replace(self.context, clock=elapsed)  # a lease goes on while the machine is suspended
        leases = LeaseKeeper(jobs=self.jobs, heartbeat=timedelta(seconds=settings.heartbeat_seconds), context=context)
        self.workers = [
            Worker(
                name=f"worker-{number}",
                leases=leases,
                ends=ends,
                handlers=handlers,
                poller=self.poller,
                stands_back=self.courtesy.stands_back,
                traces=self.options.traces,
                dispatch=self.dispatch,
                context=context,
            )
            for number in range(1, settings.workers + 1)
        ]

    def _handlers(self, lock_retry: LockRetry) -> dict[JobType, Handler]:
        pipeline = build_pipeline(
            self.settings,
            self.access,
            self.providers,
            memory=self.memory,
            settlements=self.settlements,
            snapshot=self.snapshot_loop.snapshot,
            clock=self.context.clock,
        )
        return build_handlers(
            self.settings,
            self.access,
            pipeline,
            jobs=self.jobs,
            cap=self.cap,
            selection=self.selection,
            continues_in=self._continues_in,
            lock_retry=lock_retry,
            context=self.context,
        )

    def _continues_in(self) -> timedelta | None:
        """A continuation waits for the next tick, unless the process drains what is due and ends."""
        return None if self.until_idle else self.schedule.until_tick()

    def _budgets(self) -> Awaitable[list[BudgetUse]]:
        return self.ledger.usage(chain(*self.providers.allowances.values()))

    def _gave_way(self, reason: str) -> None:
        self.context.metrics.nightly_yields.labels(reason).inc()

    def _beside_the_work(self) -> None:
        """Listener, cron and pulse."""
        settings, access = self.settings, self.access
        self.listener = Listener(
            self.secrets.listen_dsn or self.secrets.postgres_dsn,
            role=settings.tenant_role,
            wake=self._heard,
            echo=self.echo,
            context=self.context,
        )
        refresh = build_refresh(
            settings, access.work, self.courtesy, until_tick=self.schedule.until_tick, context=self.context
        )
        charged = [*chain(*self.providers.allowances.values()), *chain(*self.providers.turns.values())]
        self.cron = Cron(
            schedule=self.schedule,
            wake=self.poller.wake,
            housekeeping=self.control,
            chores=[
                partial(self.ledger.prune, charged),
                self.memory.prune,
                self.selection.count_postal_codes,
                self.selection.update_domains,
                *build_chores(settings, access, refresh),
            ],
            owner=self.owner,
            context=self.context,
        )
        self.pulse = Pulse(
            log_lines_dropped=self.options.log_lines_dropped, busy=self.poller.has_jobs, context=self.context
        )

    def _heard(self, reason: str) -> None:
        """A notification is news of a job: perhaps a new one, perhaps a cancelled one that a worker has."""
        self.poller.wake(reason)
        self.probes.wake()
        for worker in self.workers:
            worker.look_at_lease()

    def _for_people(self) -> None:
        """Alerts, and the web app over the state of this process, with the console where one is configured."""
        self.alerts = build_alerts(
            self.settings,
            self.access.work,
            budgets=self._budgets,
            snapshot_loop=self.snapshot_loop,
            unsent=self.courier.nudge,
            context=self.context,
        )
        self.console = build_console(
            self.settings,
            self.access,
            self.secrets,
            courtesy=self.courtesy,
            status=self.status,
            context=self.context,
        )
        app = build_app(
            health=self.context.health,
            metrics=self.context.metrics,
            status=self.status,
            view=None if self.console is None else self.console.view,
        )
        if self.console is not None:
            self.console.attach(app)
        http = self.settings.http
        self.web = WebServer(app, http.host, http.port, listens_on=self.page_address.listens_on)

    def status(self) -> dict[str, Any]:
        """What /status.json says."""
        self.snapshot_loop.asked()
        return status(
            settings=self.settings,
            health=self.context.health,
            snapshot_loop=self.snapshot_loop,
            courtesy=self.courtesy,
            alerts=self.alerts,
            workers=self.workers,
            started_at=self.started_at,
            now=self.context.now,
        )

    def supervisor(self) -> Supervisor:
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
            hand_back=self.jobs.release,
            closers=[
                Closer("slack", self.courier.deliver),
                *([] if self.console is None else [Closer("console pool", self.console.sessions.close)]),
                Closer("vital pool", self.access.vital.close),
                Closer("work pool", self.access.work.close),
                *self.options.last_steps,
                Closer("web", self.web.stop),
            ],
            wake=self.poller.wake,
            drain_seconds=self.settings.drain_seconds,
            dispatch=self.dispatch,
            context=self.context,
        )
