"""Titles near a misspelt word. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz

NEAREST = 5
_CUTOFF = 70.0
"""Of 100: ``bakrey`` and ``bakery`` have 83, ``resturant`` and ``restaurants`` 90; unrelated words stay below 60."""
_TEXT_CUTOFF = 80.0
"""For words of descriptions: there are so many that some are near any word by chance."""
_TEXT_DISCOUNT = 10.0
"""A title says more than an example somewhere in the description of another code."""
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True)
class NearTitle:
    """A code's title; `word` is the near word of its description where the title itself has none."""

    code: str
    title: str
    word: str | None = None

    def __str__(self) -> str:
        named = "" if self.word is None else f", for “{self.word}”"
        return f"{self.title} ({self.code.zfill(5)}{named})"


def nearest_titles(
    term: str, titles: Mapping[str, str], descriptions: Mapping[str, str] | None = None, limit: int = NEAREST
) -> list[NearTitle]:
    """The nearest titles, the best first: each word of the term is compared with each of the title, and of the
    description.

    Args:
        titles: by code.
        descriptions: by code; some codes may have none.
    """
    asked = [_Asked(word) for word in _WORD.findall(term.lower())]
    if not asked:
        return []
    scored = []
    for code, title in titles.items():
        words = _WORD.findall(title.lower())
        by_title = _score(asked, words)
        text = _WORD.findall((descriptions or {}).get(code, "").lower())
        by_text = _score(asked, [*words, *text]) if text else 0.0
        if by_title >= max(_CUTOFF, by_text - _TEXT_DISCOUNT):
            scored.append((-by_title, len(title), NearTitle(code, title)))
        elif by_text >= _TEXT_CUTOFF:
            word = max(asked, key=lambda each: each.best(text)[0] - each.best(words)[0]).best(text)[1]
            scored.append((_TEXT_DISCOUNT - by_text, len(title), NearTitle(code, title, word)))
    return [near for _, _, near in sorted(scored, key=lambda one: (*one[:2], one[2].code))[:limit]]


@dataclass(slots=True)
class _Asked:
    """A word that was asked for, and how near the words are that it was compared with so far."""

    word: str
    ratios: dict[str, float] = field(default_factory=dict)

    def best(self, words: Iterable[str]) -> tuple[float, str]:
        return max(((self._ratio(other), other) for other in words), default=(0.0, ""))

    def _ratio(self, other: str) -> float:
        if other not in self.ratios:
            self.ratios[other] = fuzz.ratio(self.word, other)
        return self.ratios[other]


def _score(asked: Sequence[_Asked], words: Sequence[str]) -> float:
    return sum(each.best(words)[0] for each in asked) / len(asked)
