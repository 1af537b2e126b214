"""Pages that are made to cost a parser its time or the process its memory, and pages that people get."""

from __future__ import annotations

from itertools import count

import pytest
from extract.hostile import cpu_seconds
from selectolax.lexbor import LexborHTMLParser

from acra_express_async.models import SearchHit
from acra_express_async.providers.bounded_html import MOST_TAGS, bounded
from acra_express_async.providers.duckduckgo import BODY_CAP
from acra_express_async.providers.serp import SearchPageKind, classify
from acra_express_async.sandbox.markup.fragments import Listing
from acra_express_async.sandbox.markup.html_page import html_results
from acra_express_async.sandbox.markup.lite_page import lite_results

HALF = MOST_TAGS // 2
PIECES = {
    "nested blocks": "<div>" * 40_000,
    "nested blocks at the limit": "<div>" * MOST_TAGS,
    "nested results": "<div id=links>" + "<div class='web-result'>" * (MOST_TAGS - 1),
    "nested results with links": "<div id=links>"
    + "<div class='web-result'><a class='result__a' href='//a.sg'>" * HALF,
    "nested rows": "<table><tr><td>" * (MOST_TAGS // 3),
    "nested links in cells": "<table><tr><td><a id=1>" * (MOST_TAGS // 4),
    "options": "<select>" + "<option>" * (MOST_TAGS - 1),
    "templates": "<template>" * MOST_TAGS,
    "hidden closings": "<div><!--</div>-->" * HALF + "<div title='</div>'>" * HALF,
    "attributes": "<a " + " ".join(f"a{number}=1" for number in range(BODY_CAP // 8)) + ">",
    "open formatting": "<p>" + "".join(f"<b id={number}>" for number in range(HALF)) + "<p>x" * (HALF - 1),
    "open formatting in capitals": "<p>" + "".join(f"<FONT\n a={n}>" for n in range(HALF)) + "<p>x" * (HALF - 1),
    "text in nested results": "<div id=links>"
    + "<div class='web-result'>" * HALF
    + "<a class='result__a' href='https://a.sg'>"
    + "y " * BODY_CAP,
    "entities": "&amp;" * BODY_CAP,
    "comment without end": "<!--" + "-" * BODY_CAP,
}


@pytest.mark.parametrize("page", PIECES.values(), ids=PIECES.keys())
def test_no_page_holds_the_parser_up(page: str) -> None:
    """Processor time within the size that is read at all; the worst takes 0.5 s, where it took minutes."""
    assert cpu_seconds(lambda: classify(page[:BODY_CAP])) < 3


@pytest.mark.parametrize("name", ["b", "I", "font", "NOBR", "tt", "strong"])
def test_open_formatting_is_not_repeated_in_each_paragraph(name: str) -> None:
    numbers = count()
    page = "<p>" + f"<{name} id=%d>" * HALF % tuple(next(numbers) for _ in range(HALF)) + "<p>x" * (HALF - 1)
    harmless = bounded(page)
    assert harmless is not None
    assert len(LexborHTMLParser(harmless).css("*")) < MOST_TAGS + 10


def test_a_page_of_too_many_tags_is_neither_results_nor_empty() -> None:
    assert bounded("<div>" * (MOST_TAGS + 1)) is None
    assert classify("<div class='no-results'>" + "<p>" * MOST_TAGS) == (SearchPageKind.UNKNOWN, ())
    assert classify("bots use DuckDuckGo too" + "<p>" * 10_000)[0] is SearchPageKind.CHALLENGE


def test_formatting_is_renamed_and_nothing_else() -> None:
    page = "<b>x</b><B class='a'>y</B ><br><base><i/><body><input><a href='<b>'>z</a><strong\n>"
    assert bounded(page) == (
        "<span>x</span><span class='a'>y</span ><br><base><span/><body><input><a href='<span>'>z</a><span\n>"
    )


@pytest.mark.parametrize("make", [html_results, lite_results])
def test_the_largest_real_page_keeps_every_result(make: object) -> None:
    """Thirty results, words of the query in bold in title and snippet, as people get them."""
    listings = [
        Listing(
            f"Zylo <Bakery> {number} & sons", f"https://zylo{number}.com.sg/?a=1&b=2", f"Zylo Bakery {number} " * 15
        )
        for number in range(30)
    ]
    page = make("zylo bakery", listings)  # type: ignore[operator]
    assert len(page.encode()) < BODY_CAP / 2
    kind, hits = classify(page)
    assert (kind, len(hits)) == (SearchPageKind.RESULTS, 30)
    assert hits[29] == SearchHit(30, listings[29].title, listings[29].url, hits[29].snippet)
    assert hits[29].snippet.startswith("Zylo Bakery 29 Zylo Bakery 29")
