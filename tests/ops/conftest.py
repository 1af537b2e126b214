"""Fixtures and helpers for monitoring tests: the exported metric families and the expressions that use them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from database_clock import Clock
from prometheus_client import CollectorRegistry, generate_latest
from tools import ROOT, require_tool

from acra_express_async.db.session.pool import Database
from acra_express_async.metrics import Metrics

from .replicas import Channel, Replica

CONFIG = ROOT / "config"
RULES = CONFIG / "prometheus" / "rules.yml"
DASHBOARD = CONFIG / "grafana" / "acra-express.json"
RUNBOOK = CONFIG / "runbook.md"

SAMPLE = re.compile(r"\b((?:acra_express|process)_[a-z0-9_]+)\b(?=\{|\[|\)| |$)")


@pytest.fixture
def tool(request: pytest.FixtureRequest) -> Callable[..., str]:
    """`tool(name, …)`: the path of an external tool, or a skip (a failure under --require-tools)."""

    def find(*names: str) -> str:
        return require_tool(request.config, *names)

    return find


def exposition() -> bytes:
    """The content of /metrics in a new process."""
    return generate_latest(Metrics(CollectorRegistry()).registry)


def families() -> dict[str, str]:
    """Family names as used in PromQL, with their types; without the `_created` series."""
    found = {}
    for line in exposition().decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if not name.endswith("_created"):
                found[name] = kind
    return found


def family_of(sample: str, known: dict[str, str]) -> str | None:
    """The family of a sample name; None when it is not exported."""
    for suffix in ("", "_bucket", "_sum", "_count"):
        name = sample.removesuffix(suffix) if suffix else sample
        if name in known and (not suffix or known[name] == "histogram"):
            return name
    return None


def dashboard() -> dict[str, Any]:
    loaded = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def dashboard_panels() -> list[dict[str, Any]]:
    """Every panel and row; those of a collapsed row are inside it."""
    return [panel for top in dashboard()["panels"] for panel in (top, *top.get("panels", ()))]


def dashboard_expressions() -> list[str]:
    queries = [target["expr"] for panel in dashboard_panels() for target in panel.get("targets", ())]
    return queries + [mark["expr"] for mark in dashboard()["annotations"]["list"]]


ONLY_IN_TROUBLE = (" > 0", 'alertstate="firing"}')
"""How an expression ends that returns nothing while all is well."""


def concrete(expression: str) -> str:
    """The expression of a panel with Grafana's variables replaced."""
    for name, value in (("$__rate_interval", "1m"), ("$job", "acra-express"), ("$instance", ".*")):
        expression = expression.replace(name, value)
    return expression


def dashboard_queries() -> list[tuple[str, str]]:
    """Title and expression of each query of a panel, ready for Prometheus."""
    return [
        (panel["title"], concrete(target["expr"]))
        for panel in dashboard_panels()
        for target in panel.get("targets", ())
    ]


def samples_in(text: str) -> set[str]:
    """The names of series that an expression selects, without label values such as job types."""
    return set(SAMPLE.findall(re.sub(r'"[^"]*"', '""', text)))


def rules_as_text() -> list[dict[str, str]]:
    """Each alert rule read from its lines, with the keys alert, expr, for, severity, teller, summary, runbook_url."""
    rules: list[dict[str, str]] = []
    for block in re.split(r"(?m)^      - alert: ", RULES.read_text(encoding="utf-8"))[1:]:
        name = block.split("\n", 1)[0].strip()
        expression = re.search(r"(?ms)^        expr: (?:\|\n)?(.*?)(?=^        for:)", block)
        rule = {"alert": name, "expr": expression[1] if expression else ""}
        for key in ("for", "summary", "runbook_url"):
            found = re.search(rf"(?m)^\s+{key}: (.+)$", block)
            if found:
                rule[key] = found[1].strip("'")
        for key in ("severity", "teller"):
            found = re.search(rf"{key}: (\w+)", block)
            if found:
                rule[key] = found[1]
        rules.append(rule)
    return rules


def anchors(markdown: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts create them."""
    headings = re.findall(r"(?m)^#+ (.+)$", markdown.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest_asyncio.fixture
async def replica(database: Database, channel: Channel, clock: Clock) -> AsyncIterator[Replica]:
    yield Replica(database, channel)
