"""Choose the next page of a site: the one most likely to show contacts or the owner."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache

from acra_express_async.extract.cleaning import clean
from acra_express_async.extract.domains import (
    absolute,
    home_of,
    is_at_root,
    is_within,
    path_of,
    same_url,
    site_home,
    split_url,
)
from acra_express_async.extract.page_kinds import PageKind, is_contact_page, kind_of_url, kind_of_words
from acra_express_async.models import Link, Page

CONVENTIONAL = ("/contact-us", "/contact")
"""Tried last and only if no page links to a contact page; most sites without such a link have one of the two."""

_MARKDOWN_LINK = re.compile(
    r"\[(?P<label>[^\[\]\n]{0,200})\]\(\s{0,3}<?(?P<url>[^()\s<>]{1,1000}(?:\([^()\s]{0,100}\)[^()\s<>]{0,500"
    r"})?)>?[^()\n]{0,200}\)"
)
_MAX_LINKS = 2000

_USELESS = re.compile(
    r"\.(?:jpe?g|png|gif|svg|webp|ico|css|js|mp4|zip|docx?|xlsx?|pptx?)$|/(?:cart|checkout|login|signin|"
    r"register|account|wp-admin|feed|tag|author)\b",
)
"""For lower-case paths."""
_WORTH = {PageKind.CONTACT: 100, PageKind.PLACES: 60, PageKind.ABOUT: 50, PageKind.LEGAL: 30}
_WORTH_HOME = 55
"""Points of the brand's home page when only pages of a department's subdomain were read."""
_WORTH_GUESS = 40
_WORTH_ORDER = 45
_ORDER = re.compile(
    r"(?:how to |to |your |place (?:an?|your) |make an? )?(?:order|orders|ordering|pre-?orders?|book|bookings?|reserve|"
    r"reservations?|appointments?|visit|opening hours|hours|delivery|hire us|work with us)"
    r"(?: (?:now|online|here|form|info|today|with us|a table|an appointment|and delivery))?",
    re.IGNORECASE,
)
"""Labels of the page on which a very small site says how to reach it."""
_SMALL_SITE = 8
"""Links to other pages of the site; larger sites have a page for contacts, and their order pages are forms."""
_SHOP_POLICY = re.compile(r"cookie|return|refund|shipping|delivery", re.IGNORECASE)
_WORTH_SHOP_POLICY = 20
"""A policy on cookies or returns names the owner less often than terms of use or a privacy notice."""
_LONGEST_LABEL = 40
"""Longest label that announces a page; a longer one is a sentence."""
_PAGES_KEPT = 8
"""Those of two workers' sites."""
_MOST_LINKS_KEPT = 600
"""Links of a page whose ways are remembered: with `_PAGES_KEPT` pages and 300 bytes a link at most 1.5 MB."""
_DEEPEST = 4
"""Most points that a path loses for its depth."""
_RELATIVE = 15
"""Jina Reader makes links absolute; one that stayed relative comes from a template and is often dead."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A page that may be worth reading, with points. `doubtful`: it may not exist; `guessed`: no page links to it."""

    url: str
    worth: int
    doubtful: bool = False
    guessed: bool = False

    @property
    def is_contact(self) -> bool:
        """True when its label or path announces a contact page."""
        return self.worth > _WORTH[PageKind.CONTACT] - _RELATIVE - _DEEPEST


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a link of a page leads, and what that is worth for contacts and as proof; `url` is '' for another site."""

    label: str
    full: bool
    to_contact: bool
    url: str = ""
    key: str = ""
    worth: int = 0
    worth_as_proof: int = 0


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
        domain: the name of the site; links to other sites are ignored.
        identity: include legal pages, which name the owner when no other page does.
    """
    read = {same_url(page.url) for page in pages}
    leads: dict[str, Lead] = {}
    way_is_linked = False
    at_root = any(page.usable and is_at_root(page.url) for page in pages)
    for page in pages:
        for way in _ways_from(page, domain, at_root):
            way_is_linked |= way.to_contact
            worth = way.worth_as_proof if identity else way.worth
            key = way.key
            if worth > 0 and key not in read and (key not in leads or leads[key].worth < worth):
                leads[key] = Lead(way.url, worth, doubtful=not way.full)
    if not identity and not way_is_linked:
        leads = {**_order_pages(pages, read, domain, at_root=at_root), **leads}
    found = [*leads.values(), *_home_of_brand(pages, read, domain)]
    if not way_is_linked:
        found += _conventional(pages, read, domain)
    return tuple(sorted(found, key=lambda lead: -lead.worth))


def _order_pages(pages: Sequence[Page], read: AbstractSet[str], domain: str, *, at_root: bool) -> dict[str, Lead]:
    """Where a site of few pages, none of them for contacts, takes orders or bookings: its number stands there."""
    found: dict[str, Lead] = {}
    for page in pages:
        ways = [way for way in _ways_from(page, domain, at_root) if way.url and path_of(way.url)]
        if len({way.key for way in ways}) > _SMALL_SITE:
            continue
        for way in ways:
            if way.key not in read and _ORDER.fullmatch(way.label.strip()) and not _USELESS.search(path_of(way.url)):
                worth = _WORTH_ORDER - (0 if way.full else _RELATIVE)
                found.setdefault(way.key, Lead(way.url, worth, doubtful=not way.full))
    return found


def _ways_from(page: Page, domain: str, at_root: bool) -> tuple[_Way, ...]:
    """The links of a page as ways through the site; looked through again after each further page of it."""
    look = _kept_ways if len(page.links) <= _MOST_LINKS_KEPT else _ways
    return look(page, domain, at_root)


def _ways(page: Page, domain: str, at_root: bool) -> tuple[_Way, ...]:
    return tuple(_way(link, full, page.url, domain, at_root=at_root) for link, full in links_on(page))


_kept_ways = lru_cache(maxsize=_PAGES_KEPT)(_ways)


def _way(link: Link, full: bool, base: str, domain: str, *, at_root: bool) -> _Way:
    url = absolute(base, link.url)
    if not url or not is_within(url, domain):
        to_contact = "contact" in link.label.casefold() and _announced(link.label) is PageKind.CONTACT
        return _Way(link.label, full, to_contact=to_contact)
    kinds = {_announced(link.label, domain), kind_of_url(url, at_root=at_root)}
    section = kind_of_words(link.url.partition("#")[2])
    less = 0 if full else _RELATIVE
    return _Way(
        link.label,
        full,
        to_contact=PageKind.CONTACT in {*kinds, section},
        url=url,
        key=same_url(url),
        worth=_worth(kinds, link, url, identity=False, at_root=at_root) - less,
        worth_as_proof=_worth(kinds, link, url, identity=True, at_root=at_root) - less,
    )


def _announced(label: str, domain: str = "") -> PageKind | None:
    return kind_of_words(label, domain) if len(label) <= _LONGEST_LABEL else None


def _worth(kinds: AbstractSet[PageKind | None], link: Link, url: str, *, identity: bool, at_root: bool) -> int:
    """What the page is worth; a bare home page is a home page whatever the links to it say."""
    parts = split_url(url)
    path = path_of(url, at_root=at_root)
    if not (path or (parts and parts.query)) or _USELESS.search(path):
        return 0
    worth = max((_WORTH[kind] for kind in kinds if kind and (identity or kind is not PageKind.LEGAL)), default=0)
    if worth == _WORTH[PageKind.LEGAL] and _SHOP_POLICY.search(f"{link.label} {path}"):
        worth = _WORTH_SHOP_POLICY
    return worth - min(max(path.count("/") - 1, 0), _DEEPEST)


def _was_contact_read(pages: Iterable[Page]) -> bool:
    return any(page.usable and is_contact_page(page.url) for page in pages)


def _home_of_brand(pages: Sequence[Page], read: set[str], domain: str) -> list[Lead]:
    """The home page of the brand, if only pages of a subdomain such as community.brand.com were read."""
    homes = [site_home(page.url, domain) for page in pages]
    if not homes or any(
        same_url(home_of(page.url)) in ("", same_url(home)) for page, home in zip(pages, homes, strict=True)
    ):
        return []
    return [Lead(homes[0], _WORTH_HOME)] if same_url(homes[0]) not in read else []


def _conventional(pages: Sequence[Page], read: set[str], domain: str) -> list[Lead]:
    if not pages or _was_contact_read(pages):
        return []
    urls = (url for url in conventional_urls(pages[0].url, domain) if same_url(url) not in read)
    return [Lead(url, _WORTH_GUESS, doubtful=True, guessed=True) for url in urls]


def conventional_urls(url: str, domain: str = "") -> tuple[str, ...]:
    """The usual URLs of a contact page of the site that this URL belongs to."""
    home = site_home(url, domain).rstrip("/")
    return tuple(f"{home}{path}" for path in CONVENTIONAL)
