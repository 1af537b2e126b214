"""Opt-outs: companies by UEN, domains, and addresses by keyed hash."""

from __future__ import annotations

from typing import Literal

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.session.pool import Connection, Database

OptOutKind = Literal["company", "domain", "address"]


class OptOuts:
    """The opt-outs, checked before each search, read, verification and save; never cached, so they apply at once."""

    def __init__(self, database: Database, hashes: AddressHash) -> None:
        self._database = database
        self._hashes = hashes

    async def company(self, uen: str) -> bool:
        """True when the company with this UEN has opted out."""
        async with self._database.session() as connection:
            return await _listed(connection, "company", [uen.strip().upper()])

    async def domain(self, domain: str) -> bool:
        """True when the domain, or a domain above it, has opted out."""
        async with self._database.session() as connection:
            return await _listed(connection, "domain", domain_and_parents(domain))

    async def address(self, address: str) -> bool:
        """True when the address itself, or its domain, has opted out."""
        async with self._database.session() as connection:
            return await _listed(connection, "address", [self._hashes.text(address)]) or await _listed(
                connection, "domain", domain_and_parents(address.rpartition("@")[2])
            )


async def record_opt_out(connection: Connection, kind: OptOutKind, value: str, hashes: AddressHash) -> None:
    """Record the opt-out of a company (UEN), a domain or an address; repeating it changes nothing."""
    plain = value.strip().lower()
    stored = {"company": plain.upper(), "domain": plain.removeprefix("www.")}.get(kind) or hashes.text(plain)
    await connection.execute(
        """
        INSERT INTO acra_express.opt_outs (kind, value, recorded_at) VALUES ($1, $2, acra_express.clock())
        ON CONFLICT (kind, value) DO NOTHING
        """,
        kind,
        stored,
    )


def domain_and_parents(domain: str) -> list[str]:
    """``a.b.com.sg`` and the domains above it, down to two labels: an opt-out of b.com.sg covers a.b.com.sg."""
    labels = domain.strip().lower().rstrip(".").split(".")
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))]


async def _listed(connection: Connection, kind: OptOutKind, values: list[str]) -> bool:
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM acra_express.opt_outs WHERE kind = $1 AND value = ANY ($2::text[]))",
            kind,
            values,
        )
    )
