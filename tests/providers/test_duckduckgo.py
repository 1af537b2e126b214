"""The search over a mocked transport: the request, and every answer (table in README.md of this folder)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import httpx
import pytest
import pytest_asyncio
import respx
from provider_fakes import Bench, bench
from serp_pages import CHALLENGE, EOF, NO_RESULT_2026, html_page, html_result

from acra_express_async.errors import Blocked, Permanent, Transient
from acra_express_async.models import Provider, SearchHit
from acra_express_async.providers.duckduckgo import LONGEST_QUERY, DuckDuckGo, cleaned, pace
from acra_express_async.providers.serp import SearchPageKind, classify
from acra_express_async.settings.tree import DuckDuckGoSettings

URL = "https://html.duckduckgo.com/html/"
GOOD = html_page(html_result("Own", "https://own.sg/"))


@pytest.fixture
def rig() -> Bench:
    return bench(Provider.DUCKDUCKGO)


@pytest_asyncio.fixture
async def search(rig: Bench) -> AsyncIterator[DuckDuckGo]:
    async with httpx.AsyncClient() as http:
        yield DuckDuckGo(http, DuckDuckGoSettings(), rig.caller)


@respx.mock
async def test_sends_the_same_form_as_the_search_page(search: DuckDuckGo, rig: Bench) -> None:
    route = respx.post(URL).respond(200, html=GOOD)
    page = await search.search("!g  KOPI & TOAST   singapore", rig.scope)
    assert page.query == "g KOPI & TOAST singapore"
    assert [hit.url for hit in page.hits] == ["https://own.sg/"]
    request = route.calls.last.request
    assert parse_qs(request.content.decode(), keep_blank_values=True) == {
        "q": ["g KOPI & TOAST singapore"],
        "b": [""],
        "kl": ["sg-en"],
        "df": [""],
    }
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["user-agent"].startswith("acra-express/1 ")
    assert request.headers["referer"] == "https://html.duckduckgo.com/"
    assert "br" not in request.headers["accept-encoding"]
    assert rig.story == ["charged", "settled"]
    assert (rig.scope.requests, rig.calls("ok")) == (1, 1)


@pytest.mark.parametrize("page", [NO_RESULT_2026, EOF])
@respx.mock
async def test_no_results_is_an_empty_page(search: DuckDuckGo, rig: Bench, page: str) -> None:
    respx.post(URL).respond(200, html=page)
    assert (await search.search("zzz", rig.scope)).hits == ()


@pytest.mark.parametrize(
    ("status", "page"),
    [(202, CHALLENGE), (202, GOOD), (200, CHALLENGE), (503, CHALLENGE)]
    + [(status, "") for status in (301, 400, 403, 418, 429, 404)],
)
@respx.mock
async def test_every_block_opens_the_breaker_without_a_retry(
    search: DuckDuckGo, rig: Bench, status: int, page: str
) -> None:
    route = respx.post(URL).respond(status, html=page)
    with pytest.raises(Blocked):
        await search.search("x", rig.scope)
    assert route.call_count == 1
    assert rig.calls("blocked") == 1
    with pytest.raises(Blocked) as refused:
        await search.search("x", rig.scope)
    assert refused.value.reason == "breaker_open"
    assert route.call_count == 1
    assert rig.calls("breaker_open") == 1
    assert rig.story == ["charged", "settled"], "an open breaker costs nothing"


@respx.mock
async def test_a_redirect_is_permanent_for_the_query(search: DuckDuckGo, rig: Bench) -> None:
    route = respx.post(URL).respond(303, headers={"location": "https://elsewhere.example/"})
    with pytest.raises(Permanent) as wrong:
        await search.search("x", rig.scope)
    assert (wrong.value.reason, route.call_count) == ("redirect", 1)


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(500),
        httpx.Response(503),
        httpx.ReadTimeout("late"),
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("cut off"),
    ],
)
@respx.mock
async def test_a_transient_error_is_tried_three_times(
    search: DuckDuckGo, rig: Bench, failure: httpx.Response | Exception
) -> None:
    route = respx.post(URL).mock(side_effect=[failure, failure, httpx.Response(200, html=GOOD)])
    assert len((await search.search("x", rig.scope)).hits) == 1
    assert route.call_count == 3
    assert rig.slept, "it waited between the tries"


@respx.mock
async def test_the_error_is_raised_after_three_failures(search: DuckDuckGo, rig: Bench) -> None:
    route = respx.post(URL).respond(502)
    with pytest.raises(Transient) as failed:
        await search.search("x", rig.scope)
    assert (failed.value.reason, failed.value.sent, route.call_count) == ("http_502", True, 3)
    assert sum(rig.slept) <= 20
    assert rig.story == ["charged", "settled"] * 3, "every try is charged"


@pytest.mark.parametrize("page", ["<html><body>hello</body></html>", "", html_page()])
@respx.mock
async def test_changed_markup_is_an_error_not_an_empty_result(search: DuckDuckGo, rig: Bench, page: str) -> None:
    route = respx.post(URL).respond(200, html=page)
    with pytest.raises(Transient) as failed:
        await search.search("x", rig.scope)
    assert (failed.value.reason, route.call_count) == ("markup_changed", 1)
    for query in ("x", "x", "a", "b", "c"):
        with pytest.raises(Transient):
            await search.search(query, rig.scope)
    with pytest.raises(Transient):
        await search.search("d", rig.scope)
    with pytest.raises(Blocked):
        await search.search("e", rig.scope)
    assert rig.breaker.state.reason == "markup_changed"


@pytest.mark.parametrize("query", ["", "   ", "!", "! !!"])
async def test_an_empty_query_is_never_sent(search: DuckDuckGo, rig: Bench, query: str) -> None:
    with pytest.raises(Permanent) as wrong:
        await search.search(query, rig.scope)
    assert not wrong.value.sent
    assert rig.story == []


def test_bang_commands_are_removed_everywhere() -> None:
    assert cleaned("YAHOO! SOUTHEAST !ASIA ! PTE\\ g!") == "YAHOO SOUTHEAST ASIA PTE g"


def test_long_queries_are_cut_at_a_word() -> None:
    text = cleaned("word " * 200)
    assert len(text) <= LONGEST_QUERY
    assert text.endswith("word")
    assert len(cleaned("x" * 700)) == LONGEST_QUERY


def test_the_pace_keeps_the_documented_spacing() -> None:
    tempo = pace(DuckDuckGoSettings())
    assert (tempo.in_flight, tempo.spacing, tempo.jitter) == (1, 3, 3)
    assert tempo.interval == pytest.approx(3600 / 220)
    assert tempo.burst + 60 / tempo.interval <= 15
    scaled = pace(DuckDuckGoSettings(requests_per_hour=12_000))
    assert scaled.interval == pytest.approx(3600 / 13_200), "an hour of ours that is larger means a larger minute"


@respx.mock
async def test_the_loop_goes_on_while_a_page_is_parsed(
    search: DuckDuckGo, rig: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    respx.post(URL).respond(200, html=GOOD)
    parsing, moved = threading.Event(), threading.Event()

    def slow_classify(html: str) -> tuple[SearchPageKind, tuple[SearchHit, ...]]:
        parsing.set()
        assert moved.wait(60), "the loop stands still"
        return classify(html)

    async def move() -> None:
        while not parsing.is_set():  # noqa: ASYNC110 - a turn of the loop, not a time
            await asyncio.sleep(0)
        moved.set()

    monkeypatch.setattr("acra_express_async.providers.duckduckgo.classify", slow_classify)
    page, _ = await asyncio.gather(search.search("zylo", rig.scope), move())
    assert [hit.url for hit in page.hits] == ["https://own.sg/"]


@respx.mock
async def test_an_answer_beyond_any_real_page_is_a_changed_markup(search: DuckDuckGo, rig: Bench) -> None:
    """Half a megabyte of nested blocks had held the process for a minute."""
    respx.post(URL).respond(200, html="<div>" * 104_857)
    with pytest.raises(Transient) as error:
        await search.search("zylo", rig.scope)
    assert error.value.reason == "markup_changed"
