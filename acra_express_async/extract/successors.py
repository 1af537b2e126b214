"""Detect that a site moved: the old domain redirects to the new site or announces it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from acra_express_async.extract.candidates import CREDIBLE, Candidate
from acra_express_async.extract.cleaning import clean
from acra_express_async.extract.directories import is_listed, is_public_body, is_social
from acra_express_async.extract.domains import domain_of, home_of, is_within, label_of
from acra_express_async.extract.labels import FITTING, address_evidence, label_fit
from acra_express_async.extract.names import Name
from acra_express_async.extract.next_page import links_on
from acra_express_async.extract.page_kinds import is_contact_page
from acra_express_async.models import Evidence, Page

_MOVED = re.compile(
    r"(?:have|has|we'?ve) moved|moved to|is now (?:called |known as )?[A-Z]|now known as|new (?:web ?)?site|rebranded|"
    r"renamed|visit us (?:now )?at|redirecting",
    re.IGNORECASE,
)
_FEW_LINKS = 2
_SHORT = 1500
"""Characters; a page that announces a move says little else."""


@dataclass(frozen=True, slots=True)
class Successor:
    """The site to which visitors are sent. `page` is the page that was read, if the new site served it."""

    candidate: Candidate
    page: Page | None = None


def successor_of(candidate: Candidate, page: Page, names: tuple[Name, ...]) -> Successor | None:
    """The site to which a page sends its visitors; None for a page that does not.

    Either both domains fit the name and every link leads to the other one: a redirect, so the page belongs to the new
    site. Or a short notice of a move links to one other domain, which then needs its own proof.
    """
    if not page.usable:
        return None
    links = [link.url for link, full in links_on(page) if full]
    if any(is_within(url, candidate.domain) for url in links):
        return None
    # Only absolute links count: a relative link follows the serving domain, which Jina Reader does not report.
    found = Counter(domain for url in links if (domain := domain_of(url)) and not _belongs_to_others(domain))
    if not found:
        return None
    domain, count = found.most_common(1)[0]
    there = [url for url in links if domain_of(url) == domain]
    contact = [url for url in there if is_contact_page(url)]
    evidence = _address(domain, page.url, names)
    handed = Evidence("handed_over", CREDIBLE, page.url, candidate.domain)
    points = sum(item.points for item in evidence) + handed.points
    urls = (*contact[:1], home_of(there[0]))
    new = Candidate(domain, urls, points, (*evidence, handed), rank=candidate.rank)
    if count >= _FEW_LINKS and _bears(domain, names) and _bears(candidate.domain, names):
        return Successor(replace(new, text=candidate.text), replace(page, url=home_of(there[0])))
    told = len(found) == 1 and len(page.text) < _SHORT and _MOVED.search(clean(page.text)) is not None
    return Successor(new) if told else None


def served_by_others(candidate: Candidate, pages: Iterable[Page], names: tuple[Name, ...]) -> frozenset[str]:
    """The domains to which these pages of a site send their visitors."""
    found = (successor_of(candidate, page, names) for page in pages)
    return frozenset(successor.candidate.domain for successor in found if successor is not None)


def _belongs_to_others(domain: str) -> bool:
    return is_social(domain) or is_listed(domain) or is_public_body(domain)


def _address(domain: str, url: str, names: tuple[Name, ...]) -> tuple[Evidence, ...]:
    fit = max((label_fit(label_of(domain), name) for name in names), key=lambda fit: fit.points)
    return address_evidence(domain, url, fit)


def _bears(domain: str, names: tuple[Name, ...]) -> bool:
    return any(item.signal in FITTING for item in _address(domain, "", names))
