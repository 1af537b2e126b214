"""Commands for jobs: jobs list|show|retry|cancel, pause, resume. All run under the tenant role."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from datetime import tzinfo
from typing import Any

import click
from rich.table import Table

from acra_express_async.cli.campaigns import cancel_campaign, retry_campaign, show_campaign
from acra_express_async.cli.sessions import as_tenant, json_option, operator_name, say, synchronous
from acra_express_async.cli.wording import cell, console, json_text, moment, span, table
from acra_express_async.companies.outlook_reading import read_prospects
from acra_express_async.db.companies.campaign_rows import Campaigns
from acra_express_async.db.jobs.job_commands import EndedCompany, JobLine, Operator
from acra_express_async.db.ops.control import Control
from acra_express_async.db.session.pool import Database
from acra_express_async.logs import printable
from acra_express_async.models import job_word
from acra_express_async.ops.campaign_words import waits
from acra_express_async.params import MAX_ID
from acra_express_async.records.reasons import in_words
from acra_express_async.settings.tree import Settings, load_settings

SHORT_PARAM = 200
"""Characters of the params that are shown to a person; `--json` prints them all."""
WIDE = 100
"""Width from which the list has room for attempts and creation time beside a job's message."""

batch_option = click.option("--batch", is_flag=True, help="That one job, also where the ID is a campaign's.")


@click.group(short_help="List, show, retry or cancel express jobs.")
def jobs() -> None:
    """List, show, retry or cancel express jobs. Other jobs cannot be touched."""


@jobs.command("list", short_help="The newest jobs first.")
@click.option("--state", type=click.Choice(["due", "snoozed", "running", "done", "error"]), help="Only jobs in it.")
@click.option("--limit", type=click.IntRange(1, 1000), default=30, show_default=True, help="Most jobs to list.")
@json_option
@synchronous
async def list_(state: str | None, limit: int, as_json: bool) -> None:
    """The newest jobs first."""
    settings = load_settings()
    async with as_tenant(settings) as database:
        lines = await Operator(database).listed(state=state, limit=limit)
        causes = {} if as_json else await _causes(database, lines, settings)
    if as_json:
        click.echo(json_text({"items": [_as_object(line) for line in lines]}, settings.zone))
        return
    if not lines:
        click.echo("there are no express jobs" + (f" in state {state}" if state else ""))
        return
    shown = console()
    shown.print(_listed(lines, causes, settings.zone, wide=shown.width >= WIDE))


@jobs.command(short_help="One job, and how its companies ended.")
@click.argument("job_id", type=int)
@batch_option
@json_option
@synchronous
async def show(job_id: int, batch: bool, as_json: bool) -> None:
    """One job, and how each of its companies ended, the failed ones first.

    Given a campaign's ID it shows the campaign; --batch shows that one job.
    """
    settings = load_settings()
    async with as_tenant(settings) as database:
        if not batch and await Campaigns(database).exists(job_id):
            _acts_on_campaign(job_id, as_json=as_json)
            await show_campaign(database, job_id, settings, as_json=as_json)
            return
        line, outcomes = await Operator(database).shown(job_id)
    if as_json:
        click.echo(
            json_text(_as_object(line) | {"outcomes": [dataclasses.asdict(each) for each in outcomes]}, settings.zone)
        )
        return
    out = console()
    for name, value in _facts(line, settings.zone).items():
        out.print(printable(f"{name:<9} {value}"), markup=False, highlight=False)
    if not outcomes:
        return
    counts = Counter(o.kind for o in outcomes)
    out.print(f"{'companies':<9} {', '.join(f'{count} {kind}' for kind, count in sorted(counts.items()))} so far")
    out.print(_companies(outcomes))
    uen = next((o.uen for o in outcomes if o.kind == "failed" and o.uen), outcomes[0].uen)
    out.print(printable(f"why: acra-express explain {uen}"), markup=False, highlight=False)


@jobs.command(short_help="Queue a job again; its failed companies are retried.")
@click.argument("job_id", type=int)
@batch_option
@json_option
@synchronous
async def retry(job_id: int, batch: bool, as_json: bool) -> None:
    """Queue an ended or snoozed job again, due at once; its failed companies are retried.

    Given a campaign's ID it retries the campaign's failed companies; --batch means that one job.
    """
    async with as_tenant(load_settings()) as database:
        if not batch and await Campaigns(database).exists(job_id):
            _acts_on_campaign(job_id, as_json=as_json)
            await retry_campaign(database, job_id, as_json=as_json)
            return
        before = await Operator(database).retry(job_id)
    say({"job_id": job_id, "was": before}, as_json=as_json, text=f"job {job_id} is queued again (was {before})")


@jobs.command(short_help="End a job; its results stay.")
@click.argument("job_id", type=int)
@batch_option
@json_option
@synchronous
async def cancel(job_id: int, batch: bool, as_json: bool) -> None:
    """End a job in `error`. A worker that runs it stops within one heartbeat; results already stored stay.

    Given a campaign's ID it cancels the campaign; --batch means that one job.
    """
    async with as_tenant(load_settings()) as database:
        if not batch and await Campaigns(database).exists(job_id):
            _acts_on_campaign(job_id, as_json=as_json)
            await cancel_campaign(database, job_id, as_json=as_json)
            return
        before = await Operator(database).cancel(job_id, operator_name())
    say({"job_id": job_id, "was": before}, as_json=as_json, text=f"job {job_id} is cancelled (was {before})")


@click.command(short_help="Stop claiming on all replicas.")
@json_option
@synchronous
async def pause(as_json: bool) -> None:
    """Stop claiming on all replicas; running jobs finish."""
    settings = load_settings()
    async with as_tenant(settings) as database:
        control = Control(database)
        changed = await control.pause(operator_name(), paused=True)
        by, since = await control.paused_by() or (operator_name(), await control.moment())
    text = "claiming is paused on all replicas (running jobs finish; the status page shows it within 5 s); "
    if not changed:
        text = f"claiming is already paused, since {moment(since, settings.zone, seconds=True)}, by {by}; "
    text += "`acra-express resume` ends the pause"
    answer = {"paused": True, "changed": changed, "by": by, "since": since}
    say(answer, as_json=as_json, text=printable(text), zone=settings.zone)


@click.command(short_help="Start claiming again.")
@json_option
@synchronous
async def resume(as_json: bool) -> None:
    """Start claiming again on all replicas."""
    async with as_tenant(load_settings()) as database:
        changed = await Control(database).pause(operator_name(), paused=False)
    text = "claiming continues" if changed else "claiming was not paused"
    say({"paused": False, "changed": changed}, as_json=as_json, text=text)


def _acts_on_campaign(campaign_id: int, *, as_json: bool) -> None:
    if not as_json:
        click.echo(f"{campaign_id} is a campaign: this is about all its jobs (--batch means the one job)", err=True)


def _as_object(line: JobLine) -> dict[str, Any]:
    return dataclasses.asdict(line)


async def _causes(database: Database, lines: list[JobLine], settings: Settings) -> dict[int, str]:
    """By job ID, why the next batches of campaigns wait, whose rows do not say it."""
    campaigns = {line.job_id: _continued(line) for line in lines if line.state == "snoozed" and not line.error}
    ids = sorted({each for each in campaigns.values() if each is not None})
    if not ids:
        return {}
    prospects = await read_prospects(database, settings)
    states = {each.campaign_id: each for each in await Campaigns(database).some(ids)}
    return {
        job_id: waits(states[campaign], settings.zone, prospects)
        for job_id, campaign in campaigns.items()
        if campaign in states
    }


def _continued(line: JobLine) -> int | None:
    """The campaign whose next batch a staging job is."""
    campaign = line.params.get("campaign") if isinstance(line.params, dict) else None
    number = campaign.get("id") if isinstance(campaign, dict) else None
    return number if isinstance(number, int) and 1 <= number <= MAX_ID else None


def _listed(lines: list[JobLine], causes: dict[int, str], zone: tzinfo, *, wide: bool) -> Table:
    heads = ("job", "type", "state", "done", "failed", *(("tries", "created") if wide else ()), "due or ended", "says")
    shown = table(None, *heads, yielding=("says",), zone=zone)
    for line in lines:
        more = (str(line.attempts), moment(line.created_at, zone)) if wide else ()
        shown.add_row(
            str(line.job_id),
            job_word(line.job_type),
            line.state,
            f"{line.processed}/{line.total}",
            str(line.failed or ""),
            *more,
            moment(line.ended_at or line.due_at, zone),
            cell(line.error or causes.get(line.job_id)),
        )
    return shown


def _companies(outcomes: list[EndedCompany]) -> Table:
    shown = table(None, "UEN", "outcome", "reason", "job", "took", "name", yielding=("reason", "name"))
    for o in sorted(outcomes, key=lambda o: o.kind != "failed"):
        shown.add_row(
            cell(o.uen),
            o.kind,
            cell(in_words(o.reason)),
            str(o.job_id),
            span(o.latency_seconds),
            cell(o.name),
        )
    return shown


def _facts(line: JobLine, zone: tzinfo) -> dict[str, str]:
    """What a person wants to know about a job, without empty values."""
    params = line.params_fault or json.dumps(line.params)
    facts = {
        "job": f"{line.job_id}, {job_word(line.job_type)}",
        "state": line.state + (f" until {moment(line.due_at, zone, seconds=True)}" if line.state == "snoozed" else ""),
        "created": moment(line.created_at, zone, seconds=True),
        "started": moment(line.started_at, zone, seconds=True),
        "ended": moment(line.ended_at, zone, seconds=True),
        "done": f"{line.processed} of {line.total}" if line.total else "",
        "tries": f"{line.attempts}, with {line.errors} errors and {line.crashes} crashes",
        "says": line.error or "",
        "list": f"{line.uens_listed} UENs, {line.uens_waiting} of them wait" if line.uens_listed else "",
        "params": params if len(params) <= SHORT_PARAM else f"{params[:SHORT_PARAM]} … (--json prints all)",
    }
    return {name: value for name, value in facts.items() if value}
