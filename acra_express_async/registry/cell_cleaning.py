"""Cells of a registry row: markers for missing values, lost zeros, old postal codes, dates, UENs.

Each function repairs what has exactly one correct value, and says in words what it could not repair.
"""

from __future__ import annotations

import re
import unicodedata

from stdnum.exceptions import ValidationError
from stdnum.sg import uen as stdnum_uen

_UEN = re.compile(r"^(?:\d{8}[A-Z]|(?:1[89]|20)\d{7}[A-Z]|[RST]\d{2}[A-Z]{2}\d{4}[A-Z])$")
_UEN_NOISE = re.compile(r"[\s\-./]+")
_SPACES = re.compile(r"\s+")
_FLOAT = re.compile(r"^(\d+)\.0+$")
_DAY_FIRST = re.compile(r"^(\d{1,2})/(\d{1,2})/(\d{4})$")
_GLUED = re.compile(r"\b(PTE|PRIVATE)\.?\s*,?\s*(LTD|LIMITED)\b(\.?)", re.IGNORECASE)

_DROPPED = {"Cc": "", "Cf": "", "Cs": ""}
"""Control characters, invisible format characters (zero-width space) and lone UTF-16 surrogates carry no meaning."""

_TYPES = {
    "LC": "Local Company",
    "BN": "Business",
    "FC": "Foreign Company Branch",
    "LL": "Limited Liability Partnership",
    "LP": "Limited Partnership",
    "PF": "Public Accounting Firm",
}
_STATUSES = {"R": "Registered", "D": "Deregistered"}
"""The codes of the oldest form of "Entities Registered with ACRA", and the words of the newer form."""

_NAMES = ("entity_name", "former_entity_name")
_DATES = ("registration_incorporation_date", "uen_issue_date", "account_due_date", "annual_return_date")


def plain(text: str) -> str:
    """Trimmed, with single spaces, without zero-width and control characters."""
    if not text.isprintable():
        text = "".join(_DROPPED.get(unicodedata.category(c), c) if c not in "\t\r\n" else " " for c in text)
    return _SPACES.sub(" ", text).strip() if "  " in text or not text.isascii() else text.strip()


def uen_in(cell: str) -> tuple[str | None, str | None]:
    """The UEN in capitals, and a remark when its check letter is wrong or its entity type is unknown.

    (None, reason) when it has none of the three forms of a UEN: such a row cannot be kept.
    """
    text = _UEN_NOISE.sub("", plain(cell)).upper()
    if not text or text == "NA":
        return None, "the UEN is blank"
    if not _UEN.match(text):
        return None, f"{text[:20]} has none of the three forms of a UEN"
    try:
        stdnum_uen.validate(text)
    except ValidationError as wrong:
        return text, f"the UEN fails its check ({type(wrong).__name__}): a typo or an invented UEN; row kept"
    return text, None


def name_in(cell: str) -> str | None:
    """A name as written, with spaces and ``PTELTD`` repaired; a company may really be called NA or NULL."""
    text = plain(cell)
    if not text or text == "na":
        return None
    return _GLUED.sub(_unglued, text)


def _unglued(found: re.Match[str]) -> str:
    written = found[0]
    if " " in written or "," in written:
        return written
    dot = "." if "." in written else ""
    return f"{found[1]}{dot} {found[2]}{found[3]}"


def postal_code_in(cell: str) -> tuple[str | None, str | None]:
    """Six digits, with a lost leading zero restored, or an old four-digit code with a remark."""
    text = _FLOAT.sub(r"\1", plain(cell))
    if not text or text.lower() == "na":
        return None, None
    if not (text.isascii() and text.isdigit()):
        return text, f"postal code {text[:20]!r} is not digits; kept, but not used as evidence"
    if len(text) in (5, 6):
        return text.zfill(6), None
    if len(text) in (3, 4):
        return text.zfill(4), f"old postal code {text.zfill(4)} of four digits; kept, but not used as evidence"
    return None, f"postal code {text[:20]} has {len(text)} digits; left out"


def ssic_in(cell: str) -> tuple[int | None, str | None]:
    """The code as a number (the platform's column is one), or a remark."""
    text = _FLOAT.sub(r"\1", plain(cell))
    if not text or text.lower() == "na":
        return None, None
    if text.isascii() and text.isdigit() and 0 < int(text) <= 99999:
        return int(text), None
    return None, f"SSIC code {text[:20]!r} is not a number of five digits; left out"


def text_in(column: str, cell: str) -> str | None:
    """Any other cell: None when it is blank or the marker `na`."""
    if cell in ("", "na"):  # three cells of four
        return None
    text = plain(cell)
    if not text or text == "na" or (text.lower() == "na" and not column.startswith(_NAMES)):
        return None
    if column in _DATES:
        found = _DAY_FIRST.match(text)
        return f"{found[3]}-{int(found[2]):02d}-{int(found[1]):02d}" if found else text
    if column.endswith("_ssic_description") and text.isdigit():
        return None  # the code again instead of its description
    if column == "secondary_ssic_code":
        digits = _FLOAT.sub(r"\1", text)
        return digits.zfill(5) if digits.isascii() and digits.isdigit() else text
    if column == "entity_type_description":
        return _TYPES.get(text, text)
    if column == "entity_status_description":
        return _STATUSES.get(text, text)
    return text


def number_in(cell: str) -> int | None:
    """A count that fits the column, or None."""
    text = _FLOAT.sub(r"\1", plain(cell))
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
