"""Parsing DuckDuckGo's pages: templates in its markup with invented content, and captured pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from serp_pages import AD, CHALLENGE, EOF, LITE_NONE, NO_RESULT_2026, PAST_END, html_page, html_result, lite_page

from acra_express_async.providers.serp import SearchPageKind, classify, unwrapped

CAPTURES = Path(__file__).parents[3] / "shared" / "data" / "captured" / "duckduckgo"


def test_organic_results_in_order_with_title_and_snippet() -> None:
    verdict, hits = classify(
        html_page(
            html_result("Kopi &amp; <b>Toast</b> Pte Ltd", "https://kopi.com.sg/", "Since <b>1999</b>, hot."),
            html_result("Second", "http://second.sg/a?b=c&amp;d=e"),
        )
    )
    assert verdict is SearchPageKind.RESULTS
    assert [(hit.rank, hit.title, hit.url, hit.snippet) for hit in hits] == [
        (1, "Kopi & Toast Pte Ltd", "https://kopi.com.sg/", "Since 1999, hot."),
        (2, "Second", "http://second.sg/a?b=c&d=e", ""),
    ]


def test_ads_and_the_zero_click_box_are_not_results() -> None:
    box = '<div class="zci-wrapper"><div class="zci"><h1 class="zci__heading"><a href="https://w.org">W</a></h1></div></div>'
    verdict, hits = classify(html_page(AD, box, html_result("Own", "https://own.sg/")))
    assert verdict is SearchPageKind.RESULTS
    assert [(hit.rank, hit.url) for hit in hits] == [(1, "https://own.sg/")]


def test_an_ad_without_its_class_is_recognised_by_its_target() -> None:
    wrapped = "//duckduckgo.com/l/?uddg=https%3A%2F%2Fduckduckgo.com%2Fy.js%3Fad_domain%3Dx.com&amp;rut=ab"
    verdict, hits = classify(html_page(html_result("Buy now", wrapped), html_result("Own", "https://own.sg/")))
    assert (verdict, [hit.url for hit in hits]) == (SearchPageKind.RESULTS, ["https://own.sg/"])


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("https://go.dev/", "https://go.dev/"),
        ("//duckduckgo.com/l/?uddg=https%3A%2F%2Frust%2Dlang.org%2Fa%2520b&rut=d4", "https://rust-lang.org/a%20b"),
        ("/l/?kh=-1&uddg=http%3A%2F%2Fold.example%2F%3Fq%3D1%26r%3D2", "http://old.example/?q=1&r=2"),
        ("https://html.duckduckgo.com/l/?rut=1&uddg=https%3A%2F%2Fx.sg", "https://x.sg"),
        ("https://duckduckgo.com/y.js?ad_domain=x.com", None),
        ("https://help.duckduckgo.com/company/ads", None),
        ("//duckduckgo.com/l/?rut=1", None),
        ("//duckduckgo.com/l/?uddg=javascript%3Aalert(1)", None),
        ("javascript:alert(1)", None),
        ("mailto:info@x.sg", None),
        ("https://", None),
        ("http://[half", None),
        ("", None),
    ],
)
def test_links_are_unwrapped_once(href: str, url: str | None) -> None:
    assert unwrapped(href) == url


@pytest.mark.parametrize("page", [NO_RESULT_2026, EOF, PAST_END, LITE_NONE])
def test_genuine_no_results_pages_are_recognised(page: str) -> None:
    assert classify(page) == (SearchPageKind.NO_RESULTS, ())


@pytest.mark.parametrize("page", [CHALLENGE, '<form id="challenge-form" action="/">', "<p>bots use DuckDuckGo too</p>"])
def test_a_challenge_is_recognised_by_its_markup(page: str) -> None:
    assert classify(page) == (SearchPageKind.CHALLENGE, ())


def test_words_in_snippets_do_not_make_a_challenge() -> None:
    page = html_page(html_result("Captcha challenge solved", "https://x.sg/", "The captcha challenge of the year"))
    assert classify(page)[0] is SearchPageKind.RESULTS


@pytest.mark.parametrize("page", ["", "<html><body>Welcome</body></html>", html_page(), "\x00\xff", "{}"])
def test_a_page_without_any_known_marker_is_unknown(page: str) -> None:
    assert classify(page) == (SearchPageKind.UNKNOWN, ())


def test_lite_rows_belong_to_the_link_before_them() -> None:
    verdict, hits = classify(
        lite_page(
            ("One", "//duckduckgo.com/l/?uddg=https%3A%2F%2Fone.sg%2F&amp;rut=a1", None),
            ("Two", "https://two.sg/", "About <b>two</b>"),
        )
    )
    assert verdict is SearchPageKind.RESULTS
    assert [(hit.rank, hit.title, hit.url, hit.snippet) for hit in hits] == [
        (1, "One", "https://one.sg/", ""),
        (2, "Two", "https://two.sg/", "About two"),
    ]


def capture(name: str) -> str:
    path = CAPTURES / name
    if not path.exists():
        pytest.skip("no captured pages beside this checkout (shared/data/captured)")
    return path.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize(
    ("name", "verdict", "count"),
    [
        ("einoext_html_results_eino_direct-hrefs.html", SearchPageKind.RESULTS, 10),
        ("dsc_lite_results_with_headers_2026-04-14.http", SearchPageKind.RESULTS, 10),
        ("einoext_html_EOF_google-fallback_no-results.html", SearchPageKind.NO_RESULTS, 0),
        ("einoext_html_page-past-end_no-more-results.html", SearchPageKind.NO_RESULTS, 0),
        ("dsc_anomaly_2026.html", SearchPageKind.CHALLENGE, 0),
    ],
)
def test_captured_pages_are_classified(name: str, verdict: SearchPageKind, count: int) -> None:
    said, hits = classify(capture(name))
    assert (said, len({hit.url for hit in hits})) == (verdict, count)
    assert all(hit.title and hit.url.startswith("http") and "duckduckgo.com" not in hit.url for hit in hits)
    assert sum(1 for hit in hits if hit.snippet) >= count - 2
