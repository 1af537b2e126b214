"""Keeps what was found in the latest pages, for functions that several readers ask about the same text.

A page is read by a dozen functions, again with every further page of its site, and once more for its contacts. All of
them are pure, so an answer holds for as long as the text is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast

Answer = TypeVar("Answer")
AboutText = TypeVar("AboutText", bound=Callable[..., Any])
"""A function whose first argument is a text; the others can be hashed."""

TEXTS = 16
"""Two workers at once, each with the pages of one site and what is put together of them; more would cost memory."""
LONGEST = 30_000
"""Characters: three pages of 2,000 tokens and more. Answers about longer texts are not kept, which bounds the memory:
`TEXTS` texts of this length and their answers are at most some megabytes a function."""
PAGES = 16
"""For functions of a whole page, whose links may be many."""
SHORT_TEXTS = 512
"""Lines, URLs and host names: those of the pages of two workers."""
LONGEST_SHORT = 400
"""Characters of a line or a URL; with `SHORT_TEXTS` of them a function keeps at most 0.2 MB of text."""


def kept_short(function: AboutText) -> AboutText:
    """`function` with its latest `SHORT_TEXTS` answers about texts of at most `LONGEST_SHORT` characters (lines, URLs):
    a dozen functions look at a result or a link, and the lines of a page are read in several arrangements."""
    remembered = lru_cache(maxsize=SHORT_TEXTS)(function)

    @wraps(function)
    def asked(text: str, *beside: Any, **named: Any) -> Any:
        ask = remembered if len(text) <= LONGEST_SHORT else function
        return ask(text, *beside, **named)

    return cast("AboutText", asked)


def kept(function: Callable[[str], Answer]) -> Callable[[str], Answer]:
    """`function` with its latest `TEXTS` answers about texts of at most `LONGEST` characters."""
    remembered = lru_cache(maxsize=TEXTS)(function)

    @wraps(function)
    def asked(text: str) -> Answer:
        return remembered(text) if len(text) <= LONGEST else function(text)

    return asked
