"""The table of points against precision, from which the thresholds of records/levels.py come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log

from quality.cases import Case
from quality.scoring import right_domains

from acra_express_async.models import Outcome
from acra_express_async.records.levels import Level
from acra_express_async.sandbox.results import table

PRECISION = {Level.CERTAIN: 0.99, Level.LIKELY: 0.95}
"""What a level promises."""
CONFIDENCE = 0.95
STEP = 5
"""Thresholds are multiples of this."""


@dataclass(frozen=True)
class Answer:
    """One answer of the sets: its points, and whether it was right."""

    points: int
    right: bool


@dataclass(frozen=True)
class Row:
    """The answers with at most `points` points.

    More points mean at least the same precision, so `bound`, the lower bound of their precision, holds for an answer
    with `points` points and for every better one.
    """

    points: int
    answered: int
    right: int

    @property
    def bound(self) -> float:
        """The precision that these answers show with a confidence of 95 %."""
        return lower_bound(self.right, self.answered)


def answers_of(pairs: Iterable[tuple[Case, Outcome]]) -> list[Answer]:
    """Every answer among the results."""
    return [
        Answer(outcome.site.points, outcome.site.domain in right_domains(case))
        for case, outcome in pairs
        if outcome.site is not None
    ]


def rows_of(answers: Sequence[Answer]) -> list[Row]:
    """One row for each step from the fewest points to the most."""
    if not answers:
        return []
    least, most = (ends(answer.points for answer in answers) for ends in (min, max))
    steps = range(-(-least // STEP) * STEP, most + STEP, STEP)
    counted = ([answer for answer in answers if answer.points <= step] for step in steps)
    return [
        Row(step, len(below), sum(answer.right for answer in below)) for step, below in zip(steps, counted, strict=True)
    ]


def threshold(rows: Sequence[Row], level: Level) -> int | None:
    """The fewest points at which the bound, and that of every row above, reaches what the level promises."""
    reached = None
    for row in reversed(rows):
        if row.bound < PRECISION[level]:
            break
        reached = row.points
    return reached


def lower_bound(right: int, answered: int) -> float:
    """The exact one-sided lower bound (Clopper-Pearson) of the precision."""
    if right == 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if _at_least(right, answered, middle) > 1 - CONFIDENCE:
            high = middle
        else:
            low = middle
    return low


def _at_least(right: int, answered: int, precision: float) -> float:
    """How likely at least `right` of `answered` are right, where each is right with probability `precision`."""
    return sum(
        exp(
            lgamma(answered + 1)
            - lgamma(k + 1)
            - lgamma(answered - k + 1)
            + k * log(precision)
            + (answered - k) * log(1 - precision)
        )
        for k in range(right, answered + 1)
    )


def levels_table(answers: Sequence[Answer]) -> str:
    """The rows as a table, with the level that begins at each."""
    rows = rows_of(answers)
    begins = {threshold(rows, level): level.value for level in (Level.LIKELY, Level.CERTAIN)}
    return table(
        ["points at most", "answered", "right", "precision", "at least (95 %)", "begins"],
        [
            [
                str(row.points),
                str(row.answered),
                str(row.right),
                f"{row.right / row.answered:.3f}" if row.answered else "",
                f"{row.bound:.3f}" if row.answered else "",
                begins.get(row.points, ""),
            ]
            for row in rows
        ],
    )
