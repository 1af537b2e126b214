"""Removes what we stored about a company, a domain or an address, and records the opt-out.

Only ours goes: rows that carry our source, and cells of `companies` that hold exactly what one of our details says we
found. Run as the login account (the tenant role may delete nothing of the platform's).

A company is found by its keys, in one transaction. A domain or an address may stand in any text, so the large tables
are walked in short transactions (see `forget_walks`). Repeating a request changes nothing more, and completes one that
was interrupted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.contact_rows import SOURCE
from acra_express_async.db.companies.forget_cells import empty_cells, values_in
from acra_express_async.db.companies.forget_ours import forget_address, forget_company, forget_domain
from acra_express_async.db.companies.forget_outcomes import forget_in_outcomes
from acra_express_async.db.companies.forget_walks import (
    cached_addresses,
    changed,
    forget_in_contacts,
    forget_in_field_history,
    forget_in_history,
    forget_in_jobs,
    forget_in_leads,
)
from acra_express_async.db.companies.mentions import Mention
from acra_express_async.db.companies.optouts import OptOutKind, record_opt_out
from acra_express_async.db.companies.stored_outcome import SERVICE
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection
from acra_express_async.registry.cell_cleaning import uen_in


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What the subject was understood as, and how many rows or cells were removed, by table."""

    kind: OptOutKind
    value: str
    removed: Mapping[str, int]


def kind_of(subject: str) -> tuple[OptOutKind, str]:
    """Whether the subject is a UEN, a domain or a mail address, and its normalised form."""
    text = subject.strip()
    if "@" in text:
        return "address", text.lower()
    uen, _ = uen_in(text)
    return ("company", uen) if uen is not None else ("domain", text.lower().removeprefix("www.").rstrip("/"))


async def forget(connection: Connection, subject: str, *, shape: PlatformShape, hashes: AddressHash) -> Forgotten:
    """Remove what we stored and record the opt-out; the opt-out comes first and stands even if the rest fails."""
    kind, value = kind_of(subject)
    if kind == "company":
        async with connection.transaction():
            await record_opt_out(connection, kind, value, hashes)
            removed = await _company(connection, value, shape, hashes)
        removed["background_jobs"] += await forget_in_jobs(connection, value)
    else:
        await record_opt_out(connection, kind, value, hashes)
        removed = await _mentions(connection, kind, value, shape, hashes)
    return Forgotten(kind, value, {table: count for table, count in removed.items() if count})


async def _company(connection: Connection, uen: str, shape: PlatformShape, hashes: AddressHash) -> Counter[str]:
    ids = [row[0] for row in await connection.fetch("SELECT company_id FROM public.companies WHERE uen = $1", uen)]
    details = await _details(connection, ids, uen)
    values = values_in(details)
    removed: Counter[str] = Counter()
    removed["company_enrichment_runs"] = await changed(
        connection,
        """
        DELETE FROM public.company_enrichment_runs
        WHERE company_id = ANY ($1::bigint[]) AND source_json ->> 'service' = $2
        """,
        ids,
        SERVICE,
    )
    removed["companies"] = await empty_cells(connection, shape, ids, values)
    if shape.has("contacts", "contact_source"):
        removed["contacts"] = await changed(
            connection,
            """
            DELETE FROM public.contacts
            WHERE company_id = ANY ($1::bigint[]) AND email IS NOT NULL AND contact_source = $2
            """,
            ids,
            SOURCE,
        )
    if shape.has("lead_emails", "source"):
        removed["lead_emails"] = await changed(
            connection,
            """
            DELETE FROM public.lead_emails
            WHERE email = ANY ($3::text[]) AND company_id = ANY ($1::bigint[]) AND source = $2
            """,
            ids,
            SOURCE,
            values,
        )
    removed["email_verification_cache"] = await _forget_cached(connection, shape, values, hashes)
    removed.update(await forget_company(connection, uen, ids, details, hashes))
    return removed


async def _mentions(
    connection: Connection, kind: OptOutKind, value: str, shape: PlatformShape, hashes: AddressHash
) -> Counter[str]:
    """A domain, with everything that was found on it and every address at it; or one address, with nothing else."""
    domain = value if kind == "domain" else None
    mention = Mention.of_address(value, hashes) if domain is None else Mention.of_domain(domain)
    removed, there = await forget_in_outcomes(connection, mention, domain, shape, hashes)
    removed["company_enrichment_runs"] += await forget_in_history(connection, mention, domain, shape)
    removed["contacts"] += await forget_in_contacts(connection, mention, shape)
    removed["lead_emails"] += await forget_in_leads(connection, mention, shape)
    removed["acra_express.field_history"] += await forget_in_field_history(connection, mention)
    cached = await cached_addresses(connection, mention, shape)
    async with connection.transaction():
        removed["email_verification_cache"] += await _forget_cached(
            connection, shape, there.addresses | cached, hashes, shared=domain is None
        )
        if domain is None:
            removed.update(await forget_address(connection, value, hashes))
        else:
            removed.update(await forget_domain(connection, domain, there, mention))
    return removed


async def _forget_cached(
    connection: Connection, shape: PlatformShape, values: Collection[str], hashes: AddressHash, *, shared: bool = False
) -> int:
    """Verdicts on these addresses in the platform's cache, which does not say who wrote a row.

    It is ours if our own stored result is the same, and nobody else has the address, unless `shared`.
    """
    if not shape.has("email_verification_cache", "email", "status"):
        return 0
    addresses = sorted({value for value in values if "@" in value})
    return await changed(
        connection,
        """
        DELETE FROM public.email_verification_cache e
        USING unnest($1::text[], $2::bytea[]) AS asked(email, digest)
        JOIN acra_express.verifications v ON v.address_hash = asked.digest
        WHERE e.email = asked.email AND v.status = e.status
          AND ($3 OR NOT EXISTS (SELECT FROM public.lead_emails l WHERE l.email = e.email))
        """,
        addresses,
        [hashes.digest(address) for address in addresses],
        shared,
    )


async def _details(connection: Connection, ids: list[int], uen: str) -> list[dict[str, Any]]:
    rows = await connection.fetch(
        """
        SELECT detail FROM acra_express.outcomes
        WHERE (company_id = ANY ($1::bigint[]) OR uen = $2) AND detail IS NOT NULL
        """,
        ids,
        uen,
    )
    return [row["detail"] for row in rows if isinstance(row["detail"], dict)]
