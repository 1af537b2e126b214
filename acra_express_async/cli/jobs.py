"""Commands about jobs: enqueue, jobs list|show|retry|cancel, pause, resume. All under the tenant role."""

from __future__ import annotations

import dataclasses
import getpass
import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from acra_express_async.cli.sessions import as_tenant, json_option, say, settings_or_exit, synchronous
from acra_express_async.db.control import Control
from acra_express_async.db.operator import JobLine, Operator
from acra_express_async.errors import JobError
from acra_express_async.params import StagingParams


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
    from acra_express_async.limits import resolve

    settings = settings_or_exit()
    asked = {"batch_size": batch_size, "daily_cap": daily_cap, "authorized_by": authorized_by}
    throttle = {key: value for key, value in asked.items() if value is not None} or None
    judged = resolve(throttle, settings)
    wanted = [uen.strip().upper() for uen in dict.fromkeys(uens)]
    params = StagingParams(terms=list(terms), ssic_codes=list(ssic_codes), uens=wanted, limit=limit, throttle=throttle)
    async with as_tenant(settings) as database:
        operator = Operator(database)
        unknown = await operator.unknown_uens(wanted)
        if unknown and len(unknown) == len(wanted) and not (terms or ssic_codes):
            raise JobError(f"none of these UENs is in the registry: {', '.join(unknown[:10])}")
        job_id = await operator.enqueue(params)
    notes = [f"not in the registry: {uen}" for uen in unknown]
    notes += [f"throttle not raised: {refused}" for refused in judged.refused]
    answer = {"job_id": job_id, "notes": notes}
    say(answer, as_json=as_json, text="\n".join([f"enqueued job {job_id}", *notes]))


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
    table = Table("job", "type", "state", "companies", "attempts", "created", "due or ended", "what it says")
    for line in lines:
        when = line.ended_at or line.due_at
        table.add_row(
            str(line.job_id), _short(line.job_type), line.state, f"{line.processed}/{line.total}",
            str(line.attempts), f"{line.created_at:%m-%d %H:%M:%S}", f"{when:%m-%d %H:%M:%S}" if when else "",
            (line.error or "")[:80],
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
        console.print(f"{name:<12} {value}", markup=False)
    if outcomes:
        table = Table("company", "UEN", "name", "outcome", "reason", "seconds")
        for o in outcomes:
            seconds = "" if o["latency_seconds"] is None else f"{o['latency_seconds']:.1f}"
            table.add_row(str(o["company_id"]), o["uen"], o["name"], o["kind"], o["reason"], seconds)
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
@synchronous
async def pause() -> None:
    """Stop claiming on all replicas; running jobs go on to their end."""
    async with as_tenant(settings_or_exit()) as database:
        await Control(database).pause(_who(), paused=True)
    click.echo("claiming is paused on all replicas; `acra-express resume` starts it again")


@click.command()
@synchronous
async def resume() -> None:
    """Start claiming again on all replicas."""
    async with as_tenant(settings_or_exit()) as database:
        await Control(database).pause(_who(), paused=False)
    click.echo("claiming goes on")


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
