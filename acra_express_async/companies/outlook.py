"""When companies will be done: the one forecast of `enqueue`, `campaigns show`, the page and `status`. Pure.

Work is predicted as a fluid through the tightest of its limits: the workers, each provider's pace and rolling windows,
and the day's cap. Campaigns take turns batch by batch, so a small one ends soon beside a large one.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from acra_express_async.limits.capacity import LONGEST_PLAN, Costs

TAIL_SECONDS = 15.0
"""From the claim of a campaign's last batch to the end of its last company there is no second worker to share with."""


@dataclass(frozen=True, slots=True)
class Supply:
    """One limit as seen now: what a company takes of it, what is there at once, and what comes back per second.

    `fresh` is what is there after an idle night.
    """

    name: str
    each: float
    available: float
    per_second: float
    fresh: float

    def seconds_for(self, companies: float, *, rested: bool) -> float:
        """How long until so many companies have got their part."""
        there = self.fresh if rested else self.available
        missing = companies * self.each - there
        if missing <= 0:
            return 0.0
        return missing / self.per_second if self.per_second > 0 else LONGEST_PLAN.total_seconds()

    def companies_in(self, seconds: float, *, rested: bool) -> float:
        """How many companies get their part within this time."""
        there = self.fresh if rested else self.available
        return (there + seconds * self.per_second) / max(self.each, 1e-9)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the next companies have before them.

    Attributes:
        now: in the time zone whose midnight begins the day.
        workers: our own time; `supplies` are the limits of the providers.
        starts_at: when work may start: at once, or when a rule or a provider's cool-down ends.
        paused: claiming is paused, so work starts only when a person resumes it: no end can be told.
        room: slots of the daily cap that are left today.
        cap: slots of a day.
    """

    now: datetime
    starts_at: datetime
    costs: Costs
    workers: Supply
    supplies: tuple[Supply, ...]
    room: int
    cap: int
    paused: bool = False

    def end_of(self, companies: int, *, room: int | None = None, cap: int | None = None) -> datetime:
        """When so many companies are done, in the zone of `now`; at most `LONGEST_PLAN` from now.

        Args:
            room, cap: instead of the day's, for a campaign that has another cap.
        """
        left, room, cap = companies, self.room if room is None else room, self.cap if cap is None else cap
        at, rested = max(self.starts_at, self.now), False
        latest = self.now.astimezone(UTC) + LONGEST_PLAN
        if at.date() > self.now.astimezone(at.tzinfo).date():
            room, rested = cap, True
        while left > 0:
            midnight = datetime.combine(at.date() + timedelta(days=1), time(), tzinfo=at.tzinfo)
            rest_of_day = midnight.timestamp() - at.timestamp()
            done = min(left, max(0, room), self._within(rest_of_day, rested=rested))
            if done >= left:
                return self._later(at, self.seconds(left, rested=rested) + TAIL_SECONDS)
            rested = done >= room
            left, at, room = left - done, midnight, cap
            if cap > 0 and left > 2 * cap:  # whole days in between
                days = left // cap - 1
                if days >= LONGEST_PLAN.days:
                    break
                left -= days * cap
                at = datetime.combine(at.date() + timedelta(days=days), time(), tzinfo=at.tzinfo)
            if cap <= 0 or at.astimezone(UTC) >= latest:
                break
        return at if left <= 0 else latest.astimezone(self.now.tzinfo)

    def end_under(self, place: int, companies: int, own_cap: int | None) -> datetime:
        """When a campaign ends that has its own daily cap, which counts the day's companies of all jobs.

        Args:
            place: how many companies of all campaigns are done when its last one is.
            companies: how many of them are its own.
            own_cap: None when it has no cap below the day's.
        """
        if own_cap is None:
            return self.end_of(place)
        today = max(0, own_cap - (self.cap - self.room) - (place - companies))
        return self.end_of(place) if companies <= today else self.end_of(companies, room=today, cap=own_cap)

    def seconds_until(self, end: datetime) -> float:
        """From now until then; two moments of one zone would subtract as wall time."""
        return end.timestamp() - self.now.timestamp()

    def seconds(self, companies: int, *, rested: bool = False) -> float:
        """How long so many companies take without a midnight in between.

        A worker that waits for its turn at a provider does nothing else, so both limits cost time where they are near
        each other: they add up like the legs of a right triangle. Measured on simulated days.
        """
        at_providers = max(supply.seconds_for(companies, rested=rested) for supply in self.supplies)
        return math.hypot(self.workers.seconds_for(companies, rested=rested), at_providers)

    @property
    def slowest(self) -> Supply:
        """The limit that decides the pace while work waits."""
        return min((self.workers, *self.supplies), key=lambda supply: supply.per_second / max(supply.each, 1e-9))

    def _within(self, seconds: float, *, rested: bool) -> int:
        """How many companies are done within this time."""
        most = int(min(each.companies_in(seconds, rested=rested) for each in (self.workers, *self.supplies)))
        return bisect_right(range(most + 1), seconds, key=lambda count: self.seconds(count, rested=rested)) - 1

    def _later(self, at: datetime, seconds: float) -> datetime:
        """By the clock of the world: a clock change in between moves nothing."""
        return (at.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(at.tzinfo)


def places(remaining: Mapping[int, int | None], batch: int) -> dict[int, int]:
    """For each campaign, how many companies are done when its last one is; in the order of the mapping.

    Args:
        remaining: companies still to be looked at; None where nobody knows (and no place is told).
        batch: how many companies a campaign does per turn.
    """
    order = list(remaining)
    found = {}
    for place, (campaign, left) in enumerate(remaining.items()):
        if left is None:
            continue
        turns = math.ceil(left / batch)
        before = sum(_done(remaining[other], turns * batch) for other in order[:place])
        after = sum(_done(remaining[other], max(0, turns - 1) * batch) for other in order[place + 1 :])
        found[campaign] = left + before + after
    return found


def expected_ends(
    outlook: Outlook, remaining: Mapping[int, int | None], batch: int, own_caps: Mapping[int, int | None] | None = None
) -> dict[int, datetime]:
    """When each campaign should end; without those whose end cannot be told: claiming is paused, or how much is left is
    not known."""
    if outlook.paused:
        return {}
    caps = own_caps or {}
    return {
        campaign: outlook.end_under(place, remaining[campaign] or 0, caps.get(campaign))
        for campaign, place in places(remaining, batch).items()
    }


def _done(left: int | None, most: int) -> int:
    return most if left is None else min(left, most)
