"""`acra-express status`: what the service on this host says in /status.json, or else what its database says."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import httpx
from rich.console import Console, RenderableType
from rich.live import Live

from acra_express_async import logs
from acra_express_async.cli.sessions import as_tenant, json_option, synchronous
from acra_express_async.cli.status_screen import fitted, screen
from acra_express_async.cli.wording import console
from acra_express_async.db.companies.campaign_rows import Campaigns
from acra_express_async.errors import AcraExpressError
from acra_express_async.settings.tree import Settings, load_settings

WATCH_SECONDS = 2.0
ANSWER_SECONDS = 5.0

Ask = Callable[[], Awaitable[dict[str, Any]]]


@click.command(short_help="Is it fine? Workers, queue, budgets, companies.")
@json_option
@click.option(
    "--watch", is_flag=True, help="Stay and refresh every two seconds until Ctrl-C; JSON: one line each time."
)
@synchronous
async def status(as_json: bool, watch: bool) -> None:
    """What the service is doing now.

    Whether it is fine, and if not why; alerts, workers, queue, budgets, campaigns and the last companies. A service
    that answers at ACRA_EXPRESS_HTTP__HOST and __PORT is asked, since it also knows its own workers. Otherwise the
    database is read, which is the same for all replicas; `read_from` says which it was.
    """
    settings = load_settings()
    http = settings.http
    host = "127.0.0.1" if http.host in ("0.0.0.0", "::") else http.host  # noqa: S104 - the wildcard means "here too"
    url = f"http://{host}:{http.port}/status.json"
    # the service is on this host, so the proxies in the environment are ignored
    async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
        names = _Names(settings)

        async def ask() -> dict[str, Any]:
            answer = await _asked(client, url)
            return await names.added_to(answer if answer is not None else await _from_database(settings, url))

        if not watch:
            answer = await ask()
            if as_json:
                click.echo(json.dumps(answer))
            else:
                console().print(screen(answer))
            return
        watching = _Watching(ask)
        with watching.until_ctrl_c():
            await (watching.as_json() if as_json else watching.on(console()))


class _Names:
    """Adds the names of campaigns, which the page does not show to everybody, from the database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[int, str | None] = {}

    async def added_to(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with a `name` in each campaign: None where it has none, or while the database is away."""
        unknown = [line["campaign_id"] for line in answer["campaigns"] if line["campaign_id"] not in self._known]
        if unknown:
            try:
                async with as_tenant(self._settings) as database:
                    found = await Campaigns(database).names(unknown)
                self._known |= dict.fromkeys(unknown) | found
            except AcraExpressError as away:
                click.echo(f"acra-express: the campaigns are shown without their names: {away}", err=True)
        lines = [line | {"name": self._known.get(line["campaign_id"])} for line in answer["campaigns"]]
        return answer | {"campaigns": lines}


class _Watching:
    """Refreshes until Ctrl-C, which ends the command with 0."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._stop = asyncio.Event()

    @contextmanager
    def until_ctrl_c(self) -> Iterator[None]:
        """Inside the context Ctrl-C and SIGTERM end the watch instead of the process."""
        loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
        for number in numbers:
            loop.add_signal_handler(number, self._stop.set)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    async def on(self, shown: Console) -> None:
        """A screen that fits the terminal; while the service does not answer, its last status stays on it.

        Raises:
            AcraExpressError: the service did not answer the first time.
        """
        latest, note = await self._ask(), None

        def now() -> RenderableType:
            return fitted(latest, shown.width, shown.height, note)

        if not shown.is_terminal:
            while not self._stop.is_set():
                shown.print(screen(latest))
                await self._pause()
                latest = await self._ask()
            return
        # drawn four times a second, so that it follows a change of the terminal's size
        with Live(get_renderable=now, console=shown, screen=True, refresh_per_second=4):
            while not self._stop.is_set():
                await self._pause()
                try:
                    latest, note = await self._ask(), None
                except AcraExpressError as gone:
                    note = f"{gone}; below is its last status"

    async def as_json(self) -> None:
        """One line each time."""
        while not self._stop.is_set():
            click.echo(json.dumps(await self._ask()))
            await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(WATCH_SECONDS):
                await self._stop.wait()
        except TimeoutError:
            return


async def _asked(client: httpx.AsyncClient, url: str) -> dict[str, Any] | None:
    """The answer of the service on this host; None where none answers, or something else does."""
    try:
        response = await client.get(url)
        answer = response.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return None
    if not isinstance(answer, dict) or answer.get("service") != "acra-express":
        return None
    return answer | {"read_from": "service"}


async def _from_database(settings: Settings, url: str) -> dict[str, Any]:
    """The shared state. It is worth a look that nobody answers here: whether a worker runs at all cannot be told.

    Raises:
        AcraExpressError: the database cannot be read either.
    """
    from acra_express_async.service.reading import SharedStatus

    logs.configure(level="ERROR", form=settings.log_format)  # what a service would log is no answer of a command
    async with as_tenant(settings) as database:
        answer = await SharedStatus(settings, database).read()
    verdict = answer["verdict"]
    word = "warn" if verdict["word"] == "pass" else verdict["word"]
    why = [f"no service answers at {url}: read from the database, which does not know workers", *verdict["why"]]
    return answer | {"read_from": "database", "verdict": verdict | {"word": word, "why": why}}
