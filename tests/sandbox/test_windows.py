"""The ledger's sums compared with brute force."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acra_express_async.models import Provider
from acra_express_async.sandbox.simulator import ArrivalLedger, Options, SimulatorClock
from acra_express_async.sandbox.simulator.windows import CalendarDay, SlidingWindow

steps = st.lists(
    st.tuples(st.integers(0, 5_000).map(lambda thousandths: thousandths / 1000), st.integers(1, 9)), max_size=120
)


@given(steps, st.sampled_from([0.5, 1.0, 3.0, 7.25]))
def test_a_sliding_window_sums_the_younger_entries(moves: list[tuple[float, int]], seconds: float) -> None:
    window, now, booked = SlidingWindow(seconds, allowance=10), 0.0, list[tuple[float, int]]()
    for pause, amount in moves:
        now += pause
        booked.append((now, amount))
        expected = sum(each for at, each in booked if at > now - seconds)
        assert window.book(now, amount) == expected
    worst = max((sum(a for at, a in booked if end - seconds < at <= end) for end, _ in booked), default=0)
    assert window.worst == worst
    later = now + seconds / 3
    assert window.total(later) == sum(each for at, each in booked if at > later - seconds)


@given(steps)
def test_no_window_holds_more_than_the_recorded_maximum(moves: list[tuple[float, int]]) -> None:
    window, now, booked = SlidingWindow(2.0, allowance=10), 0.0, list[tuple[float, int]]()
    for pause, amount in moves:
        now += pause
        booked.append((now, amount))
        window.book(now, amount)
    ends = {at + offset for at, _ in booked for offset in (-1.0, -0.001, 0.0, 0.001, 1.0, 2.0)}
    assert all(sum(a for at, a in booked if end - 2.0 < at <= end) <= window.worst for end in ends)


@given(st.lists(st.integers(0, 900), min_size=1, max_size=400).map(sorted))
def test_the_ledger_records_exactly_the_excess_arrivals(seconds: list[int]) -> None:
    clock = SimulatorClock(speed=0, start=0)
    ledger = ArrivalLedger(clock, Options(allowance_scale=1 / 40))  # 5 requests an hour
    expected = 0
    for index, at in enumerate(seconds):
        clock.advance(at * 10 - clock.now())
        arrival = ledger.arrive(Provider.DUCKDUCKGO, "html", "q", "client")
        inside = sum(other * 10 > at * 10 - 3600 for other in seconds[: index + 1])
        expected += inside > 5
        assert (ledger.charge(arrival, "duckduckgo_requests") is not None) == (inside > 5)
    assert ledger.violation_count == len(ledger.violations) == expected


def test_two_arrivals_a_window_apart_are_never_in_one_window() -> None:
    window = SlidingWindow(3600, allowance=1)
    assert window.book(0) == 1
    assert window.book(3600) == 1
    assert window.book(math.nextafter(7200, 0)) == 2
    assert window.frees_in(7199.0) == 1.0


def test_the_sum_of_a_long_run_keeps_no_rounding_error() -> None:
    window = SlidingWindow(10, allowance=1)
    for step in range(10_000):
        window.book(step * 0.1, 0.1)
    assert window.total(2_000) == 0.0
    assert len(window._entries) == 0


@pytest.mark.parametrize(("zone", "midnight"), [("UTC", 1_800_057_600.0), ("Asia/Singapore", 1_800_028_800.0)])
def test_a_calendar_day_begins_at_its_midnight(zone: str, midnight: float) -> None:
    day = CalendarDay(zone, allowance=3)
    assert day.book(midnight - 2, 2) == 2
    assert day.frees_in(midnight - 2) == 2
    assert day.book(midnight, 1) == 1
    assert day.worst == 2
