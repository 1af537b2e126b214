"""An expected end is an instant: a change of clocks before it moves nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from acra_express_async.companies.outlook import TAIL_SECONDS, Outlook, Supply
from acra_express_async.limits.capacity import Costs

BERLIN = ZoneInfo("Europe/Berlin")
COMPANIES = 100
WORK = timedelta(hours=2)
"""What a hundred companies take of the only limit."""


def outlook(asked: datetime) -> Outlook:
    """A hundred companies in two hours, and nothing else in the way."""
    reads = Supply("reads", each=1, available=0, per_second=COMPANIES / WORK.total_seconds(), fresh=0)
    free = Supply("workers", each=0, available=1, per_second=1, fresh=1)
    return Outlook(asked, asked, Costs(), free, (reads,), room=300, cap=300)


@pytest.mark.parametrize("began", [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 0, 30, tzinfo=UTC)])
def test_the_end_of_a_campaign_is_an_instant(began: datetime) -> None:
    asked = began.astimezone(BERLIN)
    end = outlook(asked).end_of(COMPANIES)
    assert end.tzinfo is BERLIN
    assert end.utcoffset() != asked.utcoffset(), "the clocks changed in between"
    assert end.astimezone(UTC) - began == WORK + timedelta(seconds=TAIL_SECONDS)
    assert outlook(asked).seconds_until(end) == WORK.total_seconds() + TAIL_SECONDS
