"""`campaigns show` says in a sentence why a campaign waits, and when it should be done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acra_express_async.cli.campaigns import as_object, told
from acra_express_async.companies.delays import NO_SERVICE
from acra_express_async.companies.outlook_reading import Prospects
from acra_express_async.db.companies.campaign_rows import ENDED, CampaignState
from acra_express_async.jobs.holds import Hold

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 24, 0, 0, 3, tzinfo=UTC)
SOON = NOON + timedelta(minutes=20)
FREE = Prospects(None, 300, 300, {7: MIDNIGHT + timedelta(hours=1)})


def state(**changed: Any) -> CampaignState:
    facts: dict[str, Any] = {
        "campaign_id": 7,
        "name": "spring list",
        "enqueued_at": NOON,
        "enqueued_by": "dana",
        "again_by": None,
        "cancelled_at": None,
        "cancelled_by": None,
        "states": dict.fromkeys(ENDED, 0) | {"enriched": 3, "waiting": 9},
        "live_jobs": 1,
    }
    return CampaignState(**facts | changed)


@pytest.mark.parametrize(
    ("facts", "prospects", "why"),
    [
        ({"running": True}, FREE, "a worker is working on it"),
        ({}, FREE, "due now: it waits for a free worker"),
        (
            {"next_at": MIDNIGHT, "wait_reason": "daily_cap", "waits_for": "deferred: daily cap reached"},
            FREE,
            "deferred to midnight: daily cap 300 of 300",
        ),
        (
            {"next_at": MIDNIGHT, "wait_reason": "daily_cap", "own_cap": 50},
            FREE,
            "deferred to midnight: its daily cap of 50 counts the companies of all campaigns, 300 today",
        ),
        (
            {"next_at": SOON, "wait_reason": "outage", "waits_for": "deferred: the breaker of jina is open (http_503)"},
            FREE,
            "deferred to 11-23 12:20: the breaker of jina is open (it answered with status 503)",
        ),
        (
            {"next_at": SOON},
            Prospects(None, 0, 300, {}),
            "its next batch is due at 11-23 12:20, or when a worker is free",
        ),
        ({"next_at": SOON}, FREE, "its next batch waits until midnight: daily cap 300 of 300"),
        (
            {"next_at": SOON, "own_cap": 5},
            Prospects(None, 5, 300, {}),
            "its next batch waits until midnight: its daily cap of 5 counts the companies of all campaigns, 5 today",
        ),
        (
            {"next_at": SOON},
            Prospects(None, 0, 300, {}, closed_off=("the breaker of DuckDuckGo is open",)),
            "its next batch is due at 11-23 12:20; the breaker of DuckDuckGo is open",
        ),
        ({}, Prospects(None, 0, 300, {}, served=False), NO_SERVICE),
        ({"running": True}, Prospects(None, 0, 300, {}, served=False), NO_SERVICE),
        (
            {},
            Prospects(Hold("quiet_hours", "quiet hours: nothing is started until 13:00", SOON), 0, 300, {}),
            "quiet hours: nothing is started until 13:00",
        ),
    ],
)
def test_show_says_why_a_campaign_waits(facts: dict[str, Any], prospects: Prospects, why: str) -> None:
    lines = told(state(**facts), UTC, prospects)
    assert lines[1] == "3 of 12 companies ended (25 %): 3 enriched, 9 waiting"
    assert lines[2] == why
    assert as_object(state(**facts), UTC, prospects)["why"] == why


def test_show_says_when_a_campaign_should_be_done() -> None:
    assert told(state(), UTC, FREE)[-1] == "expected to be done by 2026-11-24 01:00 +00:00"
    assert as_object(state(), UTC, FREE)["expected_end"] == "2026-11-24T01:00:03+00:00"
    assert "its end is not known: its selection was not counted" in told(state(), UTC, Prospects(None, 0, 300, {}))[-1]
    over = as_object(state(live_jobs=0), UTC, FREE)
    assert (over["expected_end"], over["why"]) == (None, None)
