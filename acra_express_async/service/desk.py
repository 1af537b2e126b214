"""Builds the console, where one is configured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acra_express_async.console import Console
from acra_express_async.db.session.on_demand import OnDemand
from acra_express_async.db.session.pool import Database
from acra_express_async.jobs.courtesy import Courtesy
from acra_express_async.ops.preflight import DatabaseAccess
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.secret_files import Secrets
from acra_express_async.settings.tree import Settings

STATEMENT_TIMEOUT = "2s"
"""Of the console's statements: none should take more than milliseconds, and nothing may wait for one that does."""


def build_console(
    settings: Settings,
    access: DatabaseAccess,
    secrets: Secrets,
    *,
    courtesy: Courtesy,
    status: Callable[[], dict[str, Any]],
    context: Context,
) -> Console | None:
    """The console with its own connection, which is not open yet; None where nobody could sign in."""
    if not settings.console.is_on:
        return None

    def make() -> Database:
        return Database(
            secrets.postgres_dsn,
            role=settings.tenant_role,
            tenant_id=access.tenant_id,
            size=1,
            pooled=settings.listen_dsn is not None,
            extra={"statement_timeout": STATEMENT_TIMEOUT},
        )

    password = secrets.console_password
    sessions = OnDemand(
        make,
        allowed=lambda: courtesy.console_may_connect,
        context=context,
        tasks=password.refused if password is not None else lambda: None,  # a file with a new password is read again
    )
    return Console(
        settings,
        sessions=sessions,
        password=password,
        shape=access.shape,
        hashes=access.hashes,
        status=status,
        clock=context.clock,
    )
