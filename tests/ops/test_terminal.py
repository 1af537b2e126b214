"""`acra-express status` in a terminal, and the campaigns that it shows, from a running service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from process import stage
from rich.console import Console

from acra_express_async.cli.status_command import screen
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
    assert text.startswith("It is fine (acra-express 1.0.0)")
    for said in ("worker-1", "enrichment", "idle", "calls_1h", "50%", "12", "300", "ORCHID BAKERY", "55"):
        assert said in text, said
    assert "failed in 24 hours: provider_error 2" in text


def test_status_shows_trouble_first() -> None:
    text = shown(
        status(
            verdict={"word": "fail", "why": ["Failure ratio 8.3% > 5% (30 min)"]},
            stands_back=True,
            breakers=[{"provider": "jina", "kind": "blocked", "reason": "bad_key", "open_until": None}],
        )
    )
    head = text.split("workers")[0]
    assert "Something is wrong" in head
    assert "Failure ratio 8.3% > 5% (30 min)" in head
    assert "jina is blocked (bad_key)" in head
    assert "the nightly is running, so nothing is claimed" in head


def test_status_names_what_the_nightly_costs_and_is_cost() -> None:
    assert "nightly" not in shown(status())
    text = shown(status(nightly={"jobs": [], "skipped_ahead": 13, "relabelled": 2}))
    assert "pending nightly jobs will skip 13 companies that we did within 7 days" in text
    assert "the nightly gave 2 companies of ours the UEN of a namesake" in text


def test_square_brackets_in_names_are_not_markup() -> None:
    company = status()["companies"][0] | {"name": "A [bold]B[/bold] [/x] PTE. LTD."}
    assert "A [bold]B[/bold] [/x] PTE. LTD." in shown(status(companies=[company]))


async def test_status_works_with_and_without_a_running_service(fresh_dsn: str, tmp_path: Path) -> None:
    async with stage(fresh_dsn, tmp_path) as standing:
        environ = standing.environ | {"ACRA_EXPRESS_HTTP__PORT": str(free_port())}
        code, _, wrong = await command(environ, "status")
        assert code == 1
        assert "no service answers at http://127.0.0.1:" in wrong
        assert "Traceback" not in wrong
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
        assert "workers" in said


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
