"""Titles near a misspelt word. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rapidfuzz import fuzz

NEAREST = 5
_CUTOFF = 70.0
"""Of 100: ``bakrey`` and ``bakery`` have 83, ``resturant`` and ``restaurants`` 90; unrelated words stay below 60."""
_WORD = re.compile(r"[^\W\d_]{3,}")


def nearest_titles(term: str, titles: Mapping[str, str], limit: int = NEAREST) -> list[tuple[str, str]]:
    """Code and title of the nearest titles, the best first: each word of the term is compared with each of the title.

    Args:
        titles: by code.
    """
    asked = _WORD.findall(term.lower())
    scored = []
    for code, title in titles.items():
        words = _WORD.findall(title.lower())
        if asked and words:
            score = sum(max(fuzz.ratio(word, other) for other in words) for word in asked) / len(asked)
            scored.append((-score, len(title), code, title))
    return [(code, title) for score, _, code, title in sorted(scored)[:limit] if -score >= _CUTOFF]
