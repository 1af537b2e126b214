"""What Reader makes of an HTML page: narrowed by selectors, then its markdown, links, title and description.

After the behaviour of the provider's open source of 2026: matched nodes are moved into a new body in the order of the
selectors, so a match inside another one is pulled out of it; with a target the head is gone, and the title's line with
it; links come from what is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from acra_express_async.sandbox.markup.reader_markdown import Images, ReaderMarkdown, Retention, absolute

DESCRIPTION = 'meta[name$="description"][content],meta[property$="description"][content]'
NOT_THE_ARTICLE = "nav,header,footer,aside,form,[role=navigation],[class*=menu i],[class*=cookie i],[class*=footer i]"
"""Roughly what a readability algorithm drops."""
ARTICLE_SHARE = 0.3
"""Reader uses the article instead of the page if its markdown has at least this share of the page's length."""
CAPTCHA_MARKS = ("captcha", "cf-turnstile-response")
"""Words anywhere in the HTML that make Reader suspect a CAPTCHA on a page with little text."""
_SPACES = re.compile(r"\s+")


class BadSelector(Exception):
    """A selector that no CSS engine understands; the text is the selector."""


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How a page is to be read: CSS selectors, the form of the result, what is kept of links and pictures."""

    target: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    form: str = "markdown"
    links: Retention = "all"
    images: Images = "all"


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """What was read: `links` are (label, absolute address) in order, doubles and scripts included."""

    title: str
    description: str
    text: str
    links: tuple[tuple[str, str], ...]
    cited: dict[str, str] = field(default_factory=dict)
    suspects_captcha: bool = False
    has_iframe: bool = False


def holds(html: str, selectors: Sequence[str]) -> bool:
    """Whether every selector matches something in `html`.

    Raises:
        BadSelector: one is no CSS.
    """
    document = LexborHTMLParser(html)
    return all(_matches(document, selector) for selector in selectors)


def read_html(html: str, base: str, wanted: RenderOptions) -> RenderedPage | None:
    """The page as Reader gives it; None when a target selector matches nothing.

    Args:
        html: of the page, scripts having run.
        base: its address, against which links resolve.
        wanted: selectors and forms.

    Raises:
        BadSelector: a selector is no CSS.
    """
    document = LexborHTMLParser(html)
    title = document.css_first("title")
    description = document.css_first(DESCRIPTION)
    for selector in wanted.remove:
        for node in _matches(document, selector):
            node.decompose()
    roots = _roots(document, wanted.target)
    if not roots:
        return None
    moved = frozenset(root.mem_id for root in roots)
    source = html if not wanted.target else "\n\n".join(root.html or "" for root in roots)
    text, cited = _text_of(document, roots, moved, source, base, wanted)
    return RenderedPage(
        title=_SPACES.sub(" ", title.text()).strip() if title else "",
        description=(description.attributes.get("content") or "").strip() if description else "",
        text=text.strip(),
        links=tuple(_links(roots, moved, base)),
        cited=cited,
        suspects_captcha=any(mark in source for mark in CAPTCHA_MARKS),
        has_iframe="<iframe" in source,
    )


def _roots(document: LexborHTMLParser, target: Sequence[str]) -> list[LexborNode]:
    if not target:
        return [document.root] if document.root is not None else []
    found: dict[int, LexborNode] = {}
    for selector in target:
        for node in _matches(document, selector):
            found.setdefault(node.mem_id, node)
    return list(found.values())


def _matches(document: LexborHTMLParser, selector: str) -> list[LexborNode]:
    try:
        return document.css(selector)
    except SelectolaxError as error:
        raise BadSelector(selector) from error


def _text_of(
    document: LexborHTMLParser,
    roots: list[LexborNode],
    moved: frozenset[int],
    source: str,
    base: str,
    wanted: RenderOptions,
) -> tuple[str, dict[str, str]]:
    """The text in the form that is asked for, and what it cites."""
    if wanted.form == "html":
        return source, {}
    if wanted.form == "text":
        return "\n".join(_plain(root, moved) for root in roots), {}
    markdown = ReaderMarkdown(base, links=wanted.links, images=wanted.images, left_out=moved)
    whole = markdown.of(roots)
    if wanted.form != "content" or wanted.target:
        return whole, markdown.cited
    for node in document.css(NOT_THE_ARTICLE):
        if node.tag not in ("body", "html"):
            node.decompose()
    article = ReaderMarkdown(base, links=wanted.links, images=wanted.images)
    text = article.of([document.body] if document.body is not None else [])
    return (text, article.cited) if len(text) >= ARTICLE_SHARE * len(whole) else (whole, markdown.cited)


def _plain(root: LexborNode, moved: frozenset[int]) -> str:
    lines = (node.text_content or "" for node in _walked(root, moved) if node.is_text_node)
    return "\n".join(_SPACES.sub(" ", line).strip() for line in lines if line.strip())


def _links(roots: list[LexborNode], moved: frozenset[int], base: str) -> Iterator[tuple[str, str]]:
    for root in roots:
        for node in _walked(root, moved):
            href = node.attributes.get("href") if node.tag == "a" else None
            address = absolute(base, href) if href else None
            if address:
                yield _SPACES.sub(" ", node.text()).strip(), address


def _walked(root: LexborNode, moved: frozenset[int]) -> Iterator[LexborNode]:
    """`root` and everything below it, without what was moved away, scripts and styles."""
    yield root
    child = root.first_child
    while child is not None:
        if child.mem_id not in moved and child.tag not in ("script", "style"):
            yield from _walked(child, moved)
        child = child.next
