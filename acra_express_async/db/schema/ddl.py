"""DDL with names that are only known at run time. DDL accepts no parameters, so the server itself inserts the names."""

from __future__ import annotations

from acra_express_async.db.session.pool import Connection


async def execute_ddl(connection: Connection, form: str, *names: str) -> None:
    """Run `form` with `names` inserted for its ``%I`` (identifiers, quoted by the server where necessary)."""
    statement = await connection.fetchval("SELECT format($1::text, VARIADIC $2::text[])", form, list(names))
    await connection.execute(statement)
