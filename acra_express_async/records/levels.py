"""The level of an answer, `certain`, `likely` or `unsure`, from the points of a site's evidence.

The thresholds come from the table of points against precision that `python -m quality` prints for the project's own
sets: `certain` where at least 99 of 100 answers were right, `likely` where at least 95 were, `unsure` below. A level is
stored with `TABLE`, the version of that table, so that an old level is never compared with new thresholds.
"""

from __future__ import annotations

from enum import StrEnum

TABLE = 1
"""Version of the thresholds; raise it whenever one of them changes."""
CERTAIN_POINTS = 100
LIKELY_POINTS = 70
"""Lowest points of each level in this table; an answer needs at least 55."""

PERSON = "person"
"""The signal of a site that a person set or confirmed: it is certain whatever the page says."""


class Level(StrEnum):
    """How sure an answer is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    UNSURE = "unsure"


def level_of(points: int, *, judged: bool = False) -> Level:
    """The level of a site with `points`; a site that a person confirmed is certain."""
    if judged or points >= CERTAIN_POINTS:
        return Level.CERTAIN
    return Level.LIKELY if points >= LIKELY_POINTS else Level.UNSURE
