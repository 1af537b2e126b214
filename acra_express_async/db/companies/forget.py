"""`acra-express forget`: remove what we stored about a company, a domain or an address, and never store it again.

Only what is ours goes: rows that carry our source, and cells of `companies` that hold exactly what one of our details
says we found. Run as the login account (the tenant role may delete nothing of the platform's).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.contact_rows import SOURCE
from acra_express_async.db.companies.forget_ours import changed, forget_address, forget_company, forget_domain
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
    """Remove what we stored and record the opt-out, in one transaction. Repeating it changes nothing more."""
    kind, value = kind_of(subject)
    async with connection.transaction():
        await record_opt_out(connection, kind, value, hashes)
        if kind == "company":
            removed = await _company(connection, value, shape, hashes)
        elif kind == "domain":
            removed = await _domain(connection, value, shape, hashes)
        else:
            removed = await _address(connection, value, shape, hashes)
    return Forgotten(kind, value, {table: count for table, count in removed.items() if count})


async def _company(connection: Connection, uen: str, shape: PlatformShape, hashes: AddressHash) -> dict[str, int]:
    ids = [row[0] for row in await connection.fetch("SELECT company_id FROM public.companies WHERE uen = $1", uen)]
    details = await _details(connection, ids, uen)
    removed = await _history_of(connection, ids, None)
    removed["companies"] = await _empty_cells(connection, shape, ids, _values_in(details))
    removed |= await _rows_of_companies(connection, shape, ids)
    removed["email_verification_cache"] = await _forget_cached(connection, shape, _values_in(details), hashes)
    return removed | await forget_company(connection, uen, ids, details, hashes)


async def _domain(connection: Connection, domain: str, shape: PlatformShape, hashes: AddressHash) -> dict[str, int]:
    """Everything that was found on the domain, and every address at it, for any company."""
    told = await connection.fetch(
        """
        SELECT DISTINCT o.company_id FROM acra_express.outcomes o
        WHERE o.detail #>> '{site,domain}' = $1 OR right(o.detail #>> '{site,domain}', length($1) + 1) = '.' || $1
        """,
        domain,
    )
    ids = [row[0] for row in told]
    details = await _details(connection, ids)
    mention = Mention.of_domain(domain)
    removed = await _history_of(connection, None, domain)
    removed["company_enrichment_runs"] += await _scrub_history(connection, shape, mention)
    removed["companies"] = await _empty_cells(connection, shape, ids, _values_in(details, domain))
    removed["companies"] += await _empty_mails(connection, mention)
    if shape.has("contacts", "email", "contact_source"):
        removed["contacts"] = await changed(
            connection,
            """
            DELETE FROM public.contacts
            WHERE contact_source = $2 AND right(lower(email), length($1) + 1) IN ('@' || $1, '.' || $1)
            """,
            domain,
            SOURCE,
        )
    if shape.has("lead_emails", "email", "source"):
        removed["lead_emails"] = await changed(
            connection,
            """
            DELETE FROM public.lead_emails
            WHERE source = $2 AND right(lower(email), length($1) + 1) IN ('@' || $1, '.' || $1)
            """,
            domain,
            SOURCE,
        )
    if shape.has("email_verification_cache", "email", "status"):
        cached = await connection.fetch(
            """
            SELECT email FROM public.email_verification_cache
            WHERE right(lower(email), length($1) + 1) IN ('@' || $1, '.' || $1)
            """,
            domain,
        )
        known = {*_values_in(details, domain), *(row["email"] for row in cached)}
        removed["email_verification_cache"] = await _forget_cached(connection, shape, known, hashes)
    return removed | await forget_domain(connection, domain, ids, details, hashes)


async def _address(connection: Connection, address: str, shape: PlatformShape, hashes: AddressHash) -> dict[str, int]:
    """One address, wherever we wrote it, in clear text or as a hash; the rest of each outcome's detail stays."""
    mention = Mention.of_address(address, hashes)
    removed: dict[str, int] = {"company_enrichment_runs": await _scrub_history(connection, shape, mention)}
    removed["companies"] = await _empty_mails(connection, mention)
    if shape.has("contacts", "email", "contact_source"):
        removed["contacts"] = await changed(
            connection, "DELETE FROM public.contacts WHERE contact_source = $2 AND lower(email) = $1", address, SOURCE
        )
    if shape.has("lead_emails", "email", "source"):
        removed["lead_emails"] = await changed(
            connection, "DELETE FROM public.lead_emails WHERE source = $2 AND lower(email) = $1", address, SOURCE
        )
    if shape.has("email_verification_cache", "email", "status"):
        # the cache does not say who wrote a row: it is ours if our own stored result is the same
        removed["email_verification_cache"] = await changed(
            connection,
            """
            DELETE FROM public.email_verification_cache e USING acra_express.verifications v
            WHERE e.email = $1 AND v.address_hash = $2 AND v.status = e.status
            """,
            address,
            hashes.digest(address),
        )
    return removed | await forget_address(connection, address, hashes)


async def _forget_cached(
    connection: Connection, shape: PlatformShape, values: Iterable[str], hashes: AddressHash
) -> int:
    """Verdicts on these addresses in the platform's cache, which does not say who wrote a row: it is ours if our own
    stored result is the same, and nobody else has the address."""
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
          AND NOT EXISTS (SELECT FROM public.lead_emails l WHERE l.email = e.email)
        """,
        addresses,
        [hashes.digest(address) for address in addresses],
    )


async def _empty_mails(connection: Connection, mention: Mention) -> int:
    """Empty `companies.email` where it holds the subject and one of our outcomes found that address for the company."""
    count = 0
    for row in await connection.fetch(
        """
        SELECT DISTINCT c.company_id, c.email::text AS cell, e.value ->> 'address' AS address
        FROM acra_express.outcomes o
        JOIN public.companies c ON c.company_id = o.company_id
        CROSS JOIN LATERAL jsonb_array_elements(
            CASE WHEN jsonb_typeof(o.detail -> 'emails') = 'array' THEN o.detail -> 'emails' ELSE '[]' END) e
        WHERE position($1 in lower(c.email::text)) > 0
          AND c.email::text IN (e.value ->> 'address', '{' || (e.value ->> 'address') || '}')
        """,
        mention.needle,
    ):
        if mention.found_in(row["address"]):
            count += await changed(
                connection,
                "UPDATE public.companies SET email = NULL WHERE company_id = $1 AND email::text = $2",
                row["company_id"],
                row["cell"],
            )
    return count


async def _scrub_history(connection: Connection, shape: PlatformShape, mention: Mention) -> int:
    """Take the subject out of the history rows that we wrote; the rows stay."""
    if not shape.has("company_enrichment_runs", "about_text", "source_json"):
        return 0
    count = 0
    async for row in connection.cursor(_OUR_HISTORY, mention.needle, mention.address_hash or mention.needle, SERVICE):
        about, detail = mention.removed_from(row["about_text"] or ""), mention.without(row["source_json"])
        if (about, detail) != (row["about_text"] or "", row["source_json"]):
            count += await changed(
                connection,
                """
                UPDATE public.company_enrichment_runs SET about_text = nullif($3, ''), source_json = $4
                WHERE company_id = $1 AND run_id = $2
                """,
                row["company_id"],
                row["run_id"],
                about,
                detail,
            )
    if shape.has("company_enrichment_runs", "public_emails", "verification_results"):
        await _scrub_lists(connection, mention)
    return count


async def _scrub_lists(connection: Connection, mention: Mention) -> None:
    rows = await connection.fetch(
        """
        SELECT h.company_id, h.run_id, h.public_emails, h.verification_results
        FROM public.company_enrichment_runs h
        WHERE h.source_json ->> 'service' = $2
          AND position($1 in lower(concat(h.public_emails::text, h.verification_results::text))) > 0
        """,
        mention.needle,
        SERVICE,
    )
    for row in rows:
        await connection.execute(
            """
            UPDATE public.company_enrichment_runs SET public_emails = $3::text[], verification_results = $4
            WHERE company_id = $1 AND run_id = $2
            """,
            row["company_id"],
            row["run_id"],
            mention.without(row["public_emails"]),
            mention.without(row["verification_results"]),
        )


async def _details(connection: Connection, ids: list[int], uen: str | None = None) -> list[dict[str, Any]]:
    rows = await connection.fetch(
        """
        SELECT detail FROM acra_express.outcomes
        WHERE (company_id = ANY ($1::bigint[]) OR uen = $2) AND detail IS NOT NULL
        """,
        ids,
        uen,
    )
    return [row["detail"] for row in rows if isinstance(row["detail"], dict)]


def _values_in(details: Iterable[Mapping[str, Any]], domain: str | None = None) -> list[str]:
    """Every value from these details (of this domain, if one is given) that may be in a cell of `companies`."""
    values: set[str] = set()
    for detail in details:
        site = detail.get("site") or {}
        if domain is not None and not f".{site.get('domain')}".endswith(f".{domain}"):
            continue
        values.add(site.get("domain") or "")
        values.update(entry.get("address") or "" for entry in detail.get("emails") or ())
        values.update(entry.get("number") or "" for entry in detail.get("phones") or ())
        values.update(entry.get("url") or "" for entry in detail.get("socials") or ())
        values.add((detail.get("postal_code") or {}).get("value") or "")
    return sorted(value for value in values if value)


async def _history_of(connection: Connection, ids: list[int] | None, domain: str | None) -> dict[str, int]:
    return {
        "company_enrichment_runs": await changed(
            connection,
            """
            DELETE FROM public.company_enrichment_runs h
            WHERE ($1::bigint[] IS NULL OR h.company_id = ANY ($1)) AND h.source_json ->> 'service' = $2
              AND ($3::text IS NULL OR h.domain = $3 OR right(h.domain, length($3) + 1) = '.' || $3)
            """,
            ids,
            SERVICE,
            domain,
        )
    }


async def _empty_cells(connection: Connection, shape: PlatformShape, ids: list[int], values: list[str]) -> int:
    listed = [*values, *(f"{{{value}}}" for value in values)]
    emptied = await changed(
        connection,
        """
        UPDATE public.companies SET
            website_domain = CASE WHEN website_domain = ANY ($2::text[]) THEN NULL ELSE website_domain END,
            email = CASE WHEN email::text = ANY ($2::text[]) THEN NULL ELSE email END,
            phone_number = CASE WHEN phone_number::text = ANY ($2::text[]) THEN NULL ELSE phone_number END,
            linkedin_url = CASE WHEN linkedin_url = ANY ($2::text[]) THEN NULL ELSE linkedin_url END
        WHERE company_id = ANY ($1::bigint[])
          AND ARRAY[website_domain, email::text, phone_number::text, linkedin_url] && $2::text[]
        """,
        ids,
        listed,
    )
    if shape.has("companies", "sg_phone", "sg_postcode"):
        await connection.execute(
            """
            UPDATE public.companies SET
                sg_phone = CASE WHEN sg_phone = ANY ($2::text[]) THEN NULL ELSE sg_phone END,
                sg_postcode = CASE WHEN sg_postcode = ANY ($2::text[]) THEN NULL ELSE sg_postcode END
            WHERE company_id = ANY ($1::bigint[]) AND ARRAY[sg_phone, sg_postcode] && $2::text[]
            """,
            ids,
            listed,
        )
    return emptied


async def _rows_of_companies(connection: Connection, shape: PlatformShape, ids: list[int]) -> dict[str, int]:
    removed = {}
    if shape.has("contacts", "contact_source"):
        removed["contacts"] = await changed(
            connection,
            "DELETE FROM public.contacts WHERE company_id = ANY ($1::bigint[]) AND contact_source = $2",
            ids,
            SOURCE,
        )
    if shape.has("lead_emails", "source"):
        removed["lead_emails"] = await changed(
            connection,
            "DELETE FROM public.lead_emails WHERE company_id = ANY ($1::bigint[]) AND source = $2",
            ids,
            SOURCE,
        )
    return removed


_OUR_HISTORY = """
    SELECT h.company_id, h.run_id, h.about_text, h.source_json FROM public.company_enrichment_runs h
    WHERE h.source_json ->> 'service' = $3 AND (
        position($1 in lower(concat(h.about_text, h.source_json::text))) > 0 OR position($2 in h.source_json::text) > 0)
"""
