"""The simulated webhook: it stores messages, refuses in plain text, and limits floods."""

from __future__ import annotations

import dataclasses

import httpx
import pytest
from sandbox.asking import post
from sandbox.conftest import Starter

from acra_express_async.sandbox.simulator import Fault, Options, SimulatorClock

CALM = Options(latency_scale=0)


async def test_a_message_is_stored_and_answered_with_ok(start: Starter, http: httpx.AsyncClient) -> None:
    sim = await start()
    response = await post(http, sim, {"text": "hello"})
    assert (response.status_code, response.text, response.headers["content-type"]) == (200, "ok", "text/html")
    assert [message["text"] for message in sim.slack.messages] == ["hello"]
    legacy = await http.post(sim.webhook_url, data={"payload": '{"text": "old form"}'})
    assert legacy.text == "ok"


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("not an object", "invalid_payload"),
        ({}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "x", "attachments": [{}] * 101}, "too_many_attachments"),
        ({"text": "x", "blocks": "none"}, "invalid_blocks_format"),
        ({"text": "x", "blocks": [{"type": "section", "text": {"text": "y" * 3_001}}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "header", "text": {"text": "y" * 151}}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "section", "fields": [{"text": "z"}] * 11}]}, "invalid_blocks"),
    ],
)
async def test_invalid_messages_are_refused(
    start: Starter, http: httpx.AsyncClient, payload: object, said: str
) -> None:
    sim = await start()
    response = await post(http, sim, payload)
    assert (response.status_code, response.text) == (400, said)
    assert not sim.slack.messages


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [("removed", 404, "no_service"), ("archived", 410, "channel_is_archived"), ("bad_token", 403, "invalid_token")],
)
async def test_every_webhook_state_has_its_refusal(
    start: Starter, http: httpx.AsyncClient, state: str, status: int, said: str
) -> None:
    sim = await start()
    sim.faults.add(Fault.of({"provider": "slack", "knob": "webhook_state", "value": state}))
    response = await post(http, sim, {"text": "x"})
    assert (response.status_code, response.text) == (status, said)
    assert (await http.post(f"{sim.base_url('slack')}/services/T/B/wrong", json={"text": "x"})).status_code == status


async def test_a_wrong_secret_is_answered_with_no_team(start: Starter, http: httpx.AsyncClient) -> None:
    sim = await start()
    response = await http.post(f"{sim.base_url('slack')}/services/T/B/wrong", json={"text": "x"})
    assert (response.status_code, response.text) == (404, "no_team")
    assert "wrong" not in str(sim.ledger.requests()), "no list shows a secret"


async def test_a_bucket_of_25_leaks_one_a_second(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock
) -> None:
    sim = await start(dataclasses.replace(CALM, real_layer=True))
    assert [(await post(http, sim, {"text": "x"})).status_code for _ in range(26)] == [200] * 25 + [429]
    refused = await post(http, sim, {"text": "x"})
    assert refused.headers["retry-after"] == "1"
    assert refused.json() == {"retry_after": 1, "ok": False, "error": "rate_limited"}
    clock.advance(1)
    assert (await post(http, sim, {"text": "x"})).status_code == 200


async def test_a_flood_disables_the_webhook_permanently(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock
) -> None:
    sim = await start(dataclasses.replace(CALM, allowance_scale=0.001))  # disabled after 3.6 messages instead of 3,600
    assert [(await post(http, sim, {"text": "x"})).status_code for _ in range(4)] == [200, 200, 200, 404]
    clock.advance(86_400)
    assert (await post(http, sim, {"text": "x"})).text == "no_active_hooks"


@pytest.mark.parametrize("end", ["rollup_error", "reset", "timeout"])
async def test_an_ambiguous_end_happens_after_storing(start: Starter, http: httpx.AsyncClient, end: str) -> None:
    sim = await start()
    sim.faults.add(Fault.of({"provider": "slack", "knob": "after_store", "value": end}))
    if end == "rollup_error":
        assert (await post(http, sim, {"text": "x"})).text == "rollup_error"
    else:
        with pytest.raises(httpx.TransportError):
            await post(http, sim, {"text": "x"})
    assert len(sim.slack.messages) == 1


async def test_a_message_can_be_delivered_twice(start: Starter, http: httpx.AsyncClient) -> None:
    sim = await start()
    sim.faults.add(Fault.of({"provider": "slack", "knob": "duplicate_delivery", "count": 1}))
    await post(http, sim, {"text": "x"})
    await post(http, sim, {"text": "y"})
    assert [message["text"] for message in sim.slack.messages] == ["x", "x", "y"]
