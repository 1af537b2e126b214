"""The timer over clock changes and over a wall clock that is set: never too often, never too late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from contexts import context_of
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime.clocks import Change, Clocks, Over, changes

from acra_express_async.runtime.cron import Cron, Schedule, due_after
from acra_express_async.settings.quiet_hours import QuietHours

QUARTERS = "*/15 * * * *"
HOUR = 3600.0
BERLIN = ZoneInfo("Europe/Berlin")
AUTUMN = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
"""Berlin's 03:00 becomes 02:00."""


class Recorded:
    """Housekeeping that only records what was due and at which real second."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self.due: list[datetime] = []
        self.real: list[float] = []

    async def claim_tick(self, loop: str, due_at: datetime, owner: str) -> bool:
        self.due.append(due_at)
        self.real.append(self._clocks.real)
        return True

    async def reconcile(self) -> int:
        return 0

    async def prune(self) -> None:
        pass

    @property
    def minutes(self) -> list[int]:
        return [round(seconds / 60) for seconds in self.real]


async def ticks(schedule: str, clocks: Clocks) -> Recorded:
    """Run the real loop until the time of `clocks` has passed."""
    recorded = Recorded(clocks)
    woken: list[str] = []
    cron = Cron(
        schedule=Schedule(schedule, clocks.now),
        wake=woken.append,
        housekeeping=recorded,
        chores=[],
        owner="test",
        context=context_of(clock=clocks.clock, now=clocks.now, pause=clocks.pause),
    )
    with pytest.raises(Over):
        await cron.run()
    assert woken == ["tick"] * len(recorded.due)
    return recorded


async def test_the_repeated_hour_ticks_every_quarter_once() -> None:
    clocks = Clocks(AUTUMN - timedelta(minutes=50), BERLIN, seconds=2 * HOUR)
    recorded = await ticks(QUARTERS, clocks)
    assert recorded.due == [AUTUMN + timedelta(minutes=15 * n) for n in range(-3, 5)]
    assert recorded.minutes == [5, 20, 35, 50, 65, 80, 95, 110]


async def test_every_change_of_clocks_ticks_evenly() -> None:
    """Ticks are due exactly when a wall clock shows a quarter of an hour."""
    for change in changes():
        start = change.at - timedelta(minutes=130)
        recorded = await ticks(QUARTERS, Clocks(start, change.zone, seconds=5 * HOUR))
        minutes = (start + timedelta(minutes=n) for n in range(1, 301))
        shown = [at for at in minutes if at.astimezone(change.zone).minute % 15 == 0]
        assert recorded.due == shown, str(change)
        assert [start + timedelta(seconds=real) for real in recorded.real] == shown, str(change)


def test_a_daily_tick_comes_once_a_day_over_every_change() -> None:
    """Its time of day lies in the hour that the change skips or repeats."""
    for change in changes():
        inside = (change.at + (change.before + change.after) / 2).replace(tzinfo=None)
        schedule = f"{inside.minute} {inside.hour} * * *"
        due = [change.at - timedelta(days=2, minutes=1)]
        while due[-1] < change.at + timedelta(days=2):
            due.append(due_after(schedule, due[-1].astimezone(change.zone)))
        for earlier, later in pairwise(due[1:]):
            assert timedelta(hours=22) <= later - earlier <= timedelta(hours=26), f"{change} {schedule}"


def schedules() -> st.SearchStrategy[str]:
    """Cron expressions with intervals, with fixed times, and with both."""
    minutes = st.sampled_from(["*", "0", "*/7", "*/15", "30", "5,35", "59", "0-10"])
    hours = st.sampled_from(["*", "*/2", "0", "1", "2", "3", "1-3", "23"])
    return st.builds("{} {} * * {}".format, minutes, hours, st.sampled_from(["*", "SUN", "1-5"]))


@settings(max_examples=300)
@given(schedule=schedules(), change=st.sampled_from(changes()), minutes=st.integers(-240, 240))
def test_the_next_tick_always_lies_ahead(schedule: str, change: Change, minutes: int) -> None:
    moment = (change.at + timedelta(minutes=minutes, seconds=17)).astimezone(change.zone)
    first = due_after(schedule, moment)
    second = due_after(schedule, first.astimezone(change.zone))
    assert moment.astimezone(UTC) < first < second
    assert first - moment.astimezone(UTC) < timedelta(days=8)


@pytest.mark.parametrize("back", [timedelta(hours=6), timedelta(hours=5, minutes=53), timedelta(minutes=2)])
async def test_a_clock_set_back_ticks_on_within_a_minute(back: timedelta) -> None:
    clocks = Clocks(datetime(2026, 11, 26, 12, 1, tzinfo=UTC), UTC, seconds=2 * HOUR)
    clocks.set_wall(-back, at=20 * 60)
    recorded = await ticks(QUARTERS, clocks)
    after = [real for real in recorded.real if real >= 20 * 60]
    assert recorded.minutes[0] == 14
    assert after[0] <= 21 * 60
    assert all(later - earlier <= 15 * 60 for earlier, later in pairwise(after))


async def test_a_daily_tick_does_not_wait_for_a_wrong_clock() -> None:
    """The tick is ten minutes away; by the clock that was set back it would be six hours."""
    clocks = Clocks(datetime(2026, 11, 26, 2, 50, tzinfo=UTC), UTC, seconds=9 * HOUR)
    clocks.set_wall(timedelta(hours=-6), at=60)
    recorded = await ticks("0 3 * * *", clocks)
    assert recorded.minutes == [1, 370]


async def test_a_clock_set_forward_ticks_once_at_once() -> None:
    clocks = Clocks(datetime(2026, 11, 26, 12, 1, tzinfo=UTC), UTC, seconds=HOUR)
    clocks.set_wall(timedelta(hours=3), at=300)
    assert (await ticks(QUARTERS, clocks)).minutes == [5, 14, 29, 44, 59]


async def test_a_clock_that_slips_back_names_no_moment_twice() -> None:
    """A correction by a second right after a tick must not make the same quarter due again."""
    clocks = Clocks(datetime(2026, 11, 26, 12, 0, tzinfo=UTC), UTC, seconds=HOUR)
    clocks.set_wall(timedelta(seconds=-30), at=15 * 60 + 5)
    recorded = await ticks(QUARTERS, clocks)
    assert recorded.due == sorted(set(recorded.due))
    assert len(recorded.due) == 3


def days() -> Iterator[Change]:
    """Clock changes that repeat or skip a quiet hour."""
    yield from (change for change in changes() if change.at.astimezone(change.zone).time() != time(0))


def test_quiet_hours_hold_by_the_clock_on_the_wall() -> None:
    """They hold twice in a repeated hour, and until their end by the wall clock: nothing is subtracted."""
    for change in days():
        for minutes in range(-180, 180, 7):
            shown = (change.at + timedelta(minutes=minutes)).astimezone(change.zone)
            quiet = QuietHours.of("00:45-02:30, 23:50-00:10")
            clock = shown.hour * 60 + shown.minute
            assert quiet.hold(shown) == (45 <= clock < 150 or clock >= 1430 or clock < 10), str(change)
