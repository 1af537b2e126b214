"""DDL with a name that is only known at run time; PostgreSQL takes no parameters there, so the server writes it in."""

from __future__ import annotations

from acra_express_async.db.session.pool import Connection


async def execute_ddl(connection: Connection, form: str, *names: str) -> None:
    """Run `form` after the server has put `names` into its ``%I`` (an identifier, quoted where it must be)."""
    statement = await connection.fetchval("SELECT format($1::text, VARIADIC $2::text[])", form, list(names))
    await connection.execute(statement)
