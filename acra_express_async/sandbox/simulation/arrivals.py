"""Who enqueues what when, during a simulated day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from acra_express_async.params import StagingParams

WHOLE_DAY = 24.0
MORNING = timedelta(hours=7)
"""From midnight: where an operator begins, well behind the nightly; a simulation shorter than a day begins here too."""
NINE = timedelta(hours=9)
EVERY = timedelta(minutes=15)
"""The default schedule's distance."""
LAST_WORDS = timedelta(minutes=15)
"""Nothing is enqueued so shortly before the end: it could not be done by then."""
CAMPAIGN = 300


@dataclass(frozen=True, slots=True)
class Enqueue:
    """One `acra-express enqueue`, `at` so long after the beginning."""

    at: timedelta
    params: StagingParams


@dataclass(frozen=True, slots=True)
class Market:
    """What can be asked for: companies that no nightly job holds, by UEN and by SSIC code."""

    uens: Sequence[str]
    codes: Sequence[str]
    batch: int
    cap: int


def paced(hours: float, market: Market) -> list[Enqueue]:
    """One batch every quarter of an hour, until the day's cap is asked for."""
    whole = hours >= WHOLE_DAY
    at, end = MORNING if whole else timedelta(0), timedelta(hours=hours) - LAST_WORDS
    found = []
    wanted = list(market.uens[: market.cap])
    while wanted and at < end:
        batch, wanted = wanted[: market.batch], wanted[market.batch :]
        found.append(Enqueue(at, StagingParams(uens=batch)))
        at += EVERY
    return found


def burst(hours: float, market: Market) -> list[Enqueue]:
    """One campaign of 300 at nine in the morning, by trade, as a salesperson orders it."""
    at = NINE if hours >= WHOLE_DAY else timedelta(0)
    return [Enqueue(at, StagingParams(ssic_codes=list(market.codes), limit=CAMPAIGN))]


PROFILES: Mapping[str, Callable[[float, Market], list[Enqueue]]] = {"paced": paced, "burst": burst}
"""Profiles by the name of `simulate --profile`."""
