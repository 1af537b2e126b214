"""Find the companies that match a search query, whatever the case, punctuation, legal form and former names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from acra_express_async.sandbox.world.firms import QUERY_NOISE, Firm, core_words, joined, slug, words

_UEN_IN_TEXT = re.compile(r"\b(?:\d{8}[A-Z]|\d{9}[A-Z]|[TSR]\d{2}[A-Z]{2}\d{4}[A-Z])\b")
ENOUGH = 0.6
"""Share of a name's words that a query must contain at least."""


class NameIndex:
    """An inverted index of names and former names."""

    def __init__(self, firms: Sequence[Firm]) -> None:
        self._firms = firms
        self._by_word: dict[str, list[int]] = defaultdict(list)
        self._by_joined: dict[str, list[int]] = defaultdict(list)
        self._by_slug: dict[str, int] = {}
        self._by_uen: dict[str, int] = {}
        for number, firm in enumerate(firms):
            self._by_uen[firm.uen] = number
            self._by_slug.setdefault(slug(firm.name), number)
            for name in firm.names:
                self._by_joined[joined(name)].append(number)
                for word in dict.fromkeys(core_words(name)):
                    self._by_word[word].append(number)

    def __contains__(self, uen: object) -> bool:
        return uen in self._by_uen

    def by_uen(self, uen: str) -> int | None:
        """The index of the firm with this UEN."""
        return self._by_uen.get(uen.upper())

    def in_text(self, text: str) -> int | None:
        """The firm whose UEN or slug occurs in a path or query."""
        for match in _UEN_IN_TEXT.findall(text.upper().replace("-", " ")):
            if match in self._by_uen:
                return self._by_uen[match]
        tail = text.strip("/").rsplit("/", 1)[-1].lower()
        return self._by_slug.get(tail)

    def namesakes(self, number: int) -> list[int]:
        """Other firms with the same core in a current or former name."""
        same = (other for name in self._firms[number].names for other in self._by_joined[joined(name)])
        return [other for other in dict.fromkeys(same) if other != number]

    def meant_by(self, query: str) -> list[int]:
        """The firms that `query` may mean, the most likely first; empty when there is none."""
        named = self.in_text(query)
        if named is not None:
            return [named, *self.namesakes(named)]
        asked = words(query)
        telling = [word for word in asked if word not in QUERY_NOISE] or asked
        whole = self._by_joined.get("".join(telling), [])
        if whole:
            return list(dict.fromkeys(whole))
        ranked = sorted(self._scores(telling).items(), key=lambda pair: (-pair[1][0], -pair[1][1], pair[0]))
        if not ranked:
            return []
        best = ranked[0][1]
        return [number for number, score in ranked if score == best][:3]

    def _scores(self, telling: Sequence[str]) -> dict[int, tuple[float, int]]:
        rare = sorted((word for word in telling if word in self._by_word), key=lambda word: len(self._by_word[word]))
        asked = frozenset(telling)
        scores: dict[int, tuple[float, int]] = {}
        for word in rare[:3]:
            for number in self._by_word[word]:
                score = self._score(self._firms[number], asked)
                if score[0] >= ENOUGH:
                    scores[number] = score
        return scores

    @staticmethod
    def _score(firm: Firm, asked: frozenset[str]) -> tuple[float, int]:
        """(share of the name's words in the query, number of those words) for the best of its names."""
        best = (0.0, 0)
        for name in firm.names:
            own = {word for word in core_words(name) if word not in QUERY_NOISE} or set(core_words(name))
            shared = len(own & asked)
            best = max(best, (shared / len(own), shared))
        return best
