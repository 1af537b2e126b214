"""Keys and limits of the simulated Jina Reader: both layers, both token rules, URLs that failed too often."""

from __future__ import annotations

import asyncio
import dataclasses

import httpx
import pytest
from sandbox.asking import in_virtual_time, read
from sandbox.conftest import Starter

from acra_express_async.sandbox.simulator import Fault, Options, SimulatorClock
from acra_express_async.sandbox.world import Truth, World

CALM = Options(latency_scale=0)


def home(truth: Truth) -> str:
    return f"https://{truth.domain or truth.own_domain}/"


@pytest.mark.parametrize(
    ("key", "state", "status"),
    [("wrong", "good", 40102), ("", "empty", 40203), ("", "revoked", 40102), ("", "unknown", 40102)],
)
async def test_every_key_state_is_refused_with_its_status(
    start: Starter, http: httpx.AsyncClient, found: Truth, key: str, state: str, status: int
) -> None:
    sim = await start()
    sim.faults.add(Fault.of({"provider": "jina", "knob": "key_state", "value": state}))
    body = (await read(http, sim, home(found), key=key)).json()
    assert (body["status"], body["data"]) == (status, None)
    assert (await read(http, sim, home(found), key=None)).status_code == 200, "anonymous callers have no key"


async def test_the_calls_budget_refuses_with_the_time_to_wait(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    sim = await start(dataclasses.replace(CALM, allowance_scale=1 / 40))  # 3 calls an hour, 125 tokens a minute
    gone = home(found) + "gone"
    for _ in range(3):
        assert (await read(http, sim, gone)).status_code == 200
        clock.advance(100)
    refused = await read(http, sim, gone)
    assert (refused.status_code, refused.json()["status"]) == (429, 42903)
    assert refused.headers["retry-after"] == str(refused.json()["retryAfter"]) == "3300"
    assert refused.json()["retryAfterDate"].endswith("Z")
    assert [record["budget"] for record in sim.violations] == ["jina_calls"]


async def test_tokens_are_booked_when_the_answer_is_sent(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    sim = await start(dataclasses.replace(CALM, allowance_scale=0.25))  # 30 calls, 1,250 tokens a minute
    limit = {"X-Max-Tokens": "600"}
    spent = 0
    for _ in range(2):
        spent += (await read(http, sim, home(found), headers=limit)).json()["data"]["usage"]["tokens"]
        clock.advance(20)
    assert 650 < spent <= 1_200
    refused = await read(http, sim, home(found), headers=limit)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "20", "when the first answer leaves the minute"
    assert [record["budget"] for record in sim.violations] == ["jina_tokens"]
    assert sim.ledger.tokens_sent == spent, "a refusal costs nothing"
    assert sim.ledger.budgets["jina_tokens"].worst > 1_250
    clock.advance(20)
    assert (await read(http, sim, home(found), headers=limit)).status_code == 200


async def test_one_answer_may_overshoot_the_tokens_and_the_next_is_429(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    sim = await start(dataclasses.replace(CALM, allowance_scale=0.1, token_rule="admit"))  # 500 tokens a minute
    limit = {"X-Max-Tokens": "600"}
    first = await read(http, sim, home(found), headers=limit)
    assert first.json()["data"]["usage"]["tokens"] > 500
    assert sim.violations == []
    assert (await read(http, sim, home(found), headers=limit)).status_code == 429
    assert len(sim.violations) == 1
    clock.advance(60)
    assert (await read(http, sim, home(found), headers=limit)).status_code == 200


async def test_the_real_layer_gives_keyless_callers_twenty_a_minute(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    sim = await start(dataclasses.replace(CALM, real_layer=True))
    gone = home(found) + "gone"
    for _ in range(20):
        assert (await read(http, sim, gone, key=None)).status_code == 200
        clock.advance(1)
    refused = await read(http, sim, gone, key=None)
    assert refused.json()["retryAfter"] == 40
    assert "Per IP rate limit exceeded (CRAWL 20 times" in refused.json()["message"]
    assert (await read(http, sim, gone)).status_code == 200, "each key has a separate log"
    clock.advance(40)
    assert (await read(http, sim, gone, key=None)).status_code == 200
    assert sim.violations == []


async def test_the_real_layer_allows_two_parallel_keyless_calls(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    sim = await start(Options(real_layer=True, latency_scale=1.0))
    asking = asyncio.gather(*(read(http, sim, home(found) + f"gone{number}", key=None) for number in range(3)))
    statuses = [response.status_code for response in await in_virtual_time(clock, _gathered(asking))]
    assert sorted(statuses) == [200, 200, 429]
    assert sim.violations == []


async def _gathered(asking: asyncio.Future[list[httpx.Response]]) -> list[httpx.Response]:
    return await asking


async def test_the_real_layer_counts_a_minute_per_key(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    options = dataclasses.replace(CALM, real_layer=True, budget_layer=False, allowance_scale=0.01)  # 5 of the 500
    sim = await start(options)
    gone = home(found) + "gone"
    assert [(await read(http, sim, gone)).status_code for _ in range(6)] == [200] * 5 + [429]
    assert "Per UID rate limit exceeded" in (await read(http, sim, gone)).json()["message"]
    clock.advance(60)
    assert (await read(http, sim, gone)).status_code == 200


async def test_ten_failures_of_a_url_pause_it_for_an_hour(
    start: Starter, http: httpx.AsyncClient, world: World, clock: SimulatorClock, truths: list[Truth]
) -> None:
    sim = await start()
    dead = next(
        home(truth)
        for truth in truths
        if truth.kind == "dead" and world.page(home(truth)).failure in ("refused", "empty", "timeout")
    )
    for _ in range(10):
        assert (await read(http, sim, dead)).status_code == 422
    paused = await read(http, sim, dead)
    assert (paused.status_code, paused.json()["status"]) == (403, 40301)
    clock.advance(3600)
    assert (await read(http, sim, dead)).status_code == 422
