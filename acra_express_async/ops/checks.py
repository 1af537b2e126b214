"""Everything that must be right before the service starts, one finding each; nothing is changed.

`acra-express check` prints all findings. `run` uses the same ones and refuses to start on the first FAIL (see
`preflight`), so both say the same sentence.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import httpx

from acra_express_async.companies.refresh_file import RefreshFile
from acra_express_async.db.jobs.job_ids import reused_ids
from acra_express_async.db.jobs.listen import hears_itself
from acra_express_async.db.registry.registry_facts import RegistryFacts, registry_facts
from acra_express_async.db.schema.platform_shape import PlatformShape, costs, missing_required, probe
from acra_express_async.db.schema.role_limits import creates_in_public, reach_faults
from acra_express_async.db.schema.tenant_access import require_tenant
from acra_express_async.db.session.dsn import host_and_port
from acra_express_async.db.session.pinned import session_settings
from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.db.session.server_errors import translated
from acra_express_async.errors import ConfigError, NotNow, RegistryFileError, SchemaError
from acra_express_async.metrics import new_metrics
from acra_express_async.providers.http_client import http_client
from acra_express_async.settings.library_names import traces_wanted
from acra_express_async.settings.tree import Settings
from acra_express_async.traces.extra import load_otlp
from acra_express_async.web.address import page_address

ECHO_SECONDS = 2.0

Word = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: `ok`, `warn` (works, but costs something) or `FAIL` (the service does not start)."""

    word: Word
    text: str


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found out about the database; `tenant_id` and `shape` are known unless something failed before them."""

    findings: tuple[Finding, ...]
    tenant_id: int | None = None
    shape: PlatformShape | None = None


async def all_findings(settings: Settings, *, platforms_webhook: bool) -> AsyncIterator[Finding]:
    """Every check that these settings allow, in the order in which the service needs it.

    Args:
        platforms_webhook: the Slack webhook is the platform's unprefixed one.
    """
    built = environment()
    if built.http is not None:
        await built.http.aclose()
    for finding in built.findings:
        yield finding
    for finding in refresh_list(settings):
        yield finding
    try:
        examination = await examine(settings)
    except NotNow as away:
        yield Finding("FAIL", str(away))
        return
    for finding in examination.findings:
        yield finding
    try:
        yield await listener(settings)
    except NotNow as away:
        yield Finding("FAIL", f"listener: {away}")
    for finding in _providers(settings, platforms_webhook=platforms_webhook):
        yield finding


@dataclass(frozen=True, slots=True)
class Environment:
    """What is built under names that libraries read from the environment.

    Attributes:
        findings: what cannot be built, and why.
        http: the client that all providers share, for the caller to use or close; None if it cannot be built.
    """

    findings: tuple[Finding, ...]
    http: httpx.AsyncClient | None


def environment() -> Environment:
    """Build what these names concern, as the service does."""
    found, http = [], None
    try:
        http = http_client()
    except ConfigError as wrong:
        found.append(Finding("FAIL", f"environment: {wrong}"))
    try:
        if traces_wanted() and (otlp := load_otlp()) is not None:
            otlp.exporter_of_environment().shutdown()
    except ConfigError as wrong:
        found.append(Finding("FAIL", f"environment: {wrong}"))
    try:
        new_metrics()
    except ConfigError as wrong:
        found.append(Finding("FAIL", f"environment: {wrong}"))
    return Environment(tuple(found), http)


def refresh_list(settings: Settings) -> list[Finding]:
    """The list of companies that are kept fresh by name, where one is set."""
    if settings.refresh_uen_file is None:
        return []
    listed = RefreshFile(settings.refresh_uen_file)
    try:
        fault = listed.load()
    except RegistryFileError as wrong:
        return [Finding("FAIL", str(wrong))]
    return [Finding("warn", fault) if fault else Finding("ok", f"refresh: {len(listed.uens)} companies by name")]


async def examine(settings: Settings) -> Examination:
    """Everything that is asked of the database, under the tenant role throughout.

    Raises:
        NotNow: the server cannot serve us now; trying again may help.
    """
    dsn = settings.postgres_dsn.get_secret_value()
    pooled = settings.listen_dsn is not None
    try:
        connection = await connect(dsn, {} if pooled else session_settings(settings.tenant_role, None), pooled=pooled)
        try:
            # one transaction: behind a pooler the role holds for no longer
            with translated(host_and_port(dsn)):
                async with connection.transaction(isolation="read_committed"):
                    return await _examine(connection, settings, pooled=pooled)
        finally:
            connection.terminate()
    except (ConfigError, SchemaError) as wrong:
        return Examination((Finding("FAIL", str(wrong)),))


async def _examine(connection: Connection, settings: Settings, *, pooled: bool) -> Examination:
    found: list[Finding] = []
    try:
        tenant_id = await require_tenant(
            connection, settings, pooled=pooled, passed=lambda text: found.append(Finding("ok", text))
        )
    except (ConfigError, SchemaError) as wrong:
        return Examination((*found, Finding("FAIL", str(wrong))))
    shape = await probe(connection)
    lacking = missing_required(shape)
    found += [Finding("FAIL", f"platform: {lack}") for lack in lacking]
    faults: list[str] = []
    if not lacking:
        faults = await reach_faults(connection, settings.tenant_role, tenant_id)
        found += [Finding("FAIL", f"reach: {fault}") for fault in faults]
        found += [] if faults else [Finding("ok", "reach: the role was refused what it must not see or write")]
        if await creates_in_public(connection, settings.tenant_role):
            found.append(
                Finding(
                    "warn",
                    "reach: every role may create tables and functions in schema public, as in PostgreSQL 14 and in "
                    "databases upgraded from it; REVOKE CREATE ON SCHEMA public FROM PUBLIC ends that",
                )
            )
    found += [Finding("warn", f"platform: {cost}") for cost in costs(shape)]
    if not lacking and not faults:
        found += _registry(await registry_facts(connection))
    # asked last, and only where the role has its grants: a refusal here would hide the sentence that names the lost one
    reused = None if lacking or faults else await reused_ids(connection)
    if reused is not None:
        found.append(
            Finding(
                "warn",
                f"jobs: the next job gets ID {reused.following}, but an earlier one had {reused.highest}: "
                "background_jobs was emptied or restored; a job whose ID comes again starts anew, and what the earlier "
                "one left is put aside",
            )
        )
    return Examination(tuple(found), tenant_id, shape)


def _registry(facts: RegistryFacts) -> list[Finding]:
    warnings = [Finding("warn", f"registry: {sentence}") for sentence in facts.warnings]
    if warnings:
        return warnings
    age = "by the platform; its age is unknown" if facts.age is None else f"{facts.age.days} days ago"
    return [Finding("ok", f"registry: loaded {age}")]


async def listener(settings: Settings) -> Finding:
    """LISTEN works when our own NOTIFY comes back; behind a transaction pooler it never does.

    Raises:
        NotNow: the server cannot serve us now.
    """
    dsn = (settings.listen_dsn or settings.postgres_dsn).get_secret_value()
    server = host_and_port(dsn)
    try:
        heard = await hears_itself(
            dsn, settings.tenant_role, ECHO_SECONDS, setting="LISTEN_DSN" if settings.listen_dsn else "POSTGRES_DSN"
        )
    except (ConfigError, SchemaError) as wrong:
        return Finding("FAIL", f"listener: {wrong}")
    if heard:
        return Finding("ok", f"listener: a NOTIFY came back through {server}")
    return Finding(
        "warn",
        f"listener: a NOTIFY did not come back through {server} within {ECHO_SECONDS:g} s; set ACRA_EXPRESS_LISTEN_DSN "
        "to a direct connection, or jobs start only when the service polls, every 30 s",
    )


def _providers(settings: Settings, *, platforms_webhook: bool) -> list[Finding]:
    keyed: list[tuple[str, bool, str]] = [
        ("Jina Reader", settings.jina.api_key is not None, "at most 20 pages a minute, and some domains are blocked"),
        ("ZeroBounce", settings.zerobounce.api_key is not None, "mail addresses stay unverified"),
        ("Slack", settings.slack.webhook_url is not None, "alerts stay in the log and in Prometheus"),
    ]
    found = [
        Finding("ok", f"{name}: configured") if there else Finding("warn", f"{name}: not configured; {cost}")
        for name, there, cost in keyed
    ]
    if settings.slack.webhook_url is not None and not (settings.alert.runbook_url or settings.http.public_url):
        address = page_address(settings.http, settings.http.port)
        found.append(
            Finding(
                "warn",
                f"Slack: links in messages lead to {address}/runbook; if people reach the service at another address, "
                "set ACRA_EXPRESS_HTTP__PUBLIC_URL to it",
            )
        )
    if platforms_webhook:
        found.append(
            Finding(
                "warn",
                "Slack: the unprefixed SLACK_WEBHOOK_URL is used, which is the nightly's channel; "
                f"set ACRA_EXPRESS_SLACK__WEBHOOK_URL to the webhook of {settings.slack.channel}",
            )
        )
    return found
