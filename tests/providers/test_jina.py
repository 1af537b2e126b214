"""The reader over a mocked transport: the request, the charge, and what counts as a usable page."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
import respx
from provider_fakes import Bench, FakeScope, bench
from pydantic import SecretStr
from reader_answers import SITE, URL, capture, error, page
from selectolax.lexbor import LexborHTMLParser

from acra_express_async.errors import Permanent
from acra_express_async.models import JobLimits, Link, Page, Provider
from acra_express_async.providers.jina import FOOTER_SELECTOR, JinaReader, pace
from acra_express_async.providers.reader_answers import MAX_TEXT_CHARS, MOST_TOKENS, judge
from acra_express_async.providers.reader_links import LONGEST_ADDRESS, LONGEST_LABEL, MOST_CONTACT_LINKS, MOST_LINKS
from acra_express_async.providers.wire import Answer
from acra_express_async.settings.tree import JinaSettings


@pytest.fixture
def rig() -> Bench:
    return bench(Provider.JINA)


@pytest_asyncio.fixture
async def reader(rig: Bench) -> AsyncIterator[JinaReader]:
    async with httpx.AsyncClient() as http:
        yield JinaReader(http, JinaSettings(api_key=SecretStr("jina_secret")), rig.caller)


@respx.mock
@pytest.mark.parametrize("billed", [2**31 - 1, 2**31, 10**30], ids=["int4", "int8", "31 digits"])
async def test_a_bill_beyond_all_reason_settles_its_charge(reader: JinaReader, rig: Bench, billed: int) -> None:
    respx.post(URL).respond(json=page(usage={"tokens": billed}, httpStatus=billed))
    read = await reader.read(SITE, rig.scope)
    assert (read.tokens, read.http_status, read.usable) == (MOST_TOKENS, None, True)
    assert rig.ledger.events[-1] == ("settled", 1, {"tokens_1m": MOST_TOKENS})
    assert rig.scope.tokens == MOST_TOKENS


@respx.mock
async def test_requests_bounded_markdown_and_charges_the_billed_tokens(reader: JinaReader, rig: Bench) -> None:
    route = respx.post(URL).respond(json=page(links={"Contact": "https://kopi.com.sg/contact"}))
    read = await reader.read(f"{SITE}#top", rig.scope)
    assert (read.url, read.title, read.tokens, read.usable) == (SITE, "Kopi", 33, True)
    assert read.links == (Link("Contact", "https://kopi.com.sg/contact"),)
    request = route.calls.last.request
    assert json.loads(request.content) == {"url": SITE}
    wanted = {
        "accept": "application/json",
        "x-respond-with": "markdown",
        "x-retain-images": "none",
        "x-retain-links": "text",
        "x-with-links-summary": "all",
        "x-max-tokens": "2000",
        "x-timeout": "15",
        "dnt": "1",
        "x-robots-txt": "*",
        "authorization": "Bearer jina_secret",
    }
    assert {name: request.headers[name] for name in wanted} == wanted
    assert "x-target-selector" not in request.headers, "a selector would end the normal waiting"
    assert rig.ledger.events == [
        ("charged", {"calls_1h": 1, "tokens_1m": 2002}),
        ("settled", 1, {"tokens_1m": 33}),
    ]
    assert (rig.scope.requests, rig.scope.tokens) == (1, 33)
    assert rig.metrics.registry.get_sample_value("acra_express_tokens_total", {"provider": "jina"}) == 33


@respx.mock
async def test_options_enabled_by_any_value_are_never_sent(rig: Bench) -> None:
    route = respx.post(URL).respond(json=page())
    async with httpx.AsyncClient() as http:
        reader = JinaReader(http, JinaSettings(respect_robots=False), rig.caller)
        await reader.read(SITE, rig.scope, max_tokens=900)
    headers = route.calls.last.request.headers
    assert not {"x-robots-txt", "authorization", "x-no-cache"} & set(headers)
    assert headers["x-max-tokens"] == "900"
    assert rig.ledger.events[0] == ("charged", {"calls_1h": 1, "tokens_1m": 902})


@pytest.mark.parametrize(
    ("own", "asked", "sent"), [(2500, 1500, 831), (2500, 600, 600), (502, 3000, 500), (5000, 9000, 4998)]
)
@respx.mock
async def test_the_page_limit_fits_the_token_limit_of_the_job(
    reader: JinaReader, rig: Bench, own: int, asked: int, sent: int
) -> None:
    route = respx.post(URL).respond(json=page())
    scope = FakeScope(limits=JobLimits("x", {(Provider.JINA, "tokens_1m"): own}))
    await reader.read(SITE, scope, max_tokens=asked)
    assert route.calls.last.request.headers["x-max-tokens"] == str(sent)


@respx.mock
async def test_links_are_read_in_all_their_forms(reader: JinaReader, rig: Bench) -> None:
    pairs = [
        ["Contact us", "/contact"],
        ["Mail", "mailto:info@kopi.sg"],
        ["x", "javascript:void(0)"],
        ["Contact us", "/contact"],
        ["Again", "/contact"],
        ["broken"],
        ["half", "http://[half"],
        [1, 2],
    ]
    respx.post(URL).respond(json=page(links=pairs, url="https://kopi.com.sg/home/"))
    assert (await reader.read(SITE, rig.scope)).links == (
        Link("Contact us", "https://kopi.com.sg/contact"),
        Link("Mail", "mailto:info@kopi.sg"),
        Link("Again", "https://kopi.com.sg/contact"),
    )


@respx.mock
async def test_a_footer_is_asked_for_and_charged_like_a_page(reader: JinaReader, rig: Bench) -> None:
    route = respx.post(URL).respond(json=page("Tel 6741 1100", usage={"tokens": 12}))
    read = await reader.read_footer(SITE, rig.scope, max_tokens=1000)
    assert (read.text, read.tokens, read.usable) == ("Tel 6741 1100", 12, True)
    headers = route.calls.last.request.headers
    assert headers["x-target-selector"] == FOOTER_SELECTOR
    assert (headers["x-max-tokens"], headers["x-retain-links"]) == ("1000", "text")
    assert rig.ledger.events == [
        ("charged", {"calls_1h": 1, "tokens_1m": 1002}),
        ("settled", 1, {"tokens_1m": 12}),
    ]


@respx.mock
async def test_a_footer_of_link_columns_is_read_without_them(reader: JinaReader, rig: Bench) -> None:
    route = respx.post(URL).respond(json=page("(c) Kopi", links={"0": "Tel,tel:67411100"}))
    read = await reader.read_footer(SITE, rig.scope, labels=False)
    assert route.calls.last.request.headers["x-retain-links"] == "none"
    assert read.text == "(c) Kopi\n\n[Tel](tel:67411100)", "contact links are in the list of links all the same"


@respx.mock
async def test_a_page_without_a_footer_is_an_empty_one(reader: JinaReader, rig: Bench) -> None:
    message = f"No content available for URL {SITE} with target selector footer"
    respx.post(URL).respond(422, json=error(422, 42206, "AssertionFailureError", message))
    read = await reader.read_footer(SITE, rig.scope)
    assert (read.usable, read.unusable_reason) == (False, "empty")


def test_the_footer_selector_takes_only_outermost_footers() -> None:
    assert ", " not in FOOTER_SELECTOR, "Reader would split it there and wait for every part"
    html = """<html class="has-footer"><body class="Footer-dark"><div id="page">
    <article><p>News</p><footer>By Ann</footer></article><blockquote>Good!<footer>A client</footer></blockquote>
    <div class="card"><div class="card-footer">Buy</div></div><section id="Contact">Visit us</section>
    <div class="Site-Footer"><div class="footer-col">Tel <b>6741 1100</b></div> <footer>(c) Kopi</footer></div>
    <div class="modal-footer">Close</div></div></body></html>"""
    found = [" ".join(node.text().split()) for node in LexborHTMLParser(html).css(FOOTER_SELECTOR)]
    assert found == ["Visit us", "Tel 6741 1100 (c) Kopi"]


@respx.mock
async def test_a_page_that_fills_its_limit_was_cut(reader: JinaReader, rig: Bench) -> None:
    text = "We sell coffee. Mail info@kopi.com"
    for billed, limit in ((1499, 1500), (1500, 1500), (1502, 1500), (1497, None)):
        respx.post(URL).respond(json=page(text, usage={"tokens": billed}))
        read = await reader.read(SITE, rig.scope, max_tokens=1500)
        assert read.cut_at == limit
        assert ("info@kopi.com" in read.text) is (limit is None), "the last word may be the beginning of another"


@respx.mock
async def test_a_short_contact_page_with_a_captcha_form_is_a_page(reader: JinaReader, rig: Bench) -> None:
    warning = "This page maybe requiring CAPTCHA, please make sure you are authorized to access this page."
    respx.post(URL).respond(json=page("Tel 6741 1100 info@kopi.com.sg Name Message Send", warning=warning))
    read = await reader.read(SITE, rig.scope)
    assert (read.usable, read.unusable_reason, read.warning) == (True, None, warning)


@respx.mock
async def test_the_description_of_the_page_is_kept(reader: JinaReader, rig: Bench) -> None:
    respx.post(URL).respond(json=page(description="We roast coffee in Tiong Bahru. " * 100))
    read = await reader.read(SITE, rig.scope)
    assert read.description.startswith("We roast coffee in Tiong Bahru.")
    assert len(read.description) == 1000


@respx.mock
async def test_a_huge_title_is_cut(reader: JinaReader, rig: Bench) -> None:
    respx.post(URL).respond(json=page("Bolts and nuts", title="Orchid Hardware " * 100_000))
    read = await reader.read(SITE, rig.scope)
    assert len(read.title) == 1000
    assert read.usable


@respx.mock
async def test_links_of_the_markdown_are_used_without_a_summary(reader: JinaReader, rig: Bench) -> None:
    text = (
        "![logo](https://kopi.sg/a.png) [About us](about.html) [Wiki](https://w.org/a_(b)) [Home](<https://kopi.sg/>)"
    )
    respx.post(URL).respond(json=page(text))
    read = await reader.read("https://kopi.sg/x/", rig.scope)
    assert [link.url for link in read.links] == [
        "https://kopi.com.sg/about.html",
        "https://w.org/a_(b)",
        "https://kopi.sg/",
    ]


@pytest.mark.parametrize(
    ("answer", "reason", "status"),
    [
        (page("Gone", warning="Target URL returned error 404: Not Found"), "http_404", 404),
        (page("Gone", httpStatus=503), "http_503", 503),
        (page("ok", httpStatus=200), None, 200),
        (page(""), "empty", None),
        (page(" \n\t "), "empty", None),
        (page("Please wait", title="Just a moment..."), "captcha", None),
        (page("Verify", warning="This page maybe requiring CAPTCHA, please make sure"), "captcha", None),
        (page("word " * 2000, warning="This page maybe requiring CAPTCHA, please make sure"), None, None),
        (page("word " * 2000, title="Access denied: a history of doors"), None, None),
        (page("short", warning="This is a cached snapshot of the original page, consider retry"), None, None),
    ],
)
@respx.mock
async def test_warning_status_and_content_decide_if_a_page_is_usable(
    reader: JinaReader, rig: Bench, answer: dict[str, Any], reason: str | None, status: int | None
) -> None:
    respx.post(URL).respond(json=answer)
    read = await reader.read(SITE, rig.scope)
    assert (read.usable, read.unusable_reason, read.http_status) == (reason is None, reason, status)
    assert rig.calls("ok") == 1


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Failed to goto https://x.sg/: TimeoutError: Navigation timeout of 30000 ms exceeded", "unreachable"),
        ("Failed to goto https://x.sg/: Error: net::ERR_CONNECTION_REFUSED", "unreachable"),
        ("Failed to access https://x.sg: proxy handshake error", "unreachable"),
        ("No content available for URL https://x.sg/", "empty"),
        ("Could not extract any meaningful content from the page", "empty"),
    ],
)
@respx.mock
async def test_a_target_that_cannot_be_read_is_an_unusable_page(
    reader: JinaReader, rig: Bench, message: str, reason: str
) -> None:
    route = respx.post(URL).respond(422, json=error(422, 42206, "AssertionFailureError", message))
    read = await reader.read(SITE, rig.scope)
    assert (read.usable, read.unusable_reason, route.call_count) == (False, reason, 1)
    assert rig.ledger.events[-1] == ("settled", 1, {"tokens_1m": 0}), "errors cost no tokens"


@pytest.mark.parametrize(
    "url", ["http://localhost/", "https://me:secret@x.sg/", "http://10.0.0.1/", "x.sg", "ftp://x.sg"]
)
async def test_private_urls_are_refused_before_anything_is_charged(reader: JinaReader, rig: Bench, url: str) -> None:
    with pytest.raises(Permanent) as refused:
        await reader.read(url, rig.scope)
    assert (refused.value.reason, refused.value.sent) == ("refused_url", False)
    assert rig.ledger.events == []
    assert "secret" not in str(refused.value)


@respx.mock
async def test_missing_usage_keeps_the_reservation(reader: JinaReader, rig: Bench) -> None:
    respx.post(URL).respond(json=page(usage={"tokens": "many"}))
    assert (await reader.read(SITE, rig.scope)).tokens == 0
    assert rig.ledger.events[-1] == ("settled", 1, {})


@pytest.mark.parametrize(
    "name", ["success_json_markdown_2026-09_trimmed.json", "success_json_with_links_vendor_example.json"]
)
@respx.mock
async def test_captured_pages_are_read(reader: JinaReader, rig: Bench, name: str) -> None:
    respx.post(URL).respond(json=capture(name)["body"])
    read = await reader.read("https://example.com/", rig.scope)
    assert read.usable
    assert read.links
    assert all(link.url.startswith("https://") for link in read.links)


def test_the_pace_stays_within_the_published_limits() -> None:
    keyless, keyed = pace(JinaSettings()), pace(JinaSettings(api_key=SecretStr("k")))
    assert (keyless.burst, keyless.in_flight) == (10, 2)
    assert keyless.interval == keyed.interval == pytest.approx(3600 / 132)
    assert keyless.burst + 60 / keyless.interval <= 20
    assert pace(JinaSettings(calls_per_hour=7200)).interval == pytest.approx(3600 / 7920)


HOSTILE_TEXTS = {
    "open links": "[a](b " * 300_000,
    "half links": "[a](" * 450_000,
    "links": "".join(f"[x{number}](https://a{number}.sg/c) " for number in range(60_000)),
    "mails": "".join(f"[x{number}](mailto:a{number}@a.sg) " for number in range(60_000)),
    "brackets": "[" * 1_900_000,
}


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS.keys())
@respx.mock
async def test_a_text_of_megabytes_is_cut_before_it_is_read(reader: JinaReader, rig: Bench, text: str) -> None:
    respx.post(URL).respond(json=page(content=text))
    read = await reader.read(SITE, rig.scope)
    assert len(read.text) < 2 * MAX_TEXT_CHARS
    assert read.text.startswith(text[:1000])
    assert len(read.links) <= MOST_LINKS + MOST_CONTACT_LINKS


@pytest.mark.parametrize(
    "links",
    [
        {f"l{number}": f"https://a{number}.sg/" for number in range(40_000)},
        [[f"l{number}", f"mailto:a{number}@a.sg"] for number in range(40_000)],
        [["aaaa", f"javascript:{number}"] for number in range(40_000)],
        [["l", "https://a.sg/" + "/" * 1_900_000], ["m", "https://b.sg/"]],
        [["l " * 900_000, "https://a.sg/"]],
    ],
    ids=["object", "mails", "no links", "long address", "long label"],
)
@respx.mock
async def test_a_list_of_links_is_bounded(reader: JinaReader, rig: Bench, links: object) -> None:
    respx.post(URL).respond(json=page(content="aaaa " * 20_000, links=links))
    read = await reader.read(SITE, rig.scope)
    assert read.usable
    assert len(read.links) <= MOST_LINKS + MOST_CONTACT_LINKS
    assert all(len(link.url) <= LONGEST_ADDRESS and len(link.label) <= LONGEST_LABEL for link in read.links)


@respx.mock
async def test_the_loop_goes_on_while_an_answer_is_read(
    reader: JinaReader, rig: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    respx.post(URL).respond(json=page())
    reading, moved = threading.Event(), threading.Event()

    def slow_judge(answer: Answer, url: str, limit: int) -> Page:
        reading.set()
        assert moved.wait(60), "the loop stands still"
        return judge(answer, url, limit)

    async def move() -> None:
        while not reading.is_set():  # noqa: ASYNC110 - a turn of the loop, not a time
            await asyncio.sleep(0)
        moved.set()

    monkeypatch.setattr("acra_express_async.providers.jina.judge", slow_judge)
    read, _ = await asyncio.gather(reader.read(SITE, rig.scope), move())
    assert read.usable
