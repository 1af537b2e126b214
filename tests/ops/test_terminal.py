"""`acra-express status` in a terminal, and the campaigns that it shows, from a running service."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from process import stage
from rich.console import Console
from terminal import terminal

from acra_express_async.cli.status_screen import fitted, screen
from acra_express_async.models import Provider
from acra_express_async.sandbox.postgres import free_port
from acra_express_async.sandbox.simulator import Fault
from acra_express_async.sandbox.testbed import command

from .pages import status


def shown(answer: dict[str, Any]) -> str:
    console = Console(width=140, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(screen(answer))
    return captured.get()


def test_status_of_a_healthy_service_shows_its_figures() -> None:
    text = shown(status())
    assert text.startswith("It is fine (acra-express 1.0.0, 11-23 12:00:00 +00:00)")
    for said in ("worker-1", "enrichment", "idle", "calls_1h", "50%", "12", "300", "ORCHID BAKERY", "55"):
        assert said in text, said
    assert "failed in 24 hours: a provider's answers could not be used (2)" in text


def test_a_paused_status_promises_no_end() -> None:
    assert "11-23 16:00" in shown(status())
    text = shown(status(paused=True))
    assert "after resume" in text
    assert "11-23 16:00" not in text


def test_status_says_how_old_its_figures_are() -> None:
    assert "figures of 10 s ago" in shown(status())
    assert "figures not read yet" in shown(status(figures_age_seconds=None))


def test_status_shows_trouble_first() -> None:
    text = shown(
        status(
            verdict={"word": "fail", "why": ["Failure ratio 8.3% > 5% (30 min)"]},
            stands_back=True,
            breakers=[{"provider": "jina", "kind": "blocked", "reason": "bad_key", "open_until": None}],
        )
    )
    head = text.split("campaign")[0]
    assert "Something is wrong" in head
    assert "Failure ratio 8.3% > 5% (30 min)" in head
    assert "jina is blocked (the key is not accepted)" in head
    assert "the nightly is running, so nothing is claimed" in head


def test_status_names_what_the_nightly_costs_and_is_cost() -> None:
    assert "nightly" not in shown(status())
    text = shown(status(nightly={"jobs": [], "skipped_ahead": 13, "relabelled": 2}))
    assert "pending nightly jobs will skip 13 companies that we did within 7 days" in text
    assert "the nightly gave 2 companies of ours the UEN of a namesake" in text


def test_square_brackets_in_names_are_not_markup() -> None:
    company = status()["companies"][0] | {"name": "A [bold]B[/bold] [/x] PTE. LTD."}
    assert "A [bold]B[/bold] [/x] PTE. LTD." in shown(status(companies=[company]))


def busy() -> dict[str, Any]:
    """Nothing fits: many campaigns, stalls, budgets and companies with long names."""
    one = status()
    return one | {
        "verdict": {"word": "warn", "why": [f"reason {number}: " + "a long story " * 9 for number in range(6)]},
        "campaigns": [
            one["campaigns"][0] | {"campaign_id": 1000 + number, "name": f"campaign of the spring list {number}"}
            for number in range(10)
        ],
        "workers": [one["workers"][0] | {"name": f"worker-{number}"} for number in range(1, 5)],
        "queue": [one["queue"][0] | {"state": state} for state in ("due", "snoozed", "running")],
        "budgets": [one["budgets"][0] | {"budget": f"calls_{number}h"} for number in range(4)],
        "companies": [one["companies"][0] | {"name": "A VERY LONG NAME " * 6, "reason": "no_proof"}] * 12,
    }


@asynccontextmanager
async def answering(answer: dict[str, Any]) -> AsyncIterator[int]:
    """A service that gives this status; yields its port."""

    async def asked(_request: web.Request) -> web.Response:
        return web.json_response(answer)

    app = web.Application()
    app.router.add_get("/status.json", asked)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("size", "campaigns", "shown", "left_out"),
    [
        ((80, 24), 4, ("reason 0", "more: acra-express status", "companies today", "and 6 more"), ("A VERY LONG",)),
        ((120, 40), 9, ("reason 2", "companies today", "worker-4", "snoozed", "A VERY LONG"), ()),
        ((200, 60), 10, ("reason 5", "worker-4", "calls_3h", "A VERY LONG"), ("more:",)),
    ],
)
async def test_a_watched_screen_fits_and_ctrl_c_ends_with_0(
    size: tuple[int, int], campaigns: int, shown: tuple[str, ...], left_out: tuple[str, ...]
) -> None:
    async with answering(busy()) as port:
        environ = {"POSTGRES_DSN": "postgresql://nobody@127.0.0.1:1/none", "ACRA_EXPRESS_HTTP__PORT": str(port)}
        async with terminal("status", "--watch", size=size, **environ) as watching:
            lines = await watching.until(lambda lines: any("Ctrl-C ends" in line for line in lines))
            text = "\n".join(lines)
            assert lines[0].startswith("Worth a look (acra-express 1.0.0, 11-23 12:00:00 +00:00)")
            assert lines[-1].startswith("figures of 10 s ago; times: +00:00; Ctrl-C ends")
            places = [text.index(part) for part in ("Worth a look", "campaign ", "budget (rolling)")]
            assert places == sorted(places)
            assert text.count("campaign of the sp") <= campaigns
            for said in shown:
                assert said in text, (said, lines)
            for said in left_out:
                assert said not in text, (said, lines)
            watching.press(b"\x03")
            assert await watching.ended() == 0
    assert b"Traceback" not in watching.raw
    assert b"Aborted" not in watching.raw


COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;\d+)*m")


@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("", True), ("1", False)])
async def test_no_color_turns_the_colours_of_a_screen_off(no_color: str | None, coloured: bool) -> None:
    environ = {} if no_color is None else {"NO_COLOR": no_color}
    async with answering(status()) as port:
        environ |= {"POSTGRES_DSN": "postgresql://nobody@127.0.0.1:1/none", "ACRA_EXPRESS_HTTP__PORT": str(port)}
        async with terminal("status", size=(120, 40), **environ) as shown:
            await shown.until(lambda lines: any("companies today" in line for line in lines))
            assert await shown.ended() == 0
    assert bool(COLOUR.search(shown.raw)) is coloured


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
async def test_no_color_turns_the_colours_of_the_log_off(fresh_dsn: str, no_color: str, coloured: bool) -> None:
    environ = {"POSTGRES_DSN": fresh_dsn, "ACRA_EXPRESS_LOG_FORMAT": "console", "NO_COLOR": no_color}
    environ |= {"ACRA_EXPRESS_HTTP__HOST": "127.0.0.1", "ACRA_EXPRESS_HTTP__PORT": str(free_port())}
    async with terminal("run", size=(200, 40), **environ) as running:
        await running.until(lambda lines: any("listener.proven" in line for line in lines))
        running.press(b"\x03")
        assert await running.ended() == 0
    assert bool(COLOUR.search(running.raw)) is coloured


@pytest.mark.parametrize("answer", [status(), busy()])
def test_a_screen_of_any_size_is_never_exceeded(answer: dict[str, Any]) -> None:
    for width, height in product((60, 80, 100, 110, 160), range(6, 61, 3)):
        console = Console(width=width, height=height, force_terminal=False)
        lines = console.render_lines(fitted(answer, width, height, note="no service answers"), pad=False)
        assert len(lines) == height, (width, height)
        assert all(sum(segment.cell_length for segment in line) <= width for line in lines)
        assert "Ctrl-C ends" in "".join(segment.text for segment in lines[-1])


async def test_status_works_with_and_without_a_running_service(fresh_dsn: str, tmp_path: Path) -> None:
    async with stage(fresh_dsn, tmp_path) as standing:
        environ = standing.environ | {"ACRA_EXPRESS_HTTP__PORT": str(free_port())}
        code, said, _ = await command(environ, "status")
        assert code == 0
        assert "no service answers at http://127.0.0.1:" in said
        await standing.enqueue({"uens": standing.uens[:7]})
        service = await standing.start(HTTP__PORT=environ["ACRA_EXPRESS_HTTP__PORT"])
        await service.event("listener.proven")
        code, said, _ = await command(environ, "status", "--json")
        assert code == 0
        answer = json.loads(said)
        assert answer["service"] == "acra-express"
        assert {line["budget"] for line in answer["budgets"]} <= {
            "requests_1h",
            "calls_1h",
            "tokens_1m",
            "verifications_1d",
        }
        for campaign in answer["campaigns"]:
            # The figures are read one after the other while workers run, so a company may be counted in both.
            assert campaign["ended"] <= 7
            assert campaign["waiting"] + campaign["left"] <= 7
        code, said, _ = await command(environ, "status")
        assert code == 0
        assert "worker-1" in said


async def test_check_posts_a_test_message_and_reports_a_refusal(fresh_dsn: str, tmp_path: Path) -> None:
    async with stage(fresh_dsn, tmp_path) as standing:
        code, said, wrong = await command(standing.environ, "check", "--slack-test")
        assert code == 0, said + wrong
        assert "ok    Slack: the test message was accepted" in said
        [message] = standing.simulator.slack.messages
        assert "Nothing is wrong" in message["text"]
        standing.simulator.faults.add(Fault(Provider.SLACK, "webhook_state", "archived"))
        code, said, _ = await command(standing.environ, "check", "--slack-test")
        assert code == 78
        assert "FAIL  Slack: the test message was not accepted: Slack's webhook is dead (channel_is_archived)" in said
        assert standing.environ["ACRA_EXPRESS_SLACK__WEBHOOK_URL"] not in said
