"""Gives mypy the real types of every statement: what the server takes and answers, instead of `object` and `Any`.

`--shadow-file` makes mypy read a changed copy of each module of db/. In it a call like ``connection.fetch(sql, uen)``
goes to a separate function, typed with the parameters and columns that the server described, so that mypy follows
them through the real code: into helpers, dataclasses and return values. A column is ``int | Any``, because the server
does not say which columns can be null.

A helper that takes a `Row` is checked against the statements whose rows reach it. Which ones these are, mypy says in
the messages of a first run, in which each such `Row` is a class that fits no statement.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from statements import Statement
from tools import ROOT

PACKAGE = "acra_express_async"
TYPES = f"{PACKAGE}.db"
"""The module whose copy holds the types: the room's own `__init__`, which has nothing but a docstring."""

SCALARS = {
    "int2": "int",
    "int4": "int",
    "int8": "int",
    "oid": "int",
    "float4": "float",
    "float8": "float",
    "numeric": "Decimal",
    "bool": "bool",
    "text": "str",
    "varchar": "str",
    "bpchar": "str",
    "name": "str",
    "regclass": "str",
    "bytea": "bytes",
    "date": "date",
    "timestamptz": "datetime",
    "interval": "timedelta",
    "void": "object",
    "json": "Any",
    "jsonb": "Any",
}
"""What a column of this type is in Python, with the codecs of db/session/codecs.py."""
TAKEN = {
    "numeric": "Decimal | float",
    "json": "dict[str, Any] | list[Any]",  # a string would be stored as a JSON string, not as the object that it spells
    "jsonb": "dict[str, Any] | list[Any]",
}
"""What a parameter of this type takes, where that is not what a column gives."""

_HEAD = '''
# mypy: ignore-errors
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, ParamSpec, Protocol, TypeAlias, TypedDict, TypeVar, overload
from asyncpg import Record
from asyncpg.cursor import CursorFactory

_K = TypeVar("_K")
_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_P = ParamSpec("_P")


class Many(Protocol[_T_co]):
    """What the driver takes for an array: a sized collection, but no string."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[_T_co]: ...
    def __contains__(self, x: object, /) -> bool: ...


class Fields(Protocol[_T_co]):
    def fields(self) -> _T_co: ...


@overload
def unpacked(row: Fields[_T]) -> _T: ...
@overload
def unpacked(row: _T) -> _T: ...
def unpacked(row: Any) -> Any: ...


@overload
def as_dict(row: Fields[Any]) -> dict[str, Any]: ...
@overload
def as_dict(row: Mapping[_K, _T] | Iterable[tuple[_K, _T]]) -> dict[_K, _T]: ...
def as_dict(row: Any) -> Any: ...


def like(_typed: Callable[_P, object], _real: Callable[..., _T]) -> Callable[_P, _T]: ...
'''


_KNOWN_FAULT = "_known_fault: str = _typed.q0"
"""Stands at the end of each copy: without its message mypy has not seen that copy."""


@dataclass(frozen=True)
class Described:
    """A statement as the server describes it: names of types, an array as ``int8[]``."""

    statement: Statement
    parameters: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]


@dataclass
class _Copy:
    """A module and the changes to make in its copy: from byte, to byte, new text."""

    path: Path
    edits: list[tuple[int, int, str]] = field(default_factory=list)

    def text(self) -> str:
        text = self.path.read_bytes()
        for start, end, new in sorted(self.edits, reverse=True):
            text = text[:start] + new.encode() + text[end:]
        return f"{text.decode()}\nfrom {PACKAGE} import db as _typed\n{_KNOWN_FAULT}\n"


def faults(described: Sequence[Described], folder: Path) -> list[str]:
    """What mypy says about the uses of these statements: file, line and sentence.

    Args:
        folder: where to put the copies.
    """
    copies: dict[Path, _Copy] = {}
    types = [_HEAD]
    for number, each in enumerate(described):
        copy = copies.setdefault(each.statement.module, _Copy(each.statement.module))
        types += _types_of(number, each)
        copy.edits.append(_redirected(number, each.statement))
    places = 0
    for copy in copies.values():
        for node in _rows_named_in(copy.path):
            copy.edits.append((*_span(copy.path, node), f"_typed.Place{places}"))
            places += 1
        copy.edits += _unpacked_in(copy.path)
    marks = [f"class Place{number}(Record):\n    mark: Literal[{number}]\n" for number in range(places)]
    _write(folder, copies.values(), [*types, *marks])
    reach = _reach(_mypy(folder, copies))
    unions = [f'Place{number}: TypeAlias = "{_rows_at(number, reach)}"\n' for number in range(places)]
    _write(folder, copies.values(), [*types, *unions])
    said = _mypy(folder, copies)
    known = [line for line in said if 'variable has type "str"' in line and "q0" in line]
    assert len(known) == len(copies), "mypy did not read every copy"
    return [line for line in said if ": error:" in line and line not in known]


def _types_of(number: int, each: Described) -> Iterator[str]:
    """The class of the rows and the typed stand-in for the call."""
    columns: dict[str, list[str]] = {}
    for place, (name, type_) in enumerate(each.columns):
        columns.setdefault(f"{_column(type_)} | Any", []).extend([repr(name), str(place)])
    row = f"Row{number}" if columns else "Record"
    if columns:
        yield f"class {row}(Record):\n"
        for result, keys in columns.items():
            yield "    @overload\n" if len(columns) > 1 else ""
            yield f"    def __getitem__(self, key: Literal[{', '.join(keys)}], /) -> {result}: ...\n"
        fields = {name: f"{_column(type_)} | Any" for name, type_ in each.columns}
        yield f"    def fields(self) -> Fields{number}: ...\n"
        yield f"Fields{number} = TypedDict('Fields{number}', {fields})\n"
    given = "".join(f", p{place}: {_taken(type_)}" for place, type_ in enumerate(each.parameters, 1))
    before = "".join(f"_{place}: object, " for place in range(each.statement.place)) + "sql: object"
    one = _column(each.columns[0][1]) if each.columns else "None"
    answer = {
        "fetch": f"list[{row}]",
        "fetchrow": f"{row} | None",
        "fetchval": f"{one} | Any",
        "execute": "str",
        "executemany": "None",
        "cursor": f"CursorFactory[{row}]",
    }.get(each.statement.sent_by, "object")
    if each.statement.sent_by == "executemany":
        given = f", values: Iterable[tuple[{', '.join(_taken(type_) for type_ in each.parameters)}]]"
    kind = "def" if each.statement.sent_by == "cursor" or each.statement.passed_on else "async def"
    yield f"{kind} q{number}({before}{given}, /, *, timeout: float | None = None) -> {answer}: ...\n"


def _column(type_: str) -> str:
    """The Python type of a column.

    Raises:
        KeyError: no statement had a column of this type before; say in SCALARS what the driver makes of it.
    """
    return f"list[{_column(type_[:-2])}]" if type_.endswith("[]") else SCALARS[type_]


def _taken(type_: str) -> str:
    """The Python type of a parameter; every one may be null."""
    if type_.endswith("[]"):
        return f"Many[{_taken(type_[:-2])}] | None"
    return f"{TAKEN.get(type_) or SCALARS[type_]} | None"


def _redirected(number: int, statement: Statement) -> tuple[int, int, str]:
    start, end = _span(statement.module, statement.call.func)
    if not statement.passed_on:
        return start, end, f"_typed.q{number}"
    return start, end, f"_typed.like(_typed.q{number}, {statement.sent_by})"


def _rows_named_in(path: Path) -> Iterator[ast.Name]:
    """Where an annotation says `Row`."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Name) and node.id == "Row":
            yield node


def _unpacked_in(path: Path) -> Iterator[tuple[int, int, str]]:
    """``**row`` and ``dict(row)``, which a row with typed columns does not offer to mypy."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg is None and isinstance(keyword.value, ast.Name):
                    yield (*_span(path, keyword.value), f"_typed.unpacked({keyword.value.id})")
            if isinstance(node.func, ast.Name) and node.func.id == "dict" and node.args:
                yield (*_span(path, node.func), "_typed.as_dict")
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is None and isinstance(value, ast.Name):
                    yield (*_span(path, value), f"_typed.as_dict({value.id})")


def _span(path: Path, node: ast.expr) -> tuple[int, int]:
    """The node's first byte in the file, and the one after its last."""
    lines = path.read_bytes().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset


def _write(folder: Path, copies: Iterable[_Copy], types: Iterable[str]) -> None:
    for copy in copies:
        _copy_of(folder, copy.path).write_text(copy.text(), encoding="utf-8")
    own = ROOT / PACKAGE / "db" / "__init__.py"
    _copy_of(folder, own).write_text(own.read_text(encoding="utf-8") + "".join(types), encoding="utf-8")


def _copy_of(folder: Path, path: Path) -> Path:
    return folder / f"{path.parent.name}_{path.name}"


def _mypy(folder: Path, copies: Mapping[Path, _Copy]) -> list[str]:
    """mypy's messages about db/; its cache is kept, so that a second run reads only what has changed."""
    shadows: list[str] = []
    for path in (*copies, ROOT / PACKAGE / "db" / "__init__.py"):
        shadows += ["--shadow-file", str(path.relative_to(ROOT)), str(_copy_of(folder, path))]
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--no-warn-unreachable", "--no-warn-return-any"]
    command += ["--disable-error-code=redundant-expr", "--allow-redefinition", "--no-warn-unused-ignores"]
    command += ["--cache-dir", str(ROOT / ".mypy_cache" / "statements"), *shadows, "-p", TYPES]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    return [line for line in run.stdout.splitlines() if line.startswith(f"{PACKAGE}/db/")]


def _reach(messages: Iterable[str]) -> dict[str, set[str]]:
    """For each place that takes rows, the rows and other places that mypy saw arrive there."""
    reach: dict[str, set[str]] = {}
    for message in messages:
        got, _, expected = message.partition("expected")
        for place in re.findall(r"\bPlace\d+\b", expected):
            reach.setdefault(place, set()).update(re.findall(r"\b(?:Row|Place)\d+\b", got))
    return reach


def _rows_at(number: int, reach: Mapping[str, set[str]]) -> str:
    """The union of all rows that arrive at a place, directly or by way of others."""
    arrived, seen = [f"Place{number}"], set()
    while arrived:
        if (each := arrived.pop()) not in seen:
            seen.add(each)
            arrived += reach.get(each, ())
    rows = sorted(each for each in seen if each.startswith("Row"))
    assert rows, f"no statement's rows reach the Row at place {number}"
    return " | ".join(rows)
