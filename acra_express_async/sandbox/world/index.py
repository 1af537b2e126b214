"""Find companies by UEN, by the slug of a name in a path, and by a shared name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from acra_express_async.sandbox.world.firms import Firm, joined, slug

_UEN_IN_TEXT = re.compile(r"\b(?:\d{8}[A-Z]|\d{9}[A-Z]|[TSR]\d{2}[A-Z]{2}\d{4}[A-Z])\b")


class NameIndex:
    """An inverted index of names and former names."""

    def __init__(self, firms: Sequence[Firm]) -> None:
        self._firms = firms
        self._by_joined: dict[str, list[int]] = defaultdict(list)
        self._by_slug: dict[str, int] = {}
        self._by_uen: dict[str, int] = {}
        for number, firm in enumerate(firms):
            self._by_uen[firm.uen] = number
            self._by_slug.setdefault(slug(firm.name), number)
            for name in firm.names:
                self._by_joined[joined(name)].append(number)

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
