"""The forecast: limits as a fluid, the day's cap and midnights, campaigns that take turns batch by batch."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from acra_express_async.companies.outlook import TAIL_SECONDS, Outlook, Supply, expected_ends, places
from acra_express_async.limits.capacity import DOCUMENTED, LONGEST_PLAN

SINGAPORE = ZoneInfo("Asia/Singapore")
NINE = datetime(2026, 11, 23, 9, 0, tzinfo=SINGAPORE)
TAIL = timedelta(seconds=TAIL_SECONDS)
WORKERS = Supply("2 workers", 20.0, 0.0, 2.0, 0.0)
CALLS = Supply("jina calls_1h", 1.2, 12.0, 120 / 3600, 12.0)


def outlook(**changed: Any) -> Outlook:
    made = Outlook(now=NINE, starts_at=NINE, costs=DOCUMENTED, workers=WORKERS, supplies=(CALLS,), room=300, cap=300)
    return replace(made, **changed)


@pytest.mark.parametrize(
    ("companies", "minutes"),
    [(0, 0), (6, 1), (10, 100 / 60), (110, math.hypot(60, 110 / 6))],
)
def test_workers_and_calls_decide_together_when_work_ends(companies: int, minutes: float) -> None:
    """Workers do six a minute; a burst serves ten companies, and the calls a hundred more in an hour."""
    tail = TAIL if companies else timedelta(0)
    off = outlook().end_of(companies) - (NINE + timedelta(minutes=minutes) + tail)
    assert abs(off) < timedelta(seconds=1)


def test_what_the_day_has_no_room_for_ends_after_midnight() -> None:
    seen = outlook(room=50)
    assert seen.end_of(50).date() == NINE.date()
    midnight = datetime(2026, 11, 24, tzinfo=SINGAPORE)
    assert seen.end_of(51) == midnight + timedelta(seconds=10) + TAIL
    assert seen.end_of(50 + 300).date() == midnight.date()
    assert seen.end_of(50 + 301) == midnight + timedelta(days=1, seconds=10) + TAIL
    assert seen.end_of(50 + 30_000).date() == (midnight + timedelta(days=99)).date()


def test_work_too_slow_for_the_day_takes_the_next_one_too() -> None:
    slow = outlook(now=NINE + timedelta(hours=14), starts_at=NINE + timedelta(hours=14))
    ends = slow.end_of(200)
    assert ends.date() == datetime(2026, 11, 24, tzinfo=SINGAPORE).date()
    assert ends > NINE + timedelta(hours=15.8), "about a hundred an hour"


def test_a_rule_or_cooldown_delays_the_start() -> None:
    later = NINE + timedelta(hours=2)
    assert outlook(starts_at=later).end_of(6) == later + timedelta(minutes=1) + TAIL
    tomorrow = datetime(2026, 11, 24, 1, 0, tzinfo=SINGAPORE)
    assert outlook(room=0, starts_at=tomorrow).end_of(6) == tomorrow + timedelta(minutes=1) + TAIL


@pytest.mark.parametrize("companies", [1, 10**6])
def test_nothing_ends_without_a_cap_or_a_pace(companies: int) -> None:
    century = NINE + LONGEST_PLAN
    assert outlook(room=0, cap=0).end_of(companies) >= century - timedelta(days=1)
    stuck = replace(CALLS, available=0.0, fresh=0.0, per_second=0.0)
    assert outlook(supplies=(stuck,)).end_of(companies) >= century - timedelta(days=1)


def test_a_clock_change_moves_no_end() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    eve = datetime(2026, 10, 24, 23, 0, tzinfo=berlin)
    seen = outlook(now=eve, starts_at=eve, room=0)
    assert seen.end_of(6) == datetime(2026, 10, 25, 0, 1, 15, tzinfo=berlin)
    assert seen.end_of(900).date() == datetime(2026, 10, 27, tzinfo=berlin).date()


def test_campaigns_take_turns_batch_by_batch() -> None:
    assert places({1: 100}, 5) == {1: 100}
    assert places({1: 100, 2: 5}, 5) == {1: 105, 2: 10}
    assert places({1: 5, 2: 100}, 5) == {1: 5, 2: 105}
    assert places({1: 12, 2: 12, 3: 3}, 5) == {1: 12 + 10 + 3, 2: 12 + 12 + 3, 3: 3 + 5 + 5}


def test_a_campaigns_own_cap_delays_its_end() -> None:
    """Of the day's 300 companies 20 are done, so a cap of 30 leaves ten for today, and others take part of these."""
    seen = outlook(room=280)
    ends = expected_ends(seen, {1: 20, 2: 20}, 5, {1: 30, 2: None})
    tomorrow = NINE.date() + timedelta(days=1)
    assert (ends[1].date(), ends[2].date()) == (tomorrow, NINE.date())
    assert seen.end_under(8, 8, 30) == seen.end_of(8)
    assert seen.end_under(40, 40, 30).date() == tomorrow, "ten today, thirty tomorrow"
    assert seen.end_under(41, 41, 30).date() == tomorrow + timedelta(days=1)
    assert seen.end_under(200, 40, 30).date() == tomorrow + timedelta(days=1), "others fill the day, not the next ones"
    assert seen.end_under(20, 20, None) == seen.end_of(20)


def test_a_paused_service_has_no_expected_ends() -> None:
    assert expected_ends(outlook(paused=True), {1: 10}, 5) == {}


def test_an_uncounted_selection_takes_turns_without_an_end() -> None:
    assert places({1: None, 2: 10}, 5) == {2: 20}
    assert list(expected_ends(outlook(), {1: None, 2: 10}, 5)) == [2]
