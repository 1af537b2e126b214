"""Medians over interleaved rounds and their ratios, the only meaningful figures on a shared machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median


def rank(values: Sequence[float], share: float) -> float:
    """The percentile by nearest rank: the smallest value that a `share` of all values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def typical(rounds: Sequence[Sequence[float]], share: float) -> float:
    """The median over rounds of a percentile within each round."""
    return median(rank(values, share) for values in rounds)
