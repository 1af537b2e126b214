"""Find Unique Entity Numbers (UEN) in text.

A UEN has one of three forms: eight digits and a letter (business), a year, five digits and a letter (local company),
or R/S/T, a two-digit year, two letters of the entity type, four digits and a letter (others). The last letter is a
check letter. python-stdnum also computes it, but refuses years in the future and unknown entity types, so its answer
depends on more than the text. The tests compare both.
"""

from __future__ import annotations

import re

from acra_express_async.extract.kept_answers import kept

_BUSINESS = (10, 4, 9, 3, 8, 2, 7, 1)
_COMPANY = (10, 8, 6, 4, 9, 7, 5, 3, 1)
_OTHER = (4, 3, 5, 3, 10, 2, 2, 5, 7)
_BUSINESS_LETTERS = "XMKECAWLJDB"
_COMPANY_LETTERS = "ZKCMDNERGWH"
_OTHER_LETTERS = "ABCDEFGHJKLMNPQRSTUVWX0123456789"

_SEEN = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"(?P<company>(?:18|19|20)\d{2}[-. ]?\d{5}[-. ]?[A-Za-z])"
    r"|(?P<other>[RSTrst]\d{2}[-. ]?[A-Za-z]{2}[-. ]?\d{4}[-. ]?[A-Za-z])"
    r"|(?P<business>\d{8}-?[A-Za-z])"
    r")(?![0-9A-Za-z])"
)
_LABEL = re.compile(
    r"(?:uen|roc|rcb|acra|(?:co|company|business|biz)\.?\s*(?:reg|registration)\w*|reg(?:istration)?\.?\s*no|"
    r"公司注册|注册号|註冊)[^0-9A-Za-z]{0,6}(?:no|number|num)?[^0-9A-Za-z]{0,6}$",
    re.IGNORECASE,
)


_OWN_LABEL = re.compile(
    r"(?:uen|roc|rcb|acra|(?:co|company|business|biz)\.?\s*(?:reg|registration)\w*)\.?[^0-9A-Za-z]{0,6}"
    r"(?:no|number|num)?[^0-9A-Za-z]{0,6}$",
    re.IGNORECASE,
)
"""Labels that only a company number has; a bare "Reg. No." may be a licence."""

_TYPING_ERROR = 2
"""Differing characters of a mistyped number: one wrong, or two neighbours swapped."""


def has_right_check_letter(uen: str) -> bool:
    """True when the last letter matches the check computed from the other characters."""
    uen = uen.upper()
    if re.fullmatch(r"\d{8}[A-Z]", uen):
        total = sum(weight * int(digit) for weight, digit in zip(_BUSINESS, uen, strict=False))
        return uen[-1] == _BUSINESS_LETTERS[total % 11]
    if re.fullmatch(r"\d{9}[A-Z]", uen):
        total = sum(weight * int(digit) for weight, digit in zip(_COMPANY, uen, strict=False))
        return uen[-1] == _COMPANY_LETTERS[total % 11]
    if re.fullmatch(r"[RST]\d{2}[A-Z]{2}\d{4}[A-Z]", uen) and all(c in _OTHER_LETTERS for c in uen[:-1]):
        total = sum(weight * _OTHER_LETTERS.index(c) for weight, c in zip(_OTHER, uen, strict=False))
        return uen[-1] == _OTHER_LETTERS[(total - 5) % 11]
    return False


@kept
def uens_in(text: str) -> tuple[str, ...]:
    """The UENs with a valid check letter, in order of appearance, each once, without dashes and spaces.

    Eight digits and a letter count only after a label (UEN, Co. Reg. No.), because one in eleven part numbers passes
    the check by chance.
    """
    found: dict[str, None] = {}
    for match in _SEEN.finditer(text):
        uen = re.sub(r"[-. ]", "", match.group()).upper()
        if not has_right_check_letter(uen):
            continue
        if match.lastgroup == "business" and not _LABEL.search(text[max(0, match.start() - 40) : match.start()]):
            continue
        found[uen] = None
    return tuple(found)


def strangers_in(text: str, ours: str) -> tuple[str, ...]:
    """UENs of other companies in a text, in order: the valid ones, or else labelled numbers.

    A number with a label (UEN, Co. Reg. No.) counts even with a wrong check letter, unless it differs from our UEN only
    by a typing error.
    """
    wanted = ours.upper()
    if right := tuple(uen for uen in uens_in(text) if uen != wanted):
        return right
    found: dict[str, None] = {}
    for match in _SEEN.finditer(text):
        uen = re.sub(r"[-. ]", "", match.group()).upper()
        if _OWN_LABEL.search(text[max(0, match.start() - 40) : match.start()]) and _is_another(uen, wanted):
            found[uen] = None
    return tuple(found)


def _is_another(uen: str, ours: str) -> bool:
    return len(uen) != len(ours) or sum(a != b for a, b in zip(uen, ours, strict=True)) > _TYPING_ERROR


def states_uen(text: str, uen: str) -> bool:
    """True when the text contains this number, with or without dashes and spaces; the check letter is not verified."""
    wanted = re.sub(r"[^0-9A-Z]", "", uen.upper())
    if len(wanted) < 9:
        return False
    # no pattern made of the number: compiling one for each company costs more than the search, and re keeps 512 of them
    shown = text.upper()
    start = shown.find(wanted[0])
    while start >= 0:
        if not (start and _is_of_a_word(shown[start - 1])) and _is_spelled_at(shown, start, wanted):
            return True
        start = shown.find(wanted[0], start + 1)
    return False


def _is_spelled_at(shown: str, at: int, wanted: str) -> bool:
    """True when the number begins here, with at most one dash, dot or space between two characters."""
    for place, character in enumerate(wanted):
        if place and shown[at : at + 1] in ("-", ".", " "):
            at += 1
        if shown[at : at + 1] != character:
            return False
        at += 1
    return at >= len(shown) or not _is_of_a_word(shown[at])


def _is_of_a_word(character: str) -> bool:
    return character.isascii() and character.isalnum()


def without_uens(text: str) -> str:
    """The text with UENs overwritten by spaces, so that none is mistaken for a telephone number.

    Eight digits and a letter stay unless they are labelled or pass the check: "67411100T" may be a phone number with
    text glued to it.
    """
    return _SEEN.sub(lambda match: " " * len(match.group()) if _is_uen(match, text) else match.group(), text)


def _is_uen(match: re.Match[str], text: str) -> bool:
    return match.lastgroup != "business" or bool(_LABEL.search(text[max(0, match.start() - 40) : match.start()]))
