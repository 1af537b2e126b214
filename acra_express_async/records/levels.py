"""The level of an answer, `certain`, `likely` or `unsure`, from the points of a site's evidence.

The thresholds come from the table of points against precision that `python -m quality` prints for the project's own
sets at page sizes 0, 1 and 4. More points mean at least the same precision, so the answers with at most N points bound
the precision at N points from below. `certain` begins where this bound reaches 0.99 with a confidence of 95 %,
`likely` where it reaches 0.95. (Readings of one company at three sizes are not independent, so the bound is on the
optimistic side; `acra-express accuracy` measures in the field.)

A level is stored with `TABLE`, the version of that table, so that an old level is never compared with new thresholds.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from acra_express_async.extract.candidates import PERSON
from acra_express_async.models import Site

TABLE = 2
"""Version of the thresholds; raise it whenever one of them changes."""
CERTAIN_POINTS = 90
LIKELY_POINTS = 65
"""Lowest points of each level. All of 578 answers of the sets were right. 383 of them had at most 90 points, which
shows a precision of 0.992 or more, and 79 at most 65 points, which shows 0.963."""


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


def level_of_site(site: Site | None) -> Level | None:
    """The level of a decision for this site; None without a site."""
    return None if site is None else level_of(site.points, judged=is_judged(seen.signal for seen in site.evidence))


def is_judged(signals: Iterable[str]) -> bool:
    """Whether a person set or confirmed the site whose evidence has these signals."""
    return PERSON in signals
