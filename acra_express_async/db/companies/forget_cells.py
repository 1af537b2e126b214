"""The cells of `companies` that `forget` empties: those that hold exactly what one of our details says we found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection


def values_in(details: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every value of these details that may be in a cell of `companies`."""
    values: set[str] = set()
    for detail in details:
        values.add((detail.get("site") or {}).get("domain") or "")
        values.update(entry.get("address") or "" for entry in detail.get("emails") or ())
        values.update(entry.get("number") or "" for entry in detail.get("phones") or ())
        values.update(entry.get("url") or "" for entry in detail.get("socials") or ())
        values.add((detail.get("postal_code") or {}).get("value") or "")
    return sorted(value for value in values if value)


async def empty_cells(connection: Connection, shape: PlatformShape, ids: Sequence[int], values: Sequence[str]) -> int:
    """Empty the cells of these companies that hold one of the values; how many companies changed."""
    listed = [*values, *(f"{{{value}}}" for value in values)]
    status = await connection.execute(
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
    return int(status.rpartition(" ")[2])


async def empty_mails(connection: Connection, mails: Sequence[tuple[int, str]]) -> int:
    """Empty `companies.email` where it holds the address that we found for that company; how many changed."""
    if not mails:
        return 0
    status = await connection.execute(
        """
        UPDATE public.companies c SET email = NULL
        FROM unnest($1::bigint[], $2::text[]) AS found(company_id, address)
        WHERE c.company_id = found.company_id AND c.email::text IN (found.address, '{' || found.address || '}')
        """,
        [company_id for company_id, _ in mails],
        [address for _, address in mails],
    )
    return int(status.rpartition(" ")[2])
