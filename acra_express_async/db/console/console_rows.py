"""Who is signed in to the console, and who did what there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from acra_express_async.db.session.pool import Database

VALID_FOR = timedelta(hours=12)
"""How long a session lasts: a working day."""
PRUNED_AT_ONCE = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAction:
    """What a person is about to do, and what it is about.

    Attributes:
        signed_in: `password` (the person typed the name) or `proxy` (the proxy vouches for it).
        peer: the address from which the request came.
    """

    by: str
    signed_in: str
    peer: str
    action: str
    uen: str | None = None
    campaign_id: int | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class ActionLine:
    """An action as it is listed.

    Attributes:
        ended_how: `done`, `refused` or `broken_off`; None where it runs, or nobody knows how it ended.
        rows_sent: how many records an export handed over.
        ended_why: why an export was broken off.
    """

    action_id: int
    acted_at: datetime
    acted_by: str
    signed_in: str
    peer: str
    action: str
    uen: str | None
    campaign_id: int | None
    provider: str | None
    ended_how: str | None
    rows_sent: int | None
    ended_why: str | None


class ConsoleRows:
    """Under the tenant role; every method raises DatabaseAway or LockBusy when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self) -> float:
        """The moment at which a session begins, in seconds since 1970 by the database's clock."""
        async with self._database.session() as connection:
            return float(await connection.fetchval("SELECT extract(epoch FROM (SELECT acra_express.clock()))::float8"))

    async def is_alive(self, session_id: bytes, begun: float) -> bool:
        """Whether a session that began then has neither expired nor been signed out, by the database's clock."""
        async with self._database.session() as connection:
            return bool(
                await connection.fetchval(
                    """
                    SELECT to_timestamp($2) > c.now - $3::interval AND to_timestamp($2) <= c.now + interval '1 minute'
                       AND NOT EXISTS (SELECT FROM acra_express.console_sign_outs s WHERE s.session_id = $1)
                    FROM (SELECT acra_express.clock() AS now) c
                    """,
                    session_id,
                    begun,
                    VALID_FOR,
                )
            )

    async def sign_out(self, session_id: bytes) -> None:
        """End a session on every replica."""
        async with self._database.session() as connection:
            await connection.execute(
                """
                INSERT INTO acra_express.console_sign_outs (session_id, ended_at)
                VALUES ($1, acra_express.clock()) ON CONFLICT (session_id) DO NOTHING
                """,
                session_id,
            )

    async def note(self, action: NewAction) -> int:
        """Record an action before it is taken; returns the number with which to `finish` it."""
        async with self._database.session() as connection:
            return int(
                await connection.fetchval(
                    """
                    INSERT INTO acra_express.console_actions
                        (acted_at, acted_by, signed_in, peer, action, uen, campaign_id, provider)
                    VALUES (acra_express.clock(), $1, $2, $3, $4, $5, $6, $7) RETURNING action_id
                    """,
                    action.by,
                    action.signed_in,
                    action.peer,
                    action.action,
                    action.uen,
                    action.campaign_id,
                    action.provider,
                )
            )

    async def finish(self, action_id: int, ended_how: str, campaign_id: int | None = None) -> None:
        """Record how an action ended (`done` or `refused`), and the campaign that it made."""
        async with self._database.session() as connection:
            await connection.execute(
                """
                UPDATE acra_express.console_actions
                SET ended_how = $2, campaign_id = coalesce($3, campaign_id) WHERE action_id = $1
                """,
                action_id,
                ended_how,
                campaign_id,
            )

    async def finish_export(self, action_id: int, rows_sent: int, broken_by: str | None) -> None:
        """Record how many records an export handed over, and why it was broken off, if it was."""
        async with self._database.session() as connection:
            await connection.execute(
                """
                UPDATE acra_express.console_actions
                SET ended_how = CASE WHEN $3::text IS NULL THEN 'done' ELSE 'broken_off' END,
                    rows_sent = $2, ended_why = $3
                WHERE action_id = $1
                """,
                action_id,
                rows_sent,
                broken_by,
            )

    async def actions(self, limit: int) -> list[ActionLine]:
        """The newest actions first, at most `limit`."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT action_id, acted_at, acted_by, signed_in, peer, action, uen, campaign_id, provider, ended_how,
                       rows_sent, ended_why
                FROM acra_express.console_actions ORDER BY acted_at DESC, action_id DESC LIMIT $1
                """,
                limit,
            )
        return [ActionLine(**row) for row in rows]

    async def prune(self, keep: timedelta) -> None:
        """Delete actions that are older than `keep`, some at a time, and sign-outs of expired sessions. For ticks."""
        async with self._database.session() as connection:
            await connection.execute(
                """
                DELETE FROM acra_express.console_actions WHERE action_id = ANY (ARRAY(
                    SELECT a.action_id FROM acra_express.console_actions a
                    WHERE a.acted_at < (SELECT acra_express.clock()) - $1::interval
                    ORDER BY a.acted_at LIMIT $2))
                """,
                keep,
                PRUNED_AT_ONCE,
            )
        async with self._database.session() as connection:
            await connection.execute(
                """
                DELETE FROM acra_express.console_sign_outs
                WHERE ended_at < (SELECT acra_express.clock()) - $1::interval - interval '1 hour'
                """,
                VALID_FOR,
            )
