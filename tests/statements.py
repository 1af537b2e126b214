"""Finds every SQL statement that db/ sends, by its syntax tree: no list is kept by hand.

A statement is the first argument of a method of a connection (`fetch`, `execute`, ...). It may be a literal, a constant
of the module, a variable that holds one of several literals, or a parameter: then each caller of that function sends a
statement too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

METHODS = frozenset({"fetch", "fetchrow", "fetchval", "fetchmany", "execute", "executemany", "cursor", "prepare"})
"""Methods of an asyncpg connection whose first argument is a statement."""
RUN_BY_MIGRATE = "schema"
"""The only room that sends text made at run time: DDL takes no parameters, so the server's `format` makes it."""

_SQL = re.compile(r"[\s(]*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|DROP|ALTER|LOCK TABLE|TRUNCATE)\s")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Statement:
    """One place that sends SQL.

    Args:
        sent_by: the method of the connection, or the function that passes the statement on.
        texts: the statement; several where a variable holds one of them.
        place: which argument of `call` it is.
    """

    module: Path
    call: ast.Call
    sent_by: str
    texts: tuple[str, ...]
    place: int

    @property
    def passed_on(self) -> bool:
        return self.sent_by not in METHODS

    @property
    def values(self) -> int | None:
        """How many values the caller gives; None where it unpacks a sequence."""
        given = self.call.args[self.place + 1 :]
        return None if any(isinstance(value, ast.Starred) for value in given) else len(given)

    def __str__(self) -> str:
        return f"{self.module.parent.name}/{self.module.name}:{self.call.lineno}"


@dataclass(frozen=True)
class MadeAtRunTime:
    """A place that sends text which the source does not hold."""

    module: Path
    line: int

    def __str__(self) -> str:
        return f"{self.module.parent.name}/{self.module.name}:{self.line}"


@dataclass(frozen=True)
class _Source:
    """One module: its tree, its texts, and which function each node stands in."""

    path: Path
    tree: ast.Module
    constants: Mapping[str, ast.expr]
    around: Mapping[ast.AST, Function]


def statements_in(room: Path) -> tuple[list[Statement], list[MadeAtRunTime]]:
    """All statements that the modules below `room` send, and the places whose text is made at run time."""
    sources = [_read(path) for path in sorted(room.rglob("*.py"))]
    found: dict[ast.Call, Statement | MadeAtRunTime] = {}
    passing: dict[str, int] = {}  # functions that pass a parameter on as a statement, and which one
    while True:
        known = len(passing)
        for source in sources:
            for call, sent_by, place in _calls(source, passing):
                texts = _texts(source, call, call.args[place])
                parameter = _parameter(source, call, call.args[place])
                if texts:
                    found[call] = Statement(source.path, call, sent_by, texts, place)
                elif parameter is not None:
                    passing[source.around[call].name] = parameter
                else:
                    found[call] = MadeAtRunTime(source.path, call.lineno)
        if len(passing) == known:
            break
    return (
        [each for each in found.values() if isinstance(each, Statement)],
        [each for each in found.values() if isinstance(each, MadeAtRunTime)],
    )


def unsent(room: Path, statements: Iterable[Statement]) -> list[str]:
    """Texts below `room` that begin like a statement, but that no call is seen to send."""
    sent = {text for statement in statements for text in statement.texts}
    return [
        f"{path.parent.name}/{path.name}:{node.lineno}"
        for path in sorted(room.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if _SQL.match(node.value) and node.value not in sent and path.parent.name != RUN_BY_MIGRATE
    ]


def _read(path: Path) -> _Source:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    around = {
        inner: function
        for function in ast.walk(tree)
        if isinstance(function, Function)
        for inner in ast.walk(function)
        if inner is not function
    }
    return _Source(path, tree, _assigned(tree.body), around)


def _assigned(body: list[ast.stmt]) -> dict[str, ast.expr]:
    return {
        target.id: each.value
        for each in body
        if isinstance(each, ast.Assign | ast.AnnAssign) and each.value is not None
        for target in (each.targets if isinstance(each, ast.Assign) else [each.target])
        if isinstance(target, ast.Name)
    }


def _calls(source: _Source, passing: Mapping[str, int]) -> Iterator[tuple[ast.Call, str, int]]:
    for call in ast.walk(source.tree):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        if isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
            if not _is_prepared(source, call, call.func.value):
                yield call, call.func.attr, 0
        elif isinstance(call.func, ast.Name) and call.func.id in passing:
            yield call, call.func.id, passing[call.func.id]


def _is_prepared(source: _Source, call: ast.Call, sender: ast.expr) -> bool:
    """Whether the method is one of a prepared statement: it takes values only, `prepare` was given the text."""
    function = source.around.get(call)
    if function is None or not isinstance(sender, ast.Name):
        return False
    made = [_assigned([node]).get(sender.id) for node in ast.walk(function) if isinstance(node, ast.stmt)]
    calls = [value.value for value in made if isinstance(value, ast.Await) and isinstance(value.value, ast.Call)]
    return any(isinstance(call.func, ast.Attribute) and call.func.attr == "prepare" for call in calls)


def _texts(source: _Source, call: ast.Call, sql: ast.expr) -> tuple[str, ...]:
    """The texts that `sql` can be; empty when the module does not say."""
    if isinstance(sql, ast.Constant):
        return (str(sql.value),)
    if not isinstance(sql, ast.Name):
        return ()
    function = source.around.get(call)
    if function is not None:
        inside = [node for node in ast.walk(function) if isinstance(node, ast.stmt)]
        held = [value for node in inside if (value := _assigned([node]).get(sql.id)) is not None]
        if held:
            texts = tuple(str(value.value) for value in held if isinstance(value, ast.Constant))
            return texts if len(texts) == len(held) else ()
        for loop in inside:
            if isinstance(loop, ast.For) and (place := _place(loop.target, sql.id)) is not None:
                return tuple(_of_rows(source, loop.iter, place))
    constant = source.constants.get(sql.id)
    return (str(constant.value),) if isinstance(constant, ast.Constant) else ()


def _place(target: ast.expr, name: str) -> int | None:
    """Where in the tuple that a loop unpacks `name` stands."""
    names = target.elts if isinstance(target, ast.Tuple) else []
    return next((place for place, each in enumerate(names) if isinstance(each, ast.Name) and each.id == name), None)


def _of_rows(source: _Source, rows: ast.expr, place: int) -> Iterator[str]:
    """The texts at `place` of the tuples of a constant."""
    table = source.constants.get(rows.id) if isinstance(rows, ast.Name) else rows
    for row in table.elts if isinstance(table, ast.Tuple) else []:
        if isinstance(row, ast.Tuple):
            cell = row.elts[place]
            text = source.constants.get(cell.id) if isinstance(cell, ast.Name) else cell
            if isinstance(text, ast.Constant):
                yield str(text.value)


def _parameter(source: _Source, call: ast.Call, sql: ast.expr) -> int | None:
    """Which parameter of the function around the call `sql` is."""
    function = source.around.get(call)
    if function is None or not isinstance(sql, ast.Name):
        return None
    names = [argument.arg for argument in function.args.args]
    return names.index(sql.id) if sql.id in names else None
