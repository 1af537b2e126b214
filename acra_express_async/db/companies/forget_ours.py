"""The part of `forget` that concerns our own schema; each function answers how many rows changed, by table.

Every column that may hold something about a company or a person is covered here or named, with the reason why it may
stay, in tests/db/test_forget_columns.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.company_domains import forget_domains
from acra_express_async.db.companies.forget_judgements import (
    forget_judged_address,
    forget_judged_company,
    forget_judged_domain,
)
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
        "background_jobs": await _jobs(connection, uen),
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
            connection, [_digest(email, hashes) for detail in details for email in _emails(detail)]
        ),
    } | await forget_judged_company(connection, uen)


async def forget_domain(
    connection: Connection, domain: str, ids: Sequence[int], details: Details, hashes: AddressHash
) -> dict[str, int]:
    """A domain: what was found on it, for any company, and every mention of it elsewhere.

    Args:
        ids: companies for which it was the answer.
        details: what our outcomes say about them.
    """
    mention = Mention.of_domain(domain)
    await forget_domains(connection, list(ids))
    emptied = await changed(
        connection,
        """
        UPDATE acra_express.outcomes o SET detail = NULL, level = NULL, level_table = NULL
        WHERE o.company_id = ANY ($2::bigint[])
          AND (o.detail #>> '{site,domain}' = $1 OR right(o.detail #>> '{site,domain}', length($1) + 1) = '.' || $1)
        """,
        domain,
        list(ids),
    )
    history = await changed(
        connection,
        """
        DELETE FROM acra_express.field_history WHERE uen IN (
            SELECT o.uen FROM acra_express.outcomes o WHERE o.company_id = ANY ($1::bigint[]))
        """,
        list(ids),
    )
    kept: list[Mapping[str, Any]] = []
    scrubbed = await _outcomes(connection, mention, kept)
    found_there = [email for detail in details for email in _emails(detail)]
    named_elsewhere = [email for detail in kept for email in _emails(detail) if _is_at(email, mention)]
    digests = [digest for email in (*found_there, *named_elsewhere) if (digest := _digest(email, hashes)) is not None]
    return {
        "acra_express.outcomes": emptied + scrubbed,
        "acra_express.field_history": history + await _history(connection, mention),
        "acra_express.searches": await _searches(connection, mention),
        "acra_express.pages": await _pages(connection, mention),
        "acra_express.search_domains": await _search_domains(connection, [domain]),
        "acra_express.verifications": await _verifications(connection, digests),
    } | await forget_judged_domain(connection, domain, mention, digests, ids)


async def forget_address(connection: Connection, address: str, hashes: AddressHash) -> dict[str, int]:
    """One address, in clear text or as a hash; the other facts stay."""
    mention = Mention.of_address(address, hashes)
    return {
        "acra_express.outcomes": await _outcomes(connection, mention, []),
        "acra_express.field_history": await _history(connection, mention),
        "acra_express.searches": await _searches(connection, mention),
        "acra_express.pages": await _pages(connection, mention),
        "acra_express.verifications": await _verifications(connection, [hashes.digest(address)]),
    } | await forget_judged_address(connection, mention, hashes.digest(address))


async def _jobs(connection: Connection, uen: str) -> int:
    """UENs in the params of our jobs: of hand-made rows before their first claim, and of older versions."""
    return await changed(
        connection,
        """
        UPDATE public.background_jobs b SET params = jsonb_set(b.params, '{uens}', (b.params -> 'uens') - $1::text)
        WHERE b.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates')
          AND b.job_id IN (
              SELECT j.job_id FROM acra_express.express_jobs j
              WHERE jsonb_typeof(j.params -> 'uens') = 'array' AND j.params -> 'uens' ? $1::text)
        """,
        uen,
    )


async def _outcomes(connection: Connection, mention: Mention, before: list[Mapping[str, Any]]) -> int:
    """Take the subject out of every detail; `before` receives the details as they were."""
    count = 0
    async for row in connection.cursor(
        """
        SELECT o.job_id, o.company_id, o.detail FROM acra_express.outcomes o
        WHERE o.detail IS NOT NULL AND (position($1 in lower(o.detail::text)) > 0 OR position($2 in o.detail::text) > 0)
        """,
        *_needles(mention),
    ):
        left = mention.without(row["detail"])
        if left != row["detail"]:
            before.append({"emails": list(_emails(row["detail"]))})
            count += await changed(
                connection,
                "UPDATE acra_express.outcomes SET detail = $3 WHERE job_id = $1 AND company_id = $2",
                row["job_id"],
                row["company_id"],
                left,
            )
    return count


async def _history(connection: Connection, mention: Mention) -> int:
    """Take the subject out of every change, and remove the changes of which nothing is left."""
    count = 0
    async for row in connection.cursor(
        """
        SELECT h.changed_at, h.uen, h.field, h.before, h.after FROM acra_express.field_history h
        WHERE position($1 in lower(concat(h.before::text, h.after::text))) > 0
           OR position($2 in concat(h.before::text, h.after::text)) > 0
        """,
        *_needles(mention),
    ):
        key = (row["changed_at"], row["uen"], row["field"])
        sides = [_left_of(row[side], mention) for side in ("before", "after")]
        if sides == [row["before"], row["after"]]:
            continue
        if sides[0] == sides[1]:
            count += await changed(
                connection,
                "DELETE FROM acra_express.field_history WHERE changed_at = $1 AND uen = $2 AND field = $3",
                *key,
            )
        else:
            count += await changed(
                connection,
                """
                UPDATE acra_express.field_history SET before = $4, after = $5
                WHERE changed_at = $1 AND uen = $2 AND field = $3
                """,
                *key,
                *sides,
            )
    return count


def _left_of(side: Any, mention: Mention) -> Any:
    """One side of a change without the subject; None is nothing."""
    if isinstance(side, str) and mention.found_in(side):
        return None
    return mention.without(side) or None


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


def _needles(mention: Mention) -> tuple[str, str]:
    return mention.needle, mention.address_hash or mention.needle


def _emails(detail: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    emails = detail.get("emails")
    return (email for email in emails if isinstance(email, dict)) if isinstance(emails, list) else ()


def _is_at(email: Mapping[str, Any], mention: Mention) -> bool:
    return mention.found_in(str(email.get("address") or ""))


def _digest(email: Mapping[str, Any], hashes: AddressHash) -> bytes | None:
    if address := email.get("address"):
        return hashes.digest(str(address))
    try:
        return bytes.fromhex(str(email.get("address_hash") or "")) or None
    except ValueError:
        return None


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


async def changed(connection: Connection, statement: str, *values: object) -> int:
    """Run the statement; how many rows it changed."""
    return int((await connection.execute(statement, *values)).rpartition(" ")[2])
