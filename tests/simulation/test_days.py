"""Simulated hours and days of the real service, by the command that anybody can run."""

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
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    days: list[dict[str, Any]] = json.loads(ended.stdout)
    return days


def test_an_hour_of_the_real_service(tmp_path: Path) -> None:
    picture = tmp_path / "hour.svg"
    [hour] = simulated("--hours", "1", "--speed", "240", "--picture", str(picture), timeout=110)
    assert hour["violations"] == 0
    assert hour["verified_twice"] == 0
    assert hour["outcomes"].get("failed", 0) == 0
    assert hour["companies"] == 15, "three batches of five, each done before the hour is over"
    assert {use["budget"] for use in hour["budgets"] if use["worst"] > 0} >= {"duckduckgo_requests", "jina_calls"}
    assert all(use["worst"] <= use["allowance"] for use in hour["budgets"])
    assert [sample["done"] for sample in hour["samples"]] == sorted(sample["done"] for sample in hour["samples"])
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_paced_day() -> None:
    [day] = simulated("--hours", "24", timeout=880)
    assert day["companies"] == 300
    assert day["violations"] == 0
    assert day["times_nightly"] >= 3
    assert day["nightly"]["unharmed"]
    assert day["latency"]["p95"] <= 600


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_morning_burst() -> None:
    [day] = simulated("--hours", "24", "--profile", "burst", timeout=880)
    assert day["companies"] == 300
    assert day["violations"] == 0
    assert day["latency"]["p95"] <= 3600


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_same_seed_gives_the_same_outcomes_with_more_replicas() -> None:
    [one] = simulated("--hours", "2", timeout=200)
    [four] = simulated("--hours", "2", "--replicas", "4", timeout=400)
    assert (one["digest"], one["companies"]) == (four["digest"], four["companies"])
    assert four["violations"] == 0
