"""The start of `run`: refuse on the first finding that fails, wait for a server that is away, then open the pools."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from acra_express_async import logs
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import AWAY, Database, unreachable
from acra_express_async.errors import ConfigError, DatabaseAway
from acra_express_async.ops.checks import Finding, examine, listener
from acra_express_async.settings.tree import Settings

log = logs.logger("preflight")

UNREACHABLE_SECONDS = 30.0
"""How long an unreachable server is tried before the service gives up with exit code 78."""
RETRY_SECONDS = 1.0
WORK_CONNECTIONS = 3
"""With one for heartbeats and one for LISTEN that makes five: what a guest on the platform's server may hold (B15)."""


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """What the service works with: sessions for work, one kept free for heartbeats, tenant, the platform's shape."""

    work: Database
    vital: Database
    tenant_id: int
    shape: PlatformShape


async def prepare(
    settings: Settings, *, clock: Callable[[], float], pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> DatabaseAccess:
    """Check everything and open the pools; an unreachable server is tried for `UNREACHABLE_SECONDS`.

    Raises:
        ConfigError: the first failing line of `acra-express check`.
    """
    deadline = clock() + UNREACHABLE_SECONDS
    while True:
        try:
            return await _start(settings)
        except DatabaseAway as away:
            if clock() >= deadline:
                raise ConfigError(str(away)) from away
            log.warning("database.unreachable", error=str(away))
            await pause(RETRY_SECONDS)


async def _start(settings: Settings) -> DatabaseAccess:
    examination = await examine(settings)
    _refuse(examination.findings)
    assert examination.tenant_id is not None
    assert examination.shape is not None
    if settings.listen_dsn is not None:  # otherwise it is the server that has just answered
        _refuse([await listener(settings)])
    dsn = settings.postgres_dsn.get_secret_value()

    def sessions(size: int) -> Database:
        return Database(
            dsn,
            role=settings.tenant_role,
            tenant_id=examination.tenant_id,
            size=size,
            pooled=settings.listen_dsn is not None,
        )

    work, vital = sessions(WORK_CONNECTIONS), sessions(1)
    try:
        await work.open()
        await vital.open()
    except AWAY as away:
        await work.close()
        raise unreachable(dsn, away) from away
    return DatabaseAccess(work, vital, examination.tenant_id, examination.shape)


def _refuse(findings: tuple[Finding, ...] | list[Finding]) -> None:
    for finding in findings:
        if finding.word == "FAIL":
            raise ConfigError(finding.text)
