"""The published word lists of `words/`: ordinary English words, given names and surnames.

Each file begins with its source and licence, and its words are sorted.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources


class WordList:
    """The words of one file, kept as its text: as a set of strings 50,000 words take 6 MB instead of 0.5.

    A look-up halves the text some twenty times, which takes microseconds.
    """

    def __init__(self, name: str) -> None:
        text = resources.files(__package__).joinpath("words", name).read_text(encoding="ascii")
        first = text.rindex("#")
        self._text = text[text.index("\n", first) + 1 :]

    def __contains__(self, word: str) -> bool:
        low, high = 0, len(self._text)  # starts of lines, or the end
        while low < high:
            start = self._text.rfind("\n", low, (low + high) // 2) + 1 or low
            end = self._text.index("\n", start)
            seen = self._text[start:end]
            if seen == word:
                return True
            low, high = (end + 1, high) if seen < word else (low, start)
        return False

    def __iter__(self) -> Iterator[str]:
        return iter(self._text.splitlines())

    def __len__(self) -> int:
        return self._text.count("\n")


GIVEN_NAMES = WordList("given_names.txt")
"""Given names of the 1990 census of the United States, which holds those of most Western countries."""

FAMILY_NAMES = WordList("surnames.txt")
"""The 3,000 most frequent surnames of the same census."""

ORDINARY = WordList("ordinary_words.txt")
"""English words of four to fourteen letters that are no given name and no frequent surname."""
