"""The runbook's tables "What we survive" quote the service: every sentence, event and metric there is in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "config" / "runbook.md"


def said_by_the_code() -> str:
    """Every string of the package; the parts of an f-string stand alone."""
    texts: list[str] = []
    for file in (ROOT / "acra_express_async").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        texts += [value for value in found if isinstance(value, str)]
    return "\n".join(texts)


def section() -> str:
    text = RUNBOOK.read_text(encoding="utf-8")
    return text.split("\n## What we survive\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def code() -> str:
    return said_by_the_code()


def test_every_quoted_sentence_is_one_that_the_code_says(code: str) -> None:
    quoted = re.findall(r'"([^"\n]+)"', section().replace('"Trouble" below', ""))
    assert len(quoted) > 20
    assert [words for words in quoted if words not in code] == []


def test_every_event_and_metric_in_the_table_exists(code: str) -> None:
    known = set(code.split("\n"))
    words = re.findall(r"`([a-z_]+(?:\.[a-z_]+)?)(?:\{[^}]*\})?`", section())
    platform = {"background_jobs", "default_transaction_read_only", "synchronous_standby_names"}
    named = {word for word in words if ("." in word or "_" in word)} - platform
    assert len(named) > 15
    assert {
        name for name in named if name not in known and f"acra_express_{name.removesuffix('_total')}" not in known
    } == set()


def test_every_row_says_fault_sight_duration_and_remedy() -> None:
    rows = [line for line in section().splitlines() if line.startswith("| ") and not line.startswith("| fault")]
    assert len(rows) > 30
    assert [row for row in rows if len(re.split(r"(?<!\\)\|", row)) != 6] == []
