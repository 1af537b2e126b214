"""Opt-outs among the addresses and domains that are about to leave, asked in the transaction that reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.optouts import domain_and_parents
from acra_express_async.db.session.pool import Connection


@dataclass(frozen=True, slots=True)
class OptedOut:
    """Opt-outs among what a page of records holds.

    Args:
        addresses: keyed hashes in hex.
        domains: as recorded; a domain covers those below it.
    """

    hashes: AddressHash
    addresses: Collection[str] = frozenset()
    domains: Collection[str] = frozenset()

    def domain(self, domain: str) -> bool:
        """Whether the domain, or one above it, has opted out."""
        return any(part in self.domains for part in domain_and_parents(domain))

    def address(self, address: str) -> bool:
        """Whether the address or its domain has opted out."""
        return self.hashes.text(address) in self.addresses or self.domain(address.rpartition("@")[2])

    def without(self, detail: Mapping[str, Any]) -> dict[str, Any]:
        """The detail of a decision without them; nothing is left of one whose site has opted out."""
        if not (self.addresses or self.domains):
            return dict(detail)
        if (site := site_in(detail)) is not None and self.domain(site):
            return {}
        kept = [
            email
            for email in emails_in(detail)
            if email.get("address_hash") not in self.addresses and not self.address(str(email.get("address") or ""))
        ]
        return {**detail, "emails": kept}


async def opted_out_among(
    connection: Connection, hashes: AddressHash, details: Iterable[Mapping[str, Any]]
) -> OptedOut:
    """The opt-outs that concern the sites and addresses of these details."""
    known: set[str] = set()
    plain: set[str] = set()
    sites: set[str] = set()
    for detail in details:
        if (site := site_in(detail)) is not None:
            sites.add(site)
        for email in emails_in(detail):
            known.add(str(email.get("address_hash") or ""))
            plain.add(str(email.get("address") or ""))
    return await opted_out(connection, hashes, addresses=plain, domains=sites, hashed=known)


async def opted_out(
    connection: Connection,
    hashes: AddressHash,
    *,
    addresses: Iterable[str],
    domains: Iterable[str],
    hashed: Iterable[str] = (),
) -> OptedOut:
    """The opt-outs among these addresses, domains and hashes of addresses."""
    plain = [address for address in addresses if address]
    asked = {each for each in (*domains, *(address.rpartition("@")[2] for address in plain)) if each}
    rows = await connection.fetch(
        """
        SELECT kind, value FROM acra_express.opt_outs
        WHERE (kind = 'address' AND value = ANY ($1::text[])) OR (kind = 'domain' AND value = ANY ($2::text[]))
        """,
        [*hashed, *(hashes.text(address) for address in plain)],
        sorted({part for domain in asked for part in domain_and_parents(domain)}),
    )
    return OptedOut(
        hashes,
        addresses=frozenset(row["value"] for row in rows if row["kind"] == "address"),
        domains=frozenset(row["value"] for row in rows if row["kind"] == "domain"),
    )


def site_in(detail: Mapping[str, Any]) -> str | None:
    """The domain of the site in a stored detail, whatever its shape."""
    site = detail.get("site")
    domain = site.get("domain") if isinstance(site, dict) else None
    return domain if isinstance(domain, str) and domain else None


def emails_in(detail: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The addresses in a stored detail, whatever its shape."""
    emails = detail.get("emails")
    return [email for email in emails if isinstance(email, dict)] if isinstance(emails, list) else []
