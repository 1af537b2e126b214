"""Each statement of db/ against the real schema: it can be prepared, and its types fit the Python around it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import asyncpg
import pytest
from statements import RUN_BY_MIGRATE, Statement, statements_in, unsent
from tools import ROOT
from typed_statements import Described, faults

from acra_express_async.db.session.pool import Connection, Database

ROOM = ROOT / "acra_express_async" / "db"

_QUOTED = re.compile(r"'[^']*'|--.*")

TRIGRAMS = """
    CREATE FUNCTION public.similarity(text, text) RETURNS real LANGUAGE sql IMMUTABLE RETURN 0
"""
"""The signature of pg_trgm's function: the embedded server has no extensions, the platform's has this one."""


@pytest.mark.timeout(600)
async def test_statements_fit_schema_and_python(database: Database, owner: Connection, tmp_path: Path) -> None:
    """mypy runs twice, see typed_statements.py; how many parameters a call gives is part of what it checks."""
    statements, made = statements_in(ROOM)
    assert len(statements) > 300
    assert unsent(ROOM, statements) == []
    assert [str(each) for each in made if each.module.parent.name != RUN_BY_MIGRATE] == []
    if await owner.fetchval("SELECT to_regprocedure('similarity(text, text)') IS NULL"):
        await owner.execute(TRIGRAMS)
    described, refused = await _described(statements, database, owner)
    assert not refused, "\n".join(refused)
    # the driver's stubs say what a prepared statement takes and gives: anything
    found = faults([each for each in described if each.statement.sent_by != "prepare"], tmp_path)
    assert not found, "\n".join(found)


async def _described(
    statements: list[Statement], database: Database, owner: Connection
) -> tuple[list[Described], list[str]]:
    """What the server says of each statement, and the sentence with which it refused one."""
    described, refused = [], []
    async with database.session() as service:
        for statement in sorted(statements, key=lambda each: not _is_script(each)):
            try:
                described.append(await _prepared(statement, service, owner))
            except asyncpg.PostgresError as error:
                refused.append(f"{statement}: {error}")
    return described, refused


def _is_script(statement: Statement) -> bool:
    """Several commands in one text: they take no parameters and cannot be prepared."""
    return any(";" in _QUOTED.sub("", text).strip().rstrip(";") for text in statement.texts)


async def _prepared(statement: Statement, service: Connection, owner: Connection) -> Described:
    """The statement as a session of the service knows it, or as the owner does: only its commands use temporary tables.

    A script is run. It comes before the other statements, which may need the temporary tables that it creates.
    """
    if _is_script(statement):
        await owner.execute(statement.texts[0])
        return Described(statement, (), ())
    answers = []
    for text in statement.texts:
        try:
            prepared = await service.prepare(text)
        except asyncpg.PostgresError:
            prepared = await owner.prepare(text)
        columns = tuple((column.name, column.type.name) for column in prepared.get_attributes())
        answers.append((tuple(parameter.name for parameter in prepared.get_parameters()), columns))
    assert len({parameters for parameters, _ in answers}) == 1, f"{statement}: its texts take different parameters"
    twice = [name for name, count in Counter(name for name, _ in answers[0][1]).items() if count > 1]
    assert not twice or statement.sent_by == "execute", f"{statement}: more than one column is named {twice[0]}"
    return Described(statement, *answers[0])


def test_a_statement_is_found_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "room.py").write_text(
        """
CONSTANT = "SELECT 1"
TABLE = (("a", "SELECT 2"), ("b", CONSTANT))

async def passes_on(connection, statement, *values):
    await connection.execute(statement, *values)

async def sends(connection, made):
    await connection.fetch(CONSTANT)
    held = "SELECT 3"
    await connection.fetchrow(held)
    for name, text in TABLE:
        await connection.fetchval(text)
    await passes_on(connection, "SELECT $1", 1)
    await connection.execute(made())
    forgotten = "SELECT 4"
"""
    )
    statements, made = statements_in(tmp_path)
    assert sorted((each.sent_by, each.texts) for each in statements) == [
        ("fetch", ("SELECT 1",)),
        ("fetchrow", ("SELECT 3",)),
        ("fetchval", ("SELECT 2", "SELECT 1")),
        ("passes_on", ("SELECT $1",)),
    ]
    assert [each.line for each in made] == [15]
    assert unsent(tmp_path, statements) == [f"{tmp_path.name}/room.py:16"]
