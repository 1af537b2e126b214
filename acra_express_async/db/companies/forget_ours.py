"""The part of `forget` that concerns our own schema; each function answers how many rows changed, by table.

Every column that may hold something about a company or a person is covered here or named, with the reason why it may
stay, in tests/db/test_forget_columns.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.company_domains import forget_domains
from acra_express_async.db.companies.forget_judgements import (
    forget_judged_address,
    forget_judged_company,
    forget_judged_domain,
)
from acra_express_async.db.companies.forget_outcomes import FoundThere, digest_of, emails_of
from acra_express_async.db.companies.forget_walks import changed
from acra_express_async.db.companies.mentions import Mention
from acra_express_async.db.session.pool import Connection

Details = Sequence[Mapping[str, Any]]


async def forget_company(
    connection: Connection, uen: str, ids: Sequence[int], details: Details, hashes: AddressHash
) -> dict[str, int]:
    """A company: all but the fact that it was decided about.

    Args:
        ids: its rows in `companies`.
        details: what our outcomes say about it.
    """
    await forget_domains(connection, list(ids))
    return {
        "acra_express.outcomes": await changed(
            connection,
            """
            UPDATE acra_express.outcomes SET detail = NULL, level = NULL, level_table = NULL
            WHERE uen = $1 AND (detail IS NOT NULL OR level IS NOT NULL)
            """,
            uen,
        ),
        "acra_express.field_history": await changed(
            connection, "DELETE FROM acra_express.field_history WHERE uen = $1", uen
        ),
        "acra_express.campaign_uens": await changed(
            connection, "DELETE FROM acra_express.campaign_uens WHERE uen = $1", uen
        ),
        "acra_express.searches": await changed(
            connection,
            "DELETE FROM acra_express.searches WHERE query = ANY ($1::text[])",
            [query for detail in details for query in _texts(detail.get("queries"))],
        ),
        "acra_express.pages": await changed(
            connection,
            "DELETE FROM acra_express.pages WHERE url = ANY ($1::text[])",
            [url for detail in details for url in _texts(detail.get("pages"))],
        ),
        "acra_express.search_domains": await _search_domains(
            connection, _texts([(detail.get("site") or {}).get("domain") for detail in details])
        ),
        "acra_express.failed_calls": await changed(
            connection, "DELETE FROM acra_express.failed_calls WHERE company_id = ANY ($1::bigint[])", list(ids)
        ),
        "acra_express.verifications": await _verifications(
            connection, [digest_of(email, hashes) for detail in details for email in emails_of(detail)]
        ),
    } | await forget_judged_company(connection, uen)


async def forget_domain(connection: Connection, domain: str, there: FoundThere, mention: Mention) -> dict[str, int]:
    """What small tables know of a domain and of what was found there; `forget_walks` has seen to the large ones."""
    return {
        "acra_express.searches": await _searches(connection, mention),
        "acra_express.pages": await _pages(connection, mention),
        "acra_express.search_domains": await _search_domains(connection, [domain]),
        "acra_express.verifications": await _verifications(connection, there.digests),
    } | await forget_judged_domain(connection, domain, mention, there.digests, there.uens)


async def forget_address(connection: Connection, address: str, hashes: AddressHash) -> dict[str, int]:
    """What small tables know of one address, in clear text or as a hash."""
    mention = Mention.of_address(address, hashes)
    return {
        "acra_express.searches": await _searches(connection, mention),
        "acra_express.pages": await _pages(connection, mention),
        "acra_express.verifications": await _verifications(connection, [hashes.digest(address)]),
    } | await forget_judged_address(connection, mention, hashes.digest(address))


async def _searches(connection: Connection, mention: Mention) -> int:
    return await changed(
        connection,
        """
        DELETE FROM acra_express.searches
        WHERE position($1 in lower(concat(query, hits::text, others::text))) > 0
        """,
        mention.needle,
    )


async def _search_domains(connection: Connection, domains: Sequence[str]) -> int:
    """How often these domains and their subdomains turned up in searches."""
    return await changed(
        connection,
        """
        DELETE FROM acra_express.search_domains s USING unnest($1::text[]) AS gone(domain)
        WHERE s.domain = gone.domain OR right(s.domain, length(gone.domain) + 1) = '.' || gone.domain
        """,
        list(domains),
    )


async def _pages(connection: Connection, mention: Mention) -> int:
    """Whole pages, also those that only mention the subject: they are kept for a day and read again when needed."""
    return await changed(
        connection,
        """
        DELETE FROM acra_express.pages
        WHERE position($1 in lower(url)) > 0 OR position($1 in lower(page::text)) > 0
        """,
        mention.needle,
    )


async def _verifications(connection: Connection, digests: Collection[bytes | None]) -> int:
    return await changed(
        connection,
        "DELETE FROM acra_express.verifications WHERE address_hash = ANY ($1::bytea[])",
        [digest for digest in digests if digest is not None],
    )


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
