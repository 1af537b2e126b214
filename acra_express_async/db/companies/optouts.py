"""Opt-outs: companies by UEN, domains, and addresses by keyed hash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.session.pool import Connection, Database

OptOutKind = Literal["company", "domain", "address"]


@dataclass(frozen=True, slots=True)
class OptOut:
    """One entry of the list; an address is its keyed hash in hex."""

    kind: str
    value: str
    recorded_at: datetime


class OptOuts:
    """The opt-outs, checked before each search, read, verification and save; never cached, so they apply at once."""

    def __init__(self, database: Database, hashes: AddressHash) -> None:
        self._database = database
        self._hashes = hashes

    async def company(self, uen: str) -> bool:
        """True when the company with this UEN has opted out."""
        async with self._database.session() as connection:
            return await listed(connection, "company", [uen.strip().upper()])

    async def domain(self, domain: str) -> bool:
        """True when the domain, or a domain above it, has opted out."""
        async with self._database.session() as connection:
            return await listed(connection, "domain", domain_and_parents(domain))

    async def address(self, address: str) -> bool:
        """True when the address itself, or its domain, has opted out."""
        async with self._database.session() as connection:
            return await listed(connection, "address", [self._hashes.text(address)]) or await listed(
                connection, "domain", domain_and_parents(address.rpartition("@")[2])
            )

    async def all(self, limit: int) -> list[OptOut]:
        """The opt-outs, the newest first."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT kind, value, recorded_at FROM acra_express.opt_outs
                ORDER BY recorded_at DESC, kind, value LIMIT $1
                """,
                limit,
            )
        return [OptOut(**row) for row in rows]

    async def remove(self, kind: OptOutKind, value: str, by: str) -> OptOut | None:
        """Take an opt-out back and record who did; None when there is none.

        Args:
            value: as a person writes it; an address may also be given as its hash.
        """
        stored = [_stored(kind, value, self._hashes), *([value.strip().lower()] if kind == "address" else [])]
        async with self._database.session() as connection:
            row = await connection.fetchrow(
                """
                WITH gone AS (
                    DELETE FROM acra_express.opt_outs WHERE kind = $1 AND value = ANY ($2::text[])
                    RETURNING kind, value, recorded_at),
                kept AS (
                    INSERT INTO acra_express.opt_out_removals (kind, value, recorded_at, removed_at, removed_by)
                    SELECT kind, value, recorded_at, acra_express.clock(), $3 FROM gone)
                SELECT kind, value, recorded_at FROM gone
                """,
                kind,
                stored,
                by,
            )
        return None if row is None else OptOut(**row)


async def record_opt_out(connection: Connection, kind: OptOutKind, value: str, hashes: AddressHash) -> None:
    """Record the opt-out of a company (UEN), a domain or an address; repeating it changes nothing."""
    await connection.execute(
        """
        INSERT INTO acra_express.opt_outs (kind, value, recorded_at) VALUES ($1, $2, acra_express.clock())
        ON CONFLICT (kind, value) DO NOTHING
        """,
        kind,
        _stored(kind, value, hashes),
    )


def _stored(kind: OptOutKind, value: str, hashes: AddressHash) -> str:
    plain = value.strip().lower()
    return {"company": plain.upper(), "domain": plain.removeprefix("www.")}.get(kind) or hashes.text(plain)


def domain_and_parents(domain: str) -> list[str]:
    """``a.b.com.sg`` and the domains above it, down to two labels: an opt-out of b.com.sg covers a.b.com.sg.

    A site that has a path on a shared host (``sites.google.com/view/brightway``) is covered by its host too.
    """
    host, slash, path = domain.strip().lower().rstrip("/").partition("/")
    labels = host.rstrip(".").split(".")
    hosts = [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))]
    return [f"{host}/{path}", *hosts] if slash else hosts


async def listed(connection: Connection, kind: OptOutKind, values: list[str]) -> bool:
    """True when one of these values, in the form in which it is stored, has opted out."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM acra_express.opt_outs WHERE kind = $1 AND value = ANY ($2::text[]))",
            kind,
            values,
        )
    )
