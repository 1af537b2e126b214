"""Find out who owns a page: the company's legal name as owner or third party, or another company's in an imprint."""

from __future__ import annotations

import re

from acra_express_async.extract.kept_answers import kept
from acra_express_async.extract.names import Name, legal_name_stands_in, name_of, padded

_LEGAL_NAME = re.compile(
    r"(?P<name>(?:[A-Z0-9][\w&'.,\-]{0,40}[ \t]+|(?:&|and|of)[ \t]+|\((?:[A-Za-z]{1,20})\)[ \t]*){1,8})"
    r"(?:\(?(?:Pte|PTE|Private|PRIVATE)\.?\)?[ \t]*\.?(?:Ltd|LTD|Limited|LIMITED)\b|LLP\b)"
)
_OWNER = re.compile(
    r"©|\(c\) ?\d|copyright|all rights reserved|(?:operated|owned|run|managed|brought to you) by|"
    r"trading (?:name|as)|\bt/a\b|\bbrand (?:of|by)|part of|subsidiary of|member of|legal (?:entity|name)|"
    r"registered (?:name|company)|formerly|版权|版權",
    re.IGNORECASE,
)
THIRD_PARTY = re.compile(
    r"\bclients?\b|case stud|portfolio|\bmembers?\s?(?::|list|directory)|dealers?\b|distributors?\b|stockists?\b|"
    r"notice|winding[ -]up|liquidat|\bis hiring|apply (?:via|to|now)|vacanc|customers?:|partners?:|supplier profile|"
    r"tenants?\b|reviews?\b|our work|testimonial|directors? of|according to|raised|plaintiff|defendant",
    re.IGNORECASE,
)
"""Words of a line about a company that does not own the site."""

_GREETINGS = frozenset("home homepage welcome to official website site page singapore contact us about".split())

_YEARS = re.compile(r"^(?:(?:19|20)\d\d\b[\s,.\-–]*)+")
_IMPRINT = re.compile(r"©|\(c\)|copyright|all rights reserved|版权|版權", re.IGNORECASE)

_RUN_BY = re.compile(
    r"\b(?:web ?site|site|platform|portal|marketplace|directory|app|service)s?\b[^\n]{0,40}\b(?:is |are )?"
    r"(?:operated|owned|run|managed|provided|published) by",
    re.IGNORECASE,
)


def stands_as_owner(text: str, name: Name, *, alone: bool) -> bool:
    """True when an ownership line contains the legal name and no line mentions it as a third party.

    Args:
        text: the cleaned text of a page.
        name: the company.
        alone: accept a line that merely begins with the name, as on contact and legal pages.
    """
    if not legal_name_stands_in(padded(text), name):
        return False
    owned = False
    for line in text.split("\n"):
        words = padded(line[:4000])
        if not legal_name_stands_in(words, name):
            continue
        if THIRD_PARTY.search(line[:4000]):
            return False
        begins = words.startswith(f" {name.words[0]} ")
        owned = owned or bool(_OWNER.search(line[:4000])) or (alone and begins)
    return owned


def signs_imprint(text: str, name: Name) -> bool:
    """True when a copyright line, or one that says who runs the site, gives the legal name, and no other before it."""
    if not legal_name_stands_in(padded(text), name):
        return False
    for line in text.split("\n"):
        mark = _IMPRINT.search(line[:4000]) or _RUN_BY.search(line[:4000])
        if mark is None or THIRD_PARTY.search(line[:4000]) or not legal_name_stands_in(padded(line[:4000]), name):
            continue
        first = _LEGAL_NAME.search(line[:4000], mark.start())
        if first is None or name_of(_YEARS.sub("", first.group())).core == name.core:
            return True
    return False


def is_titled(title: str, name: Name) -> bool:
    """True when the title is the legal name alone, apart from a greeting."""
    words = padded(title)
    if not legal_name_stands_in(words, name):
        return False
    return not set(words.split()) - set(padded(name.legal).split()) - _GREETINGS


@kept
def legal_names_in(text: str) -> tuple[Name, ...]:
    """The Singapore legal names on a page, in order, each once."""
    found: dict[tuple[str, ...], Name] = {}
    for line in text.split("\n"):
        for match in _LEGAL_NAME.finditer(line[:4000]):
            name = name_of(_YEARS.sub("", match.group()))
            found.setdefault(name.words, name)
    return tuple(found.values())


def other_legal_names(text: str, names: tuple[Name, ...]) -> tuple[str, ...]:
    """Singapore legal names in copyright lines that are not the company's own, each once.

    Only imprint lines count, because they name the owner; other lines also name partners and clients.
    """
    ours = {name.words for name in names}
    found: dict[str, None] = {}
    for line in text.split("\n"):
        if not _IMPRINT.search(line[:4000]):
            continue
        for match in _LEGAL_NAME.finditer(line[:4000]):
            other = name_of(_YEARS.sub("", match.group()))
            if other.words and other.words not in ours and other.core not in {name.core for name in names}:
                found[other.legal] = None
    return tuple(found)
