"""House rules that no linter checks: file sizes, broad and silent handlers, the place of SQL, names of tests."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import acra_express_async

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
PACKAGE = ROOT / "acra_express_async"
LONGEST_MODULE = 400
MOST_BROAD_HANDLERS = 5
MOST_TAKEN = 9
"""By a constructor: worker and staging need it, and most others less than seven."""
LONGEST_TEST_NAME = 60
READ_BY_PEOPLE = ("acra_express_async", "bin", ".ci", "config", "tests")
WRITTEN_BY_HAND = {"", ".py", ".md", ".sql", ".ini", ".toml", ".yaml", ".yml", ".csv"}
FORBIDDEN_NAMES = {"utils", "helpers", "manager", "misc", "common"}
SQL = re.compile(
    r"[\s{}(]*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|FROM|WHERE|JOIN|ORDER BY|CREATE|DROP|ALTER|GRANT|REVOKE"
    r"|SET LOCAL|LOCK TABLE|TRUNCATE)\s"
)
"""How a statement or a piece of one begins; a formatted value stands as ``{}``."""


def modules_of(room: str = "") -> list[Path]:
    """Every module of a room; a room that was moved away must not make its rules pass for want of modules."""
    found = sorted((PACKAGE / room).rglob("*.py"))
    assert len(found) > 1, f"{room or 'the package'} holds no modules: has it moved?"
    return found


TEST_MODULES = sorted(TESTS.rglob("test_*.py"))
MODULES = modules_of()
DATABASE = modules_of("db")
SANDBOX = modules_of("sandbox")


def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def place(module: Path, line: int) -> str:
    return f"{module.relative_to(PACKAGE)}:{line}"


def handlers() -> Iterator[tuple[Path, ast.ExceptHandler]]:
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ExceptHandler):
                yield module, node


def is_broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(c is None or (isinstance(c, ast.Name) and c.id in ("Exception", "BaseException")) for c in caught)


def text_of(node: ast.AST) -> str | None:
    """The text of a string, with ``{}`` for what an f-string puts in; None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "{}" for part in node.values)
    return None


def sql_put_together(code: ast.AST) -> Iterator[int]:
    """Lines of SQL that is assembled in Python: f-strings, ``+``, ``%``, `format` and `join`."""
    for node in ast.walk(code):
        parts: list[ast.expr] = []
        if isinstance(node, ast.JoinedStr) and any(isinstance(part, ast.FormattedValue) for part in node.values):
            parts = [node]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            parts = [node.left, node.right]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            parts = [node.func.value]
        if any(SQL.match(text_of(part) or "") for part in parts):
            yield node.lineno


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_no_module_is_longer_than_the_limit(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


def test_nothing_is_formatted_by_hand() -> None:
    by_hand = re.compile(r"#\s*fmt:\s*\w")
    assert not [str(m) for m in (*MODULES, *TESTS.rglob("*.py")) if by_hand.search(m.read_text(encoding="utf-8"))]


def constructors() -> Iterator[tuple[str, int]]:
    """Every part of the service and how much its constructor takes; values, which compare by their fields, are none."""
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if not isinstance(node, ast.ClassDef):
                continue
            init = next((f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"), None)
            if init is not None:
                yield place(module, node.lineno), len(init.args.args) + len(init.args.kwonlyargs) - 1
            elif any("eq=False" in ast.unparse(decorator) for decorator in node.decorator_list):
                yield place(module, node.lineno), sum(isinstance(field, ast.AnnAssign) for field in node.body)


def test_no_constructor_takes_more_than_nine() -> None:
    wide = {where: width for where, width in constructors() if width > MOST_TAKEN}
    assert not wide


def test_at_most_five_broad_handlers() -> None:
    broad = [place(module, handler.lineno) for module, handler in handlers() if is_broad(handler)]
    assert len(broad) <= MOST_BROAD_HANDLERS, broad


def test_no_silent_handler() -> None:
    silent = [
        place(module, handler.lineno)
        for module, handler in handlers()
        if all(isinstance(step, ast.Pass | ast.Continue) for step in handler.body)
    ]
    assert not silent


def test_modules_avoid_catch_all_and_stdlib_names() -> None:
    names = {module.stem for module in MODULES} | {module.parent.name for module in MODULES}
    assert not names & FORBIDDEN_NAMES
    top_level = {module.stem for module in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert not top_level & set(sys.stdlib_module_names)


def repeated(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def test_no_two_modules_share_a_file_name() -> None:
    """A name in a traceback or a search then leads to one file."""
    assert not repeated(module.name for module in MODULES if module.stem not in ("__init__", "__main__"))


def test_no_two_classes_share_a_name() -> None:
    classes = [node for module in MODULES for node in ast.walk(tree(module)) if isinstance(node, ast.ClassDef)]
    assert not repeated(node.name for node in classes)


def test_every_file_of_the_walk_through_exists() -> None:
    """The package's docstring follows one job from file to file."""
    named = re.findall(r"\b[a-z_/0-9]+\.(?:py|sql)\b", acra_express_async.__doc__ or "")
    assert len(named) > 20
    assert not [name for name in named if not (PACKAGE / name).is_file()]


def test_every_room_says_what_it_is_for() -> None:
    rooms = [module for module in MODULES if module.name == "__init__.py"]
    assert not [place(room, 1) for room in rooms if len((ast.get_docstring(tree(room)) or "").splitlines()) < 3]


def test_sql_is_written_in_db_only() -> None:
    found = [
        place(module, node.lineno)
        for module in MODULES
        if module not in (*DATABASE, *SANDBOX)
        for node in ast.walk(tree(module))
        if re.match(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM) ", text_of(node) or "")
    ]
    assert not found


def test_sql_is_never_put_together_in_python() -> None:
    """Values are parameters; where PostgreSQL takes none (names in DDL), its own ``format('%I')`` writes them."""
    assert not [place(m, line) for m in MODULES if m not in SANDBOX for line in sql_put_together(tree(m))]


@pytest.mark.parametrize(
    "code",
    [
        'f"SELECT 1 FROM {table}"',
        'f"{line} WHERE job_id = $1"',
        "f'DROP ROLE \"{role}\"'",
        '"SELECT 1 FROM " + table',
        'line + " WHERE job_id = $1"',
        '"DELETE FROM %s" % table',
        '"UPDATE {} SET x = 1".format(table)',
    ],
)
def test_the_rule_sees_sql_that_is_put_together(code: str) -> None:
    assert list(sql_put_together(ast.parse(code)))


def test_migrations_are_plain_ascii() -> None:
    """A database in another encoding must hear why it is refused, not that it cannot read a comment."""
    migrations = (PACKAGE / "db" / "schema" / "migrations").rglob("*.sql")
    assert not [place(path, 1) for path in migrations if not path.read_bytes().isascii()]


def test_the_environment_is_read_in_settings_only() -> None:
    readers = {
        str(module.relative_to(PACKAGE))
        for module in MODULES
        if module not in SANDBOX
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert readers == {"settings/library_names.py", "settings/tree.py"}


def test_nothing_selects_every_column_of_a_table() -> None:
    starred = [
        place(module, node.lineno)
        for module in DATABASE
        for node in ast.walk(tree(module))
        if "SELECT * FROM" in (text := text_of(node) or "") and "SELECT * FROM (" not in text
    ]
    assert not starred


def test_the_process_clock_decides_nothing() -> None:
    """Leases, budgets and windows are judged by the database's clock, so a skewed process clock can harm none of them.

    The wall clock is read in four places: for ticks and displays, to stamp log lines, to name the offset of a zone
    below a table, and to understand a Retry-After that is a date.
    """
    readers = {
        str(module.relative_to(PACKAGE))
        for module in MODULES
        if module not in SANDBOX
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr)
        in {("datetime", "now"), ("time", "time"), ("date", "today"), ("datetime", "utcnow")}
    }
    assert readers == {"service/process_context.py", "logs/__init__.py", "cli/wording.py", "providers/wire.py"}


def test_names_of_tests_have_at_most_sixty_characters() -> None:
    long_names = [
        f"{module.relative_to(TESTS)}::{node.name}"
        for module in TEST_MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and (len(node.name) > LONGEST_TEST_NAME or "_s_" in node.name)
    ]
    assert not long_names


def test_no_file_refers_to_a_page_outside_the_repository() -> None:
    """A page that a reader of the repository can open is named by one of five names, and is there.

    Migrations that were released keep their text, comments included, because their checksums are compared.
    """
    pages = {path.name for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "config").glob("*.md"))}
    assert pages == {"README.md", "CHANGELOG.md", "runbook.md", "benchmarks.md", "dependencies.md"}
    read = [path for folder in READ_BY_PEOPLE for path in (ROOT / folder).rglob("*")]
    outside = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in (*read, ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "Dockerfile", ROOT / "pyproject.toml")
        if path.is_file() and path.suffix in WRITTEN_BY_HAND and not re.match(r"\d{4}_\w+\.sql", path.name)
        for name in re.findall(r"[\w./-]*\b[\w-]+\.md\b", path.read_text(encoding="utf-8"))
        if name.rpartition("/")[2] not in pages or "../" in name
    ]
    assert not outside
