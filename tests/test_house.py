"""The rules of the house that no linter knows: file sizes, broad and silent handlers, where SQL stands."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "acra_express_async"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_MODULE = 300
MOST_BROAD_HANDLERS = 5
LONGEST_TEST_NAME = 60
FORBIDDEN_NAMES = {"utils", "helpers", "manager", "misc", "common"}


def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def handlers() -> Iterator[tuple[Path, ast.ExceptHandler]]:
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ExceptHandler):
                yield module, node


def is_broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(c is None or (isinstance(c, ast.Name) and c.id in ("Exception", "BaseException")) for c in caught)


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_no_module_is_long(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


def test_at_most_five_broad_handlers() -> None:
    broad = [f"{module.relative_to(PACKAGE)}:{handler.lineno}" for module, handler in handlers() if is_broad(handler)]
    assert len(broad) <= MOST_BROAD_HANDLERS, broad


def test_no_silent_handler() -> None:
    silent = [
        f"{module.relative_to(PACKAGE)}:{handler.lineno}"
        for module, handler in handlers()
        if all(isinstance(step, ast.Pass | ast.Continue) for step in handler.body)
    ]
    assert not silent


def test_module_names() -> None:
    names = {module.stem for module in MODULES} | {module.parent.name for module in MODULES}
    assert not names & FORBIDDEN_NAMES
    top_level = {module.stem for module in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert not top_level & set(sys.stdlib_module_names)


def test_sql_stands_in_db_only() -> None:
    words = ("SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ")
    allowed = {PACKAGE / "db", PACKAGE / "sandbox"}
    found = [
        f"{module.relative_to(PACKAGE)}:{node.lineno}"
        for module in MODULES
        if not allowed & set(module.parents)
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lstrip().startswith(words)
    ]
    assert not found


def test_the_environment_is_read_in_settings_only() -> None:
    readers = {
        str(module.relative_to(PACKAGE))
        for module in MODULES
        if PACKAGE / "sandbox" not in module.parents
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert readers == {"settings/tree.py"}


def test_nothing_selects_every_column_of_a_table() -> None:
    starred = [
        f"{module.relative_to(PACKAGE)}:{node.lineno}"
        for module in (PACKAGE / "db").rglob("*.py")
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "SELECT * FROM" in node.value
        and "SELECT * FROM acra_express.claim" not in node.value
        and "SELECT * FROM (" not in node.value
    ]
    assert not starred


def test_the_process_clock_decides_nothing() -> None:
    """Leases, budgets and windows are judged by the database's clock, so a skewed process clock can harm none of them.

    The wall clock is read in two places: for ticks and displays, and to understand a Retry-After that is a date.
    """
    readers = {
        str(module.relative_to(PACKAGE))
        for module in MODULES
        if PACKAGE / "sandbox" not in module.parents
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr)
        in {("datetime", "now"), ("time", "time"), ("date", "today"), ("datetime", "utcnow")}
    }
    assert readers == {"service/composition.py", "providers/wire.py"}


def test_names_of_tests_have_at_most_sixty_characters() -> None:
    long_names = [
        f"{module.relative_to(TESTS)}::{node.name}"
        for module in sorted(TESTS.rglob("test_*.py"))
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and (len(node.name) > LONGEST_TEST_NAME or "_s_" in node.name)
    ]
    assert not long_names
