"""How `forget` looks for a domain or an address in tables that grow with the companies or the years.

A text may stand anywhere in them, so no index finds it. Each table is walked once in the order of its primary key, and
each page is a separate short transaction: one over a large table would hold the rows of the nightly for minutes. The
opt-out is recorded before, so nothing new comes in behind the walk, and a walk that was interrupted is simply repeated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from acra_express_async.db.companies.contact_rows import SOURCE
from acra_express_async.db.companies.mentions import Mention
from acra_express_async.db.companies.stored_outcome import SERVICE
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Row

PAGE = 500
"""Rows of a page: 2.5 MB of details to search, some 20 ms."""
SHORT_PAGE = 2_000
"""Rows of a page where a row is one address or one job."""

FIRST_UUID = "00000000-0000-0000-0000-000000000000"

KeyT = TypeVar("KeyT")


async def in_pages(
    connection: Connection, first: KeyT, step: Callable[[KeyT], Awaitable[tuple[KeyT | None, int]]]
) -> int:
    """Repeat `step`, each time in a separate transaction, until it gives no further key; the sum of its counts."""
    total, after = 0, first
    while True:
        async with connection.transaction():
            following, count = await step(after)
        total += count
        if following is None:
            return total
        after = following


async def forget_in_history(connection: Connection, mention: Mention, domain: str | None, shape: PlatformShape) -> int:
    """Delete the history rows that we wrote about this domain, and take the subject out of our others."""
    if not shape.has("company_enrichment_runs", "source_json"):
        return 0
    lists = shape.has("company_enrichment_runs", "public_emails", "verification_results")

    async def step(after: tuple[int, int]) -> tuple[tuple[int, int] | None, int]:
        rows = await connection.fetch(_HISTORY, *after, *needles(mention), SERVICE, PAGE)
        count = 0
        for row in rows:
            if isinstance(row["told"], dict):
                count += await _scrub(connection, row, mention, domain, lists=lists)
        return ((rows[-1]["company_id"], rows[-1]["run_id"]) if len(rows) == PAGE else None), count

    return await in_pages(connection, (-(2**63), -(2**63)), step)


async def _scrub(connection: Connection, row: Row, mention: Mention, domain: str | None, *, lists: bool) -> int:
    told, key = row["told"], (row["company_id"], row["run_id"])
    if domain is not None and is_below(told.get("domain"), domain):
        return await changed(
            connection, "DELETE FROM public.company_enrichment_runs WHERE company_id = $1 AND run_id = $2", *key
        )
    count = 0
    about, source = told.get("about_text") or "", told.get("source_json")
    left = mention.removed_from(about), mention.without(source)
    if left != (about, source):
        count += await changed(
            connection,
            """
            UPDATE public.company_enrichment_runs SET about_text = nullif($3, ''), source_json = $4
            WHERE company_id = $1 AND run_id = $2
            """,
            *key,
            *left,
        )
    emails, results = told.get("public_emails"), told.get("verification_results")
    kept = mention.without(emails), mention.without(results)
    if lists and kept != (emails, results):
        await connection.execute(
            """
            UPDATE public.company_enrichment_runs SET public_emails = $3::text[], verification_results = $4
            WHERE company_id = $1 AND run_id = $2
            """,
            *key,
            *kept,
        )
    return count


async def forget_in_field_history(connection: Connection, mention: Mention) -> int:
    """Take the subject out of every change, and remove the changes of which nothing is left."""

    async def step(after: tuple[datetime, str, str]) -> tuple[tuple[datetime, str, str] | None, int]:
        rows = await connection.fetch(_CHANGES, *after, *needles(mention), SHORT_PAGE)
        count = 0
        for row in rows:
            key = (row["changed_at"], row["uen"], row["field"])
            sides = [_left_of(row[side], mention) for side in ("before", "after")]
            if not row["named"] or sides == [row["before"], row["after"]]:
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
        last = rows[-1] if len(rows) == SHORT_PAGE else None
        return (None if last is None else (last["changed_at"], last["uen"], last["field"])), count

    return await in_pages(connection, (datetime(1, 1, 1, tzinfo=UTC), "", ""), step)


def _left_of(side: Any, mention: Mention) -> Any:
    """One side of a change without the subject; None is nothing."""
    if isinstance(side, str) and mention.found_in(side):
        return None
    return mention.without(side) or None


async def forget_in_contacts(connection: Connection, mention: Mention, shape: PlatformShape) -> int:
    """Delete the contacts that we wrote with this address, or at this domain."""
    if not shape.has("contacts", "contact_id", "email", "contact_source"):
        return 0

    async def step(after: str) -> tuple[str | None, int]:
        rows = await connection.fetch(
            """
            SELECT k.contact_id::text AS contact, CASE WHEN k.contact_source = $2 THEN lower(k.email) END AS email
            FROM public.contacts k WHERE k.contact_id > $1::text::uuid ORDER BY k.contact_id LIMIT $3
            """,
            after,
            SOURCE,
            SHORT_PAGE,
        )
        gone = [row["contact"] for row in rows if row["email"] and _is_subject(row["email"], mention)]
        count = 0
        if gone:
            count = await changed(
                connection, "DELETE FROM public.contacts WHERE contact_id = ANY ($1::text[]::uuid[])", gone
            )
        return (rows[-1]["contact"] if len(rows) == SHORT_PAGE else None), count

    return await in_pages(connection, FIRST_UUID, step)


async def forget_in_leads(connection: Connection, mention: Mention, shape: PlatformShape) -> int:
    """Delete the rows of `lead_emails` that we wrote with this address, or at this domain."""
    if not shape.has("lead_emails", "email", "source"):
        return 0

    async def step(after: str) -> tuple[str | None, int]:
        rows = await connection.fetch(
            """
            SELECT e.email, e.source = $2 AS ours FROM public.lead_emails e
            WHERE e.email > $1 ORDER BY e.email LIMIT $3
            """,
            after,
            SOURCE,
            SHORT_PAGE,
        )
        gone = [row["email"] for row in rows if row["ours"] and _is_subject(row["email"], mention)]
        count = 0
        if gone:
            count = await changed(connection, "DELETE FROM public.lead_emails WHERE email = ANY ($1::text[])", gone)
        return (rows[-1]["email"] if len(rows) == SHORT_PAGE else None), count

    return await in_pages(connection, "", step)


async def cached_addresses(connection: Connection, mention: Mention, shape: PlatformShape) -> set[str]:
    """The addresses at a domain, or the one, in the platform's cache of verdicts."""
    if not shape.has("email_verification_cache", "email", "status"):
        return set()
    found: set[str] = set()

    async def step(after: str) -> tuple[str | None, int]:
        rows = await connection.fetch(
            "SELECT v.email FROM public.email_verification_cache v WHERE v.email > $1 ORDER BY v.email LIMIT $2",
            after,
            SHORT_PAGE,
        )
        found.update(row["email"] for row in rows if _is_subject(row["email"], mention))
        return (rows[-1]["email"] if len(rows) == SHORT_PAGE else None), 0

    await in_pages(connection, "", step)
    return found


async def forget_in_jobs(connection: Connection, uen: str) -> int:
    """UENs in the params of our jobs: of hand-made rows before their first claim, and of older versions."""

    async def step(after: int) -> tuple[int | None, int]:
        rows = await connection.fetch(
            """
            SELECT b.job_id, b.job_type IN ('acra_express_staging_upsert', 'acra_express_enrich_candidates')
                   AND jsonb_typeof(b.params -> 'uens') = 'array' AND b.params -> 'uens' ? $2::text AS named
            FROM public.background_jobs b WHERE b.job_id > $1 ORDER BY b.job_id LIMIT $3
            """,
            after,
            uen,
            SHORT_PAGE,
        )
        count = 0
        if named := [row["job_id"] for row in rows if row["named"]]:
            count = await changed(
                connection,
                """
                UPDATE public.background_jobs
                SET params = jsonb_set(params, '{uens}', (params -> 'uens') - $2::text)
                WHERE job_id = ANY ($1::bigint[])
                """,
                named,
                uen,
            )
        return (rows[-1]["job_id"] if len(rows) == SHORT_PAGE else None), count

    return await in_pages(connection, -(2**63), step)


def is_below(name: object, domain: str) -> bool:
    """Whether a domain is this one, or one below it."""
    return isinstance(name, str) and f".{name}".endswith(f".{domain}")


async def changed(connection: Connection, statement: str, *values: object) -> int:
    """Run the statement; how many rows it changed."""
    return int((await connection.execute(statement, *values)).rpartition(" ")[2])


def _is_subject(address: str, mention: Mention) -> bool:
    """Whether it is the address, or one at the domain or below it."""
    plain, subject = address.lower(), mention.needle
    return plain == subject if mention.address_hash else plain.endswith((f"@{subject}", f".{subject}"))


def needles(mention: Mention) -> tuple[str, str]:
    return mention.needle, mention.address_hash or mention.needle


# $1 and $2 where the last page ended; $3 and $4 what a row with the subject contains; $5 our name; $6 rows. As JSON,
# because a deployment may lack some of the columns.
_HISTORY = """
    SELECT h.company_id, h.run_id,
           CASE WHEN h.source_json ->> 'service' = $5
                     AND (position($3 in lower(to_jsonb(h)::text)) > 0 OR position($4 in to_jsonb(h)::text) > 0)
                THEN to_jsonb(h) END AS told
    FROM public.company_enrichment_runs h
    WHERE (h.company_id, h.run_id) > ($1, $2) ORDER BY h.company_id, h.run_id LIMIT $6
"""

# $1 to $3 where the last page ended; $4 and $5 as above; $6 rows.
_CHANGES = """
    SELECT h.changed_at, h.uen, h.field, h.before, h.after,
           position($4 in lower(concat(h.before::text, h.after::text))) > 0
           OR position($5 in concat(h.before::text, h.after::text)) > 0 AS named
    FROM acra_express.field_history h
    WHERE (h.changed_at, h.uen, h.field) > ($1, $2, $3) ORDER BY h.changed_at, h.uen, h.field LIMIT $6
"""
