"""`acra-express campaigns`: follow what one enqueue asked for, cancel it, retry its failures, wait for its end."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import tzinfo
from random import Random
from typing import Any, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from acra_express_async.cli.exit_codes import EXIT_INTERRUPTED
from acra_express_async.cli.sessions import as_tenant, json_option, operator_name, say, synchronous
from acra_express_async.cli.wording import cell, console, json_text, moment, table
from acra_express_async.companies.outlook_reading import Prospects, read_prospects
from acra_express_async.db.companies.campaign_actions import CampaignActions, Changed
from acra_express_async.db.companies.campaign_rows import Campaigns, CampaignState
from acra_express_async.db.session.pool import Database
from acra_express_async.errors import ConfigError, NotNow
from acra_express_async.jobs.attempts import LockRetry
from acra_express_async.logs import printable
from acra_express_async.models import local_time
from acra_express_async.ops.campaign_words import summary, waits
from acra_express_async.records.reasons import in_words
from acra_express_async.settings.tree import Settings, load_settings

EXIT_SOME_FAILED = 1
POLL_SECONDS = 2.0
"""How often `wait` reads the campaign; a company takes tens of seconds."""
SHOWN_COMPANIES = 20


@click.group(short_help="Follow, cancel, retry or await campaigns.")
def campaigns() -> None:
    """A campaign is what one enqueue asked for, with every job that follows from it.

    Its ID is the job ID that `enqueue` answered.
    """


@campaigns.command("list", short_help="The newest campaigns first.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="Longest list.")
@json_option
@synchronous
async def list_(limit: int, as_json: bool) -> None:
    """The campaigns that were enqueued last, the newest first."""
    settings = load_settings()
    async with as_tenant(settings) as database:
        found = await Campaigns(database).newest(limit)
        prospects = await read_prospects(database, settings)
    if as_json:
        click.echo(json.dumps({"items": [as_object(each, settings.zone, prospects) for each in found]}))
    elif found:
        console().print(_listed(found, settings.zone, prospects))
    else:
        click.echo("there are no campaigns yet; acra-express enqueue makes one")


@campaigns.command(short_help="One campaign: its companies by state, and why it waits.")
@click.argument("campaign_id", type=int)
@json_option
@synchronous
async def show(campaign_id: int, as_json: bool) -> None:
    """Show how many of a campaign's companies ended and how, and what waits, for what, and until when."""
    settings = load_settings()
    async with as_tenant(settings) as database:
        await show_campaign(database, campaign_id, settings, as_json=as_json)


async def show_campaign(database: Database, campaign_id: int, settings: Settings, *, as_json: bool) -> None:
    """The answer of `show`."""
    rows = Campaigns(database)
    state = await rows.one(campaign_id)
    ended = await rows.companies(campaign_id, SHOWN_COMPANIES)
    prospects = await read_prospects(database, settings)
    if as_json:
        items = [asdict(each) for each in ended]
        click.echo(json_text(as_object(state, settings.zone, prospects) | {"items": items}, settings.zone))
        return
    out = console()
    for line in told(state, settings.zone, prospects):
        out.print(printable(line), markup=False, highlight=False)
    if ended:
        shown = table(None, "UEN", "state", "reason", "ended", "job", yielding=("reason",), zone=settings.zone)
        for each in ended:
            ended_at = moment(each.ended_at, settings.zone)
            shown.add_row(cell(each.uen), each.kind, cell(in_words(each.reason)), ended_at, str(each.job_id or ""))
        out.print(shown)
        if state.ended > len(ended):
            more = f"{len(ended)} of {state.ended} are listed; all: acra-express export --campaign {campaign_id}"
            out.print(more, markup=False, highlight=False)
        if state.states["failed"]:
            again = f"the failed ones once more: acra-express campaigns retry {campaign_id}"
            out.print(again, markup=False, highlight=False)
        out.print(printable(f"why: acra-express explain {ended[0].uen}"), markup=False, highlight=False)


@campaigns.command(short_help="End it; its results are kept.")
@click.argument("campaign_id", type=int)
@json_option
@synchronous
async def cancel(campaign_id: int, as_json: bool) -> None:
    """End every job of a campaign, and its continuation; its results are kept.

    The call in flight ends and a paid verification is kept; that company and all waiting ones become cancelled.
    """
    async with as_tenant(load_settings()) as database:
        await cancel_campaign(database, campaign_id, as_json=as_json)


async def cancel_campaign(database: Database, campaign_id: int, *, as_json: bool) -> None:
    """The answer of `cancel`."""
    done = await _patiently().write(lambda: CampaignActions(database).cancel(campaign_id, operator_name()))
    text = f"campaign {campaign_id} is cancelled: {_counted(done.companies, 'company', 'companies')} in "
    text += f"{_counted(done.jobs, 'job', 'jobs')} will not be looked at"
    say(_changed(campaign_id, done), as_json=as_json, text=text)


@campaigns.command(short_help="Try its failed companies once more.")
@click.argument("campaign_id", type=int)
@json_option
@synchronous
async def retry(campaign_id: int, as_json: bool) -> None:
    """Try the failed companies of a campaign once more, under the same ID; they wait again until they have ended."""
    async with as_tenant(load_settings()) as database:
        await retry_campaign(database, campaign_id, as_json=as_json)


async def retry_campaign(database: Database, campaign_id: int, *, as_json: bool) -> None:
    """The answer of `retry`."""
    done = await _patiently().write(lambda: CampaignActions(database).retry(campaign_id))
    waiting = _counted(done.companies, "failed company waits", "failed companies wait")
    text = f"campaign {campaign_id}: {waiting} again, in {_counted(done.jobs, 'job', 'jobs')}"
    if done.left_running:
        text += (
            f"; {_counted(done.left_running, 'job', 'jobs')} with failed companies still run, retry again afterwards"
        )
    say(_changed(campaign_id, done), as_json=as_json, text=text)


@campaigns.command(short_help="Wait until every company of it has ended.")
@click.argument("campaign_id", type=int)
@json_option
@synchronous
async def wait(campaign_id: int, as_json: bool) -> None:
    """Wait until a campaign is over; a progress bar on a terminal, a line at each change otherwise.

    Exit codes: 0 every company was looked at, 1 some failed or were cancelled, 2 there is no such campaign, 130
    interrupted (the campaign goes on). While the database is away it keeps waiting.
    """
    settings = load_settings()
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    last: CampaignState | None = None
    with _Watched(campaign_id, quiet=as_json) as watched:
        async for last in _changes(settings, campaign_id, interrupted, watched):
            watched.show(last)
    if last is None or not last.is_over:
        click.echo(f"acra-express: interrupted; campaign {campaign_id} goes on", err=True)
        sys.exit(EXIT_INTERRUPTED)
    say(as_object(last, settings.zone), as_json=as_json, text=summary(last))
    sys.exit(EXIT_SOME_FAILED if last.states["failed"] or last.states["cancelled"] else 0)


async def _changes(
    settings: Settings, campaign_id: int, interrupted: asyncio.Event, watched: _Watched
) -> AsyncIterator[CampaignState]:
    """The campaign each time it is read, until it is over or interrupted.

    Raises:
        UnknownId: there is no such campaign.
    """
    seen = False
    while not interrupted.is_set():
        try:
            async with as_tenant(settings) as database:
                rows = Campaigns(database)
                while not interrupted.is_set():
                    state = await rows.one(campaign_id)
                    seen = True
                    yield state
                    if state.is_over:
                        return
                    await _pause(interrupted)
        except NotNow as away:
            watched.say(f"the database does not answer ({away}); waiting")
        except ConfigError as away:
            if not seen:
                raise
            watched.say(f"the database does not answer ({away}); waiting")
        await _pause(interrupted)


async def _pause(interrupted: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(POLL_SECONDS):
            await interrupted.wait()
    except TimeoutError:
        return


class _Watched:
    """What `wait` shows: a bar on a terminal, plain lines elsewhere, nothing when it is quiet."""

    def __init__(self, campaign_id: int, *, quiet: bool) -> None:
        self._quiet = quiet
        self._shown: tuple[int, ...] = ()
        self._said = ""
        self._bar: Progress | None = None
        console = Console(stderr=True)
        if console.is_terminal and not quiet:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=console)
            self._task = self._bar.add_task(f"campaign {campaign_id}", total=None)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, state: CampaignState) -> None:
        """Show the campaign's state if it has changed."""
        self._said = ""
        if self._bar is not None:
            self._bar.update(self._task, completed=state.ended, total=state.total or None)
        counts = (*state.states.values(),)
        if state.is_over:
            return  # the caller ends with this line, on standard output
        if counts != self._shown and not self._quiet and self._bar is None:
            click.echo(summary(state), err=True)
        self._shown = counts

    def say(self, sentence: str) -> None:
        """Print a sentence that is not about progress, once as long as it stays the same."""
        if sentence != self._said and not self._quiet:
            click.echo(printable(sentence), err=True)
        self._said = sentence


def _patiently() -> LockRetry:
    """Repeats an action that gave way to the service's or the nightly's lock."""
    return LockRetry(Random(), lambda _reason: None)  # noqa: S311 - jitter, not secrets


def as_object(state: CampaignState, zone: tzinfo, prospects: Prospects | None = None) -> dict[str, Any]:
    """A campaign for JSON; moments with the offset of `zone`. With `prospects` also its expected end and why it
    waits."""
    end = None if prospects is None or state.is_over else prospects.ends.get(state.campaign_id)
    foreseen = {
        "expected_end": end and end.astimezone(zone).isoformat(timespec="seconds"),
        "why": None if state.is_over or prospects is None else waits(state, zone, prospects),
    }
    return {
        "campaign_id": state.campaign_id,
        "name": state.name,
        "enqueued_at": state.enqueued_at.astimezone(zone).isoformat(timespec="seconds"),
        "enqueued_by": state.enqueued_by,
        "again_by": state.again_by,
        "cancelled_at": state.cancelled_at and state.cancelled_at.astimezone(zone).isoformat(timespec="seconds"),
        "cancelled_by": state.cancelled_by,
        "total": state.total,
        **state.states,
        "percent": round(state.percent, 1),
        "over": state.is_over,
        "open_ended": state.open_ended,
        "running": state.running,
        "next_at": state.next_at and state.next_at.astimezone(zone).isoformat(timespec="seconds"),
        "waits_for": state.waits_for,
    } | ({} if prospects is None else foreseen)


def told(state: CampaignState, zone: tzinfo, prospects: Prospects) -> list[str]:
    """A campaign in a few lines for a person."""
    name = f" “{state.name}”" if state.name else ""
    by = f" by {state.enqueued_by}" if state.enqueued_by else ""
    lines = [f"campaign {state.campaign_id}{name}, enqueued {moment(state.enqueued_at, zone, seconds=True)}{by}"]
    lines.append(summary(state))
    if state.again_by:
        lines.append(f"companies checked recently are included, as requested by {state.again_by}")
    if state.cancelled_at is not None:
        lines.append(f"cancelled {moment(state.cancelled_at, zone, seconds=True)} by {state.cancelled_by}")
    if not state.is_over:
        lines.append(waits(state, zone, prospects))
        lines.append(_expected(prospects, state.campaign_id, zone))
    return lines


def _expected(prospects: Prospects, campaign_id: int, zone: tzinfo) -> str:
    end = prospects.ends.get(campaign_id)
    if end is not None and not prospects.served:
        return f"started now, a service would be done by {local_time(end, zone)}"
    if end is not None:
        return f"expected to be done by {local_time(end, zone)}"
    if prospects.paused:
        return "its end is not known before claiming is resumed: acra-express resume"
    return "its end is not known: its selection was not counted"


def _listed(found: list[CampaignState], zone: tzinfo, prospects: Prospects) -> Table:
    heads = ("campaign", "name", "enqueued", "done", "failed", "expected end", "state")
    shown = table(None, *heads, yielding=("name", "state"), zone=zone)
    for each in found:
        done = f"{each.ended}/{each.total}{'+' if each.open_ended else ''}"
        state = "over" if each.is_over else waits(each, zone, prospects)
        if each.cancelled_at is not None and each.is_over:
            state = f"cancelled by {each.cancelled_by}"
        failed = str(each.states["failed"] or "")
        end = None if each.is_over else prospects.ends.get(each.campaign_id)
        ends = moment(end, zone)
        if not each.is_over and (prospects.paused or not prospects.served):
            ends = "after resume" if prospects.paused else "after a start"
        moments = (moment(each.enqueued_at, zone), ends)
        shown.add_row(str(each.campaign_id), cell(each.name), moments[0], done, failed, moments[1], cell(state))
    return shown


def _changed(campaign_id: int, done: Changed) -> dict[str, int]:
    return {"campaign_id": campaign_id, "jobs": done.jobs, "companies": done.companies, "running": done.left_running}


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
