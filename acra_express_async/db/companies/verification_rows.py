"""Stored results of verifications, and the intent that is committed before each one is sent.

ZeroBounce has no idempotency key: an intent without a result (after a crash or a time-out) counts as spent, and the
address is not sent again for a day.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Database
from acra_express_async.models import VerificationResult

DEFINITIVE = ("valid", "invalid", "catch-all", "spamtrap", "abuse", "do_not_mail")
"""ZeroBounce's words that describe the address; `unknown` only describes the mail server at that time."""

INTENT_HOLDS = timedelta(hours=24)
"""How long an intent without a result forbids another send: the first one may have been paid for."""

UNKNOWN_HOLDS = timedelta(hours=6)
"""How long to wait after an `unknown`: grey-listing mail servers accept mail after hours, not minutes."""


class VerificationRows:
    """Stored results and intents; every method is one transaction, committed when it returns.

    Args:
        database: sessions under the tenant role.
        shape: whether the platform has its own cache.
        hashes: our own rows contain addresses only as hashes.
        cache_days: how old a stored result may be.
    """

    def __init__(self, database: Database, *, shape: PlatformShape, hashes: AddressHash, cache_days: int) -> None:
        self._database = database
        self._platform_cache = shape.has("email_verification_cache", "email", "status", "checked_at")
        self._hashes = hashes
        self._age = timedelta(days=cache_days)

    async def cached(self, address: str) -> VerificationResult | None:
        """A definitive result younger than `cache_days`: ours first (it has the sub-status), then the platform's."""
        async with self._database.session() as connection:
            row = await connection.fetchrow(
                """
                SELECT status, coalesce(sub_status, '') AS sub_status, settled_at AS checked_at
                FROM acra_express.verifications
                WHERE address_hash = $1 AND status = ANY ($2::text[])
                  AND settled_at > (SELECT acra_express.clock()) - $3::interval
                """,
                self._hashes.digest(address),
                list(DEFINITIVE),
                self._age,
            )
            if row is None and self._platform_cache:
                row = await connection.fetchrow(
                    """
                    SELECT status, '' AS sub_status, least(checked_at, (SELECT acra_express.clock())) AS checked_at
                    FROM public.email_verification_cache
                    WHERE email = $1 AND status = ANY ($2::text[])
                      AND checked_at > (SELECT acra_express.clock()) - $3::interval
                    """,
                    address.strip().lower(),
                    list(DEFINITIVE),
                    self._age,
                )
        if row is None:
            return None
        return VerificationResult(
            address=address,
            status=row["status"],
            sub_status=row["sub_status"],
            source="zerobounce-cache",
            checked_at=row["checked_at"],
        )

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
        async with self._database.transaction() as connection:
            await connection.execute(
                """
                INSERT INTO acra_express.verifications (address_hash, opened_at, settled_at, status, sub_status)
                SELECT $1::bytea, now, now, $2::text, $3::text FROM (SELECT acra_express.clock() AS now) c
                ON CONFLICT (address_hash) DO UPDATE
                    SET settled_at = excluded.settled_at, status = excluded.status, sub_status = excluded.sub_status
                """,
                self._hashes.digest(result.address),
                result.status,
                result.sub_status,
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
