"""Classify a page by its URL and title: contact page, home page, page about the owner or about others."""

from __future__ import annotations

import re

from acra_express_async.extract.domains import path_of

CONTACT = re.compile(
    r"contact|get in touch|say (?:hello|hi)\b|reach us|reach out|find us|call us|locate us|directions|"
    r"enquir|inquir|talk to us|write to us|联系|聯絡|联络|聯繫|lianxi|"
    r"hubungi|kontakt|customer (?:care|service)",
    re.IGNORECASE,
)
PLACES = re.compile(
    r"location|branch|outlet|our stores|\bstores?\b|clinics|showroom|visit us|offices?\b|门店|分店", re.IGNORECASE
)
ABOUT = re.compile(
    r"about|who we are|our story|company|profile|关于|關於|guanyu|imprint|impressum|corporate", re.IGNORECASE
)
LEGAL = re.compile(r"privacy|terms|legal|disclaimer|pdpa|data protection|conditions|policy", re.IGNORECASE)

_HOMES = re.compile(r"^(?:/(?:sg|en|zh|cn|en-sg|sg-en|home|index|main|default)(?:\.\w{2,5})?){0,3}$")
_THIRD_PARTY = re.compile(
    r"/(?:news|blogs?|articles?|posts?|stor(?:y|ies)|press(?:-releases?)?|events?|work|works|portfolio|case-stud(?:y|ies)|"
    r"projects?|clients?|customers?|partners?|dealers?|distributors?|where-to-buy|stockists?|members?|directory|listings?|"
    r"profiles?|compan(?:y|ies)/[^/]+|biz|review|reviews|tag|category|jobs?|19\d\d|20\d\d|c|p)(?:/|$)"
    r"|\b(?:best|top)-(?:\d+-)?|-(?:best|top)-\d+|/\d{1,3}-best",
    re.IGNORECASE,
)


def is_contact_page(url: str, title: str = "") -> bool:
    """True when URL or title announce contact details."""
    last = _last_part(url)
    return bool(CONTACT.search(last) or CONTACT.search(title[:80]) or PLACES.search(last))


def is_home_page(url: str) -> bool:
    """True for the front page of a site or of its section for a country or language."""
    return _HOMES.match(path_of(url)) is not None


def speaks_for_its_owner(url: str) -> bool:
    """True for pages on which a site describes its owner: home, contact, about and legal pages."""
    if is_home_page(url):
        return True
    last = _last_part(url)
    own = any(pattern.search(last) for pattern in (CONTACT, PLACES, ABOUT, LEGAL))
    return own and not speaks_of_others(url)


def lists_places(url: str) -> bool:
    """True for lists of branches, outlets or offices, which may belong to other companies."""
    return PLACES.search(_last_part(url)) is not None


def speaks_of_others(url: str) -> bool:
    """True for pages whose URL shows that they are about other companies: articles, portfolios, dealer lists."""
    return _THIRD_PARTY.search(path_of(url)) is not None


def _last_part(url: str) -> str:
    return path_of(url).rpartition("/")[2].replace("-", " ").replace("_", " ")
