"""`acra-express status`: what the running service says in /status.json."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import click
import httpx
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from acra_express_async.cli.sessions import json_option, synchronous
from acra_express_async.cli.wording import cell, moment, span, table
from acra_express_async.errors import AcraExpressError
from acra_express_async.models import job_word
from acra_express_async.settings.tree import load_settings

WATCH_SECONDS = 2.0
ANSWER_SECONDS = 5.0
SHOWN_COMPANIES = 8
WORDS = {
    "pass": ("It is fine", "bold green"),
    "warn": ("Worth a look", "bold yellow"),
    "fail": ("Something is wrong", "bold red"),
}

Ask = Callable[[], Awaitable[dict[str, Any]]]


@click.command(short_help="Is it fine? Workers, queue, budgets, companies.")
@json_option
@click.option(
    "--watch", is_flag=True, help="Stay and refresh every two seconds until Ctrl-C; JSON: one line each time."
)
@synchronous
async def status(as_json: bool, watch: bool) -> None:
    """What the service is doing now, read from its /status.json.

    Whether it is fine, and if not why; alerts, workers, queue, budgets, campaigns and the last companies. The address
    is that of ACRA_EXPRESS_HTTP__HOST and __PORT.
    """
    http = load_settings().http
    host = "127.0.0.1" if http.host in ("0.0.0.0", "::") else http.host  # noqa: S104 - the wildcard means "here too"
    url = f"http://{host}:{http.port}/status.json"
    # the service is on this host, so the proxies in the environment are ignored
    async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:

        async def ask() -> dict[str, Any]:
            return await _asked(client, url)

        if not watch:
            answer = await ask()
            if as_json:
                click.echo(json.dumps(answer))
            else:
                Console().print(screen(answer))
        elif as_json:
            await _follow_as_json(ask)
        else:
            await _follow(ask, Console())


async def _follow(ask: Ask, console: Console) -> None:
    """Refresh until Ctrl-C; while the service does not answer, its last status stays on the screen."""
    shown = screen(await ask())
    with Live(shown, console=console) as live:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                shown = screen(await ask())
                live.update(shown)
            except AcraExpressError as gone:
                live.update(Group(Text(f"{gone}; below is its last status", style="bold red"), shown))


async def _follow_as_json(ask: Ask) -> None:
    while True:
        click.echo(json.dumps(await ask()))
        await asyncio.sleep(WATCH_SECONDS)


async def _asked(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    try:
        response = await client.get(url)
        answer = response.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as gone:
        raise AcraExpressError(f"no service answers at {url} ({type(gone).__name__}: {gone})") from gone
    assert isinstance(answer, dict)
    return answer


def screen(answer: dict[str, Any]) -> RenderableType:
    """One status for a terminal, without empty tables."""
    word, style = WORDS[answer["verdict"]["word"]]
    parts: list[RenderableType] = [Text(f"{word} (acra-express {answer['version']})", style=style)]
    parts += [Text(f"  {sentence}") for sentence in answer["verdict"]["why"]]
    parts += [Text(f"  {sentence}", style="dim") for sentence in answer["verdict"].get("waits", ())]
    zone = datetime.fromisoformat(answer["now"]).tzinfo
    for line in answer["breakers"]:
        probe = f", next probe {moment(line['open_until'], zone)}" if line["open_until"] else ""
        parts.append(Text(f"  {line['provider']} is {line['kind']} ({line['reason']}){probe}"))
    claim = answer["database"]["last_claim"]
    if claim is not None:
        parts.append(Text(f"  last claim: {claim['result']}, {span(claim['seconds_ago'])} ago"))
    if answer["stands_back"]:
        parts.append(Text("  the nightly is running, so nothing is claimed"))
    parts += [Text(f"  {sentence}") for sentence in _nightly(answer["nightly"])]
    parts += [_workers(answer), _queue(answer), _budgets(answer)]
    parts += [_campaigns(answer)] if answer["campaigns"] else []
    parts += [_companies(answer)] if answer["companies"] else []
    if answer["failures_24h"]:
        reasons = ", ".join(f"{reason} {count}" for reason, count in answer["failures_24h"].items())
        parts.append(Text(f"failed in 24 hours: {reasons}"))
    return Group(*parts)


def _nightly(nightly: dict[str, Any]) -> list[str]:
    """What the nightly and express cost each other; nothing where they cost nothing."""
    sentences = []
    if nightly["skipped_ahead"]:
        sentences.append(
            f"pending nightly jobs will skip {nightly['skipped_ahead']} companies that we did within 7 days"
        )
    if nightly["relabelled"]:
        sentences.append(f"the nightly gave {nightly['relabelled']} companies of ours the UEN of a namesake, in 7 days")
    return sentences


def _workers(answer: dict[str, Any]) -> Table:
    shown = table("workers", "worker", "job", "type", "attempt")
    for worker in answer["workers"]:
        attempt = "" if worker["attempt"] is None else str(worker["attempt"])
        shown.add_row(worker["name"], str(worker["job_id"] or "idle"), job_word(worker["job_type"]), attempt)
    return shown


def _queue(answer: dict[str, Any]) -> RenderableType:
    if not answer["queue"]:
        return Text("the queue is empty")
    shown = table("queue", "type", "state", "jobs", "oldest")
    for line in answer["queue"]:
        shown.add_row(job_word(line["job_type"]), line["state"], str(line["depth"]), span(line["oldest_age_seconds"]))
    return shown


def _budgets(answer: dict[str, Any]) -> Table:
    shown = table("budgets (rolling windows)", "provider", "budget", "used", "limit", "%", "all free in")
    for line in answer["budgets"]:
        share = line["used"] / line["limit"] if line["limit"] else 0.0
        colour = "red" if share > 0.95 else "yellow" if share > 0.8 else "green"
        shown.add_row(
            line["provider"],
            line["budget"],
            str(line["used"]),
            str(line["limit"]),
            f"[{colour}]{share:.0%}[/{colour}]",
            span(line["frees_all_seconds"]),
        )
    cap = answer["daily_cap"]
    shown.add_row("", "companies today", str(cap["used"]), str(cap["limit"]), "", "")
    return shown


def _campaigns(answer: dict[str, Any]) -> Table:
    shown = table("campaigns", "job", "enqueued", "ended", "in work", "to stage", "expected end")
    zone = datetime.fromisoformat(answer["now"]).tzinfo
    for line in answer["campaigns"]:
        left = "all that match" if line["left"] is None else str(line["left"])
        shown.add_row(
            str(line["campaign_id"]),
            moment(line["enqueued_at"], zone),
            str(line["ended"]),
            str(line["waiting"]),
            left,
            moment(line["expected_end"], zone),
        )
    return shown


def _companies(answer: dict[str, Any]) -> Table:
    shown = table("last companies", "UEN", "name", "outcome", "reason", "website", "took", yielding=("name", "website"))
    for line in answer["companies"][:SHOWN_COMPANIES]:
        # these texts come from the registry and the web: square brackets in them are not markup
        cells = (line["uen"], line["name"] or "(left out)", line["outcome"], line["reason"], line["domain"] or "")
        shown.add_row(*(cell(text) for text in cells), span(line["latency_seconds"]))
    return shown
