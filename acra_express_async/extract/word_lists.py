"""The published word lists of `words/`: ordinary English words, given names and surnames.

Each file begins with its source and licence.
"""

from __future__ import annotations

from importlib import resources


def _lines_of(name: str) -> frozenset[str]:
    text = resources.files(__package__).joinpath("words", name).read_text(encoding="ascii")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


GIVEN_NAMES = _lines_of("given_names.txt")
"""Given names of the 1990 census of the United States, which holds those of most Western countries."""

FAMILY_NAMES = _lines_of("surnames.txt")
"""The 3,000 most frequent surnames of the same census."""

ORDINARY = _lines_of("ordinary_words.txt")
"""English words of four to fourteen letters that are no given name and no frequent surname."""
