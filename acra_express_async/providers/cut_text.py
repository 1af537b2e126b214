"""Removes the end of a text that Jina Reader cut, because an address or number there may be incomplete.

`X-Max-Tokens` cuts between tokens, in the middle of words: ``info@brightway.com`` may be the beginning of
``info@brightway.com.sg``, which is a stranger's address, and six digits the beginning of eight.
"""

from __future__ import annotations

import re

TOKEN_SLACK = 2
"""Re-encoding a cut string may give this many tokens more or fewer than the limit."""

_REACH = 400
"""Characters at the end that are examined; no address or number is longer."""
_LAST_WORD = re.compile(r"(?:[\u3000-\u9fff]|[^\s\u3000-\u9fff]*)\s*\Z")
"""Chinese and Japanese have no spaces between words, so there the last character counts as the last word."""
_OPEN_NUMBER = re.compile(r"[+(]?\d[\d \t\u00a0().\-–]*\Z")
_GOES_ON_AS_NUMBER = re.compile(r"[\d(+).\-–/]|[A-Za-z]\Z")
_OPEN_ADDRESS = re.compile(
    r"\S*[ \t]{0,3}(?:@|[\[({<][ \t]?(?:at|@)[ \t]?[\])}>]|\bat\b)[ \t]{0,3}[\w-]+"
    r"(?:[ \t]{0,3}(?:\.|[\[({<]?[ \t]?(?:\bdot\b|\.)[ \t]?[\])}>]?)[ \t]{0,3}[\w-]*)*[ \t\[({<]*\Z",
    re.IGNORECASE,
)
_GOES_ON_AS_ADDRESS = re.compile(r"[.\[({<·]|d(?:o|ot)?\b|\w\Z", re.IGNORECASE)
_DOT_BEFORE = re.compile(r"(?:\.|\bdot\b[ \t]?[\])}>]?)[ \t]*\Z", re.IGNORECASE)
_SPACED_LETTERS = re.compile(r"(?:(?<!\S)\S[ \t]){2,}\Z")


def is_cut(tokens: int | None, limit: int) -> bool:
    """True when a bill of `tokens` means that the text was cut at `limit`."""
    return tokens is not None and tokens >= limit - TOKEN_SLACK


def without_cut_end(text: str) -> str:
    """The text without its last word, and without an address or number that this word may have belonged to.

    A complete last word is lost too, because it looks the same as a cut one. Linear in the length of the text.
    """
    head, tail = text[:-_REACH], text[-_REACH:]
    last = _LAST_WORD.search(tail)
    word = last[0].strip() if last else ""
    tail = tail[: last.start()] if last else tail
    if _GOES_ON_AS_NUMBER.match(word):
        tail = _OPEN_NUMBER.sub("", tail)
    if len(word) == 1:
        tail = _SPACED_LETTERS.sub("", tail)
    if _GOES_ON_AS_ADDRESS.match(word) or _DOT_BEFORE.search(tail):
        tail = _OPEN_ADDRESS.sub("", tail)
    return (head + tail).rstrip()
