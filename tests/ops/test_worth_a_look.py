"""The page in four states that are worth a look: in light, in the dark, and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from acra_express_async.alerts.stalls import stalls
from acra_express_async.db.jobs.neighbours import NightlyJob
from acra_express_async.db.ops.alert_rows import BreakerLine
from acra_express_async.db.ops.progress_rows import LiveWork, Waiting
from acra_express_async.runtime.health import Health
from acra_express_async.web.page import page

from .observers import browse
from .pages import status
from .test_page import served

Tool = Callable[..., str]
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EARLIER = NOON - 40 * MINUTE
JINA = BreakerLine("jina", "outage", "http_503", NOON + 5 * MINUTE)
NIGHTLY = (NightlyJob(41, "enrich_candidates", NOON - timedelta(hours=4), NOON + 120 * MINUTE), EARLIER)

STATES: dict[str, tuple[list[Waiting], dict[str, Any], str]] = {
    "outage": (
        [Waiting("outage", "jina", 3, EARLIER, NOON + 5 * MINUTE, campaigns=(7,))],
        {"breakers": [JINA]},
        "nothing moves until Jina answers: 3 jobs are waiting (since 11:20); it answered with status 503; next probe",
    ),
    "budget": (
        [Waiting("budget", "duckduckgo", 2, EARLIER, NOON + 25 * MINUTE)],
        {},
        "nothing moves until DuckDuckGo&#39;s budget has room: 2 jobs are waiting (since 11:20); next try 12:25",
    ),
    "retry loop": (
        [Waiting("error", None, 1, EARLIER, NOON + MINUTE, errors=4, first_job=17)],
        {},
        "job 17 fails again and again, 4 errors so far (since 11:20); next try 12:01",
    ),
    "nightly": (
        [Waiting("due", None, 5, EARLIER)],
        {"nightly": NIGHTLY},
        "job 41 (enrich_candidates) has been running since 08:00, longer than usual: 5 jobs are waiting",
    ),
}


def shown(name: str) -> dict[str, Any]:
    """The status in one of the states; two jobs wait for the day's cap besides."""
    waiting, facts, _ = STATES[name]
    work = LiveWork(NOON, NOON - 40 * MINUTE, None, tuple(waiting))
    given: dict[str, Any] = {"hold": None, "nightly": None, "breakers": []} | facts
    why = [stall.text(UTC) for stall in stalls(work, zone=UTC, **given)]
    waits = ["daily cap 300 of 300: 2 jobs are deferred to midnight"]
    beside = given["nightly"] is not None
    return status(verdict={"word": "warn", "why": why, "waits": waits}, nightly_running=beside, stands_back=beside)


@pytest.mark.parametrize("name", STATES)
def test_the_page_says_what_stands_still_and_what_comes_next(name: str) -> None:
    text = page(shown(name))
    assert "Worth a look" in text
    assert STATES[name][2] in text
    assert "daily cap 300 of 300: 2 jobs are deferred to midnight" in text


@pytest.mark.tools
@pytest.mark.parametrize("name", STATES)
async def test_each_state_can_be_read_light_dark_and_on_a_phone(tool: Tool, tmp_path: Path, name: str) -> None:
    chromium = tool("chromium", "chromium-browser", "google-chrome")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    looks = {
        "light": ["--window-size=1100,1400"],
        "dark": ["--window-size=1100,1400", "--blink-settings=preferredColorScheme=0"],
        "phone": ["--window-size=390,2200"],
    }
    async with served(Health(lambda: 0.0), lambda: shown(name)) as client:
        for look, flags in looks.items():
            picture = tmp_path / f"{name.replace(' ', '-')}-{look}.png"
            await browse(chromium, profile, *flags, f"--screenshot={picture}", str(client.base_url))
            assert picture.stat().st_size > 10_000
