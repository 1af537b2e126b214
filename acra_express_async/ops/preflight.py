"""The start of `run`: refuse on the first finding that fails, wait for a server that is away, then open the pools."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx

from acra_express_async import logs
from acra_express_async.db.companies.address_hash import AddressHash, load_address_hash
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Database
from acra_express_async.errors import Away, ConfigError, DatabaseAway, NotNow
from acra_express_async.ops.checks import Finding, environment, examine, listener, refresh_list
from acra_express_async.runtime.secret_files import Secrets
from acra_express_async.settings.tree import Settings

log = logs.logger("preflight")

UNREACHABLE_SECONDS = 30.0
"""How long an unreachable server is tried before the service gives up with exit code 78."""
RETRY_SECONDS = 1.0
NOT_BY_WAITING = frozenset({Away.LOGIN, Away.GRANTS, Away.SCHEMA, Away.POOLER})
"""Errors that only a person can repair."""
WORK_CONNECTIONS = 3
"""With one for heartbeats and one for LISTEN that makes five: what a guest on the platform's server may hold (B15). The
console, where there is one, opens a sixth on demand and gives it up first."""


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """What the service works with: sessions for work, one kept free for heartbeats, tenant, the platform's shape, the
    key under which mail addresses are hashed, and the server's version such as ``15.14``."""

    work: Database
    vital: Database
    tenant_id: int
    shape: PlatformShape
    hashes: AddressHash
    server_version: str


async def http_of_environment() -> httpx.AsyncClient:
    """The client that all providers share, once everything was tried that libraries read from the environment.

    Raises:
        ConfigError: the first failing line of `acra-express check`.
    """
    built = environment()
    try:
        _refuse(built.findings)
    except ConfigError:
        if built.http is not None:
            await built.http.aclose()
        raise
    assert built.http is not None
    return built.http


async def prepare(
    settings: Settings,
    *,
    clock: Callable[[], float],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    secrets: Secrets | None = None,
) -> DatabaseAccess:
    """Check the database and open the pools; a server that cannot serve us is tried for `UNREACHABLE_SECONDS`.

    The same holds for a server that goes away in the middle: each attempt starts from the beginning.

    Raises:
        ConfigError: the first failing line of `acra-express check`.
    """
    _refuse(refresh_list(settings))
    deadline = clock() + UNREACHABLE_SECONDS
    while True:
        try:
            return await _start(settings, secrets or Secrets.of(settings, {}))
        except NotNow as away:
            needs_a_person = isinstance(away, DatabaseAway) and away.reason in NOT_BY_WAITING
            if needs_a_person or clock() >= deadline:
                raise ConfigError(str(away)) from away
            log.warning("database.unreachable", error=str(away))
            await pause(RETRY_SECONDS)


async def _start(settings: Settings, secrets: Secrets) -> DatabaseAccess:
    examination = await examine(settings)
    _refuse(examination.findings)
    assert examination.tenant_id is not None
    assert examination.shape is not None
    if settings.listen_dsn is not None:  # otherwise it is the server that has just answered
        _refuse([await listener(settings)])
    async with AsyncExitStack() as opened:
        pools = []
        for size in (WORK_CONNECTIONS, 1):
            pool = Database(
                secrets.postgres_dsn,
                role=settings.tenant_role,
                tenant_id=examination.tenant_id,
                size=size,
                pooled=settings.listen_dsn is not None,
            )
            opened.push_async_callback(pool.close)
            pools.append(pool)
        work, vital = pools
        await work.open()
        await vital.open()
        async with work.session() as connection:
            hashes = await load_address_hash(connection)
            server = connection.get_server_version()
        opened.pop_all()
    version = f"{server.major}.{server.micro}"  # asyncpg calls the second number micro since PostgreSQL 10
    return DatabaseAccess(work, vital, examination.tenant_id, examination.shape, hashes, version)


def _refuse(findings: tuple[Finding, ...] | list[Finding]) -> None:
    for finding in findings:
        if finding.word == "FAIL":
            raise ConfigError(finding.text)
