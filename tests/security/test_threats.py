"""Every test named in the runbook's threat table exists."""

from __future__ import annotations

import ast
import re

from tools import ROOT

TESTS = ROOT / "tests"
NAMED = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")


def test_every_test_that_the_threat_table_names_exists() -> None:
    text = (ROOT / "config" / "runbook.md").read_text(encoding="utf-8")
    table = text.split("\n## Security\n", 1)[1].split("\nHostile inputs", 1)[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert len(rows) > 10
    for row in rows:
        named = NAMED.findall(row.rsplit("|", 2)[1])
        assert named, row
        for file, function in named:
            tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
            defined = {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
            assert not function or function in defined, (file, function)
