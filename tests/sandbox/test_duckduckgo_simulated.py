"""The simulated search engine: its answers, and when it blocks a client."""

from __future__ import annotations

import dataclasses

import httpx
import pytest
from sandbox.asking import AGENT, search
from sandbox.conftest import Of, Starter

from acra_express_async.sandbox import markup
from acra_express_async.sandbox.simulator import Options, SimulatorClock
from acra_express_async.sandbox.world import Truth

CALM = Options(latency_scale=0, flag_get=0, flag_user_agent=0, ad_share=0, box_share=0)


async def test_a_post_finds_the_site_with_direct_links(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    sim = await start()
    response = await search(http, sim, f"{found.name} Singapore")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=UTF-8"
    assert response.headers["referrer-policy"] == "origin"
    assert f"{found.domain}/" in response.text
    assert "uddg=" not in response.text
    assert not any("ratelimit" in name or name == "retry-after" for name in response.headers)


async def test_get_and_lite_wrap_their_links(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    sim = await start()
    got = await http.get(f"{sim.base_url('duckduckgo')}/html/", params={"q": found.name}, headers=AGENT)
    lite = await search(http, sim, found.name, page="lite")
    for response in (got, lite):
        assert "duckduckgo.com/l/?uddg=" in response.text
        assert f'href="https://{found.domain}' not in response.text


async def test_a_repeated_query_gets_the_same_bytes_on_the_same_day(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    options = dataclasses.replace(CALM, ad_share=0.35, box_share=0.05)
    first, second = await start(options), await start(options)
    answers = [await search(http, sim, found.name) for sim in (first, second, first)]
    clock.advance(600)
    answers.append(await search(http, second, found.name))
    assert len({response.content for response in answers}) == 1


async def test_ads_and_boxes_occur_at_their_shares(
    start: Starter, http: httpx.AsyncClient, truths: list[Truth]
) -> None:
    sim = await start(dataclasses.replace(CALM, ad_share=0.35, box_share=0.05, allowance_scale=10))
    pages = [(await search(http, sim, truth.name)).text for truth in truths]
    with_results = [page for page in pages if "result__a" in page and "result--no-result" not in page]
    assert 0.25 < sum("result--ad" in page for page in with_results) / len(with_results) < 0.45
    assert 0.01 < sum("zci__heading" in page for page in with_results) / len(with_results) < 0.10


async def test_nothing_found_occurs_in_all_its_forms(start: Starter, http: httpx.AsyncClient) -> None:
    sim = await start()
    pages = [(await search(http, sim, f"zzyx{number} qwrk")).text for number in range(20)]
    assert all("result--no-result" in page for page in pages)
    assert any(">EOF</a>" in page for page in pages)
    assert any("no-results__message" in page for page in pages)
    assert any("No more results." in page for page in pages)
    assert "No results." in (await search(http, sim, "zzyx qwrk", page="lite")).text


async def test_empty_long_and_bang_queries_get_special_answers(start: Starter, http: httpx.AsyncClient) -> None:
    sim = await start()
    landing = await search(http, sim, "")
    assert (landing.status_code, "result--no-result" in landing.text) == (200, False)
    assert (await search(http, sim, "x" * 500)).status_code == 400
    bang = await search(http, sim, "!g heron")
    assert (bang.status_code, "location" in bang.headers) == (303, True)
    assert (await http.get(f"{sim.base_url('duckduckgo')}/other", headers=AGENT)).status_code == 404


async def test_request_201_within_an_hour_is_a_violation(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock
) -> None:
    sim = await start(dataclasses.replace(CALM, allowance_scale=0.02))  # 4 an hour
    for _ in range(4):
        assert (await search(http, sim, "heron")).status_code == 200
        clock.advance(10)
    refused = await search(http, sim, "heron")
    assert refused.status_code == 202
    assert "anomaly-modal" in refused.text
    assert "retry-after" not in refused.headers
    assert [(record["budget"], record["total"], record["allowance"]) for record in sim.violations] == [
        ("duckduckgo_requests", 5, 4)
    ]
    clock.advance(3600 - 40 + 0.001)  # the first request has left the window, the refused one still counts
    assert (await search(http, sim, "heron")).status_code == 202
    clock.advance(3600)
    assert (await search(http, sim, "heron")).status_code == 200
    assert sim.state()["budgets"]["duckduckgo_requests"]["worst"] == 5


async def test_every_request_restarts_a_block(start: Starter, http: httpx.AsyncClient, clock: SimulatorClock) -> None:
    sim = await start(scenario="ddg_blocked_first_hour")
    assert (await search(http, sim, "heron")).status_code == 202
    clock.advance(3599)
    assert (await search(http, sim, "heron")).status_code == 202, "a request too early costs another hour"
    clock.advance(3599)
    assert (await search(http, sim, "heron")).status_code == 202
    clock.advance(3600)
    assert (await search(http, sim, "heron")).status_code == 200
    assert sim.state()["violations"] == 0


@pytest.mark.parametrize(
    ("change", "method", "agent", "fields"),
    [
        ({"flag_get": 1.0}, "GET", AGENT["User-Agent"], {}),
        ({"flag_user_agent": 1.0}, "POST", "python-httpx/0.28", {}),
        ({"flag_user_agent": 1.0}, "POST", "", {}),
        ({}, "POST", AGENT["User-Agent"], {"s": "10"}),
        ({}, "POST", AGENT["User-Agent"], {"s": "10", "vqd": "4-123"}),
    ],
)
async def test_requests_that_look_automated_are_challenged(
    start: Starter, http: httpx.AsyncClient, change: dict[str, float], method: str, agent: str, fields: dict[str, str]
) -> None:
    sim = await start(dataclasses.replace(CALM, **change))  # type: ignore[arg-type]
    form = {"q": "heron"} | fields
    sent = {"params": form} if method == "GET" else {"data": form}
    response = await http.request(method, f"{sim.base_url('duckduckgo')}/html/", headers={"User-Agent": agent}, **sent)
    assert response.status_code == 202
    assert (await search(http, sim, "heron")).status_code == 202, "the client is blocked from then on"


async def test_a_next_page_with_its_token_is_past_the_end(
    start: Starter, http: httpx.AsyncClient, found: Truth
) -> None:
    sim = await start()
    response = await search(http, sim, found.name, s="10", vqd=markup.vqd(found.name))
    assert response.status_code == 200
    assert "No more results." in response.text


async def test_bursts_are_blocked_by_the_real_layer_only(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock
) -> None:
    patient, touchy = await start(), await start(dataclasses.replace(CALM, real_layer=True))
    for _ in range(15):
        assert (await search(http, patient, "heron")).status_code == 200
        assert (await search(http, touchy, "heron")).status_code == 200
        clock.advance(3.9)
    clock.advance(0.0)
    assert (await search(http, patient, "heron")).status_code == 200
    assert (await search(http, touchy, "heron")).status_code == 202, "the 16th within a minute"
    assert touchy.state()["violations"] == 0
    assert touchy.state()["providers"]["duckduckgo"]["blocks"] == 1


async def test_the_real_layer_challenges_rapid_requests(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock
) -> None:
    sim = await start(dataclasses.replace(CALM, real_layer=True))
    statuses = []
    for _ in range(8):
        statuses.append((await search(http, sim, "heron")).status_code)
        clock.advance(0.5)
    assert statuses == [200] * 7 + [202]


async def test_a_company_without_web_presence_has_no_results(
    start: Starter, http: httpx.AsyncClient, of_kind: Of
) -> None:
    sim = await start()
    response = await search(http, sim, of_kind("silent").uen)
    assert response.status_code == 200
    assert "result--no-result" in response.text


async def test_several_exclusions_may_find_nothing(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    """As on the page without scripts from November 2018 to November 2022."""
    broken = await start(dataclasses.replace(CALM, most_exclusions=1))
    one, two = f"{found.name} -site:dnb.com", f"{found.name} -site:dnb.com -site:zoominfo.com"
    assert found.domain in (await search(http, broken, one)).text
    assert "result--no-result" in (await search(http, broken, two)).text
    assert found.domain in (await search(http, await start(), two)).text
