"""`acra-express status`: what /status.json of the running service says."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click
import httpx
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table

from acra_express_async.cli.sessions import json_option, settings_or_exit, synchronous
from acra_express_async.errors import AcraExpressError

WATCH_SECONDS = 2.0
ANSWER_SECONDS = 5.0


@click.command()
@json_option
@click.option("--watch", is_flag=True, help="Stay and refresh every two seconds until Ctrl-C.")
@synchronous
async def status(as_json: bool, watch: bool) -> None:
    """What the service is doing now, asked from its /status.json."""
    http = settings_or_exit().http
    host = "127.0.0.1" if http.host in ("0.0.0.0", "::") else http.host  # noqa: S104 - the wildcard means "here too"
    url = f"http://{host}:{http.port}/status.json"
    async with httpx.AsyncClient(timeout=ANSWER_SECONDS) as client:
        answer = await _asked(client, url)
        if as_json:
            click.echo(json.dumps(answer))
            return
        if not watch:
            Console().print(screen(answer))
            return
        with Live(screen(answer), console=Console()) as live:
            while True:
                await asyncio.sleep(WATCH_SECONDS)
                live.update(screen(await _asked(client, url)))


async def _asked(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    try:
        response = await client.get(url)
        answer = response.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as gone:
        raise AcraExpressError(f"no service answers at {url} ({type(gone).__name__}: {gone})") from gone
    assert isinstance(answer, dict)
    return answer


def screen(answer: dict[str, Any]) -> RenderableType:
    """One status as tables for a terminal."""
    words = [word for word in ("draining", "paused", "nightly_running") if answer[word]]
    if answer["stuck"]:
        words.append(f"stuck: {', '.join(answer['stuck'])}")
    if not answer["listener_proven"]:
        words.append("listener not proven")
    head = f"acra-express {answer['version']}: {', '.join(words) or 'fine'}"
    workers = Table("worker", "job", "type", title="workers")
    for worker in answer["workers"]:
        workers.add_row(worker["name"], str(worker["job_id"] or "idle"), worker["job_type"] or "")
    queue = Table("type", "state", "jobs", "oldest (s)", title="queue")
    for line in answer["queue"]:
        queue.add_row(line["job_type"], line["state"], str(line["depth"]), str(line["oldest_age_seconds"]))
    budgets = Table("provider", "budget", "used", "limit", title="budgets")
    for line in answer["budgets"]:
        budgets.add_row(line["provider"], line["budget"], str(line["used"]), str(line["limit"]))
    cap = answer["daily_cap"]
    budgets.add_row("", "daily cap", str(cap["used"]), str(cap["limit"]))
    return Group(head, workers, queue, budgets)
