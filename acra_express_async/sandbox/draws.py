"""Seeded draws: every random choice of the sandbox is a pure function of a seed and a key, so runs repeat exactly."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")

P95_SIGMAS = 1.6448536269514722
"""How many standard deviations the 95th percentile lies above the median of a normal distribution."""


def draw(*key: object) -> random.Random:
    """A generator that depends on `key` alone; the parts stay separate, so ("ab", "c") differs from ("a", "bc")."""
    digest = hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=16).digest()
    return random.Random(int.from_bytes(digest, "big"))


def unit(*key: object) -> float:
    """A number in [0, 1) for `key`, ten times cheaper than a generator."""
    digest = hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def hexadecimal(length: int, *key: object) -> str:
    """`length` hex digits for `key`, at most 128; stands in for the providers' opaque ids."""
    return hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=64).hexdigest()[:length]


def weighted(shares: Mapping[T, float], *key: object) -> T:
    """One of the keys of `shares`, drawn in proportion to its share."""
    point = unit(*key) * sum(shares.values())
    for choice, share in shares.items():
        point -= share
        if point < 0:
            return choice
    return next(reversed(list(shares)))


def one_of(choices: Sequence[T], *key: object) -> T:
    """One of `choices`, each equally likely."""
    return choices[int(unit(*key) * len(choices))]


def lognormal(median: float, p95: float, longest: float, *key: object) -> float:
    """A duration in seconds with this median and 95th percentile, never above `longest`."""
    sigma = math.log(p95 / median) / P95_SIGMAS
    return min(longest, median * math.exp(draw(*key).gauss(0.0, sigma)))
