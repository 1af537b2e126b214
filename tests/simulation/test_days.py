"""Simulated hours and days of the real service, with the command `acra-express simulate`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest


def simulated(*arguments: str, timeout: float) -> list[dict[str, Any]]:
    ended = subprocess.run(
        [sys.executable, "-m", "acra_express_async", "simulate", "--json", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    days: list[dict[str, Any]] = json.loads(ended.stdout)["items"]
    return days


def test_two_simulated_hours_exceed_no_budget(tmp_path: Path) -> None:
    picture = tmp_path / "hours.svg"
    [hours] = simulated("--hours", "2", "--picture", str(picture), timeout=110)
    assert hours["violations"] == 0
    assert hours["verified_twice"] == 0
    assert hours["outcomes"].get("failed", 0) == 0
    assert hours["companies"] == 35, "seven batches of five, each done before the time is over"
    assert hours["latency"]["p95"] <= 3600
    assert {use["budget"] for use in hours["budgets"] if use["worst"] > 0} >= {"duckduckgo_requests", "jina_calls"}
    assert all(use["worst"] <= use["allowance"] for use in hours["budgets"])
    assert [sample["done"] for sample in hours["samples"]] == sorted(sample["done"] for sample in hours["samples"])
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    "cap",
    [pytest.param(30), pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
)
def test_a_company_over_the_cap_is_done_after_local_midnight(cap: int) -> None:
    """Two replicas, the database in UTC, and no intervention at midnight."""
    [night] = simulated(
        "--hours", "5", "--profile", "over-cap", "--replicas", "2", "--set", f"DAILY_CAP={cap}", timeout=590
    )
    assert night["by_day"] == {"2026-03-02": cap, "2026-03-03": 1}
    assert night["companies"] == cap + 1
    assert night["violations"] == 0
    assert night["exit_codes"] == [0, 0]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_plan_predicts_the_pace_within_a_tenth() -> None:
    """Unlimited work for four hours, with the documented costs and with measured ones."""
    [run] = simulated("--hours", "4", "--profile", "backlog", timeout=590)
    assert run["violations"] == 0
    pace = run["pace"]
    assert pace["planned"] == pytest.approx(pace["done"], rel=0.1)
    assert pace["documented"] == pytest.approx(pace["done"], rel=0.1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_adversarial_day_exceeds_nothing_and_fails_no_company() -> None:
    [run] = simulated("--hours", "4", "--profile", "adversarial", "--replicas", "2", timeout=880)
    assert run["violations"] == 0
    assert run["verified_twice"] == 0
    assert run["outcomes"].get("failed", 0) == 0
    assert run["companies"] == 300, "the day's cap, and not one more"
    assert run["repeated"] == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_day_of_refresh_leaves_the_reserve_unused() -> None:
    [day] = simulated("--profile", "refresh", timeout=880)
    assert day["violations"] == 0
    assert 180 <= day["companies"] <= 200
    assert day["nightly"]["unharmed"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_paced_day_triples_the_nightly_and_harms_nothing() -> None:
    [day] = simulated("--hours", "24", timeout=880)
    assert day["companies"] == 300
    assert day["violations"] == 0
    assert day["times_nightly"] >= 3
    assert day["nightly"]["unharmed"]
    assert day["latency"]["p95"] <= 600


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_morning_burst_is_done_within_the_hour() -> None:
    [day] = simulated("--hours", "24", "--profile", "burst", timeout=880)
    assert day["companies"] == 300
    assert day["violations"] == 0
    assert day["latency"]["p95"] <= 3600


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_seed_gives_the_same_outcomes_with_more_replicas() -> None:
    [one] = simulated("--hours", "2", timeout=200)
    [four] = simulated("--hours", "2", "--replicas", "4", timeout=400)
    assert (one["digest"], one["companies"]) == (four["digest"], four["companies"])
    assert four["violations"] == 0


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("seed", ["7", "11"])
def test_enqueue_predicts_nine_of_ten_ends_within_a_fifth(seed: str) -> None:
    """Ten campaigns from seven in the morning, half as many again as the cap: the last ones end after midnight.

    The speed is low, because the fast clock multiplies the delays of a busy machine, and these slow the real work down.
    """
    [day] = simulated("--hours", "19", "--profile", "campaigns", "--seed", seed, "--speed", "60", timeout=1480)
    assert len(day["promises"]) == 10
    shown, good = [], 0
    for kept in day["promises"]:
        assert kept["real_seconds"], f"campaign {kept['campaign_id']} has not ended"
        off = kept["promised_seconds"] / kept["real_seconds"] - 1
        good += abs(off) <= 0.2
        shown.append(f"{kept['companies']:4} companies, {kept['promised_seconds'] / 60:6.1f} min, off by {off:+.0%}")
    print("\n".join(shown))
    assert good >= 9, "\n".join(shown)
