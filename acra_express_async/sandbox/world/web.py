"""A page as Reader would read it: markdown in three parts, and how the target itself answered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin

Failure = Literal["dns", "timeout", "refused", "empty"]
"""Why there is no page: no such host, too slow, connection refused, or nothing on it."""

_LINK = re.compile(r"(?<!!)\[(?P<label>(?:!\[[^\]]*\]\([^)]*\)|[^\[\]]|\[[^\]]*\])*)\]\((?P<url>[^)\s]+)\)")
_IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_BLOCKS = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class WebPage:
    """One target. `top` and `foot` hold menus and footers, which readability drops; `main` is the body.

    `url` is the final one after redirects; `reason` the target's own status text.
    """

    url: str
    title: str = ""
    description: str = ""
    top: str = ""
    main: str = ""
    foot: str = ""
    http_status: int = 200
    reason: str = "OK"
    failure: Failure | None = None
    wall: bool = False
    robots_denied: bool = False
    published: str = ""

    def markdown(self, *, whole: bool = True, images: bool = True) -> str:
        """The page's text; `whole` keeps menus and footers, `images` keeps pictures."""
        text = "\n\n".join(part for part in ((self.top, self.main, self.foot) if whole else (self.main,)) if part)
        if not images:
            text = _IMAGE.sub("", text).replace("[]()", "")
        return _BLOCKS.sub("\n\n", text).strip()

    def links(self) -> list[tuple[str, str]]:
        """(label, absolute URL) of every link, unique by URL, in order; scripts and files are left out."""
        found: dict[str, str] = {}
        for match in _LINK.finditer(self.markdown()):
            label = _IMAGE.sub(r"\1", match["label"]).strip()
            url = urljoin(self.url, match["url"])
            if not url.startswith(("javascript:", "file:")):
                found.setdefault(url, label)
        return [(label, url) for url, label in found.items()]


def nothing_at(url: str, failure: Failure) -> WebPage:
    """A target that gives no page at all."""
    return WebPage(url, failure=failure)


def error_page(url: str, http_status: int, reason: str, text: str) -> WebPage:
    """A target's own error page."""
    return WebPage(url, title=f"{http_status} {reason}", main=text, http_status=http_status, reason=reason)


def wall_page(url: str) -> WebPage:
    """A bot check that never lets Reader through, under status 200."""
    return WebPage(
        url,
        title="Just a moment...",
        main="Checking if the site connection is secure\n\nVerifying you are human. This may take a few seconds.",
        wall=True,
    )
