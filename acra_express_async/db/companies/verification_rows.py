"""Stored results of verifications, and the intent that is committed with the charge before each one is sent.

ZeroBounce has no idempotency key: an intent without a result (after a crash or a time-out) counts as spent, and the
address is not sent again for a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.optouts import domain_and_parents
from acra_express_async.db.limits.settlements import Settlements
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.limits.scope import Lookup
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


@dataclass(frozen=True, slots=True)
class Intent:
    """The intent to verify an address; `look` opens it together with the charge.

    Its `name` is known before it is opened, so that it can be taken back when the answer of that statement was lost.
    """

    address: str
    name: str
    look: Lookup


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
        """What is known of these addresses now.

        A result counts while it is definitive and younger than `cache_days`; ours first (it has the sub-status), then
        the platform's. An address has opted out by itself or with its domain.
        """
        if not addresses:
            return LookedUp()
        async with self._database.session() as connection:
            known = await connection.fetchval("SELECT acra_express.known_of_addresses($1)", self._look(addresses))
        return self.looked_up(known or {})

    def looked_up(self, known: Mapping[str, Any]) -> LookedUp:
        """What a look found, as it was looked up here or before a charge (`CalledOff.known`)."""
        results: dict[str, VerificationResult] = {}
        opted_out: set[str] = set()
        for row in known.get("addresses", ()):
            if row["source"] == "opted_out":
                opted_out.add(row["address"])
                continue
            results[row["address"]] = VerificationResult(
                address=row["address"],
                status=row["status"],
                sub_status=row["sub_status"],
                source="zerobounce-cache",
                checked_at=datetime.fromisoformat(row["checked_at"]),
            )
        return LookedUp(results, frozenset(opted_out))

    def intent(self, address: str, among: Sequence[str] = ()) -> Intent:
        """An intent to verify `address`; nothing is written yet.

        It is opened in the statement that charges for the call, unless something is known of one of the addresses
        `among`, or of this one. Nor is it opened while an earlier send has no result yet and is younger than a day, an
        `unknown` is only hours old, or a stored result is still recent enough (`pending`).
        """
        name = str(uuid4())
        opened = {
            "name": name,
            "hash": self._hashes.digest(address).hex(),
            "holds": INTENT_HOLDS.total_seconds(),
            "unknown_holds": UNKNOWN_HOLDS.total_seconds(),
            "age": self._age.total_seconds(),
            "definitive": list(DEFINITIVE),
        }
        return Intent(address, name, Lookup(self._look([*(among or [address])]) | {"intent": opened}))

    def _look(self, addresses: Sequence[str]) -> dict[str, Any]:
        return {
            "addresses": [{"address": address, "hash": self._hashes.digest(address).hex()} for address in addresses],
            "listed": [
                {"address": address, "kind": kind, "value": value}
                for address in addresses
                for kind, values in (
                    ("address", [self._hashes.text(address)]),
                    ("domain", domain_and_parents(address.rpartition("@")[2])),
                )
                for value in values
            ],
            "definitive": list(DEFINITIVE),
            "age": self._age.total_seconds(),
            "platform_cache": self._platform_cache,
        }

    async def store(self, result: VerificationResult) -> None:
        """Store the result; an `unknown` only closes the intent and is never returned from here."""
        with self._settlements.carried() as settlements:
            async with self._database.session() as connection:
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

    async def withdraw(self, intent: Intent) -> None:
        """Take this very intent back, if it was opened: nothing reached the verifier, so nothing was spent."""
        async with self._database.session() as connection:
            await connection.execute(
                """
                DELETE FROM acra_express.verifications
                WHERE address_hash = $1 AND intent = $2::text::uuid AND settled_at IS NULL
                """,
                self._hashes.digest(intent.address),
                intent.name,
            )
