"""`acra-express forget`: remove what we stored about a company, a domain or an address, and never store it again.

Only what is ours goes: rows that carry our source, and cells of `companies` that hold exactly what one of our details
says we found. Run as the login account (the tenant role may delete nothing of the platform's).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.company_domains import forget_domains
from acra_express_async.db.companies.contact_rows import SOURCE
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
            removed = await _company(connection, value, shape)
        elif kind == "domain":
            removed = await _domain(connection, value, shape)
        else:
            removed = await _address(connection, value, shape, hashes)
    return Forgotten(kind, value, {table: count for table, count in removed.items() if count})


async def _company(connection: Connection, uen: str, shape: PlatformShape) -> dict[str, int]:
    ids = [row[0] for row in await connection.fetch("SELECT company_id FROM public.companies WHERE uen = $1", uen)]
    details = await _details(connection, ids)
    removed = await _history_of(connection, ids, None)
    removed["companies"] = await _empty_cells(connection, shape, ids, _values_in(details))
    await forget_domains(connection, ids)
    removed |= await _rows_of_companies(connection, shape, ids)
    removed["acra_express.outcomes"] = await _count(
        connection, "UPDATE acra_express.outcomes SET detail = NULL WHERE uen = $1 AND detail IS NOT NULL", uen
    )
    removed["acra_express.campaign_uens"] = await _count(
        connection, "DELETE FROM acra_express.campaign_uens WHERE uen = $1", uen
    )
    removed["acra_express.searches"] = await _count(
        connection,
        "DELETE FROM acra_express.searches WHERE query = ANY ($1::text[])",
        [query for detail in details for query in detail.get("queries") or ()],
    )
    removed["acra_express.pages"] = await _count(
        connection,
        "DELETE FROM acra_express.pages WHERE url = ANY ($1::text[])",
        [url for detail in details for url in detail.get("pages") or ()],
    )
    return removed


async def _domain(connection: Connection, domain: str, shape: PlatformShape) -> dict[str, int]:
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
    removed = await _history_of(connection, None, domain)
    removed["companies"] = await _empty_cells(connection, shape, ids, _values_in(details, domain))
    await forget_domains(connection, ids)
    if shape.has("contacts", "email", "contact_source"):
        removed["contacts"] = await _count(
            connection,
            """
            DELETE FROM public.contacts
            WHERE contact_source = $2 AND right(lower(email), length($1) + 1) IN ('@' || $1, '.' || $1)
            """,
            domain,
            SOURCE,
        )
    if shape.has("lead_emails", "email", "source"):
        removed["lead_emails"] = await _count(
            connection,
            """
            DELETE FROM public.lead_emails
            WHERE source = $2 AND right(lower(email), length($1) + 1) IN ('@' || $1, '.' || $1)
            """,
            domain,
            SOURCE,
        )
    removed["acra_express.outcomes"] = await _count(
        connection,
        """
        UPDATE acra_express.outcomes o SET detail = NULL
        WHERE o.company_id = ANY ($2::bigint[])
          AND (o.detail #>> '{site,domain}' = $1 OR right(o.detail #>> '{site,domain}', length($1) + 1) = '.' || $1)
        """,
        domain,
        ids,
    )
    removed["acra_express.pages"] = await _count(
        connection,
        "DELETE FROM acra_express.pages WHERE domain = $1 OR right(domain, length($1) + 1) = '.' || $1",
        domain,
    )
    return removed


async def _address(connection: Connection, address: str, shape: PlatformShape, hashes: AddressHash) -> dict[str, int]:
    """One address, wherever we wrote it, in clear text or as a hash; the rest of each outcome's detail stays."""
    marks = [address, hashes.text(address)]
    table = "company_enrichment_runs"
    removed: dict[str, int] = {}
    if shape.has(table, "source_json"):
        removed[table] = await _count(connection, _WITHOUT_IN_HISTORY, marks, SERVICE)
    if shape.has(table, "source_json", "public_emails", "verification_results"):
        await connection.execute(_WITHOUT_IN_LISTS, address, SERVICE)
    removed["companies"] = await _count(
        connection,
        """
        UPDATE public.companies c SET email = NULL
        WHERE c.email::text = ANY (ARRAY[$1::text, '{' || $1 || '}']) AND EXISTS (
            SELECT FROM acra_express.outcomes o
            WHERE o.company_id = c.company_id
              AND o.detail -> 'emails' @> jsonb_build_array(jsonb_build_object('address', $1::text)))
        """,
        address,
    )
    if shape.has("contacts", "email", "contact_source"):
        removed["contacts"] = await _count(
            connection, "DELETE FROM public.contacts WHERE contact_source = $2 AND lower(email) = $1", address, SOURCE
        )
    if shape.has("lead_emails", "email", "source"):
        removed["lead_emails"] = await _count(
            connection, "DELETE FROM public.lead_emails WHERE source = $2 AND lower(email) = $1", address, SOURCE
        )
    if shape.has("email_verification_cache", "email", "status"):
        # the cache does not say who wrote a row: it is ours if our own stored result is the same
        removed["email_verification_cache"] = await _count(
            connection,
            """
            DELETE FROM public.email_verification_cache e USING acra_express.verifications v
            WHERE e.email = $1 AND v.address_hash = $2 AND v.status = e.status
            """,
            address,
            hashes.digest(address),
        )
    removed["acra_express.verifications"] = await _count(
        connection, "DELETE FROM acra_express.verifications WHERE address_hash = $1", hashes.digest(address)
    )
    removed["acra_express.outcomes"] = await _count(connection, _WITHOUT_IN_OUTCOMES, marks)
    removed["acra_express.pages"] = await _count(
        connection,
        "DELETE FROM acra_express.pages WHERE position($1 in lower(page::text)) > 0",
        address,
    )
    return removed


async def _details(connection: Connection, ids: list[int]) -> list[dict[str, Any]]:
    rows = await connection.fetch(
        "SELECT detail FROM acra_express.outcomes WHERE company_id = ANY ($1::bigint[]) AND detail IS NOT NULL", ids
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
        "company_enrichment_runs": await _count(
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
    changed = await _count(
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
    return changed


async def _rows_of_companies(connection: Connection, shape: PlatformShape, ids: list[int]) -> dict[str, int]:
    removed = {}
    if shape.has("contacts", "contact_source"):
        removed["contacts"] = await _count(
            connection,
            "DELETE FROM public.contacts WHERE company_id = ANY ($1::bigint[]) AND contact_source = $2",
            ids,
            SOURCE,
        )
    if shape.has("lead_emails", "source"):
        removed["lead_emails"] = await _count(
            connection,
            "DELETE FROM public.lead_emails WHERE company_id = ANY ($1::bigint[]) AND source = $2",
            ids,
            SOURCE,
        )
    return removed


async def _count(connection: Connection, statement: str, *values: object) -> int:
    return int((await connection.execute(statement, *values)).rpartition(" ")[2])


_WITHOUT_IN_HISTORY = """
    UPDATE public.company_enrichment_runs h SET source_json = jsonb_set(h.source_json, '{emails}', (
        SELECT coalesce(jsonb_agg(e), '[]') FROM jsonb_array_elements(h.source_json -> 'emails') e
        WHERE coalesce(e ->> 'address', e ->> 'address_hash', '') <> ALL ($1::text[])))
    WHERE h.source_json ->> 'service' = $2 AND EXISTS (
        SELECT FROM jsonb_array_elements(
            CASE WHEN jsonb_typeof(h.source_json -> 'emails') = 'array' THEN h.source_json -> 'emails' ELSE '[]' END) e
        WHERE coalesce(e ->> 'address', e ->> 'address_hash') = ANY ($1::text[]))
"""

_WITHOUT_IN_LISTS = """
    UPDATE public.company_enrichment_runs h SET
        public_emails = array_remove(h.public_emails, $1),
        verification_results = (
            SELECT coalesce(jsonb_agg(r), '[]') FROM jsonb_array_elements(
                CASE WHEN jsonb_typeof(h.verification_results) = 'array' THEN h.verification_results ELSE '[]' END) r
            WHERE coalesce(r ->> 'email', '') <> $1)
    WHERE h.source_json ->> 'service' = $2 AND $1 = ANY (h.public_emails)
      AND jsonb_typeof(h.verification_results) = 'array'
"""

_WITHOUT_IN_OUTCOMES = """
    UPDATE acra_express.outcomes o SET detail = jsonb_set(o.detail, '{emails}', (
        SELECT coalesce(jsonb_agg(e), '[]') FROM jsonb_array_elements(o.detail -> 'emails') e
        WHERE coalesce(e ->> 'address', e ->> 'address_hash') <> ALL ($1::text[])))
    WHERE jsonb_typeof(o.detail -> 'emails') = 'array' AND EXISTS (
        SELECT FROM jsonb_array_elements(o.detail -> 'emails') e
        WHERE coalesce(e ->> 'address', e ->> 'address_hash') = ANY ($1::text[]))
"""
