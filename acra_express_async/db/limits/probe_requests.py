"""Requests that the running service probe a provider now, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from acra_express_async.db.jobs.listen import CHANNEL
from acra_express_async.db.session.pool import Database
from acra_express_async.limits.mended_keys import PAUSE, SETTLED
from acra_express_async.models import Provider

VALID_FOR = timedelta(seconds=30)
"""A request that no service has taken for so long is void."""


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """A breaker as an operator sees it.

    Attributes:
        state: closed, open or half_open.
        kind: blocked or outage; None while it never was open.
        reason: the provider's word, of the latest time that it opened.
        probe_from: when a person may have it probed next; None when now.
    """

    provider: str
    state: str
    kind: str | None
    reason: str
    opened_at: datetime | None
    open_until: datetime | None
    answered_at: datetime | None
    probe_from: datetime | None

    @property
    def is_block(self) -> bool:
        """It is open because the provider refuses us, so that a request before the end would prolong the block."""
        return self.state == "open" and self.kind == "blocked" and self.provider == Provider.DUCKDUCKGO


@dataclass(frozen=True, slots=True)
class ProbeLine:
    """The latest request for a provider, and what became of it; `is_void`: no service took it in time."""

    provider: str
    requested_at: datetime
    requested_by: str
    ended_at: datetime | None
    answer: str | None
    is_void: bool


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What became of a request: not taken yet, under way (`taken_by`), or answered with a sentence."""

    taken_by: str | None
    ended_at: datetime | None
    answered: bool | None
    answer: str | None


class ProbeRequests:
    """Under the tenant role; every method raises NotNow when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def breakers(self) -> list[BreakerRow]:
        """All breakers, by name."""
        async with self._database.session() as connection:
            rows = await connection.fetch(_BREAKERS, PAUSE)
        return [BreakerRow(**row) for row in rows]

    async def latest(self) -> list[ProbeLine]:
        """The latest request for each provider, by name."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT p.provider, p.requested_at, p.requested_by, p.ended_at, p.answer,
                       p.taken_at IS NULL AND p.requested_at < (SELECT acra_express.clock()) - $1::interval AS is_void
                FROM acra_express.probe_requests p ORDER BY p.provider
                """,
                VALID_FOR,
            )
        return [ProbeLine(**row) for row in rows]

    async def ask(self, provider: Provider, by: str) -> datetime | None:
        """Leave a request and notify the service; the moment of the request.

        Returns:
            None: the provider was probed less than five minutes ago; nothing was left.
        """
        async with self._database.transaction() as connection:
            at = await connection.fetchval(
                """
                INSERT INTO acra_express.probe_requests AS p (provider, requested_at, requested_by)
                SELECT b.provider, acra_express.clock(), $2 FROM acra_express.breakers b
                WHERE b.provider = $1 AND coalesce(b.mended_at <= acra_express.clock() - $3::interval, true)
                ON CONFLICT (provider) DO UPDATE
                SET requested_at = excluded.requested_at, requested_by = excluded.requested_by, taken_at = NULL,
                    taken_by = NULL, ended_at = NULL, answered = NULL, answer = NULL
                WHERE p.taken_at IS NULL OR p.taken_at <= excluded.requested_at - $3::interval
                RETURNING requested_at
                """,
                provider,
                by,
                PAUSE,
            )
            if at is not None:
                await connection.execute("SELECT pg_notify($1, 'probe')", CHANNEL)
        return at if isinstance(at, datetime) else None

    async def answer(self, provider: Provider, requested_at: datetime) -> ProbeAnswer | None:
        """What became of the request of that moment; None when another one has taken its place."""
        async with self._database.session() as connection:
            row = await connection.fetchrow(
                """
                SELECT taken_by, ended_at, answered, answer FROM acra_express.probe_requests
                WHERE provider = $1 AND requested_at = $2
                """,
                provider,
                requested_at,
            )
        return None if row is None else ProbeAnswer(**row)

    async def withdraw(self, provider: Provider, requested_at: datetime) -> bool:
        """Take back a request that no service has taken; False when one has."""
        async with self._database.session() as connection:
            return bool(
                await connection.fetchval(
                    """
                    DELETE FROM acra_express.probe_requests
                    WHERE provider = $1 AND requested_at = $2 AND taken_at IS NULL RETURNING true
                    """,
                    provider,
                    requested_at,
                )
            )

    async def take(self, owner: str) -> list[Provider]:
        """The providers that this process is to probe; each request goes to one process alone."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                UPDATE acra_express.probe_requests SET taken_at = acra_express.clock(), taken_by = $1
                WHERE taken_at IS NULL AND requested_at > (SELECT acra_express.clock()) - $2::interval
                RETURNING provider
                """,
                owner,
                VALID_FOR,
            )
        return [Provider(row["provider"]) for row in rows]

    async def end_cooldown(self, provider: Provider) -> datetime | None:
        """Let the next call be the probe, as if the cool-down were over.

        Returns:
            When the cool-down ends, if it must be waited for: after a block by DuckDuckGo, which requests prolong.
        """
        async with self._database.session() as connection:
            blocked = await connection.fetchval(
                """
                SELECT open_until FROM acra_express.breakers
                WHERE provider = $1 AND provider = 'duckduckgo' AND kind = 'blocked'
                  AND open_until > (SELECT acra_express.clock())
                """,
                provider,
            )
            if blocked is None:
                await connection.execute(
                    """
                    UPDATE acra_express.breakers SET open_until = acra_express.clock()
                    WHERE provider = $1 AND open_until > (SELECT acra_express.clock())
                    """,
                    provider,
                )
        return blocked if isinstance(blocked, datetime) else None

    async def finish(self, provider: Provider, *, answered: bool, answer: str) -> int:
        """Note the answer; where the provider serves us again, the jobs that wait for it become due. How many do."""
        async with self._database.transaction() as connection:
            await connection.execute(
                """
                UPDATE acra_express.probe_requests
                SET ended_at = acra_express.clock(), answered = $2, answer = $3 WHERE provider = $1
                """,
                provider,
                answered,
                answer,
            )
            if not answered:
                return 0
            rows: Sequence[object] = await connection.fetch(
                """
                UPDATE acra_express.leases l SET due_at = acra_express.clock() + $2::interval
                FROM (SELECT w.job_id FROM acra_express.leases w
                      WHERE w.waits_for = $1 AND w.wait_reason IS DISTINCT FROM 'budget' AND w.claimed_at IS NOT NULL
                        AND NOT w.held AND w.due_at < 'infinity' AND w.due_at > acra_express.clock() + $2::interval
                      ORDER BY w.job_id FOR UPDATE SKIP LOCKED) waiting
                WHERE l.job_id = waiting.job_id RETURNING 1
                """,
                provider,
                SETTLED,
            )
            await connection.execute("SELECT pg_notify($1, 'probed')", CHANNEL)
        return len(rows)


_BREAKERS = """
    SELECT b.provider, b.kind, b.reason, b.opened_at, b.answered_at,
           CASE WHEN b.open_until IS NULL THEN 'closed' WHEN b.open_until > clock.now THEN 'open' ELSE 'half_open' END
               AS state,
           b.open_until,
           CASE WHEN greatest(p.taken_at, b.mended_at) > clock.now - $1::interval
                THEN greatest(p.taken_at, b.mended_at) + $1::interval END AS probe_from
    FROM (SELECT acra_express.clock() AS now) clock
    CROSS JOIN acra_express.breakers b
    LEFT JOIN acra_express.probe_requests p ON p.provider = b.provider
    ORDER BY b.provider
"""
