"""The part of `forget` that walks our outcomes: answers with a forgotten domain, and mentions in all others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.company_domains import forget_domains
from acra_express_async.db.companies.contact_rows import SOURCE
from acra_express_async.db.companies.forget_cells import empty_cells, empty_mails, values_in
from acra_express_async.db.companies.forget_walks import PAGE, changed, in_pages, is_below, needles
from acra_express_async.db.companies.mentions import Mention
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Row


@dataclass(slots=True)
class FoundThere:
    """What the answers with a forgotten domain had: their companies, and the addresses that were found there."""

    ids: set[int] = field(default_factory=set)
    uens: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    digests: set[bytes] = field(default_factory=set)


async def forget_in_outcomes(
    connection: Connection, mention: Mention, domain: str | None, shape: PlatformShape, hashes: AddressHash
) -> tuple[Counter[str], FoundThere]:
    """Empty the answers with this domain, and take the subject out of all others, with what they filled in `companies`.

    Args:
        domain: None for an address.
    """
    removed: Counter[str] = Counter()
    there = FoundThere()

    async def step(after: tuple[int, int]) -> tuple[tuple[int, int] | None, int]:
        rows = await connection.fetch(_OUTCOMES, *after, *needles(mention), PAGE)
        told = [row for row in rows if isinstance(row["detail"], dict)]
        answered = [row for row in told if domain is not None and _is_of(row["detail"], domain)]
        mails = [
            (row["company_id"], str(email["address"]))
            for row in told
            for email in emails_of(row["detail"])
            if mention.found_in(str(email.get("address") or ""))
        ]
        there.digests |= {hashes.digest(address) for _, address in mails}
        removed["companies"] += await _empty_answered(connection, answered, there, removed, shape, hashes)
        removed["companies"] += await empty_mails(connection, mails)
        done = {(row["job_id"], row["company_id"]) for row in answered}
        for row in told:
            left = mention.without(row["detail"])
            if (row["job_id"], row["company_id"]) not in done and left != row["detail"]:
                await connection.execute(
                    "UPDATE acra_express.outcomes SET detail = $3 WHERE job_id = $1 AND company_id = $2",
                    row["job_id"],
                    row["company_id"],
                    left,
                )
                removed["acra_express.outcomes"] += 1
        return ((rows[-1]["job_id"], rows[-1]["company_id"]) if len(rows) == PAGE else None), 0

    await in_pages(connection, (-(2**63), -(2**63)), step)
    return removed, there


async def _empty_answered(
    connection: Connection,
    rows: Sequence[Row],
    there: FoundThere,
    removed: Counter[str],
    shape: PlatformShape,
    hashes: AddressHash,
) -> int:
    """Empty these answers, the cells that they filled, their contacts and their history; how many companies changed."""
    if not rows:
        return 0
    ids = [row["company_id"] for row in rows]
    uens = [row["uen"] for row in rows if row["uen"]]
    details = [row["detail"] for row in rows]
    addresses = [str(email["address"]) for detail in details for email in emails_of(detail) if email.get("address")]
    there.ids.update(ids)
    there.uens.update(uens)
    there.addresses.update(addresses)
    there.digests |= {
        digest for detail in details for email in emails_of(detail) if (digest := digest_of(email, hashes))
    }
    emptied = await empty_cells(connection, shape, ids, values_in(details))
    await forget_domains(connection, ids)
    if shape.has("contacts", "email", "contact_source"):
        removed["contacts"] += await changed(
            connection,
            """
            DELETE FROM public.contacts
            WHERE company_id = ANY ($1::bigint[]) AND email IS NOT NULL AND contact_source = $2
              AND lower(email) = ANY ($3::text[])
            """,
            ids,
            SOURCE,
            addresses,
        )
    if shape.has("lead_emails", "email", "company_id", "source"):
        removed["lead_emails"] += await changed(
            connection,
            """
            DELETE FROM public.lead_emails
            WHERE email = ANY ($3::text[]) AND company_id = ANY ($1::bigint[]) AND source = $2
            """,
            ids,
            SOURCE,
            addresses,
        )
    removed["acra_express.outcomes"] += await changed(
        connection,
        """
        UPDATE acra_express.outcomes o
        SET detail = NULL, level = NULL, level_table = NULL, reason = 'site_opted_out'
        FROM unnest($1::bigint[], $2::bigint[]) AS k(job_id, company_id)
        WHERE o.job_id = k.job_id AND o.company_id = k.company_id
        """,
        [row["job_id"] for row in rows],
        ids,
    )
    removed["acra_express.field_history"] += await changed(
        connection, "DELETE FROM acra_express.field_history WHERE uen = ANY ($1::text[])", uens
    )
    return emptied


def emails_of(detail: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """The addresses of a stored detail of any shape."""
    emails = detail.get("emails")
    return (email for email in emails if isinstance(email, dict)) if isinstance(emails, list) else ()


def digest_of(email: Mapping[str, Any], hashes: AddressHash) -> bytes | None:
    """The keyed hash of an address that is stored in clear text or as its hash."""
    if address := email.get("address"):
        return hashes.digest(str(address))
    try:
        return bytes.fromhex(str(email.get("address_hash") or "")) or None
    except ValueError:
        return None


def _is_of(detail: Mapping[str, Any], domain: str) -> bool:
    site = detail.get("site")
    return isinstance(site, dict) and is_below(site.get("domain"), domain)


# $1 and $2 where the last page ended; $3 and $4 what a detail with the subject contains; $5 rows.
_OUTCOMES = """
    SELECT o.job_id, o.company_id, o.uen,
           CASE WHEN position($3 in lower(o.detail::text)) > 0 OR position($4 in o.detail::text) > 0
                THEN o.detail END AS detail
    FROM acra_express.outcomes o
    WHERE (o.job_id, o.company_id) > ($1, $2) ORDER BY o.job_id, o.company_id LIMIT $5
"""
