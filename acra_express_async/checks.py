"""Preflight for an operator: every part that must be right, one plain line each; nothing is changed.

Unlike `preflight`, which stops at the first fault, this goes on as far as it can and says everything at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from acra_express_async.db.listen import hears_itself
from acra_express_async.db.migrate import check as check_schema
from acra_express_async.db.platform import costs, missing_required, probe
from acra_express_async.db.pool import AWAY, Connection, connect, host_and_port, session_settings
from acra_express_async.db.reach import overreach
from acra_express_async.db.tenant import tenant_id_of, tenant_is_free
from acra_express_async.errors import ConfigError, SchemaError, in_words
from acra_express_async.settings import Settings

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
        yield Finding("ok", f"database: {host_and_port(dsn)} answers under the role {settings.tenant_role}")
        async for finding in _database(connection, settings):
            yield finding
    finally:
        connection.terminate()
    yield await _echo((settings.listen_dsn or settings.postgres_dsn).get_secret_value(), settings)
    for finding in _providers(settings, platforms_webhook=platforms_webhook):
        yield finding


async def _database(connection: Connection, settings: Settings) -> AsyncIterator[Finding]:
    try:
        await check_schema(connection)
        yield Finding("ok", "schema: every migration is applied")
        tenant_id = await tenant_id_of(connection, settings.tenant_id)
    except (ConfigError, SchemaError) as wrong:
        yield Finding("FAIL", str(wrong))
        return
    if tenant_id == settings.default_tenant_id:
        yield Finding("FAIL", f"tenant: {tenant_id} is the platform's DEFAULT_TENANT_ID")
    elif not await tenant_is_free(connection, tenant_id):
        yield Finding("FAIL", f"tenant: {tenant_id} belongs to a customer of the nightly")
    else:
        yield Finding("ok", f"tenant: {tenant_id} is express's own")
    shape = await probe(connection)
    lacking = missing_required(shape)
    for lack in lacking:
        yield Finding("FAIL", lack)
    if not lacking:
        faults = await overreach(connection, settings.tenant_role, tenant_id)
        for fault in faults:
            yield Finding("FAIL", f"reach: {fault}")
        if not faults:
            yield Finding("ok", "reach: the role was refused what it must not see or write")
    for cost in costs(shape):
        yield Finding("warn", f"platform: {cost}")


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
