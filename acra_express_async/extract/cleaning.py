"""One form of text for everything that reads a page.

Every rule below undoes something that pages do to text (and that hides an address or a number from a plain reader);
none of them invents a character that a person would not have seen.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Literal

MAX_CHARS = 100_000
"""A page is reserved 1,500 tokens, some 6 kB: what is longer is an accident or an attack. Of a longer text the head and
the tail are read, because addresses stand at the end of pages, and everything behind this is bounded by it."""

_TAIL_CHARS = 30_000

_MARKS_IN_A_ROW = 4
"""Combining marks kept in a row. Normalising a run of n marks costs n squared, and no script stacks more than this."""

_INVISIBLE = dict.fromkeys(
    [
        *[0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x3164, 0xFEFF, 0xFFA0],
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
    ]
)
_CONTROL = {code: " " for code in [*range(32), *range(0x7F, 0xA0)] if code not in (9, 10)}
_BREAKS = dict.fromkeys([0x0B, 0x0C, 0x85, 0x2028, 0x2029], "\n")
_EMPTY_LINES = re.compile(r"\n{3,}")
"""Says no more than one empty line, and every reader goes line by line."""

_SURROGATES = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!@|<>~:/&])")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,12});", re.IGNORECASE)


def clean(text: str, form: Literal["NFKC", "NFC"] = "NFKC") -> str:
    """The text as a person sees it: one Unicode form, entities and markdown escapes undone, nothing invisible, LF.

    Linear in the length; at most `MAX_CHARS` characters come back. NFKC (full-width figures and at-signs are
    plain ones) is for reading facts, NFC for text that is shown again.
    """
    if len(text) > MAX_CHARS:
        text = f"{text[: MAX_CHARS - _TAIL_CHARS - 1]}\n{text[-_TAIL_CHARS:]}"
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for _ in range(2):  # "&amp;#64;" is seen on pages that were escaped twice
        if not _ENTITY.search(text):
            break
        text = html.unescape(text)
    if not text.isascii():
        text = _SURROGATES.sub("\ufffd", text.translate(_BREAKS))
        text = "\n".join(_normal(line, form) for line in text.split("\n"))
        text = text.translate(_INVISIBLE)
    text = _EMPTY_LINES.sub("\n\n", text.translate(_BREAKS).translate(_CONTROL))
    return _ESCAPED.sub(r"\1", text)[:MAX_CHARS]


def one_line(text: str) -> str:
    """The cleaned text with every run of white space as one blank."""
    return " ".join(clean(text).split())


def _normal(line: str, form: Literal["NFKC", "NFC"]) -> str:
    if line.isascii():
        return line
    return unicodedata.normalize(form, _few_marks(line))


def _few_marks(line: str) -> str:
    kept = []
    run = 0
    for character in line:
        run = run + 1 if unicodedata.combining(character) else 0
        if run <= _MARKS_IN_A_ROW:
            kept.append(character)
    return "".join(kept)
