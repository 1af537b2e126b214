"""Decide which addresses on a site belong to the company, what kind each is, and which to verify first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from acra_express_async.extract.directories import is_listed
from acra_express_async.extract.domains import FREEMAIL, hosted_under, is_offshore, label_of
from acra_express_async.extract.emails import Seen, occurrences_in
from acra_express_async.extract.mail_context import Standing, standing_of
from acra_express_async.extract.mailbox_kinds import Role, role_of
from acra_express_async.extract.mailbox_labels import names_a_person, names_an_office
from acra_express_async.extract.mailbox_roles import PLACE_TIER
from acra_express_async.extract.names import Name, joined
from acra_express_async.extract.own_mailboxes import OwnWords, own_words
from acra_express_async.extract.page_kinds import is_contact_page
from acra_express_async.extract.vocabulary import COMMON
from acra_express_async.models import Company, Email, EmailKind, Page

_MADE_BY = re.compile(
    r"(?:web ?site|web|site|page|theme|seo|hosting|app)\s{0,3}(?:is )?(?:design(?:ed)?|develop(?:ed|ment)?|"
    r"built|created|made|hosted|maintained|"
    r"managed)?\s{0,3}by|(?:designed|developed|powered|built|crafted|created|hosted|"
    r"maintained)\s{1,3}(?:and \w+ )?by|web ?design|web ?master|"
    r"digital agency|webmaster",
    re.IGNORECASE,
)
_SOMEBODY_ELSE = re.compile(
    r"our partners?|authori[sz]ed (?:dealer|distributor)|principal|supplier:|our clients?|testimonial|landlord|"
    r"complaints? to|regulator|report bugs|sentry|corporate secretar(?:y|ies) by|audited by",
    re.IGNORECASE,
)
_LOCAL_DESK = re.compile(r"(?:^|[._-])(?:sg|sgp|spore)(?:$|[._-])|singapore", re.IGNORECASE)
"""The Singapore mailbox of a foreign parent: sg@parent.dk."""

_SHORTEST_BEGINNING = 6
_QUOTED = re.compile(r"[\"“”«»]|testimonial|review|\bsaid\b|\bwrote\b|customer:|guest:", re.IGNORECASE)
_LABELLED = re.compile(
    r"e-?mail|mail|邮箱|电邮|電郵|contact|enquir|write|reach|tel|phone|call|fax|✉|📧|📩", re.IGNORECASE
)


def emails_of(pages: Sequence[Page], domain: str, company: Company, names: tuple[Name, ...]) -> tuple[Email, ...]:
    """The mail addresses of a company, best first.

    Addresses on its own domain come first, then those on domains that carry its brand, then others if the site's
    contact block prints them. Addresses of web agencies, directories, partners and authorities are dropped.

    Args:
        pages: all usable pages of the company's own site.
        domain: registrable domain of that site.
        company: tells which branch the registry means.
        names: the registered name first, then former names.
    """
    seen = [item for number, page in enumerate(pages) for item in _occurrences(page, number, domain)]
    spread = _pages_by(seen, lambda item: item.domain)
    printed = _pages_by(seen, lambda item: item.address)
    own = own_words(company, names, domain)
    places: list[tuple[Seen, int, Role | None, Standing]] = []
    for item in seen:
        if (closeness := _closeness(item, domain, names, spread)) is not None:
            role = _role_of(item, own)
            places.append((item, closeness, role, standing_of(item, role, company, names)))
    grouped = any(standing.ours for *_, standing in places)
    ranked: dict[str, tuple[tuple[int, ...], Email]] = {}
    for item, closeness, role, stands in places:
        key = (
            int(stands.out_of_use),
            int(grouped and stands.of_another_firm),
            stands.tier + 2 * closeness,
            int(stands.abroad),
            int(not stands.at_our_address),
            int(not is_contact_page(item.url)),
            -printed[item.address],
            item.page,
            item.position,
        )
        if item.address not in ranked or key < ranked[item.address][0]:
            ranked[item.address] = (key, _email(item, role, pages[item.page]))
    return tuple(email for _, email in sorted(ranked.values(), key=lambda pair: pair[0]))


def _occurrences(page: Page, number: int, domain: str) -> Iterator[Seen]:
    """Every occurrence of the site's own addresses, and the first one on the page of others.

    What stands beside the first occurrence of a foreign address decides whose it is: one that is signed "website by"
    stays the agency's where it is repeated without.
    """
    foreign: set[str] = set()
    for seen in occurrences_in(page, number, own_domain=domain):
        if seen.domain == domain or seen.address not in foreign:
            foreign.add(seen.address)
            yield seen


def _closeness(seen: Seen, domain: str, names: tuple[Name, ...], spread: dict[str, int]) -> int | None:
    """0 own domain, 1 other domain of the brand, 2 freemail or stranger in the contact block; None if not theirs."""
    around = seen.before[-80:] + " " + seen.after[:60]
    if seen.domain == domain:
        return 0
    if _MADE_BY.search(seen.before[-100:]) or _SOMEBODY_ELSE.search(around):
        return None
    if seen.domain in FREEMAIL:
        return 2 if _is_own_freemail(seen, domain, names) else None
    if shares_brand(seen.domain, domain, names):
        abroad = is_offshore(seen.domain) and not is_offshore(domain) and not _LOCAL_DESK.search(seen.local)
        return None if abroad else 1
    if is_listed(seen.domain):
        return None
    alone = not any(other == domain for other in spread)
    if _in_contact_block(seen) and (alone or spread.get(seen.domain, 0) >= 2):
        return 2
    return None


def _is_own_freemail(seen: Seen, domain: str, names: tuple[Name, ...]) -> bool:
    """True for a freemail address that carries the brand, is labelled, or has a line to itself."""
    if _is_brand(seen.local, domain, names):
        return True
    if _QUOTED.search(seen.before):
        return False
    around = f"{seen.before}{seen.after}".strip(" \t-–—*|•·:<>[]()✉📧\u200d")
    return _in_contact_block(seen) or not around


def shares_brand(other: str, domain: str, names: tuple[Name, ...]) -> bool:
    """True when another domain carries the site's label or the company's brand (uobgroup.com and uob.com.sg)."""
    label, own = label_of(other), label_of(domain)
    if hosted_under(domain) and any(_begins_with(name, label) for name in names):
        return True  # its own domain serves only its mail
    if label == own or (len(own) >= 3 and label.startswith(own)) or (len(label) >= 4 and own.startswith(label)):
        return True
    for name in names:
        brand = joined(name.brand)
        if not name.is_common and len(brand) >= 4 and brand in label:
            return True
        initials = "".join(word[0] for word in name.words)
        if len(initials) >= 3 and label == initials:
            return True
    return False


def _begins_with(name: Name, label: str) -> bool:
    """True for a label that is the beginning of a name at the end of a word: paperboat of Paperboat Prints."""
    if len(label) < _SHORTEST_BEGINNING or name.core[0] in COMMON or name.is_common:
        return False
    return any(joined(name.core[:count]) == label for count in range(1, len(name.core)))


def _role_of(seen: Seen, own: OwnWords) -> Role | None:
    """The role of a mailbox; None for one that is not known as a role or is named like a person beside it."""
    role = role_of(seen.local, own)
    if role is None and (office := names_an_office(seen)):
        return Role(PLACE_TIER, office)
    if role is None or not (role.is_a_word or role.word == "branch"):
        return role
    return None if names_a_person(seen) else role  # Marina and Holland are places, and names


def _email(seen: Seen, role: Role | None, page: Page) -> Email:
    if role is None:
        return Email(seen.address, EmailKind.PERSON, seen.url, "", read_at=page.read_at)
    kind = EmailKind.FREEMAIL if seen.domain in FREEMAIL else EmailKind.ROLE
    return Email(seen.address, kind, seen.url, role.word, read_at=page.read_at)


def _is_brand(local: str, domain: str, names: tuple[Name, ...]) -> bool:
    plain = re.sub(r"[._\-\d]", "", local)
    brands = {label_of(domain), *(joined(name.brand) for name in names), *(joined(name.core) for name in names)}
    return any(len(brand) >= 3 and (plain == brand or (len(brand) >= 5 and brand in plain)) for brand in brands)


def _in_contact_block(seen: Seen) -> bool:
    return is_contact_page(seen.url) or bool(_LABELLED.search(seen.before[-60:] + " " + seen.after[:40]))


def _pages_by(seen: Iterable[Seen], key: Callable[[Seen], str]) -> dict[str, int]:
    """On how many pages each domain or address is printed."""
    pages: dict[str, set[int]] = {}
    for item in seen:
        pages.setdefault(key(item), set()).add(item.page)
    return {said: len(numbers) for said, numbers in pages.items()}
