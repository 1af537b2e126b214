"""Medians over interleaved rounds, and their ratios: the only figures that mean something on a shared machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median


def rank(values: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def typical(rounds: Sequence[Sequence[float]], share: float) -> float:
    """The median over rounds of one rank within each."""
    return median(rank(values, share) for values in rounds)
