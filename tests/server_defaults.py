"""Server defaults that an administrator may have set on the database and that must not affect us."""

from __future__ import annotations

import pytest

from acra_express_async.db.session.pool import Connection

HOSTILE = {
    "default_transaction_isolation": "repeatable read",
    "synchronous_commit": "off",
    "statement_timeout": "1ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms",
    "search_path": "nowhere",
    "timezone": "Pacific/Chatham",
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "row_security": "off",
    "default_transaction_deferrable": "on",
}

BEHIND_A_POOLER = HOSTILE | dict.fromkeys((name for name in HOSTILE if name.endswith("_timeout")), "4s")
"""Behind a pooler the first statement of each transaction sets our values and itself still runs under the defaults."""

under_any_defaults = pytest.mark.parametrize(
    "server_defaults", [{}, HOSTILE], ids=["plain defaults", "hostile defaults"], indirect=True
)
"""For tests on `fresh_dsn`: once with the server's own defaults, once with `HOSTILE`."""


async def set_defaults(connection: Connection, database: str, defaults: dict[str, str]) -> None:
    """Set defaults for every session that starts from now on in `database`."""
    for name, value in defaults.items():
        await connection.execute(f"ALTER DATABASE {database} SET {name} = '{value}'")
