"""Writes one company's result into the platform's tables: briefly, in the nightly's lock order, without overwriting.

The order is header, history, companies, contacts, lead_emails, as in the nightly's own store (B3). A lock that is not
free within 300 ms raises an error of the connection, and the caller repeats the whole transaction. Nothing here relies
on a unique index: production may lack the platform's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.company_domains import give_domain, held_by_another
from acra_express_async.db.companies.contact_rows import share_verifications, write_contacts, write_lead_emails
from acra_express_async.db.companies.optouts import domain_and_parents
from acra_express_async.db.companies.platform_runs import write_event, write_header, write_usage
from acra_express_async.db.companies.stored_outcome import Facts, facts_of, without_facts
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection
from acra_express_async.db.session.stored_json import stored_json, stored_text
from acra_express_async.models import Company, Job, Outcome

STRONG_POINTS = 55
"""A domain with less evidence is stored only in the detail, not in `companies`: a site counts as proven at 55."""


@dataclass(frozen=True, slots=True)
class SavedCompany:
    """What was stored.

    `outcome` is the one to count and record: the given one, or `skipped{opted_out}` if an opt-out came in meanwhile.
    `detail` is for our own outcome row; `domain_taken` says that another company already has the domain.
    """

    outcome: Outcome
    run_id: int
    detail: dict[str, Any]
    domain_taken: bool = False


async def save(
    connection: Connection,
    *,
    tenant_id: int,
    shape: PlatformShape,
    hashes: AddressHash,
    store_personal_emails: bool,
    job: Job,
    company: Company,
    outcome: Outcome,
) -> SavedCompany:
    """Store one company's outcome inside the caller's short, fenced transaction.

    Raises:
        asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError: it gave way to a lock;
            repeat the whole transaction with jitter. The company has not failed.
        asyncpg.UndefinedColumnError, asyncpg.UndefinedTableError: the platform's tables have changed; probe them again.
    """
    outcome, gone = await _respect_opt_outs(connection, company, outcome, hashes)
    facts = facts_of(job, outcome, hashes=hashes, store_personal=store_personal_emails, opted_out=gone)
    seconds = sum(seconds for _, seconds in outcome.stage_seconds)
    claims = _claims_domain(outcome, facts)
    # before the header: from its insert on, the nightly's ALTER TABLE waits for us
    taken = claims and await held_by_another(connection, company.company_id, facts.domain or "")
    run_id = await write_header(connection, tenant_id, shape, outcome.usage, seconds)
    await _history(connection, tenant_id, shape, company, run_id, facts)
    if facts.domain is not None:
        await _fill_company(connection, shape, company, facts)
        if claims and not taken:
            taken = await _set_domain(connection, company, facts.domain)
        await write_contacts(connection, shape, company.company_id, facts.emails)
        await write_lead_emails(connection, shape, company.company_id, facts)
        await share_verifications(connection, shape, facts.emails)
    await write_usage(connection, tenant_id, shape, run_id, outcome.usage)
    await write_event(connection, tenant_id, shape, company, run_id, outcome, facts.detail)
    detail = facts.detail | {"domain_taken": True} if taken else facts.detail
    return SavedCompany(outcome=outcome, run_id=run_id, detail=detail, domain_taken=taken)


async def _respect_opt_outs(
    connection: Connection, company: Company, outcome: Outcome, hashes: AddressHash
) -> tuple[Outcome, frozenset[str]]:
    """The outcome without what has opted out, and the hashes of opted-out addresses."""
    addresses = {hashes.text(email.address): email.address for email in outcome.emails}
    domains = {part for email in outcome.emails for part in domain_and_parents(email.address.rpartition("@")[2])}
    site = domain_and_parents(outcome.site.domain) if outcome.site is not None else []
    rows = await connection.fetch(
        """
        SELECT kind, value FROM acra_express.opt_outs
        WHERE (kind = 'company' AND value = $1) OR (kind = 'domain' AND value = ANY ($2::text[]))
           OR (kind = 'address' AND value = ANY ($3::text[]))
        """,
        company.uen.upper(),
        [*site, *domains],
        list(addresses),
    )
    listed = {(row["kind"], row["value"]) for row in rows}
    if ("company", company.uen.upper()) in listed or any(("domain", part) in listed for part in site):
        return without_facts(outcome), frozenset()
    gone = {
        key
        for key, address in addresses.items()
        if ("address", key) in listed
        or any(("domain", part) in listed for part in domain_and_parents(address.rpartition("@")[2]))
    }
    return outcome, frozenset(gone)


async def _history(
    connection: Connection, tenant_id: int, shape: PlatformShape, company: Company, run_id: int, facts: Facts
) -> None:
    """Write a history row, but only with a real about text: an empty one would lower the platform's acceptance rate
    (B20)."""
    table = "company_enrichment_runs"
    if not facts.about or not shape.has(table, "domain", "about_text", "linkedin_url", "source_json", "updated_at"):
        return
    base = (
        company.company_id,
        run_id,
        facts.domain,
        stored_text(facts.about),
        facts.linkedin_url,
        stored_json(facts.detail),
    )
    if not shape.has(table, "tenant_id", "public_emails", "verification_results"):
        await connection.execute(
            """
            INSERT INTO public.company_enrichment_runs
                (company_id, run_id, domain, about_text, linkedin_url, source_json, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, acra_express.clock())
            """,
            *base,
        )
        return
    results = [
        {"email": e.address, "status": e.verification.status, "confidence": 0.0, "source": e.verification.source}
        for e in facts.emails
        if e.verification is not None
    ]
    await connection.execute(
        """
        INSERT INTO public.company_enrichment_runs
            (company_id, run_id, domain, about_text, linkedin_url, source_json, updated_at,
             tenant_id, public_emails, verification_results)
        VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, acra_express.clock(), $7, $8::text[], $9::text::jsonb)
        """,
        *base,
        tenant_id,
        [email.address for email in facts.emails],
        stored_json(results),
    )


async def _fill_company(connection: Connection, shape: PlatformShape, company: Company, facts: Facts) -> None:
    """Fill what is NULL. `last_seen` changes only together with a value, or the platform's paging skips rows (B21)."""
    best = next((e.address for e in facts.emails if e.verification is None or e.verification.usable), None)
    number = facts.phone.number if facts.phone is not None else None
    values = (
        _as_stored(best, is_list=shape.is_list("companies", "email")),
        _as_stored(number, is_list=shape.is_list("companies", "phone_number")),
        facts.linkedin_url,
    )
    # coalesce instead of a plain `$2 IS NOT NULL`, because it gives the parameter the column's type, text or text[]
    if not shape.has("companies", "sg_phone", "sg_postcode"):
        await connection.execute(
            """
            UPDATE public.companies SET
                email = coalesce(email, $2), phone_number = coalesce(phone_number, $3),
                linkedin_url = coalesce(linkedin_url, $4), last_seen = acra_express.clock()
            WHERE company_id = $1 AND (
                (email IS NULL AND coalesce($2, email) IS NOT NULL)
                OR (phone_number IS NULL AND coalesce($3, phone_number) IS NOT NULL)
                OR (linkedin_url IS NULL AND $4::text IS NOT NULL))
            """,
            company.company_id,
            *values,
        )
        return
    await connection.execute(
        """
        UPDATE public.companies SET
            email = coalesce(email, $2), phone_number = coalesce(phone_number, $3),
            linkedin_url = coalesce(linkedin_url, $4), sg_phone = coalesce(sg_phone, $5),
            sg_postcode = coalesce(sg_postcode, $6), last_seen = acra_express.clock()
        WHERE company_id = $1 AND (
            (email IS NULL AND coalesce($2, email) IS NOT NULL)
            OR (phone_number IS NULL AND coalesce($3, phone_number) IS NOT NULL)
            OR (linkedin_url IS NULL AND $4::text IS NOT NULL)
            OR (sg_phone IS NULL AND $5::text IS NOT NULL) OR (sg_postcode IS NULL AND $6::text IS NOT NULL))
        """,
        company.company_id,
        *values,
        number,
        facts.postal_code,
    )


def _as_stored(value: str | None, *, is_list: bool) -> Any:
    """A string or a list of one, as the column has it: the platform's code and its DDL disagree, and both exist."""
    return [value] if is_list and value is not None else value


def _claims_domain(outcome: Outcome, facts: Facts) -> bool:
    """Whether the evidence is strong enough to give the company its domain (B7).

    A site that has a path on a shared host (``sites.google.com/view/brightway``) has none: the platform and our own
    look-ups read the column without its path, so the second such company would collide with the first.
    """
    if facts.domain is None or "/" in facts.domain:
        return False
    return outcome.site is not None and outcome.site.points >= STRONG_POINTS


async def _set_domain(connection: Connection, company: Company, domain: str) -> bool:
    """Set `website_domain` if it is NULL; True when another transaction committed the same domain since our look-up.

    A wrong or duplicate domain makes the nightly's own store fail, so it is never overwritten. Then only the savepoint
    is rolled back.
    """
    try:
        async with connection.transaction():
            await give_domain(connection, company.company_id, domain)
    except asyncpg.UniqueViolationError:
        return True
    return False
