"""The composition root: the only place that constructs concrete things."""

from __future__ import annotations

import asyncio

import httpx

from acra_express_async import logs
from acra_express_async.errors import ConfigError
from acra_express_async.ops.preflight import DatabaseAccess, prepare
from acra_express_async.runtime.health import Health
from acra_express_async.runtime.supervisor import Supervisor
from acra_express_async.runtime.watchdog import Watchdog
from acra_express_async.service.composition import Composition
from acra_express_async.settings.tree import Settings, ignored_names, secrets_of
from acra_express_async.web import WebServer

log = logs.logger("service")

CONNECT_SECONDS = 5.0
"""Longest wait for a provider's TCP and TLS handshake; the whole try is bounded by its provider's time-out."""


async def run(settings: Settings, *, until_idle: bool = False) -> int:
    """The service from start to exit code.

    Raises:
        ConfigError, SchemaError: it cannot start; one sentence says why.
    """
    logs.configure(level=settings.log_level, form=settings.log_format, secrets=secrets_of(settings))
    for name in ignored_names():
        log.info("setting.ignored", name=name, why="injected by Kubernetes for a Service of that name")
    access = await prepare(settings, clock=asyncio.get_running_loop().time)
    async with httpx.AsyncClient(
        follow_redirects=False,  # a redirect is a provider's answer, and never to be followed elsewhere
        timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
    ) as http:
        service = await Service.build(settings, access, http, until_idle=until_idle)
        return await service.run()


class Service:
    """Everything of one process, wired; `run` is its whole life."""

    def __init__(self, supervisor: Supervisor, web: WebServer, health: Health) -> None:
        self.supervisor = supervisor
        self.web = web
        self.health = health

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
        watchdog = Watchdog(self.health)
        watchdog.start()
        try:
            return await self.supervisor.run()
        finally:
            watchdog.stop()

    @classmethod
    async def build(
        cls, settings: Settings, access: DatabaseAccess, http: httpx.AsyncClient, *, until_idle: bool
    ) -> Service:
        """Construct and connect every part; starts nothing."""
        composition = Composition(settings, access, until_idle=until_idle)
        await composition.connect(http)
        web = composition.web()
        return cls(composition.supervisor(web), web, composition.health)
