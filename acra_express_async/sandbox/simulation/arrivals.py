"""What is enqueued when during a simulated day, and which settings differ from the defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from acra_express_async.params import StagingParams

WHOLE_DAY = 24.0
MORNING = timedelta(hours=7)
"""Hour at which operators start, well after the nightly; a simulation shorter than a day starts here too."""
NINE = timedelta(hours=9)
EVENING = timedelta(hours=20)
"""300 companies take about three and a half hours, so the cap is reached before midnight."""
EVERY = timedelta(minutes=15)
"""The interval of the default schedule."""
LAST_WORDS = timedelta(minutes=15)
"""Nothing is enqueued this close to the end, because it could not finish."""
CAMPAIGN = 300
TEN_CAMPAIGNS = (
    (0, 60),
    (50, 45),
    (95, 40),
    (140, 60),
    (200, 50),
    (255, 40),
    (320, 40),
    (380, 50),
    (450, 30),
    (520, 40),
)
"""Minutes after the start, and companies: half as many again as the daily cap, so that the last ones end after
midnight."""
BY_TRADE = (2, 6)
"""Those of the ten that name codes and a limit."""
UNBOUND = "100000"
"""A daily cap that is never reached."""


@dataclass(frozen=True, slots=True)
class Enqueue:
    """A staging job enqueued `at` this time after the start; `params` may be valid or not.

    With `forecast` it is enqueued as the command does it, and what the command promises is compared with the day.
    """

    at: timedelta
    params: Mapping[str, Any]
    forecast: bool = False

    @classmethod
    def of(cls, at: timedelta, *, forecast: bool = False, **params: Any) -> Enqueue:
        """The job that `acra-express enqueue` would insert."""
        return cls(at, StagingParams(**params).as_json(), forecast)


@dataclass(frozen=True, slots=True)
class Market:
    """The companies that can be requested, by UEN and by SSIC code: those that no nightly job holds."""

    uens: Sequence[str]
    codes: Sequence[str]
    batch: int
    cap: int


def _no_settings(_market: Market) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of day.

    Args:
        arrivals: returns everything that is enqueued within a number of hours.
        settings: settings that differ from the defaults, names without the prefix.
        begins: hour of the day at which a simulation shorter than a day starts.
    """

    arrivals: Callable[[float, Market], list[Enqueue]]
    settings: Callable[[Market], dict[str, str]] = field(default=_no_settings)
    begins: timedelta = MORNING


def paced(hours: float, market: Market) -> list[Enqueue]:
    """One batch every quarter of an hour until the daily cap is requested."""
    at, end = _span(hours)
    found = []
    wanted = list(market.uens[: market.cap])
    while wanted and at < end:
        batch, wanted = wanted[: market.batch], wanted[market.batch :]
        found.append(Enqueue.of(at, uens=batch))
        at += EVERY
    return found


def burst(hours: float, market: Market) -> list[Enqueue]:
    """One campaign of 300 companies by trade at nine in the morning, as a salesperson orders it."""
    at = NINE if hours >= WHOLE_DAY else timedelta(0)
    return [Enqueue.of(at, ssic_codes=list(market.codes), limit=CAMPAIGN)]


def campaigns(_hours: float, market: Market) -> list[Enqueue]:
    """Ten campaigns of different sizes, some beside each other, by list and by trade; lists name unknown UENs too."""
    fresh, found = list(reversed(market.uens)), []
    for number, (minutes, companies) in enumerate(TEN_CAMPAIGNS):
        at = timedelta(minutes=minutes)
        if number in BY_TRADE:
            found.append(Enqueue.of(at, forecast=True, ssic_codes=list(market.codes), limit=companies))
            continue
        listed, fresh = fresh[:companies], fresh[companies:]
        unknown = [f"19990{number}{digit:03}Z" for digit in range(companies // 5)]
        found.append(Enqueue.of(at, forecast=True, uens=[*unknown, *listed]))
    return found


def nothing(_hours: float, _market: Market) -> list[Enqueue]:
    """Nothing is enqueued; only the standing refresh works."""
    return []


def backlog(_hours: float, market: Market) -> list[Enqueue]:
    """More than the budgets can serve, from the first minute on."""
    return [Enqueue.of(timedelta(0), ssic_codes=list(market.codes))]


def adversarial(hours: float, market: Market) -> list[Enqueue]:
    """Difficult input all day: a large campaign, repeated companies, small urgent jobs behind it, raises without
    approval, jobs with their own throttles, and invalid params."""
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
    """One company more than the daily cap, in the evening."""
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
    "campaigns": Profile(campaigns),
    "refresh": Profile(nothing, _refresh_all),
    "adversarial": Profile(adversarial),
    "backlog": Profile(backlog, _no_cap),
    "over-cap": Profile(over_cap, begins=EVENING),
}
"""Profiles by their name in `simulate --profile`; its help describes each one."""
