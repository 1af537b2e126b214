"""One visit of Reader's browser: which moment of the page it takes, how long that lasts, and what it reads there.

Without a selector the browser waits until the page is quiet, and sees what scripts have filled in. A selector to wait
for (a target is one) ends the visit as soon as all of them match, even before the page's scripts have run; where one
never matches, the visit lasts until the time-out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from acra_express_async.sandbox.markup.reader_markdown import absolute
from acra_express_async.sandbox.markup.reader_page import (
    CAPTCHA_MARKS,
    BadSelector,
    RenderedPage,
    holds,
    read_html,
)
from acra_express_async.sandbox.markup.tokens import cut_to_tokens, token_count
from acra_express_async.sandbox.simulator.reader_options import ReaderOptions
from acra_express_async.sandbox.world import WebPage

SHORT_PAGE_TOKENS = 200
"""Below this many tokens Reader adds warnings."""
AFTER_TIMEOUT_SECONDS = 2.0
"""A visit that finds nothing ends this many seconds after the time-out."""

_MARKDOWN_LINK = re.compile(r"(?<!!)\[(?P<label>(?:!\[[^\]]*\]\([^)]*\)|[^\[\]]|\[[^\]]*\])*)\]\((?P<url>[^)\s]+)\)")
_MARKDOWN_IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Visit:
    """What a visit brought home.

    `reading` is None when there was nothing to read, `trouble` the key of the error then; `seconds` were waited at
    least; `tokens` are what the text bills after it was cut.
    """

    reading: RenderedPage | None
    seconds: float = 0.0
    tokens: int = 0
    trouble: str = ""


def visit(page: WebPage, options: ReaderOptions) -> Visit:
    """Read `page` as `options` want it."""
    if page.verbatim is not None:
        return _billed(_verbatim(page, page.verbatim), options, 0.0)
    base = page.url if options.final_base else options.url
    try:
        html, seconds = _awaited(page, options)
        reading = read_html(html, base, options.wanted)
    except BadSelector:
        return Visit(None, trouble="bad_selector")
    if reading is None:
        return Visit(None, seconds, trouble="no_selector")
    return _billed(reading, options, seconds)


def warnings_for(page: WebPage, found: Visit, *, cached: bool) -> str | None:
    """Reader's doubts, a line each; most are told only of a page with little text."""
    lines = []
    if not 200 <= page.http_status < 400:
        lines.append(f"Target URL returned error {page.http_status}: {page.reason}")
    if found.tokens < SHORT_PAGE_TOKENS and found.reading is not None:
        lines += _doubts(found.reading, cached=cached)
    return "\n".join(lines) or None


def _doubts(reading: RenderedPage, *, cached: bool) -> Iterator[str]:
    if reading.has_iframe:
        yield "This page contains iframe that are currently hidden, consider enabling iframe processing."
    if reading.suspects_captcha:
        yield "This page maybe requiring CAPTCHA, please make sure you are authorized to access this page."
    if cached:
        yield "This is a cached snapshot of the original page, consider retry with caching opt-out."


def _awaited(page: WebPage, options: ReaderOptions) -> tuple[str, float]:
    """The HTML at the moment that is taken, and the seconds that passed at least."""
    if not options.wait_for:
        return page.html(), 0.0
    if holds(page.first_html(), options.wait_for):
        return page.first_html(), 0.0
    html = page.html()
    return html, 0.0 if holds(html, options.wait_for) else options.timeout + AFTER_TIMEOUT_SECONDS


def _billed(reading: RenderedPage, options: ReaderOptions, seconds: float) -> Visit:
    """The reading cut to the tokens that are asked for; empty text is no page."""
    if not reading.text.strip():
        return Visit(None, seconds, trouble="no_content")
    tokens = token_count(reading.text)
    if options.max_tokens is None or tokens <= options.max_tokens:
        return Visit(reading, seconds, tokens)
    cut = cut_to_tokens(reading.text, options.max_tokens)
    return Visit(replace(reading, text=cut), seconds, options.max_tokens)


def _verbatim(page: WebPage, text: str) -> RenderedPage:
    """A page that is known only as Reader's markdown: its links are those of the markdown."""
    links = tuple(
        (_MARKDOWN_IMAGE.sub("", match["label"]).strip(), absolute(page.url, match["url"]) or match["url"])
        for match in _MARKDOWN_LINK.finditer(text)
    )
    suspected = any(mark in text for mark in CAPTCHA_MARKS)
    return RenderedPage(page.title, page.description, text, links, suspects_captcha=suspected)
