"""The composition root: the only room that constructs things and connects them.

`run` is the service from start to exit code; `composition` wires one process, `process_context` makes what nearly every
part needs, `clients` builds the providers and their limits, `handlers` what works on the jobs, `background` the alerts,
the courtesy towards the nightly and the standing refresh. Every other room receives what it needs as keyword arguments.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import httpx

from acra_express_async import logs
from acra_express_async.errors import ConfigError
from acra_express_async.logs import LineWriter
from acra_express_async.ops.preflight import DatabaseAccess, http_of_environment, prepare
from acra_express_async.runtime.health import Health
from acra_express_async.runtime.secret_files import Secrets
from acra_express_async.runtime.stop_signals import StopSignals
from acra_express_async.runtime.supervisor import EXIT_DRAINED, Supervisor
from acra_express_async.runtime.watchdog import Watchdog
from acra_express_async.service.composition import Composition
from acra_express_async.service.preload import preload
from acra_express_async.service.process_context import ProcessOptions
from acra_express_async.service.tracing import open_traces
from acra_express_async.settings.library_names import names_set
from acra_express_async.settings.tree import Settings, ignored_names, secret_files, secret_parts, secrets_of
from acra_express_async.web import WebServer

log = logs.logger("service")


async def run(
    settings: Settings, *, until_idle: bool = False, signals: StopSignals | None = None, lines: LineWriter | None = None
) -> int:
    """The service from start to exit code.

    Args:
        until_idle: drain what is due, then end.
        signals: what stops the service; during the start they end it with exit code 0.
        lines: the writer of the log; without it the log goes directly to stderr.

    Raises:
        ConfigError, SchemaError: it cannot start; one sentence says why.
    """
    redactor = logs.configure(
        level=settings.log_level,
        form=settings.log_format,
        secrets=secrets_of(settings),
        stream=lines,
        colour=not names_set("NO_COLOR"),
        zone=settings.zone,
    )
    secrets = Secrets.of(settings, secret_files(), learned=lambda value: redactor.learn(secret_parts(value)))
    for name in ignored_names():
        log.info("setting.ignored", name=name, why="injected by Kubernetes for a Service of that name")
    signals = signals or StopSignals()
    async with AsyncExitStack() as opened:
        try:
            async with asyncio.timeout(None) as starting:
                with signals.told_to(lambda _name: _expire(starting)):
                    service = await _started(settings, secrets, opened, until_idle=until_idle, lines=lines)
        except TimeoutError:
            if not starting.expired():
                raise
            log.info("service.stopped", exit_code=EXIT_DRAINED, during="start")
            return EXIT_DRAINED
        with signals.told_to(service.supervisor.request_stop):
            return await service.run()


def _expire(scope: asyncio.Timeout) -> None:
    """End the scope now; a second signal changes nothing."""
    if scope.when() is None:
        scope.reschedule(asyncio.get_running_loop().time())


async def _started(
    settings: Settings, secrets: Secrets, opened: AsyncExitStack, *, until_idle: bool, lines: LineWriter | None
) -> Service:
    """Everything connected and wired, nothing running yet."""
    http = await opened.enter_async_context(await http_of_environment())
    clock = asyncio.get_running_loop().time
    _, access = await asyncio.gather(preload(), prepare(settings, clock=clock, secrets=secrets))
    return await Service.build(settings, access, http, until_idle=until_idle, lines=lines, secrets=secrets)


class Service:
    """Everything in one process, connected; `run` is its whole life."""

    def __init__(self, supervisor: Supervisor, web: WebServer, health: Health, lines: LineWriter | None = None) -> None:
        self.supervisor = supervisor
        self.web = web
        self.health = health
        self._lines = lines

    async def run(self) -> int:
        """Serve the web app, then run until a signal; the web app is stopped by the supervisor, last of all.

        Raises:
            ConfigError: the address of the web app is taken.
        """
        try:
            await self.web.start()
        except OSError as taken:
            raise ConfigError(f"cannot listen on ACRA_EXPRESS_HTTP__HOST and __PORT: {taken}") from taken
        log.info("web.listening", port=self.web.port)
        watchdog = Watchdog(self.health, said=self._lines.drained) if self._lines else Watchdog(self.health)
        watchdog.start()
        try:
            return await self.supervisor.run()
        finally:
            watchdog.stop()

    @classmethod
    async def build(
        cls,
        settings: Settings,
        access: DatabaseAccess,
        http: httpx.AsyncClient,
        *,
        until_idle: bool,
        lines: LineWriter | None = None,
        secrets: Secrets | None = None,
    ) -> Service:
        """Construct and connect every part, and start none of them."""
        dropped = (lambda: lines.dropped) if lines else (lambda: 0)
        traces, closers = open_traces(settings)
        options = ProcessOptions(log_lines_dropped=dropped, secrets=secrets, traces=traces, last_steps=closers)
        composition = Composition(settings, access, http, until_idle=until_idle, options=options)
        return await cls.of(composition, lines)

    @classmethod
    async def of(cls, composition: Composition, lines: LineWriter | None = None) -> Service:
        """The service over these parts; the workers must know of the nightly before their first call."""
        await composition.snapshot_loop.look()
        return cls(composition.supervisor(), composition.web, composition.context.health, lines)
