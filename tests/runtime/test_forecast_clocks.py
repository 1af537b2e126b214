"""An expected end is an instant: a change of clocks before it moves nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from acra_express_async.companies.forecast import Foreseen, _end
from acra_express_async.limits.capacity import plan
from acra_express_async.settings.tree import load_settings

BERLIN = ZoneInfo("Europe/Berlin")
PLAN = plan(load_settings({"POSTGRES_DSN": "postgresql://x/y"}))
HOURS = PLAN.time_for(100)


@pytest.mark.parametrize("began", [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 0, 30, tzinfo=UTC)])
def test_the_end_of_a_campaign_is_an_instant(began: datetime) -> None:
    asked = began.astimezone(BERLIN)
    end = _end(asked, PLAN, 100, 300)
    assert end.tzinfo is BERLIN
    assert end.utcoffset() != asked.utcoffset(), "the clocks changed in between"
    assert end.astimezone(UTC) - began == HOURS
    told = Foreseen(
        matched=100, companies=100, exact=True, waiting=0, asked_at=asked, ends_at=end, bound="x", needs=(), notes=()
    )
    assert told.seconds == HOURS.total_seconds()


def test_what_the_cap_leaves_over_goes_on_at_midnight() -> None:
    asked = datetime(2026, 10, 24, 10, tzinfo=UTC).astimezone(BERLIN)
    end = _end(asked, PLAN, 150, 50)
    assert end.astimezone(UTC) == datetime(2026, 10, 24, 22, tzinfo=UTC) + HOURS


def test_half_an_hour_that_is_skipped_is_not_waited_for() -> None:
    asked = datetime(2026, 3, 29, 0, 45, tzinfo=UTC).astimezone(BERLIN)
    end = PLAN.end_after(asked, 1)
    assert timedelta() < end.astimezone(UTC) - asked.astimezone(UTC) == PLAN.time_for(1)
