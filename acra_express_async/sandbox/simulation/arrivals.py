"""Who asks for what when, during a simulated day, and what is set besides the defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from acra_express_async.params import StagingParams

WHOLE_DAY = 24.0
MORNING = timedelta(hours=7)
"""From midnight: where an operator begins, well behind the nightly; a simulation shorter than a day begins here too."""
NINE = timedelta(hours=9)
EVENING = timedelta(hours=20)
"""300 companies take some three and a half hours: the cap is met before midnight."""
EVERY = timedelta(minutes=15)
"""The default schedule's distance."""
LAST_WORDS = timedelta(minutes=15)
"""Nothing is enqueued so shortly before the end: it could not be done by then."""
CAMPAIGN = 300
UNBOUND = "100000"
"""A daily cap that never binds."""


@dataclass(frozen=True, slots=True)
class Enqueue:
    """A staging job, `at` so long after the beginning; `params` as somebody inserts them, right or wrong."""

    at: timedelta
    params: Mapping[str, Any]

    @classmethod
    def of(cls, at: timedelta, **params: Any) -> Enqueue:
        """What `acra-express enqueue` inserts."""
        return cls(at, StagingParams(**params).as_json())


@dataclass(frozen=True, slots=True)
class Market:
    """What can be asked for: companies that no nightly job holds, by UEN and by SSIC code."""

    uens: Sequence[str]
    codes: Sequence[str]
    batch: int
    cap: int


def _no_settings(_market: Market) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of day.

    Args:
        arrivals: everything that is enqueued in so many hours.
        settings: names without prefix, besides the defaults.
        begins: hour of the day at which a simulation shorter than a day begins.
    """

    arrivals: Callable[[float, Market], list[Enqueue]]
    settings: Callable[[Market], dict[str, str]] = field(default=_no_settings)
    begins: timedelta = MORNING


def paced(hours: float, market: Market) -> list[Enqueue]:
    """One batch every quarter of an hour, until the day's cap is asked for."""
    at, end = _span(hours)
    found = []
    wanted = list(market.uens[: market.cap])
    while wanted and at < end:
        batch, wanted = wanted[: market.batch], wanted[market.batch :]
        found.append(Enqueue.of(at, uens=batch))
        at += EVERY
    return found


def burst(hours: float, market: Market) -> list[Enqueue]:
    """One campaign of 300 at nine in the morning, by trade, as a salesperson orders it."""
    at = NINE if hours >= WHOLE_DAY else timedelta(0)
    return [Enqueue.of(at, ssic_codes=list(market.codes), limit=CAMPAIGN)]


def nothing(_hours: float, _market: Market) -> list[Enqueue]:
    """Nobody asks for anything: the standing refresh has the day."""
    return []


def backlog(_hours: float, market: Market) -> list[Enqueue]:
    """More than the budgets can serve, from the first minute."""
    return [Enqueue.of(timedelta(0), ssic_codes=list(market.codes))]


def adversarial(hours: float, market: Market) -> list[Enqueue]:
    """Everything that makes trouble, all day: a large campaign, the same companies again and again, small urgent jobs
    behind it, raises without approval, jobs with figures of their own, and params that are wrong."""
    at, end = _span(hours)
    raised = {"batch_size": 50, "daily_cap": 10_000, "providers": {"jina": {"calls_per_hour": 500}}}
    lowered = {"providers": {"jina": {"calls_per_hour": 20, "tokens_per_minute": 2000}}}
    found = [Enqueue.of(at, ssic_codes=list(market.codes), limit=CAMPAIGN)]
    fresh, number = list(reversed(market.uens)), 0
    while at < end and len(fresh) >= 3:
        urgent, fresh = fresh[:2], fresh[2:]
        troubles: list[dict[str, Any]] = [
            {"uens": urgent},
            {"uens": urgent + fresh[:1], "throttle": raised | {"authorized_by": "nobody"}},
            {"uens": urgent, "throttle": lowered},
            {"uens": urgent, "throttle": {"batchsize": 1}},
            {"terms": ["no such trade"], "uen": urgent[0]},
        ]
        found.append(Enqueue(at, {"uens": urgent}))
        found.append(Enqueue(at, troubles[number % len(troubles)]))
        at, number = at + EVERY, number + 1
    return found


def over_cap(_hours: float, market: Market) -> list[Enqueue]:
    """One company more than the day may take, in the evening."""
    return [Enqueue.of(timedelta(0), uens=list(market.uens[: market.cap + 1]))]


def _span(hours: float) -> tuple[timedelta, timedelta]:
    return MORNING if hours >= WHOLE_DAY else timedelta(0), timedelta(hours=hours) - LAST_WORDS


def _refresh_all(market: Market) -> dict[str, str]:
    return {"REFRESH_SSIC": ",".join(market.codes)}


def _no_cap(_market: Market) -> dict[str, str]:
    return {"DAILY_CAP": UNBOUND}


PROFILES: Mapping[str, Profile] = {
    "paced": Profile(paced),
    "burst": Profile(burst),
    "refresh": Profile(nothing, _refresh_all),
    "adversarial": Profile(adversarial),
    "backlog": Profile(backlog, _no_cap),
    "over-cap": Profile(over_cap, begins=EVENING),
}
"""Profiles by the name of `simulate --profile`, which says in words what each is like."""
