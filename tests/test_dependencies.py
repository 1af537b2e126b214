"""config/dependencies.md lists exactly what the deployed service depends on."""

from __future__ import annotations

import re
import tomllib

from tools import ROOT

PAGE = ROOT / "config" / "dependencies.md"


def test_the_table_lists_each_dependency_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = sorted(re.split(r"[>=;\[ ]", entry)[0] for entry in project["dependencies"])
    table = PAGE.read_text(encoding="utf-8").split("\nExtra ")[0]
    listed = re.findall(r"(?m)^\| ([a-z0-9-]+) \|", table)
    assert sorted(name for name in listed if name != "package") == declared


def test_the_extras_are_on_the_page() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = PAGE.read_text(encoding="utf-8")
    for entry in project["optional-dependencies"]["otel"]:
        assert re.split(r"[>=;\[ ]", entry)[0] in page


def test_the_modules_that_the_page_names_exist() -> None:
    named = re.findall(r"`([a-z_]+/[a-z_/.]+)`", PAGE.read_text(encoding="utf-8"))
    assert len(named) > 5
    for path in named:
        inside = ROOT / "acra_express_async" / path
        assert inside.exists() or (ROOT / path).exists(), path
