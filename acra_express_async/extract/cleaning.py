"""Normalise page text once, for every function that reads a page.

Each rule undoes something that pages do to text and that would hide an address or a number. No rule adds a character
that a person would not have seen.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Literal

from acra_express_async.extract.kept_answers import kept

MAX_CHARS = 100_000
"""A page is limited to 2,000 tokens (about 8 kB), so a longer text is an accident or an attack. Head and tail of a
longer text are kept, because contacts stand at the end of pages. This bounds the work of everything that follows."""

_TAIL_CHARS = 30_000

_MARKS_IN_A_ROW = 4
"""Consecutive combining marks to keep. Normalising n marks costs n squared, and no script stacks more than this."""

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
_TRANSLATED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""The characters of both tables; most pages have none, and looking for one is far cheaper than translating."""
_EMPTY_LINES = re.compile(r"\n{3,}")
"""More than one empty line in a row adds nothing, and every reader works line by line."""

_SURROGATES = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!@|<>~:/&])")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,12});", re.IGNORECASE)


def clean(text: str, form: Literal["NFKC", "NFC"] = "NFKC") -> str:
    """Return the text as a person sees it: one Unicode form, no entities, markdown escapes or invisible characters, LF.

    Takes time linear in the length and returns at most `MAX_CHARS` characters. Use NFKC to read facts, because it turns
    full-width digits and at-signs into plain ones, and NFC for text that will be displayed.
    """
    return _compatible(text) if form == "NFKC" else _cleaned(text, form)


@kept
def _compatible(text: str) -> str:
    return _cleaned(text, "NFKC")


def _cleaned(text: str, form: Literal["NFKC", "NFC"]) -> str:
    if len(text) > MAX_CHARS:
        text = f"{text[: MAX_CHARS - _TAIL_CHARS - 1]}\n{text[-_TAIL_CHARS:]}"
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for _ in range(2):  # pages that were escaped twice contain "&amp;#64;"
        if not _ENTITY.search(text):
            break
        text = html.unescape(text)
    if not text.isascii():
        text = _SURROGATES.sub("\ufffd", text.translate(_BREAKS))
        text = "\n".join(_normal(line, form) for line in text.split("\n"))
        text = text.translate(_INVISIBLE)
    if _TRANSLATED.search(text):
        text = text.translate(_BREAKS).translate(_CONTROL)
    text = _EMPTY_LINES.sub("\n\n", text)
    return _ESCAPED.sub(r"\1", text)[:MAX_CHARS]


def one_line(text: str) -> str:
    """The cleaned text with each run of white space replaced by one space."""
    return " ".join(clean(text).split())


def _normal(line: str, form: Literal["NFKC", "NFC"]) -> str:
    if line.isascii():
        return line
    return unicodedata.normalize(form, _few_marks(line))


def _few_marks(line: str) -> str:
    if not any(map(unicodedata.combining, line)):
        return line
    kept = []
    run = 0
    for character in line:
        run = run + 1 if unicodedata.combining(character) else 0
        if run <= _MARKS_IN_A_ROW:
            kept.append(character)
    return "".join(kept)
