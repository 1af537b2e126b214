"""Commands for the database as a whole: migrate, uninstall, forget, check."""

from __future__ import annotations

import sys
from typing import Any

import click

from acra_express_async.cli.exit_codes import EXIT_CONFIG
from acra_express_async.cli.sessions import as_login, as_tenant, confirm, json_option, say, synchronous
from acra_express_async.cli.wording import json_text
from acra_express_async.logs import say_to_stderr
from acra_express_async.settings.tree import load_settings


@click.command(short_help="Create or update the schema, role, trigger and index.")
@click.option("--print", "only_print", is_flag=True, help="Print the SQL of all migrations and change nothing.")
@click.option("--plan", "only_plan", is_flag=True, help="Print what is missing and what it would lock; change nothing.")
@click.option("--bootstrap-platform", is_flag=True, help="Also create the platform's tables that are missing.")
@synchronous
async def migrate(only_print: bool, only_plan: bool, bootstrap_platform: bool) -> None:
    """Create or update the schema, role, trigger and index of express. Runs as the login account."""
    from acra_express_async.db.schema import migrate as runner
    from acra_express_async.db.schema import planned_steps as plan
    from acra_express_async.db.schema import platform_shape

    settings = load_settings()
    if only_print:
        for migration in runner.migrations():
            click.echo(f"-- {migration.version:04d}_{migration.name}\n{migration.sql(settings.tenant_role)}")
        return
    if only_plan and bootstrap_platform:
        raise click.UsageError("--plan reads the platform's tables, so it cannot be combined with --bootstrap-platform")
    async with as_login(settings) as connection:
        if only_plan:
            steps = await plan.planned_steps(connection, settings.tenant_role, tenant_id=settings.tenant_id)
            click.echo("\n".join(plan.in_words(steps)))
            return
        if bootstrap_platform:
            created = await platform_shape.bootstrap_platform(connection)
            click.echo(f"platform tables created: {', '.join(created) or 'none were missing'}")
        applied = await runner.migrate(
            connection,
            settings.tenant_role,
            tenant_id=settings.tenant_id,
            default_tenant_id=settings.default_tenant_id,
        )
    for migration in applied:
        click.echo(f"applied {migration.version:04d}_{migration.name}")
    if not applied:
        click.echo("the schema is up to date; the role's grants were renewed")


@click.command(short_help="Remove the schema, role, trigger and index.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@synchronous
async def uninstall(yes: bool) -> None:
    """Remove the trigger, index, schema, grants and role of express. Results in the platform's tables stay."""
    from acra_express_async.db.schema.uninstall import uninstall as take_out

    settings = load_settings()
    if not yes:
        click.confirm("Remove the schema acra_express with all leases, outcomes and budgets?", abort=True)
    async with as_login(settings) as connection:
        for line in await take_out(connection, settings.tenant_role):
            click.echo(line)


@click.command(short_help="Remove what was stored about a company, domain or mail.")
@click.argument("subject", metavar="UEN|DOMAIN|EMAIL")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@synchronous
async def forget(subject: str, yes: bool, as_json: bool) -> None:
    """Remove what express stored about a company, a domain or a mail address, and never store it again.

    Only rows and cells that express wrote are removed. The subject is recorded as an opt-out, which the running service
    obeys at once.
    """
    from acra_express_async.db.companies.address_hash import load_address_hash
    from acra_express_async.db.companies.forget import forget as take_away
    from acra_express_async.db.companies.forget import kind_of
    from acra_express_async.db.schema.migrate import check as check_schema
    from acra_express_async.db.schema.platform_shape import probe

    settings = load_settings()
    kind, value = kind_of(subject)
    if kind == "domain" and "." not in value:
        raise click.UsageError(f"{subject} is not a UEN, a domain or a mail address")
    if not yes:
        confirm(f"Forget the {kind} {value} and never store it again?", as_json=as_json)
    async with as_login(settings) as connection:
        await check_schema(connection)
        shape, hashes = await probe(connection), await load_address_hash(connection)
        gone = await take_away(connection, value, shape=shape, hashes=hashes)
    removed = ", ".join(f"{count} in {table}" for table, count in gone.removed.items())
    answer = {"kind": gone.kind, "value": gone.value, "removed": dict(gone.removed)}
    done = f"removed: {removed}" if removed else "nothing was stored"
    say(answer, as_json=as_json, text=f"{gone.kind} {gone.value}: opted out; {done}")


@click.command(short_help="Is everything set up? One plain line each.")
@click.option("--providers", is_flag=True, help="Also make one cheap call to each provider whose breaker is closed.")
@click.option("--slack-test", is_flag=True, help="Also post a test message to the configured Slack webhook.")
@json_option
@synchronous
async def check(providers: bool, slack_test: bool, as_json: bool) -> None:
    """Check database, schema, role, tenant, listener and providers, one line each; exit 78 if one of them is wrong.

    The calls of --providers count in the budgets and never change a breaker.
    """
    settings = load_settings()  # before what it imports: a library may choke on the environment there
    from acra_express_async.ops import checks
    from acra_express_async.service.provider_trials import provider_findings
    from acra_express_async.service.slack_trial import slack_trial
    from acra_express_async.settings.tree import uses_platforms_webhook

    found = [finding async for finding in checks.all_findings(settings, platforms_webhook=uses_platforms_webhook())]
    if providers and all(finding.word != "FAIL" for finding in found):
        async with as_tenant(settings) as database:
            found += await provider_findings(settings, database)
    if slack_test:
        found.append(await slack_trial(settings))
    good = all(finding.word != "FAIL" for finding in found)
    lines = [{"word": finding.word, "text": finding.text} for finding in found]
    text = "\n".join(f"{finding.word:<4}  {finding.text}" for finding in found)
    answer: dict[str, Any] = {"good": good, "items": lines}
    say(answer, as_json=as_json, text=text)
    if not good:
        if as_json:
            wrong = "; ".join(finding.text for finding in found if finding.word == "FAIL")
            say_to_stderr(json_text({"error": wrong}))
        sys.exit(EXIT_CONFIG)
