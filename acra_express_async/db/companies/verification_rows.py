"""Stored results of verifications, and the intent that is committed before each one is sent.

ZeroBounce has no idempotency key: an intent without a result (after a crash or a time-out) counts as spent, and the
address is not sent again for a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.optouts import domain_and_parents
from acra_express_async.db.limits.settlements import Settlements
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.models import VerificationResult

DEFINITIVE = ("valid", "invalid", "catch-all", "spamtrap", "abuse", "do_not_mail")
"""ZeroBounce's words that describe the address; `unknown` only describes the mail server at that time."""

INTENT_HOLDS = timedelta(hours=24)
"""How long an intent without a result forbids another send: the first one may have been paid for."""

UNKNOWN_HOLDS = timedelta(hours=6)
"""How long to wait after an `unknown`: grey-listing mail servers accept mail after hours, not minutes."""


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What is known of addresses: definitive results that are recent enough, and which have opted out."""

    results: Mapping[str, VerificationResult] = field(default_factory=dict)
    opted_out: frozenset[str] = frozenset()


class VerificationRows:
    """Stored results and intents; every method is one transaction, committed when it returns.

    Args:
        database: sessions under the tenant role.
        shape: whether the platform has its own cache.
        hashes: our own rows contain addresses only as hashes.
        cache_days: how old a stored result may be.
        settlements: ride along with each result that is stored.
    """

    def __init__(
        self,
        database: Database,
        *,
        shape: PlatformShape,
        hashes: AddressHash,
        cache_days: int,
        settlements: Settlements | None = None,
    ) -> None:
        self._database = database
        self._settlements = settlements or Settlements()
        self._platform_cache = shape.has("email_verification_cache", "email", "status", "checked_at")
        self._hashes = hashes
        self._age = timedelta(days=cache_days)

    async def look_up(self, addresses: Sequence[str]) -> LookedUp:
        """What is known of these addresses, in one statement.

        A result counts while it is definitive and younger than `cache_days`; ours first (it has the sub-status), then
        the platform's. An address has opted out by itself or with its domain.
        """
        if not addresses:
            return LookedUp()
        listed = [
            (address, kind, value)
            for address in addresses
            for kind, values in (
                ("address", [self._hashes.text(address)]),
                ("domain", domain_and_parents(address.rpartition("@")[2])),
            )
            for value in values
        ]
        values = (
            list(addresses),
            [self._hashes.digest(address) for address in addresses],
            list(DEFINITIVE),
            self._age,
            [address for address, _, _ in listed],
            [kind for _, kind, _ in listed],
            [value for _, _, value in listed],
        )
        async with self._database.session() as connection:
            if self._platform_cache:
                rows = await connection.fetch(_LOOK_UP, *values)
            else:
                rows = await connection.fetch(_LOOK_UP_OURS, *values)
        results: dict[str, VerificationResult] = {}
        for row in sorted(rows, key=lambda row: row["source"] == "ours"):
            if row["source"] != "opted_out":
                results[row["address"]] = VerificationResult(
                    address=row["address"],
                    status=row["status"],
                    sub_status=row["sub_status"],
                    source="zerobounce-cache",
                    checked_at=row["checked_at"],
                )
        return LookedUp(results, frozenset(row["address"] for row in rows if row["source"] == "opted_out"))

    async def open_intent(self, address: str) -> datetime | None:
        """Commit the intent to verify, and return the moment that identifies it.

        None means that nothing may be sent: an earlier send has no result yet and is younger than a day, an `unknown`
        is only hours old, or a stored result is still recent enough.
        """
        async with self._database.transaction() as connection:
            opened = await connection.fetchval(
                """
                INSERT INTO acra_express.verifications AS v (address_hash, opened_at)
                VALUES ($1, acra_express.clock())
                ON CONFLICT (address_hash) DO UPDATE
                    SET opened_at = excluded.opened_at, settled_at = NULL, status = NULL, sub_status = NULL
                    WHERE excluded.opened_at - coalesce(v.settled_at, v.opened_at) > CASE
                        WHEN v.settled_at IS NULL THEN $2::interval
                        WHEN v.status = ANY ($5::text[]) THEN $4::interval
                        ELSE $3::interval END
                RETURNING opened_at
                """,
                self._hashes.digest(address),
                INTENT_HOLDS,
                UNKNOWN_HOLDS,
                self._age,
                list(DEFINITIVE),
            )
        return opened if isinstance(opened, datetime) else None

    async def store(self, result: VerificationResult) -> None:
        """Store the result; an `unknown` only closes the intent and is never returned from here."""
        with self._settlements.carried() as settlements:
            async with self._database.transaction() as connection:
                await self._store(connection, result, settlements)

    async def _store(
        self, connection: Connection, result: VerificationResult, settlements: list[dict[str, Any]]
    ) -> None:
        await connection.execute(
            """
                INSERT INTO acra_express.verifications (address_hash, opened_at, settled_at, status, sub_status)
                SELECT $1::bytea, now, now, $2::text, $3::text
                FROM (SELECT acra_express.clock() AS now, acra_express.settle_all($4) AS charges) c
                WHERE charges >= 0
                ON CONFLICT (address_hash) DO UPDATE
                    SET settled_at = excluded.settled_at, status = excluded.status, sub_status = excluded.sub_status
                """,
            self._hashes.digest(result.address),
            result.status,
            result.sub_status,
            settlements,
        )

    async def withdraw(self, address: str, opened_at: datetime) -> None:
        """Take this very intent back: nothing reached the verifier, so nothing was spent."""
        async with self._database.transaction() as connection:
            await connection.execute(
                """
                DELETE FROM acra_express.verifications
                WHERE address_hash = $1 AND opened_at = $2 AND settled_at IS NULL
                """,
                self._hashes.digest(address),
                opened_at,
            )


_LOOK_UP_OURS = """
    SELECT a.address, 'ours' AS source, v.status, coalesce(v.sub_status, '') AS sub_status, v.settled_at AS checked_at
    FROM unnest($1::text[], $2::bytea[]) AS a(address, hash)
    JOIN acra_express.verifications v ON v.address_hash = a.hash
    WHERE v.status = ANY ($3::text[]) AND v.settled_at > (SELECT acra_express.clock()) - $4::interval
    UNION ALL
    SELECT l.address, 'opted_out', '', '', NULL
    FROM unnest($5::text[], $6::text[], $7::text[]) AS l(address, kind, value)
    JOIN acra_express.opt_outs o ON o.kind = l.kind AND o.value = l.value
"""

_LOOK_UP = """
    SELECT a.address, 'ours' AS source, v.status, coalesce(v.sub_status, '') AS sub_status, v.settled_at AS checked_at
    FROM unnest($1::text[], $2::bytea[]) AS a(address, hash)
    JOIN acra_express.verifications v ON v.address_hash = a.hash
    WHERE v.status = ANY ($3::text[]) AND v.settled_at > (SELECT acra_express.clock()) - $4::interval
    UNION ALL
    SELECT l.address, 'opted_out', '', '', NULL
    FROM unnest($5::text[], $6::text[], $7::text[]) AS l(address, kind, value)
    JOIN acra_express.opt_outs o ON o.kind = l.kind AND o.value = l.value
    UNION ALL
    SELECT a.address, 'platform', c.status, '', least(c.checked_at, (SELECT acra_express.clock()))
    FROM unnest($1::text[]) AS a(address)
    JOIN public.email_verification_cache c ON c.email = lower(btrim(a.address))
    WHERE c.status = ANY ($3::text[]) AND c.checked_at > (SELECT acra_express.clock()) - $4::interval
"""
