"""Metrics, rules, dashboard and runbook use the same names; each rule fires and stays silent as specified."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tools import run

from acra_express_async.metrics import ALERTS
from acra_express_async.settings.tree import Settings

from .conftest import (
    CONFIG,
    RULES,
    RUNBOOK,
    anchors,
    dashboard,
    dashboard_expressions,
    dashboard_panels,
    exposition,
    families,
    family_of,
    rules_as_text,
    samples_in,
)

GRAFANA = CONFIG / "grafana"
Tool = Callable[..., str]


def unknown_names(texts: list[str]) -> set[str]:
    """Series that are used but not exported."""
    known = families()
    return {name for text in texts for name in samples_in(text) if family_of(name, known) is None}


def test_the_metrics_have_fewer_than_600_series() -> None:
    lines = [line for line in exposition().decode().splitlines() if line and not line.startswith("#")]
    assert len(lines) < 600


def test_rules_and_dashboard_use_only_exported_metrics() -> None:
    assert unknown_names([rule["expr"] for rule in rules_as_text()]) == set()
    assert unknown_names(dashboard_expressions()) == set()


def test_a_renamed_metric_is_detected() -> None:
    renamed = [expr.replace("queue_depth", "queue_length") for expr in dashboard_expressions()]
    assert unknown_names(renamed) == {"acra_express_queue_length"}


def test_every_exported_family_is_on_a_panel_or_rule() -> None:
    known = families()
    used = {
        family_of(name, known)
        for text in [*dashboard_expressions(), *(rule["expr"] for rule in rules_as_text())]
        for name in samples_in(text)
    }
    assert set(known) - used == set()


def test_the_runbook_lists_exactly_the_exported_metrics() -> None:
    rows = re.findall(r"(?m)^\| `([a-z0-9_]+)` \| (counter|gauge|histogram) \|", RUNBOOK.read_text(encoding="utf-8"))
    ours = {name.removeprefix("acra_express_"): kind for name, kind in families().items() if name.startswith("acra")}
    assert dict(rows) == ours


def test_every_rule_has_severity_and_runbook_link() -> None:
    rules = rules_as_text()
    assert len(rules) >= 14
    known = anchors(RUNBOOK)
    for rule in rules:
        assert rule["severity"] in ("critical", "warning"), rule["alert"]
        assert rule["teller"] in ("service", "alertmanager"), rule["alert"]
        assert rule["for"]
        assert rule["summary"]
        page, _, anchor = rule["runbook_url"].partition("#")
        assert page == '{{ or $externalLabels.acra_express_runbook "http://acra-express:8080/runbook" }}'
        assert anchor in known, rule["alert"]


def test_every_alert_of_the_service_has_a_runbook_section() -> None:
    assert {name.replace("_", "-") for name in ALERTS} <= anchors(RUNBOOK)


def test_every_rule_has_a_case_that_fires_and_one_that_is_silent() -> None:
    text = (RULES.parent / "rules_test.yml").read_text(encoding="utf-8")
    for rule in rules_as_text():
        cases = re.findall(rf"alertname: {rule['alert']}\n\s+exp_alerts:( \[\])?", text)
        assert " []" in cases, f"{rule['alert']} is never shown to stay silent"
        assert "" in cases, f"{rule['alert']} is never shown to fire"


@pytest.mark.tools
def test_promtool_accepts_rules_cases_config_and_metrics(tool: Tool) -> None:
    promtool = tool("promtool")
    for done in (
        run(promtool, "check", "rules", "rules.yml", cwd=RULES.parent),
        run(promtool, "test", "rules", "rules_test.yml", cwd=RULES.parent),
        run(promtool, "check", "config", "prometheus.yml", cwd=RULES.parent),
        run(promtool, "check", "metrics", stdin=exposition()),
    ):
        assert done.returncode == 0, done.stdout + done.stderr
        assert "lint" not in done.stderr
    assert done.stderr == "", "promtool check metrics warns"


@pytest.mark.tools
def test_promtool_detects_a_rule_that_lost_its_metric(tool: Tool, tmp_path: Path) -> None:
    cases = (RULES.parent / "rules_test.yml").read_text(encoding="utf-8")
    (tmp_path / "rules.yml").write_text(RULES.read_text(encoding="utf-8").replace("listener_up", "listener_alive"))
    (tmp_path / "rules_test.yml").write_text(cases)
    done = run(tool("promtool"), "test", "rules", "rules_test.yml", cwd=tmp_path)
    assert done.returncode != 0


@pytest.mark.tools
def test_alertmanager_sends_only_what_the_service_cannot_report(tool: Tool) -> None:
    amtool = tool("amtool")
    config = CONFIG / "alertmanager" / "alertmanager.yml"
    checked = run(amtool, "check-config", config)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for rule in rules_as_text():
        routed = run(
            amtool,
            "config",
            "routes",
            "test",
            f"--config.file={config}",
            f"alertname={rule['alert']}",
            f"teller={rule['teller']}",
        )
        assert routed.stdout.strip() == ("slack" if rule["teller"] == "alertmanager" else "page-only"), rule["alert"]


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """config/grafana/dashboard.py, which is not part of the package."""
    monkeypatch.syspath_prepend(str(GRAFANA))
    spec = importlib.util.spec_from_file_location("dashboard_source", GRAFANA / "dashboard.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for name in ("overview", "machinery", "expressions"):
        sys.modules.pop(name, None)


def test_the_committed_dashboard_equals_the_generated_one(generator: ModuleType) -> None:
    assert generator.TARGET.read_text(encoding="utf-8") == generator.rendered()


def test_the_dashboard_passes_its_lint() -> None:
    board, panels = dashboard(), dashboard_panels()
    assert board["uid"] == "acra-express"
    assert {variable["name"] for variable in board["templating"]["list"]} == {"datasource", "job", "instance", "page"}
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == [
        "Is it fine?",
        "What holds it up, and will it last?",
        "Flow",
        "Failures",
        "Providers",
        "Beside the nightly",
        "Runtime",
    ]
    for panel in panels:
        if panel["type"] == "row":
            continue
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]
        assert panel["targets"], panel["title"]
        for source in (panel, *panel["targets"]):
            assert source["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def assert_apart(panels: list[dict[str, Any]]) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_dashboard_panels_do_not_overlap() -> None:
    assert_apart(dashboard()["panels"])
    for row in dashboard()["panels"]:
        assert_apart(row.get("panels", []))


def test_the_open_rows_fit_one_screen() -> None:
    rows = [panel for panel in dashboard()["panels"] if panel["type"] == "row"]
    assert [row["collapsed"] for row in rows] == [False, False, *[True] * (len(rows) - 2)]
    # A line of the grid is 38 pixels high with its gap: 24 of them fit below the bars on a screen of 1,080 pixels.
    assert rows[2]["gridPos"]["y"] <= 24


def test_the_dashboard_uses_the_zone_of_the_service() -> None:
    assert dashboard()["timezone"] == Settings.model_fields["timezone"].default


def test_yes_and_no_are_shown_as_words() -> None:
    words = {
        panel["title"]: [option["text"] for option in mapping["options"].values()]
        for panel in dashboard_panels()
        if panel["type"] != "row"
        for mapping in panel["fieldConfig"]["defaults"]["mappings"]
    }
    assert words == {"Listener": ["down", "up"], "Paused": ["no", "yes"]}


def test_the_dashboard_links_page_and_runbook() -> None:
    assert [link["url"] for link in dashboard()["links"]] == ["${page}/", "${page}/runbook"]


def test_cancelled_companies_are_drawn_and_count_in_no_ratio() -> None:
    """A ratio selects the outcomes that it counts; the panel of outcomes shows them all."""
    rules = [rule["expr"] for rule in rules_as_text()]
    drawn = [expr for expr in dashboard_expressions() if "companies_processed_total" in expr]
    ratios = [expr for expr in (*drawn, *rules) if "companies_processed_total" in expr and "/" in expr]
    assert len(ratios) >= 2, "one on the dashboard, one in the rules"
    for expr in ratios:
        picked = re.findall(r"companies_processed_total\{([^}]*)\}", expr)
        assert picked
        assert all(re.search(r'outcome=~?"(failed|enriched\|no_website\|failed)"', labels) for labels in picked), expr
    assert [expr for expr in drawn if "by (outcome)" in expr and 'outcome="' not in expr and 'outcome=~"' not in expr]


def test_counters_appear_only_inside_rate_and_increase() -> None:
    counters = {name for name, kind in families().items() if kind == "counter"}
    texts = [*dashboard_expressions(), *(rule["expr"] for rule in rules_as_text())]
    for text in texts:
        for name in samples_in(text) & counters:
            before = [text[: found.start()] for found in re.finditer(name, text)]
            assert all(re.search(r"(rate|increase)\(\s*$", part) for part in before), text
