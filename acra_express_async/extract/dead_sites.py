"""Recognise what stands on a domain after its site is gone, or before there is one.

Seven kinds: parked or for sale, expired, suspended, not connected to a site, a closed shop, a server's default page,
and the notice of a firm that has ceased. A phrase alone decides nothing: a domain broker offers domains, a contractor
hangs suspended ceilings, a shop opens a second outlet soon. What a page says of another domain or firm, or asks its
customers ("Plan expired?"), is not its own statement. Signs are added up: what is said, who says it (a registrar, a
panel), of what (this domain), how little stands around it; and against it, that somebody can be reached here, and that
the firm speaks under its own name. A firm that has ceased prints its name and how to reach it to the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from acra_express_async.extract.cleaning import clean
from acra_express_async.extract.dead_site_phrases import NAMED, WEIGHTS, SiteEnd, phrases
from acra_express_async.extract.domains import domain_of, label_of, registrable
from acra_express_async.extract.emails import emails_in
from acra_express_async.extract.names import joined, words_of
from acra_express_async.extract.page_kinds import is_home_page
from acra_express_async.extract.places import where_in
from acra_express_async.extract.uens import uens_in
from acra_express_async.extract.walls import links_within
from acra_express_async.models import Page


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left of a site, and the words that say so."""

    end: SiteEnd
    words: str


_ENOUGH = 4
"""Signs of a dead page: a sentence that only such pages print (3) and one sign, or a plain statement (2) and two."""

_SHORT = 1200
"""Characters; such pages say little, and a site's home page is longer (2,800 in the median of 83 real ones)."""
_LONG = 5000
_LOOKED_AT = 20_000
_FEW_LINKS, _MANY_LINKS = 2, 6
_CATALOGUE = 3
"""Other domains named in the text: a list of domains is a broker's or an agency's offer, not the end of this one."""
_REGISTERED = 4
"""A page that prints a registration number has an owner: neither registrars nor panels print one."""
_NAMED = 3
_LONGEST_WORDS = 80
_MOST_SAID = 3
_MOST_MORE = 4

_WHO_SAYS_IT = re.compile(
    r"\b(?:godaddy|sedo|afternic|dan\.com|hugedomains|namecheap|namebright|dynadot|name\.com|bodis|parkingcrew|"
    r"above\.com|uniregistry|escrow\.com|registrar|network solutions|enom|tucows|opensrs|gandi|ovh|ionos|porkbun|"
    r"namesilo|spaceship|squadhelp|atom\.com|brandbucket|efty|undeveloped|vodien|exabytes|readyspace|cybersite|"
    r"webvisions|usonyx|web\.com|crazy ?domains|hostinger|bluehost|hostgator|siteground|dreamhost|a2 hosting|cpanel|"
    r"whm|plesk|directadmin|cyberpanel|aapanel|ispconfig|webmin|litespeed|apache|nginx|iis|centos|ubuntu|debian|"
    r"almalinux|wix|squarespace|shopify|weebly|strikingly|wordpress(?:\.com)?|webflow|jimdo|easystore|shopline|odoo|"
    r"tilda|heroku|netlify|vercel|firebase|github|webnode|site123|blogger|google business|"
    r"hosting (?:provider|company)|web host(?:ing)?|whois|icann)\b",
    re.IGNORECASE,
)
_ASKS_THE_OWNER = re.compile(
    r"if (?:you(?:['’]re| are)|this is) (?:the |your )?(?:site |web ?site |domain |store |shop )?"
    r"(?:owner|administrator|domain|site|web ?site)|are you the (?:site |store |domain )?owner|"
    r"is this your (?:domain|site|web ?site|store)|(?:site|store|domain) owner\W{1,3}(?:log|click)|log ?in (?:here|to)|"
    r"contact your (?:hosting|web host|administrator|provider)|get a price|payment plan|renew now|buyer protection",
    re.IGNORECASE,
)
_ASKED = frozenset((SiteEnd.EXPIRED, SiteEnd.SUSPENDED, SiteEnd.CLOSED_SHOP, SiteEnd.CEASED))
"""What firms ask their customers about: insurers, hosting resellers, those who strike companies off."""
_OWN_QUESTION = re.compile(r"are you the|enter ", re.IGNORECASE)
_QUESTION = re.compile(r"[^.!?\n]{0,80}\?")
_GOES_ON = re.compile(
    r"\bmoved\b|relocat|\bnew (?:location|outlet|home|address|shop|store|premises)\b|re-?open|come and see us|"
    r"\bvisit us\b|\bopen (?:daily|from|every|on)\b|\bstill (?:deliver|open|serv)|"
    r"\b(?:order|shop|buy)(?: \w+){0,2} online",
    re.IGNORECASE,
)
"""The firm lives on elsewhere; only one of its places has closed."""
_SELVES = frozenset("we our us shop store restaurant cafe business company clinic school studio".split())
_FIRST_PERSON = re.compile(r"\b(?:we|our|us)\b", re.IGNORECASE)
_FIRST_PERSONS = 2
_ANY_NAME = re.compile(rf"(?<![\w@.]){NAMED}\b", re.IGNORECASE)
_MACHINES = re.compile(r"^(?:webmaster|admin(?:istrator)?|root|support|abuse)@", re.IGNORECASE)
"""Mailboxes that default pages make of any domain."""


@lru_cache(maxsize=64)
def remains_of(page: Page) -> Remains | None:
    """What is left of the site, when a page shows that there is none any more (or none yet); None for a living page."""
    text = clean(page.text)[:_LOOKED_AT]
    said = f"{clean(page.title)}\n{text}"
    found = [item for item in _statements(said) if _is_its_own(page, *item)]
    if not found:
        return None
    end = max(found, key=lambda item: (sum(w for e, w, _ in found if e is item[0]), item[1]))[0]
    mine = [(weight, words) for e, weight, words in found if e is end]
    weight, words = max(mine, key=lambda item: item[0])
    signs = weight + _more_said([w for w, _ in mine]) + _signs_around(page, said, text)
    signs -= _signs_that_it_goes_on(page, text) if end is SiteEnd.CEASED else _signs_of_life(page, text, end)
    return Remains(end, words) if weight >= WEIGHTS["plain"] and signs >= _ENOUGH else None


def remains_among(pages: Sequence[Page]) -> tuple[Page, Remains] | None:
    """The page that shows what is left of the site, and what; None where its home page, or every page, lives.

    "This page is not available" below a living home page is a page that has gone, not a site.
    """
    if any(is_home_page(page.url) and remains_of(page) is None for page in pages):
        return None
    found = ((page, remains_of(page)) for page in pages)
    return next(((page, remains) for page, remains in found if remains is not None), None)


def remains_told(text: str) -> Remains | None:
    """The same from a search result, where no page could be read: only a sentence that no living site prints counts."""
    sure = [(end, words) for end, weight, words in _statements(text[:_LOOKED_AT]) if weight == WEIGHTS["sure"]]
    told = [(end, words) for end, words in sure if end is not SiteEnd.CEASED]
    return Remains(*told[0]) if told else None


def _statements(said: str) -> Iterator[tuple[SiteEnd, int, str]]:
    """What is said, how surely, in which words; each wording once."""
    lowered = said.lower()
    for each in phrases():
        if not each.may_stand_in(lowered):
            continue
        end, seen = each.end, set[str]()
        for match in each.pattern.finditer(said):
            words = " ".join(match.group().split())[:_LONGEST_WORDS].strip(" .,:;!-")
            if end in _ASKED and _QUESTION.match(said, match.end()) and not _OWN_QUESTION.match(words):
                continue
            if words.casefold() not in seen:
                seen.add(words.casefold())
                yield end, each.weight, words
            if len(seen) >= _MOST_SAID:
                break


def _is_its_own(page: Page, end: SiteEnd, weight: int, words: str) -> bool:
    """True unless a statement names another domain, or another firm that has ceased."""
    own = label_of(domain_of(page.url))
    named = [label_of(name) for match in _ANY_NAME.finditer(words) if (name := registrable(match.group().lower()))]
    if end is SiteEnd.PARKED and weight == WEIGHTS["sure"] and named and own not in named:
        return False
    if end is SiteEnd.CEASED and weight != WEIGHTS["hint"]:
        said = words_of(words)
        return (
            not words.isascii()
            or bool(_SELVES.intersection(said))
            or any(word in own for word in said[:1])
            or "closed" in said[1:2]
        )
    return True


def _more_said(weights: list[int]) -> int:
    """What further statements of the kind add to the strongest one: two for a sure one, one for any other."""
    further = sorted(weights, reverse=True)[1:]
    return min(sum(2 if weight == WEIGHTS["sure"] else 1 for weight in further), _MOST_MORE)


def _signs_around(page: Page, said: str, text: str) -> int:
    domain = domain_of(page.url)
    title = page.title.strip().casefold().removeprefix("www.").rstrip("/ ")
    titled = title in (domain, label_of(domain))
    return sum(
        (
            bool(_WHO_SAYS_IT.search(said)),
            bool(_ASKS_THE_OWNER.search(said)),
            titled or not title,
            titled or domain in text.casefold(),
            len(text) < _SHORT,
            links_within(page) <= _FEW_LINKS,
        )
    )


def _signs_that_it_goes_on(page: Page, text: str) -> int:
    """Against the notice of a firm that has ceased: it has another place, or a site with menus around it."""
    return _REGISTERED * bool(_GOES_ON.search(text)) + 2 * (links_within(page) >= _MANY_LINKS) + (len(text) > _LONG)


def _signs_of_life(page: Page, text: str, end: SiteEnd) -> int:
    domain = domain_of(page.url)
    where = where_in(text)
    mail = any(
        seen.domain == domain and not _MACHINES.match(seen.address) for seen in emails_in(page, own_domain=domain)
    )
    others = {name for match in _ANY_NAME.finditer(text) if (name := registrable(match.group().lower()))} - {domain}
    return (
        _REGISTERED * bool(uens_in(text))
        + 2 * bool(where.singapore)
        + 2 * bool(where.local_phone or where.bare_phone)
        + 2 * mail
        + 2 * (links_within(page) >= _MANY_LINKS)
        + (len(text) > _LONG)
        + 2 * (len(others) >= _CATALOGUE)
        + _named(page, text) * (end is not SiteEnd.CLOSED_SHOP)
    )


def _named(page: Page, text: str) -> int:
    """What it counts for that the firm's name heads a page on which it speaks of itself: "we", "our"."""
    return _NAMED * min(len(_FIRST_PERSON.findall(text)), _FIRST_PERSONS) if _is_headed_by_name(page) else 0


def _is_headed_by_name(page: Page) -> bool:
    """True for a title with the words of the domain's label that is no statement of a dead page itself.

    Registrars and panels title their pages with the domain, or with their own name.
    """
    title = _ANY_NAME.sub(" ", clean(page.title))
    if any(weight == WEIGHTS["sure"] or end is SiteEnd.PARKED for end, weight, _ in _statements(title)):
        return False
    words = words_of(title)
    label = label_of(domain_of(page.url))
    beginnings = {joined(words[start:stop]) for start in range(len(words)) for stop in range(start + 1, len(words) + 1)}
    return label in beginnings or (len(words) > 1 and any(len(word) >= 4 and label.startswith(word) for word in words))
