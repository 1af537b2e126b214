"""Every knob has the effect on a client that it describes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox.asking import balance, in_virtual_time, post, read, search, verify
from sandbox.conftest import MIDDAY, Starter

from acra_express_async.models import Provider
from acra_express_async.sandbox.simulator import Fault, Options, Simulator, SimulatorClock
from acra_express_async.sandbox.simulator.faults import KNOBS, Faults
from acra_express_async.sandbox.world import Truth

CALM = Options(latency_scale=0, flag_get=0, flag_user_agent=0, ad_share=0, box_share=0)

Ask = Callable[[httpx.AsyncClient, Simulator, Truth], Awaitable[httpx.Response]]

ASK: dict[str, Ask] = {
    "duckduckgo": lambda http, sim, truth: search(http, sim, truth.name),
    "jina": lambda http, sim, truth: read(http, sim, f"https://{truth.domain}/"),
    "zerobounce": lambda http, sim, truth: verify(http, sim, truth.emails[0].email),
    "slack": lambda http, sim, truth: post(http, sim, {"text": "hello"}),
}
PROVIDERS = pytest.mark.parametrize("provider", list(ASK))


def turn(sim: Simulator, provider: str, knob: str, value: Any = True, **details: Any) -> int:
    return sim.faults.add(Fault.of({"provider": provider, "knob": knob, "value": value, **details}))


@PROVIDERS
@pytest.mark.parametrize("status", [403, 429, 500, 503, 524])
async def test_a_status_fault_applies_once_with_its_usual_body(
    start: Starter, http: httpx.AsyncClient, found: Truth, provider: str, status: int
) -> None:
    sim = await start()
    turn(sim, provider, "status", status, count=1)
    refused = await ASK[provider](http, sim, found)
    assert refused.status_code == status
    assert (await ASK[provider](http, sim, found)).status_code == 200
    if provider == "jina" and status in (429, 503):
        assert refused.json()["code"] == status


@PROVIDERS
@pytest.mark.parametrize(
    ("knob", "error"), [("reset_connection", httpx.ReadError), ("close_before_headers", httpx.RemoteProtocolError)]
)
async def test_a_cut_connection_affects_one_request(
    start: Starter, http: httpx.AsyncClient, found: Truth, provider: str, knob: str, error: type[Exception]
) -> None:
    sim = await start()
    turn(sim, provider, knob, count=1)
    with pytest.raises(error):
        await ASK[provider](http, sim, found)
    assert (await ASK[provider](http, sim, found)).status_code == 200
    assert sim.state()["statuses"][f"{provider} None"] == 1
    assert sim.state()["requests"][provider] == 2, "a cut request arrived all the same"


@PROVIDERS
async def test_truncation_breaks_off_or_ends_cleanly(
    start: Starter, http: httpx.AsyncClient, found: Truth, provider: str
) -> None:
    sim = await start()
    whole = (await ASK[provider](http, sim, found)).content
    turn(sim, provider, "truncate_after", 1, count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await ASK[provider](http, sim, found)
    turn(sim, provider, "truncate_after", {"bytes": 1, "clean": True}, count=1)
    assert (await ASK[provider](http, sim, found)).content == whole[:1]


@PROVIDERS
async def test_a_hang_ends_when_virtual_time_has_passed(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth, provider: str
) -> None:
    sim = await start()
    turn(sim, provider, "hang", 100, count=1)
    began = clock.now()
    assert (await in_virtual_time(clock, ASK[provider](http, sim, found))).status_code == 524
    assert clock.now() - began == pytest.approx(100)


async def test_latency_is_drawn_from_the_request_and_scaled(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    async def seconds(options: Options, **knobs: float) -> float:
        sim = await start(options)
        for knob, value in knobs.items():
            turn(sim, "zerobounce", knob, value)
        began = clock.now()
        assert (await in_virtual_time(clock, ASK["zerobounce"](http, sim, found))).status_code == 200
        return clock.now() - began

    real = dataclasses.replace(CALM, latency_scale=1.0)
    usual = await seconds(real)
    assert 0.1 < usual < 30
    assert await seconds(real) == pytest.approx(usual, abs=1e-5), "the same request takes the same time"
    assert await seconds(dataclasses.replace(real, seed=2)) != pytest.approx(usual, abs=1e-5)
    assert await seconds(dataclasses.replace(real, latency_scale=0.05)) == pytest.approx(usual / 20, abs=1e-5)
    assert await seconds(real, latency_add=500) == pytest.approx(usual + 500, abs=1e-5)
    assert await seconds(real, latency_scale=3) == pytest.approx(usual * 3, abs=1e-5)


@PROVIDERS
async def test_a_slow_drip_delivers_the_whole_body(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth, provider: str
) -> None:
    sim = await start()
    whole = (await ASK[provider](http, sim, found)).content
    turn(sim, provider, "slow_drip", 30, count=1)
    began = clock.now()
    dripped = (await in_virtual_time(clock, ASK[provider](http, sim, found))).content
    drops = 2 if provider == "slack" else 10  # Slack's answer has only two bytes
    assert clock.now() - began >= 3 * (drops - 1)
    assert dripped == whole or provider == "zerobounce", "whose answer carries the time"
    assert len(dripped) == len(whole)


async def test_bad_json_and_wrong_content_types_are_served(
    start: Starter, http: httpx.AsyncClient, found: Truth
) -> None:
    sim = await start()
    turn(sim, "jina", "bad_json", count=1)
    broken = await ASK["jina"](http, sim, found)
    assert broken.headers["content-type"].startswith("application/json")
    with pytest.raises(json.JSONDecodeError):
        broken.json()
    turn(sim, "jina", "wrong_content_type", "text/html", count=1)
    assert (await ASK["jina"](http, sim, found)).headers["content-type"] == "text/html"
    turn(sim, "duckduckgo", "drop_header", "X-Robots-Tag", count=1)
    assert "x-robots-tag" not in (await ASK["duckduckgo"](http, sim, found)).headers
    assert "x-robots-tag" in (await ASK["duckduckgo"](http, sim, found)).headers


@pytest.mark.parametrize("asked", ["absent", 0, -5, "date", "huge", 7])
async def test_retry_after_is_served_in_every_form(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth, asked: object
) -> None:
    sim = await start()
    turn(sim, "jina", "status", 429)
    turn(sim, "jina", "retry_after", asked)
    header = (await ASK["jina"](http, sim, found)).headers.get("retry-after")
    match asked:
        case "absent":
            assert header is None
        case "date":
            assert header is not None
            assert parsedate_to_datetime(header).timestamp() == clock.now() + 30
        case "huge":
            assert int(header or 0) > 10**7
        case _:
            assert header == str(asked)


async def test_dates_are_virtual_and_can_be_off(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    sim = await start()
    right = parsedate_to_datetime((await ASK["jina"](http, sim, found)).headers["date"])
    assert right.timestamp() == MIDDAY
    turn(sim, "jina", "clock_skew", -7200)
    wrong = parsedate_to_datetime((await ASK["jina"](http, sim, found)).headers["date"])
    assert wrong.timestamp() == MIDDAY - 7200


async def test_an_outage_lasts_for_its_time_span(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    sim = await start()
    turn(sim, "jina", "outage", **{"from": 60, "to": 120})
    turn(sim, "slack", "outage", 502, **{"from": 60, "to": 120})
    assert (await ASK["jina"](http, sim, found)).status_code == 200
    clock.advance(60)
    with pytest.raises(httpx.ReadError):
        await ASK["jina"](http, sim, found)
    assert (await ASK["slack"](http, sim, found)).status_code == 502
    clock.advance(60)
    assert (await ASK["jina"](http, sim, found)).status_code == 200


async def test_knobs_of_the_search_engine_take_effect(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    sim = await start()
    turn(sim, "duckduckgo", "markup", "v2", count=1)
    assert "serp-card" in (await ASK["duckduckgo"](http, sim, found)).text
    turn(sim, "duckduckgo", "link_form", "wrapped", count=1)
    assert "uddg=" in (await ASK["duckduckgo"](http, sim, found)).text
    turn(sim, "duckduckgo", "status", 200, count=1, route="lite*")
    turn(sim, "duckduckgo", "body", "challenge", count=1, route="lite*")
    lite = await search(http, sim, found.name, page="lite")
    assert (lite.status_code, "anomaly-modal" in lite.text) == (200, True)
    turn(sim, "duckduckgo", "body", "plain words", count=1)
    assert (await ASK["duckduckgo"](http, sim, found)).text == "plain words"
    turn(sim, "duckduckgo", "ddg_block_now", 10)
    assert (await ASK["duckduckgo"](http, sim, found)).status_code == 202
    assert sim.state()["providers"]["duckduckgo"]["blocked_seconds"] == {"127.0.0.1": 600}
    sim.faults.clear()
    assert (await ASK["duckduckgo"](http, sim, found)).status_code == 202, "the block outlives its fault"
    assert (await http.post(f"{sim.root}/__sim/reset")).status_code == 200
    assert (await ASK["duckduckgo"](http, sim, found)).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["challenge_botnet", "landing", "no_results_eof", "no_results_message", "no_results_past_end", "lite_no_results"],
)
async def test_named_pages_are_served_as_bodies(
    start: Starter, http: httpx.AsyncClient, found: Truth, name: str
) -> None:
    sim = await start()
    turn(sim, "duckduckgo", "body", name)
    assert (await ASK["duckduckgo"](http, sim, found)).text.lstrip().startswith("<!")


async def test_knobs_of_the_reader_take_effect(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    sim = await start()
    url = f"https://{found.domain}/"
    turn(sim, "jina", "dns_fail_domains", [found.domain], count=1)
    assert (await read(http, sim, url)).json()["status"] == 40001
    for name, status in (("ServiceCrashed", 50302), ("downstream", 42205), ("domain_blocked", 40305)):
        turn(sim, "jina", "error", name, count=1)
        assert (await read(http, sim, url)).json()["status"] == status
        turn(sim, "jina", "body", name, count=1)
        assert (await read(http, sim, url)).json()["status"] == status
    number = turn(sim, "jina", "domain_block", [found.domain])
    assert (await read(http, sim, url, key=None)).json()["status"] == 40305
    assert (await read(http, sim, url)).status_code == 200, "a key passes"
    sim.faults.remove(number)
    turn(sim, "jina", "domain_block", ["451", found.domain])
    assert (await read(http, sim, url, key=None)).status_code == 451
    turn(sim, "jina", "envelope_200")
    hidden = await read(http, sim, url, key=None)
    assert (hidden.status_code, hidden.json()["code"]) == (200, 451)


async def test_knobs_of_the_verifier_take_effect(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    sim = await start()
    turn(sim, "zerobounce", "sub_status", "brand_new_kind", count=1)
    assert (await ASK["zerobounce"](http, sim, found)).json()["sub_status"] == "brand_new_kind"
    turn(sim, "zerobounce", "extra_fields", {"catchall_domain": None}, count=1)
    assert "catchall_domain" in (await ASK["zerobounce"](http, sim, found)).json()
    turn(sim, "zerobounce", "missing_fields", ["mx_found", "status"], count=1)
    assert "status" not in (await ASK["zerobounce"](http, sim, found)).json()
    turn(sim, "zerobounce", "body", "greylist_pending", count=1)
    assert "Greylist" in (await ASK["zerobounce"](http, sim, found)).json()["Message"]
    turn(sim, "zerobounce", "credits", 3)
    assert await balance(http, sim) == {"Credits": "3"}
    turn(sim, "zerobounce", "key_state", "unknown", count=1)
    assert await balance(http, sim) == {"Credits": "-1"}
    turn(sim, "zerobounce", "key_state", "empty", count=1)
    assert "error" in (await ASK["zerobounce"](http, sim, found)).json()
    assert await balance(http, sim) == {"Credits": "0"}
    turn(sim, "zerobounce", "shield", "all", count=1)
    assert (await ASK["zerobounce"](http, sim, found)).status_code == 403


async def test_random_faults_repeat_in_a_second_run(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    async def story() -> list[int]:
        sim = await start(dataclasses.replace(CALM, allowance_scale=10))
        turn(sim, "jina", "status", 503, probability=0.3)
        return [(await read(http, sim, f"https://{found.domain}/gone")).status_code for _ in range(60)]

    first = await story()
    assert first == await story()
    assert 8 < first.count(503) < 30


def test_an_invalid_fault_names_its_error() -> None:
    for spec, said in (
        ({"provider": "jina", "knob": "no_such"}, "unknown knob"),
        ({"provider": "jina", "knob": "status", "when": 3}, "unknown key 'when'"),
        ({"provider": "bing", "knob": "status"}, "bing"),
    ):
        with pytest.raises(ValueError, match=said):
            Fault.of(spec)


@given(
    knob=st.sampled_from(sorted(KNOBS)),
    count=st.integers(1, 5),
    window=st.tuples(st.integers(0, 50), st.integers(1, 50)),
    moments=st.lists(st.integers(0, 120), max_size=40),
)
def test_a_fault_applies_within_its_time_and_count(
    knob: str, count: int, window: tuple[int, int], moments: list[int]
) -> None:
    since, until = window[0], window[0] + window[1]
    spec = {"provider": "jina", "knob": knob, "count": count, "from": since, "to": until}
    faults = Faults([Fault.of(spec)])
    hits = [bool(faults.effects(Provider.JINA, "x", moment, index)) for index, moment in enumerate(moments)]
    expected, left = [], count
    for moment in moments:
        hit = since <= moment < until and left > 0
        left -= hit
        expected.append(hit)
    assert hits == expected
    assert not faults.effects(Provider.SLACK, "x", since, 0)
