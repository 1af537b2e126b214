"""Sites below a builder's domain: what the builder says of itself, and builders that no list knows.

A builder prints its own line, mailbox and hotline on its customers' pages ("Powered by EasyStore, help@easystore.co").
None of it is the customer's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from acra_express_async.extract.domains import host_of, hosted_under, label_of, registrable
from acra_express_async.extract.site_builders import SERVICE_LABELS, operators_of
from acra_express_async.models import Page

_SEGMENTS = re.compile(r"(\s[|·•–—]\s|(?<=[.!?])\s+)")
_BARE_NUMBER = re.compile(
    r"\W*(?:tel(?:ephone)?|phone|call|hotline|whatsapp|fax|sms|t|p)?[\s.:]*\+?[\d\s().\-/]{7,25}\W*", re.IGNORECASE
)
_MADE = (
    r"(?:powered|built|made|created|hosted|published|designed|provided|run|get started|start(?:ed)? free|available|"
    r"(?:web ?)?site|store|shop)"
)
_FOR_OTHERS = (
    r"(?:create|build|make|start|launch|get|open|claim) (?:your|a|an)(?: own)?(?: [a-z]+){0,3} "
    r"(?:web ?site|site|store|shop|blog|page|link)"
)
_DESK = r"(?:support|help ?(?:desk|cent(?:re|er)|line)?|customer (?:service|care|success)|hotline|team|sales)"
_FIRST_PERSON = re.compile(r"\b(?:we|our|us|i|my)\b", re.IGNORECASE)
_FIRST_PERSONS = 2
"""A firm's own page says "we" and "our" more than once; an entry about it says neither."""


def own_pages(pages: Sequence[Page], site: str) -> tuple[Page, ...]:
    """The pages without what the builder says of itself; unchanged for a site under its own domain.

    Args:
        pages: usable pages of the site.
        site: its name, as domains.domain_of gives it, or a host below the domain of a builder that no list knows.
    """
    builder = _builder_of(site)
    if not builder:
        return tuple(pages)
    return tuple(replace(page, text=_own_text(page.text, builder)) for page in pages)


def shared_host(url: str) -> tuple[str, str]:
    """The host of a URL below an ordinary domain, and that domain: perhaps a customer and a builder that no list knows.

    ('', '') for the domain's own host, for a host of the service itself, and below known builders.
    """
    host = host_of(url).removeprefix("www.")
    domain = registrable(host)
    if not domain or host == domain or hosted_under(domain):
        return "", ""
    label = host[: -len(domain) - 1]
    return ("", "") if "." in label or label in SERVICE_LABELS else (host, domain)


def shows_builder(text: str, builder: str) -> bool:
    """True when a page in the firm's own voice says that the domain above it builds sites for others."""
    name = re.escape(label_of(builder))
    said = re.search(
        rf"\b{_MADE}\b[^\n]{{0,20}}\b(?:by|with|on|using|at|from)\s+(?:the\s+)?(?:www\.)?{name}\b"
        rf"|\b{_FOR_OTHERS}\b[^\n]{{0,60}}\b{name}\b|\b{name}\b[^\n]{{0,60}}\b{_FOR_OTHERS}\b",
        text,
        re.IGNORECASE,
    )
    return said is not None and len(_FIRST_PERSON.findall(text)) >= _FIRST_PERSONS


def _builder_of(site: str) -> str:
    if builder := hosted_under(site):
        return builder
    domain = registrable(site.partition("/")[0])
    return domain if domain != site else ""


@lru_cache(maxsize=256)
def _lines_of(builder: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What the builder says of itself within a line, and what marks a piece of it as the builder's altogether."""
    domains = "|".join(re.escape(domain) for domain in operators_of(builder))
    names = "|".join(re.escape(label_of(domain)) for domain in operators_of(builder))
    mailbox = rf"@(?:[\w-]+\.)?(?:{domains})\b|\b(?:{names})(?:\.\w{{2,3}})? {_DESK}\b(?!@)"
    phrases = (
        rf"(?<![\w.@-])(?:https?://)?(?:www\.)?(?:{domains})(?![\w-])(?:/\S*)?"
        rf"|\b{_MADE}\b[^\n|·•]{{0,20}}\b(?:by|with|on|using|at|from)\s+(?:the\s+)?(?:{names})\b(?: online)?"
        rf"|(?:©|\(c\)|copyright)\W*(?:\d{{4}}\W*)?(?:by )?(?:{names})\b"
    )
    advertised = rf"^\W*{_FOR_OTHERS}\b(?=[^\n]*(?:\bfree\b|\byour own\b|\b(?:{names})\b|\b(?:today|now)\b))"
    return re.compile(phrases, re.IGNORECASE), re.compile(f"{mailbox}|{advertised}", re.IGNORECASE)


def _own_text(text: str, builder: str) -> str:
    phrases, desk = _lines_of(builder)
    kept: list[str] = []
    after_desk = False
    for line in text.split("\n"):
        if after_desk and line.strip() and _BARE_NUMBER.fullmatch(line[:100]):
            continue  # the number below the builder's mailbox
        if not line.strip():
            kept.append(line)
            continue
        after_desk = desk.search(line[:5000]) is not None
        marked = after_desk or phrases.search(line[:5000]) is not None
        kept.append(_without(line, phrases, desk) if marked else line)
    return "\n".join(kept)


def _without(line: str, phrases: re.Pattern[str], desk: re.Pattern[str]) -> str:
    """A line without the pieces that are the builder's; of others only its phrase goes: "Tel 6741 1100 by Wix"."""
    pieces = (piece for piece in _SEGMENTS.split(line) if not desk.search(piece))
    return phrases.sub(" ", "".join(pieces)).strip(" |·•–—")
