"""Commands about jobs: enqueue, jobs list|show|retry|cancel, pause, resume. All under the tenant role."""

from __future__ import annotations

import dataclasses
import getpass
import json
from datetime import timedelta
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from acra_express_async.capacity import DOCUMENTED, plan
from acra_express_async.cli.sessions import as_tenant, json_option, say, settings_or_exit, synchronous
from acra_express_async.db.control import Control
from acra_express_async.db.costs import measured_costs
from acra_express_async.db.operator import JobLine, Operator
from acra_express_async.db.platform import probe
from acra_express_async.db.pool import Database
from acra_express_async.db.selection import Selection
from acra_express_async.errors import JobError
from acra_express_async.limits import JobThrottle, resolve
from acra_express_async.logs import printable
from acra_express_async.params import StagingParams
from acra_express_async.settings import Settings


@click.command()
@click.option("--term", "terms", multiple=True, help="Industry words, resolved through ssic_ref; repeatable.")
@click.option("--ssic", "ssic_codes", multiple=True, help="SSIC code, padded or not; repeatable.")
@click.option("--uen", "uens", multiple=True, help="One company; repeatable.")
@click.option("--limit", type=click.IntRange(1), help="At most so many companies.")
@click.option("--batch-size", type=click.IntRange(1), help="Companies a batch, for this campaign.")
@click.option("--daily-cap", type=click.IntRange(0), help="Daily cap that this campaign compares with.")
@click.option("--authorized-by", help="Who approved figures above the configured ones.")
@json_option
@synchronous
async def enqueue(
    terms: tuple[str, ...],
    ssic_codes: tuple[str, ...],
    uens: tuple[str, ...],
    limit: int | None,
    batch_size: int | None,
    daily_cap: int | None,
    authorized_by: str | None,
    as_json: bool,
) -> None:
    """Enqueue one staging job; the service picks it up at once."""
    if not (terms or ssic_codes or uens):
        raise click.UsageError("name at least one --term, --ssic or --uen")
    settings = settings_or_exit()
    asked = {"batch_size": batch_size, "daily_cap": daily_cap, "authorized_by": authorized_by}
    throttle = {key: value for key, value in asked.items() if value is not None} or None
    wanted = [uen.strip().upper() for uen in dict.fromkeys(uens)]
    params = StagingParams(terms=list(terms), ssic_codes=list(ssic_codes), uens=wanted, limit=limit, throttle=throttle)
    judged = resolve(throttle, settings)
    async with as_tenant(settings) as database:
        answer, notes = await _foreseen(database, settings, params, judged)
        answer = {"job_id": await Operator(database).enqueue(params)} | answer
    notes += [f"throttle not raised: {refused}" for refused in judged.refused]
    text = (
        f"enqueued job {answer['job_id']}: {answer['companies']} of {answer['matched']} matching companies, in batches "
        f"of {answer['batch_size']}\nexpected to be done in about {timedelta(seconds=answer['expected_seconds'])} "
        f"when nothing else waits (bound by {answer['bound']})"
    )
    say(answer | {"notes": notes}, as_json=as_json, text="\n".join([text, *notes]))


async def _foreseen(
    database: Database, settings: Settings, params: StagingParams, throttle: JobThrottle
) -> tuple[dict[str, Any], list[str]]:
    """What the job will do, from the registry and the budgets.

    Raises:
        JobError: a term resolves to nothing, or no UEN is known: better said now than in the job's row.
    """
    async with database.session() as connection:
        shape = await probe(connection)
    selection = Selection(
        database,
        shape=shape,
        include_sole_proprietors=settings.include_sole_proprietors,
        recheck_days=settings.recheck_days,
        hold_nights=settings.nightly_hold_nights,
    )
    matched = await selection.count(params)
    held = await selection.held_companies(params)
    unknown = await Operator(database).unknown_uens(params.uens)
    if unknown and len(unknown) == matched:
        raise JobError(f"none of these UENs is in the registry: {', '.join(unknown[:10])}")
    companies = min(matched - len(unknown), params.limit or matched)
    expected = plan(settings, await measured_costs(database) or DOCUMENTED)
    notes = [f"not in the registry: {uen}" for uen in unknown]
    if held:
        notes.append(f"{held} new companies are left to a pending nightly job for now")
    return {
        "matched": matched,
        "companies": companies,
        "batch_size": throttle.batch_size,
        "expected_seconds": round(expected.time_for(companies).total_seconds()) if companies else 0,
        "bound": expected.bottleneck.name if companies > expected.per_day else expected.slowest.name,
    }, notes


@click.group()
def jobs() -> None:
    """List, show, retry or cancel express jobs; no other job can be touched."""


@jobs.command("list")
@click.option("--state", type=click.Choice(["due", "snoozed", "running", "done", "error"]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 1000), default=30, show_default=True, help="At most so many.")
@json_option
@synchronous
async def list_(state: str | None, limit: int, as_json: bool) -> None:
    """The newest jobs first."""
    async with as_tenant(settings_or_exit()) as database:
        lines = await Operator(database).listed(state=state, limit=limit)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(line) for line in lines], default=str))
        return
    heads = ("job", "type", "state", "done", "tries", "created", "due or ended", "what it says")
    table = Table(*(Column(head, no_wrap=True, overflow="ellipsis") for head in heads), box=box.SIMPLE_HEAD)
    for line in lines:
        when = line.ended_at or line.due_at
        table.add_row(
            str(line.job_id), _short(line.job_type), line.state, f"{line.processed}/{line.total}",
            str(line.attempts), f"{line.created_at:%m-%d %H:%M}", f"{when:%m-%d %H:%M}" if when else "",
            _cell(line.error)[:80],
        )  # fmt: skip
    Console().print(table)


@jobs.command()
@click.argument("job_id", type=int)
@json_option
@synchronous
async def show(job_id: int, as_json: bool) -> None:
    """One job: its state, its params, and how each of its companies ended."""
    async with as_tenant(settings_or_exit()) as database:
        line, outcomes = await Operator(database).shown(job_id)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(line) | {"outcomes": outcomes}, default=str))
        return
    console = Console()
    for name, value in _facts(line).items():
        console.print(printable(f"{name:<12} {value}"), markup=False)
    if outcomes:
        table = Table("company", "UEN", "name", "outcome", "reason", "seconds")
        for o in outcomes:
            seconds = "" if o["latency_seconds"] is None else f"{o['latency_seconds']:.1f}"
            table.add_row(
                str(o["company_id"]), _cell(o["uen"]), _cell(o["name"]), o["kind"], _cell(o["reason"]), seconds
            )
        console.print(table)


@jobs.command()
@click.argument("job_id", type=int)
@json_option
@synchronous
async def retry(job_id: int, as_json: bool) -> None:
    """Queue an ended or snoozed job again, due at once; its failed companies are tried again."""
    async with as_tenant(settings_or_exit()) as database:
        before = await Operator(database).retry(job_id)
    say({"job_id": job_id, "was": before}, as_json=as_json, text=f"job {job_id} is queued again (was {before})")


@jobs.command()
@click.argument("job_id", type=int)
@json_option
@synchronous
async def cancel(job_id: int, as_json: bool) -> None:
    """End a job in `error`; a worker that runs it lets go within one heartbeat. What it won stays."""
    async with as_tenant(settings_or_exit()) as database:
        before = await Operator(database).cancel(job_id, _who())
    say({"job_id": job_id, "was": before}, as_json=as_json, text=f"job {job_id} is cancelled (was {before})")


@click.command()
@json_option
@synchronous
async def pause(as_json: bool) -> None:
    """Stop claiming on all replicas; running jobs go on to their end."""
    async with as_tenant(settings_or_exit()) as database:
        await Control(database).pause(_who(), paused=True)
    text = "claiming is paused on all replicas; `acra-express resume` starts it again"
    say({"paused": True}, as_json=as_json, text=text)


@click.command()
@json_option
@synchronous
async def resume(as_json: bool) -> None:
    """Start claiming again on all replicas."""
    async with as_tenant(settings_or_exit()) as database:
        await Control(database).pause(_who(), paused=False)
    say({"paused": False}, as_json=as_json, text="claiming goes on")


def _cell(text: str | None) -> Text:
    """Text of others in a table: no markup of theirs is read, no control character reaches the terminal."""
    return Text(printable(text or ""))


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"  # a container's numeric user has no name


def _short(job_type: str) -> str:
    return job_type.removeprefix("acra_express_")


def _facts(line: JobLine) -> dict[str, Any]:
    facts = dataclasses.asdict(line)
    facts["params"] = json.dumps(line.params)
    return {name: value for name, value in facts.items() if value is not None}
