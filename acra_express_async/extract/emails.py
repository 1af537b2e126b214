"""Find mail addresses printed on pages, cut off text that was glued to them, and drop unusable ones.

A syntax check is not enough: ``logo@2x.png`` is a valid address. Image names, placeholders such as example.com, 24 or
more hexadecimal digits, unattended mailboxes and addresses of trackers and site builders are dropped by rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, islice

from email_validator import EmailNotValidError, validate_email

from acra_express_async.extract.cleaning import clean
from acra_express_async.extract.directories import is_social
from acra_express_async.extract.domains import registrable
from acra_express_async.extract.kept_answers import PAGES
from acra_express_async.extract.mail_forms import without_spam_guard, written_out
from acra_express_async.extract.page_sections import Sections
from acra_express_async.extract.site_builders import is_operator
from acra_express_async.models import Page

MAX_PER_PAGE = 200
"""Addresses examined per page; a page with more is a list of third parties."""

MAX_OCCURRENCES = 3 * MAX_PER_PAGE
"""Occurrences examined per page: an address may stand in the menu, in the text and in the footer."""

_LONGEST_LABEL = 60
"""Characters of a link's label that say for what or whom its address is."""

_AT = re.compile(r"(?<=[A-Za-z0-9._%+\-])@(?=[A-Za-z0-9])")
_LOCAL = re.compile(r"[A-Za-z0-9._%+'\-]{1,64}$")
_DOMAIN = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6}")
_GLUED_WORD = re.compile(
    r"^(com|net|org|biz|info|sg|asia|co|io)(?=(?:tel|fax|phone|mobile|mob|hotline|website|web|www|address|add|"
    r"call|whatsapp|"
    r"opening|office|email|mail|copyright|follow|contact|or|and|singapore|hp|uen|facebook|instagram)|\d)",
    re.IGNORECASE,
)
_GLUED_BEFORE = re.compile(r"^(?:e-?mail(?:us|address)?|mailto|mail)(?=[a-z])", re.IGNORECASE)
_PHONE_BEFORE = re.compile(r"^\+?(?:65)?[3689]\d{7}(?=[A-Za-z])")
_CODE_BEFORE = re.compile(r"^(?:u003[ce]|x3[ce]|%20|3a|nbsp)(?=[a-z])", re.IGNORECASE)
_VERSION = re.compile(r"^\d+(?:\.\d+)?x?(?:\.|$)")
_HEX = re.compile(r"[0-9a-f]{24,}")
_UNATTENDED = re.compile(
    r"^(?:(?:do|please)?[._-]?(?:no|not|donot)[._-]?reply\w*|(?:.*[._-])?no[._-]?reply.*|do[._-]?not[._-]?reply.*|"
    r"mailer[._-]?daemon|postmaster|"
    r"hostmaster|abuse|bounces?|unsubscribe|listserv|majordomo|root|noc|null|nobody|devnull|uucp|usenet|ftp|www|nntp)$",
    re.IGNORECASE,
)
_PLACEHOLDER_LOCAL = re.compile(
    r"^(?:(?:your?|my)[._-]?(?:name|e?mail|email[._-]?address|user(?:name)?|address|id|company)|you|your[._-].*|name|"
    r"user(?:name)?|someone|somebody|example|sample|test(?:ing)?|demo|abc|xxx+|xyz|first(?:name)?[._-]?last(?:name)?|"
    r"firstname|lastname|j(?:ohn|ane)[._-]?(?:doe|smith))$",
    re.IGNORECASE,
)
_PLACEHOLDER_DOMAINS = frozenset(
    """example.com example.org example.net example.sg example.com.sg domain.com domain.com.sg yourdomain.com
    yourcompany.com yoursite.com mydomain.com mysite.com company.com email.com website.com yourwebsite.com
    test.com sample.com site.com abc.com xyz.com acme.com host.com server.com mail.com""".split()
)
_VENDORS = frozenset(
    """sentry.io wixpress.com wix.com wixstatic.com shopify.com squarespace.com godaddy.com wordpress.com
    wordpress.org cloudflare.com googleapis.com google.com gstatic.com facebook.com apple.com microsoft.com
    w3.org schema.org jquery.com mailchimp.com sendgrid.net hubspot.com zendesk.com intercom.io amazonaws.com
    jsdelivr.net unpkg.com fontawesome.com envato.com themeforest.net elementor.com adobe.com domainsbyproxy.com
    whoisguard.com contactprivacy.com sucuri.net imperva.com incapsula.com akamai.com ddos-guard.net""".split()
)
_NOBODYS = _PLACEHOLDER_DOMAINS | _VENDORS


@dataclass(frozen=True, slots=True)
class Seen:
    """One occurrence of an address.

    `before` and `after` are the text around it on its line, 160 characters at most; `label` a short line right above,
    or the label of the link that leads to it; `above` the short lines above, up to another address; `heading` and
    `section` the heading it stands under and the text of that section (see page_sections).
    """

    address: str
    url: str
    page: int
    position: int
    before: str
    after: str
    label: str = ""
    above: tuple[str, ...] = ()
    heading: str = ""
    section: str = ""

    @property
    def local(self) -> str:
        """The part before the at-sign."""
        return self.address.partition("@")[0]

    @property
    def domain(self) -> str:
        """The registrable domain of the address."""
        return registrable(self.address.partition("@")[2])


def emails_in(page: Page, number: int = 0, *, own_domain: str = "") -> tuple[Seen, ...]:
    """The usable addresses on a page in order, each once, lower-case; the arguments are those of `occurrences_in`."""
    found: dict[str, Seen] = {}
    for seen in occurrences_in(page, number, own_domain=own_domain):
        found.setdefault(seen.address, seen)
    return tuple(found.values())


def occurrences_in(page: Page, number: int = 0, *, own_domain: str = "") -> tuple[Seen, ...]:
    """Every occurrence of a usable address on a page in order, lower-case, of at most `MAX_PER_PAGE` addresses.

    Args:
        page: as read; obfuscated forms are resolved first (see mail_forms).
        number: position of the page within the site, kept for ranking.
        own_domain: the domain of the site; its addresses are real even if others use the domain as an example.
    """
    return _on_page(page, number, own_domain)


@lru_cache(maxsize=PAGES)
def _on_page(page: Page, number: int, own_domain: str) -> tuple[Seen, ...]:
    return tuple(_one_by_one(page, number, own_domain))


def _one_by_one(page: Page, number: int, own_domain: str) -> Iterator[Seen]:
    text = written_out(clean(page.text))
    sections = Sections(text)
    printed = (
        replace(
            seen,
            label=sections.label_above(seen.position),
            above=sections.lines_above(seen.position),
            heading=sections.heading_above(seen.position),
            section=sections.around(seen.position),
        )
        for seen in _seen_in(text, page.url, number, own_domain)
    )
    linked = (
        replace(seen, position=seen.position + len(text) + at, label=clean(link.label)[:_LONGEST_LABEL])
        for at, link in enumerate(page.links)
        if _may_hide_mail(link.url)
        for seen in _seen_in(written_out(clean(link.url)), page.url, number, own_domain)
    )
    known: set[str] = set()
    for seen in islice(chain(printed, linked), MAX_OCCURRENCES):
        known.add(seen.address)
        if len(known) > MAX_PER_PAGE:
            return
        yield seen


def is_unusable(address: str, own_domain: str = "") -> bool:
    """True for placeholders, unattended mailboxes, addresses of machines and vendors, file names and versions."""
    local, _, host = address.partition("@")
    domain = registrable(host)
    return (
        not domain
        or (domain != own_domain and (domain in _NOBODYS or is_operator(domain)))
        or own_domain.endswith(f".{domain}")  # the domain above a site is that of its builder
        or is_social(domain)
        or domain.endswith("gov.sg")
        or _VERSION.match(host) is not None
        or _HEX.search(local) is not None
        or _UNATTENDED.match(local) is not None
        or _PLACEHOLDER_LOCAL.match(local) is not None
    )


def _may_hide_mail(url: str) -> bool:
    return url[:7].lower() == "mailto:" or "email-protection#" in url


def _seen_in(text: str, url: str, number: int, own_domain: str) -> Iterator[Seen]:
    for match in _AT.finditer(text):
        at = match.start()
        local = _local_before(text, at)
        domain = _domain_behind(text, at + 1)
        if not local or not domain:
            continue
        address = _valid(without_spam_guard(f"{local}@{domain}".lower()))
        if not address or is_unusable(address, own_domain):
            continue
        start = text.rfind("\n", max(0, at - 260), at) + 1 or max(0, at - 260)
        end = text.find("\n", at, at + 260)
        yield Seen(
            address=address,
            url=url,
            page=number,
            position=at,
            before=text[start : at - len(local)][-160:],
            after=text[at + 1 + len(domain) : end if end >= 0 else at + 260][:160],
        )


def _local_before(text: str, at: int) -> str:
    match = _LOCAL.search(text, max(0, at - 64), at)
    if match is None:
        return ""
    start = match.start()
    if text[max(0, start - 2) : start] == "//" or (start and _is_latin_like(text[start - 1])):
        return ""  # user part of a URL, homoglyph or accent: the printed mailbox differs from its ASCII tail
    local = match.group().lstrip(".-_'+%").rstrip("'").removeprefix("www.")
    for pattern in (_CODE_BEFORE, _PHONE_BEFORE):
        local = pattern.sub("", local)
    shorter = _GLUED_BEFORE.sub("", local)
    # "Emailinfo@" has a label glued to it; "email@" and "mailroom@" are mailboxes.
    return shorter if len(shorter) >= 3 and _GLUED_ROLE.match(shorter) else local


_GLUED_ROLE = re.compile(
    r"(?:info|sales|enquir|inquir|contact|hello|admin|office|support|general|hr@|us)", re.IGNORECASE
)


def _domain_behind(text: str, start: int) -> str:
    match = _DOMAIN.match(text, start)
    if match is None:
        return ""
    behind = text[match.end() : match.end() + 1]
    if behind and _is_latin_like(behind):
        return ""
    labels = match.group().strip("-").split(".")
    while len(labels) >= 2:
        host = ".".join(labels)
        if registrable(host):
            return _unglued(labels)
        repaired = [*labels[:-1], _first_word(labels[-1])]
        if repaired[-1] != labels[-1] and registrable(".".join(repaired)):
            return ".".join(repaired)
        labels.pop()  # "info@x.com.Call": the next sentence follows without a space
    return ""


def _unglued(labels: list[str]) -> str:
    """Cut a word glued to a known suffix (``x.com.sgHotline``, ``x.comTel``) unless the word is a suffix itself."""
    for index in range(1, len(labels)):
        head = labels[index]
        camel = re.match(r"^([a-z]{2,6})(?=[A-Z])", head)
        if camel and registrable(".".join([*labels[:index], camel[1]])):
            return ".".join([*labels[:index], camel[1]])
    return ".".join(labels)


def _first_word(label: str) -> str:
    camel = re.match(r"^([a-z]{2,6})(?=[A-Z0-9])|^([A-Z]{2,6})(?=[a-z0-9])", label)
    if camel:
        return camel.group().lower()
    glued = _GLUED_WORD.match(label)
    return glued[1].lower() if glued else label


def _is_latin_like(character: str) -> bool:
    """True for letters that may belong to the adjacent word; Chinese and Japanese are written without spaces."""
    if character.isascii() or not character.isalpha():
        return False
    return not (
        "\u2e80" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7af" or "\uf900" <= character <= "\ufaff"
    )


def _valid(address: str) -> str:
    try:
        return validate_email(address, check_deliverability=False, allow_smtputf8=False).normalized.lower()
    except EmailNotValidError:
        return ""
