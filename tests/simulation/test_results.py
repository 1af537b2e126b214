"""The results page and the figures of a simulated day."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from acra_express_async.limits.capacity import DOCUMENTED
from acra_express_async.sandbox.results import record, table
from acra_express_async.sandbox.simulation.day_record import Sample
from acra_express_async.sandbox.simulation.day_report import DayReport, Spread, TimeSpent, Use, WorkPace
from acra_express_async.sandbox.simulation.picture import day_picture
from acra_express_async.sandbox.simulation.show import as_markdown


def day(**changes: object) -> DayReport:
    facts: dict[str, object] = {
        "options": {
            "hours": 2.0,
            "profile": "paced",
            "workers": 2,
            "replicas": 1,
            "seed": 7,
            "speed": 300.0,
            "page_size": 0,
        },
        "companies": 20,
        "repeated": 0,
        "outcomes": {"enriched": 12, "no_website": 8},
        "digest": "0123456789abcdef",
        "latency": Spread.of([60.0, 120.0, 180.0]),
        "campaign_age": Spread.of([60.0]),
        "spent": TimeSpent(1, 2, 3, 4),
        "pace": WorkPace(100.0, 91.0, 90.0, DOCUMENTED),
        "by_day": {"2026-03-02": 20},
        "budgets": [Use("jina_calls", 120.0, 30.0, 3600.0)],
        "violations": 0,
        "verified_twice": 0,
        "nightly": None,
        "times_nightly": 0.2,
        "memory_growth_mb": 0.0,
        "real_seconds": 24.0,
        "cpu_seconds": 6.0,
        "stalled_share": 0.01,
        "worst_stall_seconds": 0.02,
        "exit_codes": [0],
        "samples": [Sample(0.0, 0, {"jina_calls": 0.0}, 1), Sample(2.0, 20, {"jina_calls": 30.0}, 1)],
        "promises": [],
    }
    return DayReport(**(facts | changes))  # type: ignore[arg-type]


def test_percentiles_use_the_nearest_rank() -> None:
    spread = Spread.of(float(number) for number in range(1, 101))
    assert (spread.p50, spread.p95, spread.p99, spread.max) == (50, 95, 99, 100)
    assert Spread.of([]) == Spread(0, 0, 0, 0)


def test_a_day_passes_only_without_violations_or_nightly_harm() -> None:
    assert day().good
    assert not day(violations=1).good
    assert not day(verified_twice=1).good
    assert not day(exit_codes=[0, 1]).good
    assert not day(nightly={"with_us": {}, "without_us": {}, "unharmed": False}).good


def test_a_results_section_is_replaced_and_others_stay(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    record(page, "bin/bench start", "1.4 s")
    record(page, "bin/bench pickup", table(("queue", "ms"), [("ours", "0.8")]))
    record(page, "bin/bench start", "1.2 s")
    text = page.read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## bin/bench pickup",
        "## bin/bench start",
    ]
    assert "1.4 s" not in text
    assert "1.2 s" in text
    assert "| ours | 0.8 |" in text


def test_the_chart_has_a_line_for_companies_and_for_each_budget() -> None:
    root = ElementTree.fromstring(day_picture(day()))
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 2
    first, last = lines[0].attrib["points"].split()
    assert first < last


def test_several_days_are_shown_side_by_side() -> None:
    text = as_markdown([day(), day(options=day().options | {"workers": 3})])
    assert "| 2 | 1 | 20 | 0.2 |" in text
    assert "| 3 | 1 | 20 | 0.2 |" in text
    assert "jina_calls 30 of 120" in text
