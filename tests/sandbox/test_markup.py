"""The templates compared with the classification in tests/providers/README.md and with captured pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from sandbox.shared_data import shared
from selectolax.lexbor import LexborHTMLParser, LexborNode

from acra_express_async.sandbox import markup
from acra_express_async.sandbox.markup import Ad, Listing, reader, zerobounce_answer
from acra_express_async.sandbox.markup.tokens import cut_to_tokens, token_count

QUERY = "Copper Heron Bakery Singapore"
LISTINGS = [
    Listing(
        f"Heron <{number}> & Sons", f"https://www.heron-{number}.com.sg/a%20b/?x=1&y={number}", "Copper and bread", day
    )
    for number, day in enumerate(["", "2026-01-02", "", "", "", "", "", "", "", ""])
]
AD = Ad("Cheap ovens", "ovens.example", "Buy now")
BLOCK_MARKERS = ("anomaly-modal", 'id="challenge-form"', "duckduckgo.com/anomaly.js", "bots use DuckDuckGo too")


def verdict(status: int, page: str) -> str:
    """Classify an answer of DuckDuckGo by the table in tests/providers/README.md, in its order."""
    if status == 202 or any(marker in page for marker in BLOCK_MARKERS):
        return "blocked"
    if status in (403, 418, 429, 400, 301):
        return "blocked-like"
    if 300 <= status < 400:
        return "redirect"
    if status >= 500:
        return "transient"
    organic = targets(page)
    if not organic and ("result--no-result" in page or "No results." in page or "No more results." in page):
        return "no results"
    return "results" if organic else "markup changed"


def targets(page: str) -> list[str]:
    """Unwrapped targets of the organic results (html or lite), without ads and the EOF placeholder."""
    tree = LexborHTMLParser(page)
    anchors = [
        anchor
        for item in tree.css("div.result.web-result")
        if "result--no-result" not in classes(item) and "result--ad" not in classes(item)
        for anchor in item.css("a.result__a")
    ]
    anchors += [
        anchor
        for anchor in tree.css("a.result-link")
        if not any("result-sponsored" in classes(parent) for parent in ancestors(anchor))
    ]
    found = [unwrapped(anchor.attributes["href"] or "") for anchor in anchors if anchor.text(strip=True) != "EOF"]
    return [url for url in found if not (urlsplit(url).hostname or "").endswith("duckduckgo.com")]


def classes(node: LexborNode) -> list[str]:
    return (node.attributes.get("class") or "").split()


def ancestors(node: LexborNode) -> list[LexborNode]:
    found, parent = [], node.parent
    while parent is not None:
        found.append(parent)
        parent = parent.parent
    return found


def unwrapped(href: str) -> str:
    url = "https:" + href if href.startswith("//") else href
    split = urlsplit(url)
    if (split.hostname or "").endswith("duckduckgo.com") and split.path == "/l/":
        return parse_qs(split.query)["uddg"][0]
    return url


@pytest.mark.parametrize("form", ["direct", "wrapped"])
@pytest.mark.parametrize("write", [markup.html_results, markup.lite_results])
def test_results_lead_to_their_targets_in_order(write: Callable[..., str], form: str) -> None:
    page = write(QUERY, LISTINGS, form=form, ad=AD)
    assert verdict(200, page) == "results"
    assert targets(page) == [listing.url for listing in LISTINGS]
    assert "<title>Copper Heron Bakery Singapore at DuckDuckGo</title>" in page
    assert '<option value="sg-en" >Singapore</option>' in page


def test_wrapped_links_are_escaped_more_than_needed() -> None:
    link = markup.href("https://a-b.com.sg/x%20y", "wrapped")
    assert link.startswith("//duckduckgo.com/l/?uddg=https%3A%2F%2Fa%2Db.com.sg%2Fx%2520y&amp;rut=")
    assert len(link.rpartition("rut=")[2]) == 64


def test_an_ad_looks_like_a_result_and_links_to_a_counter() -> None:
    tree = LexborHTMLParser(markup.html_results(QUERY, LISTINGS, form="wrapped", ad=AD))
    first = tree.css("a.result__a")[0]
    assert urlsplit(unwrapped(first.attributes["href"] or "")).path == "/y.js"
    assert tree.css_first("div.result--ad button.badge--ad") is not None
    lite = LexborHTMLParser(markup.lite_results(QUERY, LISTINGS, ad=AD))
    assert len(lite.css("tr.result-sponsored a.result-link")) == 2
    assert "2." in (lite.css("td[valign=top]")[1].text() or ""), "the numbering counts the ad"


def test_a_zero_click_box_is_not_a_result() -> None:
    page = markup.html_results(QUERY, LISTINGS, box=Listing("Heron", "https://en.wikipedia.org/wiki/Heron", "A bird"))
    assert len(targets(page)) == len(LISTINGS)
    assert LexborHTMLParser(page).css_first("div.zci #zero_click_abstract") is not None


@pytest.mark.parametrize("variant", markup.NO_RESULTS)
def test_no_results_pages_are_classified_as_such(variant: markup.NoResult) -> None:
    page = markup.html_no_results("nothing <here>", variant)
    assert verdict(200, page) == "no results"
    assert ("EOF" in page) == (variant == "eof")


@pytest.mark.parametrize("past_end", [True, False])
def test_no_results_pages_of_lite_are_classified_as_such(past_end: bool) -> None:
    assert verdict(200, markup.lite_no_results(QUERY, past_end=past_end)) == "no results"


@pytest.mark.parametrize("kind", ["sre", "botnet"])
@pytest.mark.parametrize("status", [202, 200])
def test_a_challenge_is_recognised_with_any_status(kind: markup.ChallengeKind, status: int) -> None:
    page = markup.challenge_page(QUERY, kind=kind)
    assert verdict(status, page) == "blocked"
    assert all(marker in page for marker in BLOCK_MARKERS)
    assert f"cc={kind}" in page
    assert len(LexborHTMLParser(page).css("div.anomaly-modal__box")) == 9


def test_changed_markup_and_landing_page_are_unknown_answers() -> None:
    assert verdict(200, markup.html_changed_markup(QUERY, LISTINGS)) == "markup changed"
    assert verdict(200, markup.html_landing()) == "markup changed"


def test_a_next_page_form_replays_the_documented_fields() -> None:
    for page, form in (
        (markup.html_results(QUERY, LISTINGS), "div.nav-link form"),
        (markup.lite_results(QUERY, LISTINGS), "form.next_form"),
    ):
        inputs = LexborHTMLParser(page).css_first(form).css("input[type=hidden]")
        fields = {each.attributes["name"]: each.attributes["value"] for each in inputs}
        assert set(fields) == {"q", "s", "nextParams", "v", "o", "dc", "api", "vqd", "kl"}
        assert fields["vqd"] == markup.vqd(QUERY)


@pytest.mark.parametrize(
    ("name", "status", "expected", "count"),
    [
        ("einoext_html_results_eino_direct-hrefs.html", 200, "results", 10),
        ("dsc_lite_results_with_headers_2026-04-14.http", 200, "results", 10),
        ("dsc_anomaly_2026.html", 202, "blocked", 0),
        ("dsc_anomaly_2026.html", 200, "blocked", 0),
        ("einoext_html_EOF_google-fallback_no-results.html", 200, "no results", 0),
        ("einoext_html_page-past-end_no-more-results.html", 200, "no results", 0),
    ],
)
def test_captured_pages_are_classified_alike(name: str, status: int, expected: str, count: int) -> None:
    page = shared(f"captured/duckduckgo/{name}").read_text(encoding="utf-8")
    assert verdict(status, page) == expected
    if expected == "results":
        assert len(targets(page)) == count


def shape(node: LexborNode) -> list[tuple[str, tuple[str, ...]]]:
    """Tags and classes of a subtree in document order, without bold words and dates, which vary."""
    return [
        (each.tag, tuple(classes(each))) for each in node.traverse() if each.tag not in ("b", "span") or classes(each)
    ]


def test_a_result_is_built_like_a_captured_one() -> None:
    captured = LexborHTMLParser(shared("captured/duckduckgo/einoext_html_results_eino_direct-hrefs.html").read_text())
    ours = LexborHTMLParser(markup.html_results(QUERY, LISTINGS))
    theirs = captured.css("div.result.web-result")[0]
    assert shape(ours.css("div.result.web-result")[0]) == shape(theirs)
    assert ours.css("div.result.web-result")[0].attributes["class"] == theirs.attributes["class"]
    nothing = LexborHTMLParser(
        shared("captured/duckduckgo/einoext_html_page-past-end_no-more-results.html").read_text()
    )
    ours = LexborHTMLParser(markup.html_no_results("x", "past_end"))
    assert shape(ours.css_first("div.result--no-result")) == shape(nothing.css_first("div.result--no-result"))


def test_lite_rows_are_built_like_captured_ones() -> None:
    page = shared("captured/duckduckgo/dsc_lite_results_with_headers_2026-04-14.http").read_text(encoding="utf-8")
    captured = [shape(row) for row in LexborHTMLParser(page).css("table")[-1].css("tr")]
    ours = [shape(row) for row in LexborHTMLParser(markup.lite_results("x", LISTINGS)).css("table")[-1].css("tr")]
    assert ours[:4] == captured[:4]


def test_a_challenge_is_built_like_the_captured_one() -> None:
    captured = LexborHTMLParser(shared("captured/duckduckgo/dsc_anomaly_2026.html").read_text())
    ours = LexborHTMLParser(markup.challenge_page("rust serde derive", kind="botnet"))
    assert shape(ours.css_first("form#challenge-form")) == shape(captured.css_first("form#challenge-form"))


def test_reader_bodies_have_the_keys_of_the_captured_ones() -> None:
    for path in sorted(shared("captured/jina").glob("error_*.json")):
        captured = json.loads(path.read_text())["body"]
        name = {
            40102: "bad_key",
            40203: "no_balance",
            40305: "domain_blocked",
            42206: "timeout",
            42903: "rate_limit",
            45102: "domain_blocked_451",
        }[captured["status"]]
        facts = dict.fromkeys(("url", "host", "until", "ms", "who", "count", "since"), "x")
        ours = reader.error(name, facts)
        assert {key: ours[key] for key in ("code", "name", "status")} == {
            key: captured[key] for key in ("code", "name", "status")
        }
        if "<" not in captured["message"] and "://" not in captured["message"]:
            assert ours["message"] == captured["message"]
    captured = json.loads(shared("captured/jina/success_json_markdown_2026-09_trimmed.json").read_text())["body"]
    ours = reader.success(url="https://example.com/", title="Example Domain", content="x", published="Tue")
    assert ours["data"].keys() == captured["data"].keys()
    assert ours.keys() - captured.keys() == {"meta"}


@pytest.mark.parametrize("tokens", [500, 501, 1_500])
def test_cutting_and_billing_use_one_count(tokens: int) -> None:
    for text in ("x" * 10_000, "烘焙" * 4_000, "x" * (4 * tokens + 1)):
        assert tokens - 3 <= token_count(cut_to_tokens(text, tokens)) <= tokens
    assert token_count("") == 0
    assert cut_to_tokens("short", tokens) == "short"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Tel: +65 6123 4567", 10),
        ("Email: info@brightway.com.sg", 8),
        ("Our team answers every enquiry within one working day and keeps you informed.", 14),
        ("10 Anson Road, #12-05, International Plaza, Singapore 079903", 17),
        ("*   [About us](https://www.brightway.com.sg/about-us)", 17),
    ],
)
def test_token_estimates_are_near_the_real_encoding(text: str, tokens: int) -> None:
    """The figures were counted with cl100k_base."""
    assert abs(token_count(text) - tokens) <= max(1, tokens * 0.15)


def test_sandbox_addresses_answer_as_the_providers_mocks() -> None:
    mocks = json.loads(shared("captured/zerobounce/sdk_go_sandbox_validate_mocks.json").read_text())
    checked = 0
    for address, body in mocks.items():
        if "@" in address:
            assert zerobounce_answer.sandbox_result(address, processed_at=body["processed_at"]) == body
            checked += 1
    assert checked == 32
    assert zerobounce_answer.sandbox_result("info@example.com", processed_at="") is None


def test_a_result_has_the_fields_and_types_of_a_real_one() -> None:
    captured = json.loads(
        json.loads(shared("captured/zerobounce/validate_ok_2025-10-16.json").read_text())["response"]["body"]
    )
    ours = zerobounce_answer.result(
        "a@b.sg", "valid", processed_at="2025-10-16 08:28:31.200", mx_record="mx.b.sg", domain_age_days="9"
    )
    assert list(ours) == list(captured)
    assert {key: type(value) for key, value in ours.items() if value is not None}.items() <= {
        key: type(value) for key, value in captured.items()
    }.items()


def test_usage_counts_have_the_keys_of_a_real_one() -> None:
    captured = json.loads(
        json.loads(shared("captured/zerobounce/getapiusage_ok_2025-10-16.json").read_text())["response"]["body"]
    )
    ours = zerobounce_answer.api_usage({("valid", ""): 2, ("invalid", "mailbox_not_found"): 3}, "9/4/2023", "9/4/2023")
    assert captured.keys() <= ours.keys()
    assert (ours["total"], ours["status_valid"], ours["sub_status_mailbox_not_found"]) == (5, 2, 3)
