"""DuckDuckGo's result pages without scripts, html and lite: is it a challenge, a real "no results", or results?

Both pages are made for people; the templates in sandbox/markup/ show the markup that this was written for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from acra_express_async.models import SearchHit
from acra_express_async.providers.bounded_html import bounded

CHALLENGE_MARKERS = ("anomaly-modal", 'id="challenge-form"', "duckduckgo.com/anomaly.js", "bots use DuckDuckGo too")
"""Words such as "captcha" would not do, because they occur in snippets."""

_NO_RESULT_WORDS = ("No results.", "No more results.")
_MOST_HITS = 50
_MOST_ITEMS = 400
"""Most results, or table rows at four per result, that are read; in a nested page each contains all later ones."""
_MOST_TEXT = 2_000
"""A title has about sixty characters, a snippet about three hundred."""


class SearchPageKind(StrEnum):
    """What a page is."""

    CHALLENGE = "challenge"
    RESULTS = "results"
    NO_RESULTS = "no_results"
    UNKNOWN = "unknown"


def classify(html: str) -> tuple[SearchPageKind, tuple[SearchHit, ...]]:
    """What a page is by its markup alone, whatever its status; there are hits only with `SearchPageKind.RESULTS`."""
    if any(marker in html for marker in CHALLENGE_MARKERS):
        return SearchPageKind.CHALLENGE, ()
    harmless = bounded(html)
    if harmless is None:
        return SearchPageKind.UNKNOWN, ()
    page = LexborHTMLParser(harmless)
    hits = tuple(_ranked(_html_items(page))) or tuple(_ranked(_lite_items(page)))
    if hits:
        return SearchPageKind.RESULTS, hits
    return (SearchPageKind.NO_RESULTS if _says_no_results(page) else SearchPageKind.UNKNOWN), ()


def unwrapped(href: str) -> str | None:
    """The target of a result link as an absolute http(s) URL; None for ads, the help page and DuckDuckGo itself.

    `uddg` is decoded exactly once; a second decoding would damage the target's own escapes.
    """
    url = _absolute(href.strip())
    if _is_duckduckgo(url) and _path_of(url) == "/l/":
        url = _absolute(parse_qs(urlsplit(url).query).get("uddg", [""])[0].strip())
    if _is_duckduckgo(url) or not url.startswith(("http://", "https://")) or not _host_of(url):
        return None
    return url


def _html_items(page: LexborHTMLParser) -> Iterator[tuple[str, str, str]]:
    for item in page.css("#links .web-result")[:_MOST_ITEMS]:
        classes = _classes(item)
        if "result--ad" in classes or "result--no-result" in classes:
            continue
        link = item.css_first("a.result__a")
        if link is not None:
            yield _text(link), link.attributes.get("href") or "", _text(item.css_first(".result__snippet"))


def _lite_items(page: LexborHTMLParser) -> Iterator[tuple[str, str, str]]:
    """Each result has four sibling rows; a snippet belongs to the last link before it."""
    title, href, snippet = "", "", ""
    for row in page.css("tr")[:_MOST_ITEMS]:
        if "result-sponsored" in _classes(row):
            continue
        link = row.css_first("a.result-link")
        if link is not None:
            if href:
                yield title, href, snippet
            title, href, snippet = _text(link), link.attributes.get("href") or "", ""
        elif (cell := row.css_first("td.result-snippet")) is not None:
            snippet = _text(cell)
    if href:
        yield title, href, snippet


def _ranked(found: Iterable[tuple[str, str, str]]) -> Iterator[SearchHit]:
    rank = 0
    for title, href, snippet in found:
        url = unwrapped(href)
        if url is None or _is_end_of_file(title, url):
            continue
        rank += 1
        yield SearchHit(rank, title, url, snippet)
        if rank == _MOST_HITS:
            return


def _is_end_of_file(title: str, url: str) -> bool:
    """The artificial last result of a page that found nothing."""
    return title == "EOF" and _host_of(url).endswith("google.com") and _path_of(url) == "/search"


def _says_no_results(page: LexborHTMLParser) -> bool:
    if page.css_first(".result--no-result") is not None or page.css_first(".no-results") is not None:
        return True
    return any(_text(cell) in _NO_RESULT_WORDS for cell in page.css("td")[:_MOST_ITEMS])


def _classes(node: LexborNode) -> list[str]:
    return (node.attributes.get("class") or "").split()


def _text(node: LexborNode | None) -> str:
    return " ".join(node.text()[:_MOST_TEXT].split()) if node is not None else ""


def _absolute(href: str) -> str:
    if href.startswith("//"):
        return f"https:{href}"
    return f"https://duckduckgo.com{href}" if href.startswith("/") else href


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _is_duckduckgo(url: str) -> bool:
    host = _host_of(url)
    return host == "duckduckgo.com" or host.endswith(".duckduckgo.com")
