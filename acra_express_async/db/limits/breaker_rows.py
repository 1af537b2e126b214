"""The shared state of the providers' breakers, and the failures by which all replicas judge a provider together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from acra_express_async.db.session.pool import Database
from acra_express_async.limits import BreakerState, Kind, State, Streak
from acra_express_async.limits.breaker import ANSWER_NOTED, FAILURE_AGE
from acra_express_async.limits.mended_keys import PAUSE, SETTLED
from acra_express_async.limits.own_reach import ANSWERED_LATELY
from acra_express_async.models import Provider

KEEP_FAILURES = timedelta(days=1)
"""Older ones are removed with the next failure; they only help to find out what happened."""


class BreakerRows:
    """`limits.BreakerStore` on PostgreSQL. All times are judged by the database's clock.

    Args:
        owner: this process, different for every start: tells what it met from what other processes met.
    """

    def __init__(self, database: Database, owner: str = "") -> None:
        self._database = database
        self._owner = owner

    async def read(self, provider: Provider) -> BreakerState:
        """The state by the database's clock; closed for a provider that has no row."""
        async with self._database.session() as connection:
            row = await connection.fetchrow(
                """
                SELECT b.kind, b.reason, b.level, b.open_until > clock.moment AS is_open,
                       greatest(b.open_until, b.probe_until) - clock.moment AS remaining,
                       EXISTS (
                           SELECT FROM acra_express.provider_failures f
                           WHERE f.provider = b.provider
                             AND f.failed_at > greatest(b.answered_at, clock.moment - $2::interval)) AS failing
                FROM acra_express.breakers b CROSS JOIN (SELECT acra_express.clock() AS moment) AS clock
                WHERE b.provider = $1
                """,
                provider,
                FAILURE_AGE,
            )
        if row is None or row["is_open"] is None:
            return BreakerState(failing=row is not None and row["failing"])
        return BreakerState(
            State.OPEN if row["is_open"] else State.HALF_OPEN,
            row["reason"],
            Kind(row["kind"]),
            row["level"],
            max(row["remaining"], timedelta()),
            row["failing"],
        )

    async def failed(self, provider: Provider, target: str, *, about_target: bool, unreached: bool = False) -> Streak:
        """Note a failed try; what has come together since the latest answer, this one included.

        What did not leave its host counts only while no other process gets answers. Two replicas that fail at the same
        moment may not see each other; the next failure then sees both.
        """
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(
                """
                WITH now AS (SELECT acra_express.clock() AS at),
                old AS (
                    DELETE FROM acra_express.provider_failures f USING now
                    WHERE f.provider = $1 AND f.failed_at < now.at - $5::interval),
                made AS (
                    INSERT INTO acra_express.provider_failures
                        (provider, target_hash, about_target, failed_at, owner, unreached)
                    SELECT $1, $2, $3, now.at, $6, $7 FROM now
                    RETURNING target_hash, about_target, owner, unreached),
                answers AS MATERIALIZED (
                    SELECT a.owner, now.at - a.answered_at AS age
                    FROM acra_express.provider_answers a CROSS JOIN now WHERE a.provider = $1),
                met AS (
                    SELECT target_hash, about_target, owner, unreached FROM made
                    UNION ALL
                    SELECT f.target_hash, f.about_target, f.owner, f.unreached
                    FROM acra_express.provider_failures f CROSS JOIN now
                    WHERE f.provider = $1 AND f.failed_at > greatest(now.at - $4::interval, (
                        SELECT b.answered_at FROM acra_express.breakers b WHERE b.provider = $1)))
                SELECT count(*) FILTER (WHERE NOT about_target) AS in_a_row,
                       count(DISTINCT target_hash) FILTER (WHERE NOT about_target) AS targets,
                       count(DISTINCT target_hash) FILTER (WHERE about_target) AS doubted,
                       (SELECT min(a.age) FROM answers a WHERE a.owner <> $6) AS elsewhere
                FROM met m
                WHERE NOT (m.unreached AND EXISTS (
                    SELECT FROM answers a WHERE a.owner <> m.owner AND a.age < $8::interval))
                """,
                provider,
                hashlib.sha256(target.encode("utf-8", "surrogatepass")).digest(),
                about_target,
                FAILURE_AGE,
                KEEP_FAILURES,
                self._owner,
                unreached,
                ANSWERED_LATELY,
            )
        assert row is not None
        return Streak(row["in_a_row"], row["targets"], row["doubted"], row["elsewhere"])

    async def answered(self, provider: Provider) -> None:
        """The provider gave an answer: failures from before no longer count."""
        async with self._database.session() as connection:
            await connection.execute(
                """
                WITH mine AS (
                    INSERT INTO acra_express.provider_answers (provider, owner, answered_at)
                    VALUES ($1, $3, acra_express.clock())
                    ON CONFLICT (provider, owner) DO UPDATE SET answered_at = excluded.answered_at),
                gone AS (
                    DELETE FROM acra_express.provider_answers
                    WHERE owner <> $3 AND answered_at < (SELECT acra_express.clock()) - $4::interval)
                UPDATE acra_express.breakers b SET answered_at = clock.moment
                FROM (SELECT acra_express.clock() AS moment) AS clock
                WHERE b.provider = $1
                  AND (b.answered_at IS NULL OR b.answered_at < clock.moment - $2::interval OR EXISTS (
                      SELECT FROM acra_express.provider_failures f
                      WHERE f.provider = b.provider AND f.failed_at > b.answered_at))
                """,
                provider,
                ANSWER_NOTED,
                self._owner,
                KEEP_FAILURES,
            )

    async def trip(
        self,
        provider: Provider,
        kind: Kind,
        reason: str,
        cooldowns: Sequence[timedelta],
        probe: datetime | None = None,
        key_print: str | None = None,
    ) -> tuple[BreakerState, bool]:
        """Open it; True if this call opened it. Migration 0003 explains the levels (`trip_breaker`).

        Args:
            probe: the failed probe's claim; one that has expired changes nothing.
            key_print: the fingerprint of the key that was refused, if it was the key.
        """
        async with self._database.session() as connection:
            opened = await connection.fetchval(
                """
                SELECT acra_express.trip_breaker($1, $2, $3, $4, $6) FROM acra_express.breakers b
                WHERE b.provider = $1 AND ($5::timestamptz IS NULL OR b.probe_until = $5)
                """,
                provider,
                kind,
                reason,
                list(cooldowns),
                probe,
                key_print,
            )
        return await self.read(provider), opened is True

    async def mend(self, key_prints: Mapping[Provider, str]) -> dict[Provider, bool]:
        """See `limits.Mend`; the jobs that wait for a mended key become due after `SETTLED`."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                "SELECT provider, mended FROM acra_express.mend_breakers($1, $2, $3, $4)",
                list(key_prints.keys()),
                list(key_prints.values()),
                PAUSE,
                SETTLED,
            )
        return {Provider(row["provider"]): row["mended"] for row in rows}

    async def claim_probe(self, provider: Provider, lease: timedelta) -> datetime | None:
        """For only one caller, once the cool-down is over and no other probe is under way: when the claim expires."""
        async with self._database.session() as connection:
            claimed = await connection.fetchval(
                """
                UPDATE acra_express.breakers SET probe_until = acra_express.clock() + $2
                WHERE provider = $1 AND open_until <= (SELECT acra_express.clock())
                  AND (probe_until IS NULL OR probe_until <= (SELECT acra_express.clock()))
                RETURNING probe_until
                """,
                provider,
                lease,
            )
        return claimed if isinstance(claimed, datetime) else None

    async def release_probe(self, provider: Provider, probe: datetime) -> None:
        """The claimed probe was not sent; another one may be claimed."""
        async with self._database.session() as connection:
            await connection.execute(
                "UPDATE acra_express.breakers SET probe_until = NULL WHERE provider = $1 AND probe_until = $2",
                provider,
                probe,
            )

    async def reset(self, provider: Provider, probe: datetime) -> None:
        """Close it after a probe that succeeded; the level is kept for a while (see `trip_breaker`)."""
        async with self._database.session() as connection:
            await connection.execute(
                """
                UPDATE acra_express.breakers
                SET open_until = NULL, probe_until = NULL, closed_at = acra_express.clock()
                WHERE provider = $1 AND probe_until = $2
                """,
                provider,
                probe,
            )
