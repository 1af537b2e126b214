"""The simulated Jina Reader: content negotiation, options, tokens, dead targets, the cache."""

from __future__ import annotations

import dataclasses

import httpx
import pytest
from sandbox.asking import read
from sandbox.conftest import Of, Starter

from acra_express_async.sandbox.markup.tokens import token_count
from acra_express_async.sandbox.simulator import Options, SimulatorClock
from acra_express_async.sandbox.world import Truth, World

CALM = Options(latency_scale=0)


def home(truth: Truth) -> str:
    return f"https://{truth.domain or truth.own_domain}/"


async def test_a_page_as_json_with_its_bill(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    sim = await start()
    response = await read(http, sim, home(found))
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    body = response.json()
    data = body["data"]
    assert (body["code"], body["status"], data["httpStatus"], data["httpStatusText"]) == (200, 20000, 200, "OK")
    assert data["url"] == home(found)
    assert data["usage"]["tokens"] == body["meta"]["usage"]["tokens"] == token_count(data["content"])
    assert sim.ledger.tokens_sent == data["usage"]["tokens"]
    assert "links" not in data


@pytest.mark.parametrize(
    ("accept", "success_json", "error_json"),
    [
        ("application/json", True, True),
        ("*/*", False, True),
        ("application/json, */*", False, True),
        ("application/json, text/plain", False, True),
        ("text/plain", False, False),
        ("application/*;q=0.8", True, True),
    ],
)
async def test_json_is_served_only_without_text_in_accept(
    start: Starter, http: httpx.AsyncClient, found: Truth, accept: str, success_json: bool, error_json: bool
) -> None:
    sim = await start()
    good = await read(http, sim, home(found), headers={"Accept": accept})
    bad = await read(http, sim, "https://no-such-host.com.sg/", headers={"Accept": accept})
    assert good.headers["content-type"].startswith("application/json") == success_json
    assert bad.headers["content-type"].startswith("application/json") == error_json
    if not success_json:
        assert good.text.startswith("Title: ")
        assert f"URL Source: {home(found)}" in good.text
        assert int(good.headers["x-usage-tokens"]) == sim.ledger.tokens_sent
    if not error_json:
        assert bad.text.startswith("ParamValidationError(url): Domain")


async def test_get_takes_the_target_from_the_path(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    sim = await start()
    url = f"{sim.base_url('jina')}/https://https://{found.domain}/?lang=en%20sg"
    response = await http.get(url, headers={"Accept": "application/json"})
    assert response.json()["data"]["url"] == f"https://{found.domain}/?lang=en sg"
    keyed = {"Authorization": sim.options.jina_key}
    assert (await http.get(f"{sim.base_url('jina')}/", headers=keyed)).text.startswith("[Balance left]")


async def test_options_come_from_headers_before_the_body(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    sim = await start()
    url = f"{sim.base_url('jina')}/"
    body = {"url": home(found), "maxTokens": 600, "respondWith": "content"}
    accept = {"Accept": "application/json"}
    fields = (await http.post(url, json=body, headers=accept)).json()["data"]
    assert fields["usage"]["tokens"] <= 600
    over = (
        await http.post(url, json=body, headers=accept | {"X-Max-Tokens": "500", "X-Respond-With": "markdown"})
    ).json()["data"]
    assert over["usage"]["tokens"] <= 500
    assert over["content"].startswith(f"# {over['title']}\n")
    assert "![Image 1" in over["content"]
    form = (await http.post(url, data={"url": home(found), "respondWith": "html"}, headers=accept)).json()["data"]
    assert "html" in form
    assert "content" not in form


@pytest.mark.parametrize(
    ("header", "value", "path"),
    [
        ("X-Max-Tokens", "499", "maxTokens"),
        ("X-Max-Tokens", "many", "maxTokens"),
        ("X-Target-Selector", "*", "targetSelector"),
        ("X-Target-Selector", ":root", "targetSelector"),
        ("X-Respond-With", "pageshot", "respondWith"),
    ],
)
async def test_an_invalid_option_is_named(
    start: Starter, http: httpx.AsyncClient, found: Truth, header: str, value: str, path: str
) -> None:
    response = await read(http, await start(), home(found), headers={header: value})
    assert response.status_code == 400
    assert response.json()["path"] == path
    assert response.json()["status"] == 40001


@pytest.mark.parametrize("limit", [500, 777, 1500])
async def test_max_tokens_bounds_the_bill(
    start: Starter, http: httpx.AsyncClient, truths: list[Truth], limit: int
) -> None:
    sim = await start(dataclasses.replace(CALM, allowance_scale=50))
    for truth in [each for each in truths if each.domain][:15]:
        data = (await read(http, sim, home(truth), headers={"X-Max-Tokens": str(limit)})).json()["data"]
        assert data["usage"]["tokens"] <= limit
        assert token_count(data["content"]) <= limit + 2, "re-encoding a cut text may give two more tokens"


async def test_a_token_budget_refuses_and_charges_nothing(
    start: Starter, http: httpx.AsyncClient, found: Truth
) -> None:
    sim = await start()
    response = await read(http, sim, home(found), headers={"X-Token-Budget": "10"})
    assert (response.status_code, response.json()["status"]) == (409, 40904)
    assert "Token budget (10) exceeded, intended charge amount" in response.json()["message"]
    assert sim.ledger.tokens_sent == 0


async def test_readability_drops_menu_and_footer_and_images_can_go(
    start: Starter, http: httpx.AsyncClient, found: Truth
) -> None:
    sim = await start()
    whole = (await read(http, sim, home(found))).json()["data"]["content"]
    main = (await read(http, sim, home(found), headers={"X-Respond-With": "content"})).json()["data"]["content"]
    bare = (await read(http, sim, home(found), headers={"X-Retain-Images": "none"})).json()["data"]["content"]
    assert "©" in whole
    assert "©" not in main
    assert "![" in whole
    assert "![" not in bare
    foot = (await read(http, sim, home(found), headers={"X-Target-Selector": "footer"})).json()["data"]["content"]
    assert foot.strip() in whole
    missing = await read(http, sim, home(found), headers={"X-Target-Selector": "#gone"})
    assert (missing.status_code, missing.json()["status"]) == (422, 42206)
    assert "with target selector #gone" in missing.json()["message"]


async def test_an_error_of_the_target_is_served_with_status_200(
    start: Starter, http: httpx.AsyncClient, found: Truth
) -> None:
    response = await read(http, await start(), home(found) + "gone")
    data = response.json()["data"]
    assert response.status_code == 200
    assert (data["httpStatus"], data["httpStatusText"]) == (404, "Not Found")
    assert data["warning"] == "Target URL returned error 404: Not Found"


async def test_each_kind_of_dead_target_has_its_error(
    start: Starter, http: httpx.AsyncClient, world: World, truths: list[Truth]
) -> None:
    sim = await start(dataclasses.replace(CALM, allowance_scale=10))
    seen = set()
    for truth in (each for each in truths if each.kind == "dead"):
        page = world.page(home(truth))
        response = await read(http, sim, home(truth))
        body = response.json()
        if page.failure is None:
            assert response.status_code == 200
            assert body["data"]["httpStatus"] == page.http_status >= 400
        else:
            expected = {"dns": (400, 40001), "timeout": (422, 42206), "refused": (422, 42206), "empty": (422, 42206)}
            assert (response.status_code, body["status"]) == expected[page.failure]
            assert body["data"] is None
            assert body["code"] == response.status_code
        seen.add(page.failure or page.http_status)
    assert len(seen) >= 3


async def test_a_bot_check_is_served_with_status_200_and_a_warning(
    start: Starter, http: httpx.AsyncClient, of_kind: Of
) -> None:
    data = (await read(http, await start(), home(of_kind("walled")))).json()["data"]
    assert data["title"] == "Just a moment..."
    assert "This page maybe requiring CAPTCHA" in data["warning"]
    assert data["usage"]["tokens"] < 200


async def test_robots_txt_is_checked_only_on_request(start: Starter, http: httpx.AsyncClient, of_kind: Of) -> None:
    sim = await start()
    denied = await read(http, sim, home(of_kind("robots")), headers={"X-Robots-Txt": "*"})
    assert (denied.status_code, denied.json()["status"]) == (409, 40902)
    assert (await read(http, sim, home(of_kind("robots")))).status_code == 200


async def test_a_snapshot_is_reused_for_an_hour(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    sim = await start()
    url = home(found) + "gone"  # short enough for Reader's warning
    snapshot = "This is a cached snapshot of the original page"

    async def warned(**headers: str) -> bool:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return snapshot in (await read(http, sim, url, headers=sent)).json()["data"]["warning"]

    assert not await warned(DNT="1")
    assert not await warned(), "a caller that wants no trace leaves none"
    clock.advance(3599)
    assert await warned()
    assert not await warned(X_No_Cache="false"), "any value switches the cache off"
    clock.advance(3601)
    assert not await warned()
