"""Reads the links of a page from Jina Reader's list, and puts the targets of contact links back into the text.

With `X-Retain-Links: text` the markdown keeps only the labels of links, because the URLs of menus and footers were most
of the bill. The targets of mail, phone and chat links are contact facts, so they are put back next to their labels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from urllib.parse import urljoin

from acra_express_async.models import Link

MOST_LINKS = 500
"""Links kept of one page; real pages hold up to a few hundred."""
MOST_CONTACT_LINKS = 100
"""Contact links are kept beyond `MOST_LINKS`, because they are usually in the footer, after large menus."""
MOST_LISTED = 5_000
"""Most links that are examined, kept or not; 2 MB can hold a hundred thousand."""
LONGEST_LABEL = 200
LONGEST_ADDRESS = 2_000

_SCHEMES = ("http://", "https://", "mailto:", "tel:", "sms:", "whatsapp:")
_CONTACT = re.compile(
    r"(?:mailto|tel|sms|whatsapp):|https?://(?:wa\.me|api\.whatsapp\.com|web\.whatsapp\.com)/|[^#]*/cdn-cgi/l/email-protection#",
    re.IGNORECASE,
)
_JOINT = re.compile(
    r",(?=(?:https?|mailto|tel|sms|whatsapp|javascript|file|data|blob|ftp|skype|viber|tg|line|weixin|about):)",
    re.IGNORECASE,
)
"""Where the label ends in ``label,href``; labels and URLs may contain commas too."""
_MARKDOWN_LINK = re.compile(
    r"(?<!!)\[([^\[\]]{0,200})\]\(<?([^\s()<>]{1,2000}(?:\([^\s()<>]{0,200}\)[^\s()<>]{0,500})?)>?"
)
_TELLING_LABEL = re.compile(r"@|(?:\d[ \-.()]{0,2}){6}|\b(?:pte|ltd|limited|llp)\b", re.IGNORECASE)
"""A label that is a fact itself: an address, a number, a postal code, the name of a company."""
_SHORTEST_ANCHOR = 3
"""Shortest label that is searched for in the text; shorter ones would match anywhere."""
_LONGEST_TEXT = 100_000
"""Characters of a text in which labels are searched for: a page of 2,400 tokens has about 10,000."""


def links_of(told: object, text: str, base: str) -> tuple[Link, ...]:
    """The page's links in document order, each pair of label and URL once; taken from the markdown without a list.

    Args:
        told: `data.links` in any of its three shapes.
        text: the markdown.
        base: URL that relative links resolve against.
    """
    found: dict[tuple[str, str], Link] = {}
    contacts = 0
    for label, href in _pairs(told) or [
        (match[1], match[2]) for match in islice(_MARKDOWN_LINK.finditer(text), MOST_LISTED)
    ]:
        if len(href) > LONGEST_ADDRESS:
            continue
        try:
            url = urljoin(base, href.strip())
        except ValueError:  # "http://[half" and the like: a page may contain anything
            url = ""
        if not url.lower().startswith(_SCHEMES):
            continue
        contact = is_contact_link(url)
        if contacts >= MOST_CONTACT_LINKS if contact else len(found) - contacts >= MOST_LINKS:
            continue
        link = Link(" ".join(label[:MOST_LISTED].split())[:LONGEST_LABEL], url)
        if (link.label, url) not in found:
            found[link.label, url] = link
            contacts += contact
    return tuple(found.values())


def is_contact_link(url: str) -> bool:
    """True for the links that are contact facts themselves: mail, phone, SMS, WhatsApp, Cloudflare's hidden mail."""
    return _CONTACT.match(url) is not None


def with_contact_targets(text: str, links: Sequence[Link]) -> str:
    """The text with the targets of contact links in markdown form, each at its label.

    Links come in document order, so each label is searched for after the previous one. Links whose label is not found
    (an icon has none, or the text was cut before it) are added at the end, one per line, with the other labels that are
    contact facts: the list covers the whole page even if the text was cut.
    """
    pieces: list[str] = []
    lost: list[str] = []
    copied = position = 0
    body = text[:_LONGEST_TEXT]
    for link in links:
        if f"]({link.url})" in body:
            continue  # this text still has its targets
        contact = is_contact_link(link.url)
        start = _place_of(link.label, body, position, whole=contact)
        if start >= 0:
            position = start + len(link.label)
            if contact:
                pieces += [text[copied:start], f"[{link.label}]({link.url})"]
                copied = position
        elif contact:
            lost.append(f"[{link.label}]({link.url})")
        elif _TELLING_LABEL.search(link.label) and link.label not in body:
            lost.append(link.label)
    written = "".join([*pieces, text[copied:]])
    return "\n\n".join([written, *dict.fromkeys(lost)]) if lost else written


def _place_of(label: str, text: str, start: int, *, whole: bool) -> int:
    """Position of the label at or after `start`, or -1; with `whole` it must not be part of a longer word."""
    if len(label) < _SHORTEST_ANCHOR:
        return -1
    while (found := text.find(label, start)) >= 0:
        end = found + len(label)
        if not whole or not (_is_word(text[found - 1 : found], label[0]) or _is_word(text[end : end + 1], label[-1])):
            return found
        start = end
    return -1


def _is_word(outside: str, inside: str) -> bool:
    return bool(outside) and outside.isalnum() and inside.isalnum()


def _pairs(told: object) -> list[tuple[str, str]]:
    """`links` is an object of ``label: href``, an array of pairs, or such an array turned into an object.

    The provider's source of 2026 sends the last form for `all`: ``{"0": "label,href", "1": …}``.
    """
    if isinstance(told, dict):
        listed = list(islice(told.items(), MOST_LISTED))
        numbered = all(key == str(number) for number, (key, _) in enumerate(listed))
        pairs = [_split(key, value) for key, value in listed] if numbered else listed
    elif isinstance(told, list):
        pairs = [tuple(entry) for entry in told[:MOST_LISTED] if isinstance(entry, list) and len(entry) == 2]
    else:
        pairs = []
    return [(label, href) for label, href in pairs if isinstance(label, str) and isinstance(href, str)]


def _split(key: str, value: object) -> tuple[str, object]:
    joint = _JOINT.search(value) if isinstance(value, str) else None
    return (
        (key, value) if joint is None or not isinstance(value, str) else (value[: joint.start()], value[joint.end() :])
    )
