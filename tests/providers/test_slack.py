"""The webhook over a mocked transport: every answer (table in README.md of this folder), and no text with its URL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import respx
from provider_fakes import Bench, bench
from pydantic import SecretStr

from acra_express_async.errors import Blocked, Permanent, RateLimited, Transient
from acra_express_async.models import Provider
from acra_express_async.providers.slack import LONGEST_TEXT, Slack, escaped
from acra_express_async.settings.tree import SlackSettings

SECRET = "T000/B000/abcdefghijkl"
WEBHOOK = f"https://hooks.slack.com/services/{SECRET}"
CAPTURES = Path(__file__).parents[3] / "shared" / "data" / "captured" / "slack"
OK = httpx.Response(200, text="ok")
BLOCKS: list[dict[str, Any]] = [{"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}]


@pytest.fixture
def rig() -> Bench:
    return bench(Provider.SLACK, breaker=False)


@pytest_asyncio.fixture
async def slack(rig: Bench) -> AsyncIterator[Slack]:
    async with httpx.AsyncClient() as http:
        yield Slack(http, SlackSettings(webhook_url=SecretStr(WEBHOOK)), rig.caller)


@respx.mock
async def test_posts_text_and_blocks(slack: Slack, rig: Bench) -> None:
    route = respx.post(WEBHOOK).mock(return_value=OK)
    await slack.post("hello", BLOCKS)
    await slack.post("x" * 9000)
    first, second = (json.loads(call.request.content) for call in route.calls)
    assert first == {"text": "hello", "blocks": BLOCKS}
    assert second == {"text": "x" * LONGEST_TEXT}
    assert (rig.calls("ok"), rig.ledger.events) == (2, [])


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (403, "action_prohibited"),
        (403, "team_disabled"),
        (403, "invalid_token"),
        (403, "anything"),
        (400, "posting_to_general_channel_denied"),
        (403, "posting_to_general_channel_denied"),
        (404, "channel_not_found"),
        (404, "no_service"),
        (404, "no_service_id"),
        (404, "no_active_hooks"),
        (404, "no_team"),
        (410, "channel_is_archived"),
        (404, ""),
    ],
)
@respx.mock
async def test_a_dead_webhook_is_called_only_once(slack: Slack, status: int, word: str) -> None:
    route = respx.post(WEBHOOK).respond(status, text=word)
    for sent in (True, False):
        with pytest.raises(Blocked) as dead:
            await slack.post("hello")
        assert dead.value.sent is sent
    assert route.call_count == 1
    assert slack.dead
    assert SECRET not in repr(dead.value)


@pytest.mark.parametrize(
    "word", ["invalid_payload", "user_not_found", "no_text", "too_many_attachments", "invalid_blocks"]
)
@respx.mock
async def test_an_invalid_message_is_dropped(slack: Slack, word: str) -> None:
    route = respx.post(WEBHOOK).respond(400, text=word)
    with pytest.raises(Permanent) as wrong:
        await slack.post("hello")
    assert (wrong.value.reason, route.call_count, slack.dead) == (word, 1, None)


@pytest.mark.parametrize("word", ["invalid_blocks", "invalid_blocks_format"])
@respx.mock
async def test_refused_blocks_are_dropped_and_the_text_is_resent(slack: Slack, word: str) -> None:
    route = respx.post(WEBHOOK).mock(side_effect=[httpx.Response(400, text=word), OK])
    await slack.post("hello", BLOCKS)
    assert json.loads(route.calls.last.request.content) == {"text": "hello"}


@respx.mock
async def test_other_refusals_cause_no_second_message(slack: Slack) -> None:
    route = respx.post(WEBHOOK).respond(400, text="invalid_payload")
    with pytest.raises(Permanent):
        await slack.post("hello", BLOCKS)
    assert route.call_count == 1


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(500, text="rollup_error"),
        httpx.Response(503),
        httpx.Response(200, text="<html>proxy</html>"),
        httpx.ReadTimeout("late"),
        httpx.ConnectError("refused"),
    ],
)
@respx.mock
async def test_a_message_of_unknown_fate_is_repeated_at_most_once(
    slack: Slack, failure: httpx.Response | Exception
) -> None:
    route = respx.post(WEBHOOK).mock(side_effect=[failure, failure])
    with pytest.raises(Transient) as failed:
        await slack.post("hello")
    assert route.call_count == 2
    assert SECRET not in repr(failed.value)


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"retry-after": "2"}, {"retry_after": 9, "ok": False, "error": "rate_limited"}, 2),
        ({}, {"retry_after": 4, "ok": False, "error": "rate_limited"}, 4),
        ({}, {"ok": False, "count_hour_ago": 400}, 1),
        ({}, None, 1),
    ],
)
@respx.mock
async def test_a_429_is_retried_twice(
    slack: Slack, rig: Bench, headers: dict[str, str], body: dict[str, Any] | None, wait: float
) -> None:
    held: list[timedelta] = []
    rig.caller._throttle.hold = held.append  # type: ignore[method-assign]
    limited = httpx.Response(429, headers=headers, **({"json": body} if body is not None else {"text": "slow"}))  # type: ignore[arg-type]
    route = respx.post(WEBHOOK).mock(side_effect=[limited, limited, OK])
    await slack.post("hello")
    assert route.call_count == 3
    assert sum(rig.slept) == pytest.approx(2 * (wait + 0.5))
    route.mock(side_effect=[limited, limited, limited])
    with pytest.raises(RateLimited) as given_up:
        await slack.post("hello")
    assert not given_up.value.sent, "it was certainly not posted"


async def test_without_a_webhook_nothing_is_sent(rig: Bench) -> None:
    async with httpx.AsyncClient() as http:
        slack = Slack(http, SlackSettings(), rig.caller)
        assert not slack.configured
        with pytest.raises(Permanent):
            await slack.post("hello")


def test_markup_characters_are_escaped() -> None:
    assert escaped("Kopi & Toast <Pte> Ltd") == "Kopi &amp; Toast &lt;Pte&gt; Ltd"


@respx.mock
async def test_every_captured_body_is_classified(slack: Slack) -> None:
    path = CAPTURES / "text_bodies.txt"
    if not path.exists():
        pytest.skip("no captured answers beside this checkout (shared/data/captured)")
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line[:3].isdigit():
            continue
        status, word = line.split()[:2]
        respx.post(WEBHOOK).respond(int(status), text=word)
        slack._dead = None
        if status == "200":
            await slack.post("hello")
        else:
            with pytest.raises((Blocked, Permanent, Transient)):
                await slack.post("hello")
        assert (slack.dead is not None) == (status in ("403", "404", "410"))
