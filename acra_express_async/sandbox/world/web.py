"""A page of the world: what stands in the browser, before and after its scripts, and how the target itself answered."""

from __future__ import annotations

import html as escaping
from dataclasses import dataclass
from typing import Literal

from acra_express_async.sandbox.markup.markdown_html import html_of
from acra_express_async.sandbox.markup.reader_page import RenderedPage, RenderOptions, read_html

Failure = Literal["dns", "timeout", "refused", "empty"]
"""Why there is no page: unknown host, too slow, connection refused, or no content."""


@dataclass(frozen=True, slots=True)
class WebPage:
    """One target; its HTML is `source`, or else made of `top`, `main` and `foot`.

    Attributes:
        url: the final one, after redirects.
        title, description: of the head.
        top, main, foot: menu, body and footer, written down as markdown.
        source: the whole HTML once the page's scripts have run.
        first_source: the HTML before they ran, where that is another one.
        verbatim: Reader's markdown of the page; it is served unchanged for any request.
        reason: the target's own status text.
        robots_denied: its robots.txt wants no visitors.
        published: the date that the target tells.
    """

    url: str
    title: str = ""
    description: str = ""
    top: str = ""
    main: str = ""
    foot: str = ""
    source: str = ""
    first_source: str = ""
    verbatim: str | None = None
    http_status: int = 200
    reason: str = "OK"
    failure: Failure | None = None
    robots_denied: bool = False
    published: str = ""

    def html(self) -> str:
        """The page once its scripts have run."""
        if self.source:
            return self.source
        header = f"<header><nav>{html_of(self.top)}</nav></header>\n" if self.top else ""
        footer = f"<footer>{html_of(self.foot)}</footer>\n" if self.foot else ""
        return document(self.title, self.description, f"{header}<main>{html_of(self.main)}</main>\n{footer}")

    def first_html(self) -> str:
        """The page as it is before its scripts have run."""
        return self.first_source or self.html()

    def reading(self, wanted: RenderOptions | None = None) -> RenderedPage:
        """The page as Reader sees it when it waits long enough."""
        found = read_html(self.html(), self.url, wanted or RenderOptions())
        return found or RenderedPage(self.title, self.description, "", ())

    def markdown(self, *, images: bool = True) -> str:
        """The whole page's text; `images` keeps pictures."""
        return self.reading(RenderOptions(images="all" if images else "none")).text

    def links(self) -> list[tuple[str, str]]:
        """(label, absolute URL) of every link, unique by URL, in order, without scripts and files."""
        found: dict[str, str] = {}
        for label, url in self.reading().links:
            if not url.startswith(("javascript:", "file:")):
                found.setdefault(url, label)
        return [(label, url) for url, label in found.items()]


def document(title: str, description: str, body: str, *, head: str = "", body_class: str = "") -> str:
    """An HTML document around the HTML of a body; `head` is further HTML of the head."""
    told = f'<meta name="description" content="{escaping.escape(description)}">\n' if description else ""
    marked = f' class="{escaping.escape(body_class)}"' if body_class else ""
    return (
        f'<!DOCTYPE html>\n<html lang="en-SG">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escaping.escape(title)}</title>\n{told}{head}</head>\n<body{marked}>\n{body}</body>\n</html>\n"
    )


def nothing_at(url: str, failure: Failure) -> WebPage:
    """A target that returns no page."""
    return WebPage(url, failure=failure)


def error_page(url: str, http_status: int, reason: str, text: str) -> WebPage:
    """The error page of a target."""
    return WebPage(url, title=f"{http_status} {reason}", main=text, http_status=http_status, reason=reason)


def wall_page(url: str) -> WebPage:
    """A bot check that never lets Reader through, under status 200."""
    title = "Just a moment..."
    body = (
        "<h1>Checking if the site connection is secure</h1><p>Verifying you are human. This may take a few seconds.</p>"
        '<form><input type="hidden" name="cf-turnstile-response"></form>\n'
    )
    return WebPage(url, title=title, source=document(title, "", body))
