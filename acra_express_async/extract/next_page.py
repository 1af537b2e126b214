"""Choose the next page of a site: the one most likely to show contacts or the owner."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from acra_express_async.extract.cleaning import clean
from acra_express_async.extract.domains import absolute, domain_of, home_of, path_of, same_url, split_url
from acra_express_async.extract.page_kinds import ABOUT, CONTACT, LEGAL, PLACES, is_contact_page
from acra_express_async.models import Link, Page

CONVENTIONAL = ("/contact-us", "/contact")
"""Tried last and only if no page links to a contact page; most sites have one of the two."""

_MARKDOWN_LINK = re.compile(
    r"\[(?P<label>[^\[\]\n]{0,200})\]\(\s{0,3}<?(?P<url>[^()\s<>]{1,1000}(?:\([^()\s]{0,100}\)[^()\s<>]{0,500"
    r"})?)>?[^()\n]{0,200}\)"
)
_MAX_LINKS = 2000

_USELESS = re.compile(
    r"\.(?:jpe?g|png|gif|svg|webp|ico|css|js|mp4|zip|docx?|xlsx?|pptx?)$|/(?:cart|checkout|login|signin|"
    r"register|account|wp-admin|feed|tag|author)\b",
    re.IGNORECASE,
)
_WORTH_CONTACT = 100
_WORTH_PLACES = 60
_WORTH_ABOUT = 50
_WORTH_GUESS = 40
_WORTH_LEGAL = 30
_RELATIVE = 15
"""Jina Reader makes links absolute; one that stayed relative comes from a template and is often dead."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A page that may be worth reading, with points. `doubtful`: it may not exist; `guessed`: no page links to it."""

    url: str
    worth: int
    doubtful: bool = False
    guessed: bool = False


def links_on(page: Page) -> tuple[tuple[Link, bool], ...]:
    """All links of a page, those of the provider's summary first; the flag marks absolute URLs."""
    found: dict[str, tuple[Link, bool]] = {}
    for link in page.links[:_MAX_LINKS]:
        found.setdefault(f"{link.label}\n{link.url}", (link, True))
    for match in _MARKDOWN_LINK.finditer(clean(page.text)):
        if len(found) >= _MAX_LINKS:
            break
        full = split_url(match["url"]) is not None
        link = Link(match["label"].strip(), match["url"])
        found.setdefault(f"{link.label}\n{link.url}", (link, full))
    return tuple(found.values())


def leads_from(pages: Sequence[Page], domain: str, *, identity: bool = False) -> tuple[Lead, ...]:
    """Unread pages of the same site, best first.

    Args:
        pages: the pages read so far, in order; the links of all of them count.
        domain: the registrable domain of the site; links to other sites are ignored.
        identity: include legal pages, which name the owner when no other page does.
    """
    read = {same_url(page.url) for page in pages}
    worths: dict[str, Lead] = {}
    for page in pages:
        for link, full in links_on(page):
            url = absolute(page.url, link.url)
            if not url or domain_of(url) != domain or same_url(url) in read or _USELESS.search(path_of(url)):
                continue
            worth = _worth(link.label, url, identity=identity) - (0 if full else _RELATIVE)
            key = same_url(url)
            if worth > 0 and (key not in worths or worths[key].worth < worth):
                worths[key] = Lead(url, worth, doubtful=not full)
    found = sorted(worths.values(), key=lambda lead: -lead.worth)
    if any(lead.worth > _WORTH_CONTACT - 2 * _RELATIVE for lead in found) or _was_contact_read(pages):
        return tuple(found)
    return tuple(sorted((*found, *_conventional(pages, read)), key=lambda lead: -lead.worth))


def _worth(label: str, url: str, *, identity: bool) -> int:
    path = path_of(url)
    if not path:
        return 0
    last = path.rpartition("/")[2].replace("-", " ").replace("_", " ")
    depth = min(path.count("/") - 1, 4)
    for pattern, worth in ((CONTACT, _WORTH_CONTACT), (PLACES, _WORTH_PLACES), (ABOUT, _WORTH_ABOUT)):
        if pattern.search(last) or (len(label) <= 40 and pattern.search(label)):
            return worth - depth
    if identity and (LEGAL.search(last) or (len(label) <= 40 and LEGAL.search(label))):
        return _WORTH_LEGAL - depth
    return 0


def _was_contact_read(pages: Iterable[Page]) -> bool:
    return any(page.usable and is_contact_page(page.url) for page in pages)


def _conventional(pages: Sequence[Page], read: set[str]) -> tuple[Lead, ...]:
    return (
        tuple(
            Lead(url, _WORTH_GUESS, doubtful=True, guessed=True)
            for url in conventional_urls(pages[0].url)
            if same_url(url) not in read
        )
        if pages
        else ()
    )


def conventional_urls(url: str) -> tuple[str, ...]:
    """The usual URLs of a contact page on the host of this URL."""
    home = home_of(url).rstrip("/")
    return tuple(f"{home}{path}" for path in CONVENTIONAL)
