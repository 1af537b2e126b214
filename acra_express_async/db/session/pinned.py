"""Settings of our sessions: those that correctness depends on are pinned, because others own the server's defaults.

A start-up parameter takes precedence over ALTER DATABASE, ALTER ROLE and the server's configuration, and survives
RESET ALL.
"""

from __future__ import annotations

from acra_express_async.db.session.connection import Connection

APPLICATION_NAME = "acra-express"
LISTENER_NAME = f"{APPLICATION_NAME} listener"
"""Only a running service has a session of this name; every role may read it in pg_stat_activity."""
COMMAND_NAME = f"{APPLICATION_NAME} command"
"""Sessions of commands under the tenant role, so that `APPLICATION_NAME` alone is a service's pool."""

PINNED = {
    # budgets, intents and the ends of jobs depend on these: a server crash must not undo a commit (only a claim, which
    # nothing is paid for, does not wait for the disk: see db/jobs/claims.py)
    "default_transaction_isolation": "read committed",
    "synchronous_commit": "on",
    # these decide what our statements mean
    # pg_temp comes first unless it is named: behind a pooler, other clients may have left tables in it
    "search_path": "pg_catalog, public, pg_temp",
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "row_security": "on",
}
"""For every session of ours, the owner's commands included."""

SESSION_SETTINGS = PINNED | {
    "application_name": APPLICATION_NAME,
    # B2, B3: give way well before deadlock_timeout (1 s) makes the nightly the victim
    "lock_timeout": "300ms",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "5s",
    "jit": "off",
}

OWNER_SETTINGS = PINNED | {
    "application_name": f"{APPLICATION_NAME} admin",
    "search_path": "public",
    # a registry takes minutes to load, and so may an index to build; `migrate` bounds its own waits for locks
    "lock_timeout": "0",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
"""Sessions of the login account: migrations, uninstall, the registry, forgetting."""


def session_settings(role: str | None, tenant_id: int | None) -> dict[str, str]:
    """Start-up parameters of a direct session; they survive release and RESET ALL."""
    settings = dict(SESSION_SETTINGS)
    if role is not None:
        settings["role"] = role
    if tenant_id is not None:
        settings["request.tenant_id"] = str(tenant_id)
    return settings


async def set_for_transaction(connection: Connection, settings: dict[str, str]) -> None:
    """Set them until the end of this transaction; behind a transaction pooler no setting outlives it."""
    # the session's search_path may still be another client's, so every name here is qualified
    await connection.execute(
        "SELECT pg_catalog.set_config(s.name, s.value, true)"
        " FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]))"
        " AS s(name, value)",
        list(settings.keys()),
        list(settings.values()),
    )


async def settings_fault(connection: Connection) -> str | None:
    """One sentence if this session lacks settings that it asked for; None if all are in force.

    A pooler with `ignore_startup_parameters` drops them silently.
    """
    rows = await connection.fetch(
        r"""
        SELECT s.name || ' is ' || current_setting(s.name) AS wrong
        FROM unnest($1::text[], $2::text[]) AS s(name, value)
        WHERE s.name <> 'application_name' AND
              CASE WHEN s.value ~ '^\d+m?s$' THEN current_setting(s.name)::interval <> s.value::interval
                   ELSE current_setting(s.name) <> s.value END
        ORDER BY 1
        """,
        list(SESSION_SETTINGS.keys()),
        list(SESSION_SETTINGS.values()),
    )
    if not rows:
        return None
    wrong = ", ".join(row["wrong"] for row in rows)
    return (
        f"the session lacks settings that it asked for ({wrong}): a pooler drops start-up parameters "
        "(ignore_startup_parameters); set ACRA_EXPRESS_LISTEN_DSN to a direct connection, and they are set in every "
        "transaction"
    )
