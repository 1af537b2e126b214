"""Preflight for an operator: every part that must be right, one plain line each; nothing is changed.

Unlike `preflight`, which stops at the first fault, this goes on as far as it can and says everything at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from acra_express_async.db.jobs.listen import hears_itself
from acra_express_async.db.schema.migrate import check as check_schema
from acra_express_async.db.schema.platform_shape import costs, missing_required, probe
from acra_express_async.db.schema.role_limits import reach_faults
from acra_express_async.db.session.pool import AWAY, Connection, connect, host_and_port, session_settings
from acra_express_async.db.session.tenant import assume_role, tenant_id_of, tenant_is_free
from acra_express_async.errors import ConfigError, SchemaError, in_words
from acra_express_async.settings.tree import Settings

ECHO_SECONDS = 2.0

Word = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: `ok`, `warn` (works, but costs something) or `FAIL` (the service would not start)."""

    word: Word
    text: str


async def all_of(settings: Settings, *, platforms_webhook: bool) -> AsyncIterator[Finding]:
    """Everything that can be looked at under these settings, in the order in which it is needed.

    Args:
        platforms_webhook: the Slack webhook is the platform's unprefixed one.
    """
    dsn = settings.postgres_dsn.get_secret_value()
    pooled = settings.listen_dsn is not None
    try:
        connection = await connect(dsn, {} if pooled else session_settings(settings.tenant_role, None), pooled=pooled)
    except (ConfigError, SchemaError) as wrong:
        yield Finding("FAIL", str(wrong))
        return
    except AWAY as away:
        yield Finding("FAIL", f"PostgreSQL at {host_and_port(dsn)} cannot be reached ({in_words(away)})")
        return
    try:
        # one transaction: behind a pooler the role holds for no longer
        async with connection.transaction():
            found = await _database(connection, settings, pooled=pooled)
    finally:
        connection.terminate()
    for finding in found:
        yield finding
    yield await _echo((settings.listen_dsn or settings.postgres_dsn).get_secret_value(), settings)
    for finding in _providers(settings, platforms_webhook=platforms_webhook):
        yield finding


async def _database(connection: Connection, settings: Settings, *, pooled: bool) -> list[Finding]:
    """All that is asked of the database, under the tenant role throughout."""
    role, server = settings.tenant_role, host_and_port(settings.postgres_dsn.get_secret_value())
    found = []
    try:
        await assume_role(connection, role, pooled=pooled)
        found.append(Finding("ok", f"database: {server} answers under the role {role}"))
        await check_schema(connection)
        found.append(Finding("ok", "schema: every migration is applied"))
        tenant_id = await tenant_id_of(connection, settings.tenant_id)
    except (ConfigError, SchemaError) as wrong:
        return [*found, Finding("FAIL", str(wrong))]
    found.append(await _tenant(connection, tenant_id, settings))
    shape = await probe(connection)
    lacking = missing_required(shape)
    found += [Finding("FAIL", lack) for lack in lacking]
    if not lacking:
        faults = await reach_faults(connection, role, tenant_id)
        found += [Finding("FAIL", f"reach: {fault}") for fault in faults]
        found += [] if faults else [Finding("ok", "reach: the role was refused what it must not see or write")]
    return found + [Finding("warn", f"platform: {cost}") for cost in costs(shape)]


async def _tenant(connection: Connection, tenant_id: int, settings: Settings) -> Finding:
    if tenant_id == settings.default_tenant_id:
        return Finding("FAIL", f"tenant: {tenant_id} is the platform's DEFAULT_TENANT_ID")
    if not await tenant_is_free(connection, tenant_id):
        return Finding("FAIL", f"tenant: {tenant_id} belongs to a customer of the nightly")
    return Finding("ok", f"tenant: {tenant_id} is express's own")


async def _echo(dsn: str, settings: Settings) -> Finding:
    """LISTEN works when our own NOTIFY comes back; behind a transaction pooler it never does."""
    server = host_and_port(dsn)
    try:
        heard = await hears_itself(dsn, settings.tenant_role, ECHO_SECONDS)
    except (ConfigError, SchemaError, *AWAY) as away:
        return Finding("FAIL", f"listener: {server}: {away}")
    if heard:
        return Finding("ok", f"listener: a NOTIFY came back through {server}")
    return Finding(
        "warn",
        f"listener: a NOTIFY did not come back through {server} within {ECHO_SECONDS:g} s; set ACRA_EXPRESS_LISTEN_DSN "
        "to a direct connection, or jobs start at a poll every 30 s only",
    )


def _providers(settings: Settings, *, platforms_webhook: bool) -> list[Finding]:
    keyed: list[tuple[str, bool, str]] = [
        ("Jina Reader", settings.jina.api_key is not None, "20 pages a minute for each address, and blocked domains"),
        ("ZeroBounce", settings.zerobounce.api_key is not None, "mail addresses stay unverified"),
        ("Slack", settings.slack.webhook_url is not None, "alerts stay in the log and in Prometheus"),
    ]
    found = [
        Finding("ok", f"{name}: configured") if there else Finding("warn", f"{name}: nothing configured; {cost}")
        for name, there, cost in keyed
    ]
    if platforms_webhook:
        found.append(
            Finding(
                "warn",
                "Slack: the unprefixed SLACK_WEBHOOK_URL is used, which is the nightly's channel; "
                f"set ACRA_EXPRESS_SLACK__WEBHOOK_URL to the webhook of {settings.slack.channel}",
            )
        )
    return found
