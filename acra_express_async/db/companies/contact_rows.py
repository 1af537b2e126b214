"""Writes addresses into `contacts`, `lead_emails` and the platform's cache of verifications, never over others' rows.

Only addresses that may be stored in clear text get here (see stored_outcome.py). Every statement checks before it
inserts and says ON CONFLICT DO NOTHING without a target, so it works with and without the platform's unique indexes.
"""

from __future__ import annotations

from collections.abc import Sequence

from acra_express_async.db.companies.stored_outcome import Facts
from acra_express_async.db.companies.verification_rows import DEFINITIVE
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection
from acra_express_async.db.session.stored_json import stored_json
from acra_express_async.models import CompanyId, Email

SOURCE = "acra_express"
"""Our mark in `contact_source` and `source`; `forget` removes only rows that carry it."""


async def write_contacts(
    connection: Connection, shape: PlatformShape, company_id: CompanyId, emails: Sequence[Email]
) -> None:
    """Contacts for addresses that are usable or not yet verified; rows of other sources are not changed (B19)."""
    good = [email for email in emails if email.verification is None or email.verification.usable]
    if not good or not shape.has("contacts", "company_id", "email", "email_verified", "contact_source"):
        return
    addresses = [email.address for email in good]
    verified = [None if email.verification is None else email.verification.status == "valid" for email in good]
    await connection.execute(
        """
        WITH known AS (
            UPDATE public.contacts c SET email_verified = f.verified, updated_at = acra_express.clock()
            FROM unnest($2::text[], $3::boolean[]) AS f(email, verified)
            WHERE c.company_id = $1 AND c.email = f.email AND f.verified IS NOT NULL
              AND c.email_verified IS DISTINCT FROM f.verified
              AND (c.contact_source = $4 OR c.email_verified IS NULL))
        INSERT INTO public.contacts (company_id, email, email_verified, contact_source, created_at, updated_at)
        SELECT $1, f.email, f.verified, $4, now, now
        FROM unnest($2::text[], $3::boolean[]) AS f(email, verified), (SELECT acra_express.clock() AS now) c
        WHERE NOT EXISTS (SELECT FROM public.contacts k WHERE k.company_id = $1 AND lower(k.email) = f.email)
        ON CONFLICT DO NOTHING
        """,
        company_id,
        addresses,
        verified,
        SOURCE,
    )


async def write_lead_emails(connection: Connection, shape: PlatformShape, company_id: CompanyId, facts: Facts) -> None:
    """One row per address for the whole platform: it keeps its company, and its status is only replaced by a newer
    one (B18)."""
    emails = [e for e in facts.emails if e.verification is None or e.verification.status in DEFINITIVE]
    if not emails or not shape.has("lead_emails", "verification_status", "source", "last_verified_at"):
        return
    addresses = [email.address for email in emails]
    statuses = [None if email.verification is None else email.verification.status for email in emails]
    checked = [None if email.verification is None else email.verification.checked_at for email in emails]
    columns = (addresses, statuses, checked)
    if shape.has("lead_emails", "source_json"):
        await connection.execute(_LEAD_EMAILS, company_id, *columns, SOURCE, _sources_of(addresses, facts))
    else:
        await connection.execute(_LEAD_EMAILS_WITHOUT_SOURCE, company_id, *columns, SOURCE)


def _sources_of(addresses: Sequence[str], facts: Facts) -> list[str]:
    """Where each address was found, as its row says it."""
    told = {entry["address"]: entry for entry in facts.detail["emails"] if "address" in entry}
    shared = {key: facts.detail[key] for key in ("service", "job_id", "attempt")}
    return [stored_json(shared | told[address]) for address in addresses]


async def share_verifications(connection: Connection, shape: PlatformShape, emails: Sequence[Email]) -> None:
    """Share new definitive results with the nightly, which trusts any row of the cache without a time limit (B17)."""
    fresh = [
        (email.address.lower(), email.verification)
        for email in emails
        if email.verification is not None
        and email.verification.source == "zerobounce"
        and email.verification.status in DEFINITIVE
    ]
    if not fresh or not shape.has("email_verification_cache", "email", "status", "confidence", "checked_at"):
        return
    columns = ([a for a, _ in fresh], [v.status for _, v in fresh], [v.checked_at for _, v in fresh])
    # the platform stores 0.0 as confidence, because ZeroBounce gives none
    await connection.execute(
        """
        WITH known AS (
            UPDATE public.email_verification_cache c
            SET status = f.status, checked_at = coalesce(f.checked_at, acra_express.clock())
            FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS f(email, status, checked_at)
            WHERE c.email = f.email
              AND (c.checked_at IS NULL OR c.checked_at < coalesce(f.checked_at, acra_express.clock())))
        INSERT INTO public.email_verification_cache (email, status, confidence, checked_at)
        SELECT f.email, f.status, 0.0, coalesce(f.checked_at, acra_express.clock())
        FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS f(email, status, checked_at)
        WHERE NOT EXISTS (SELECT FROM public.email_verification_cache c WHERE c.email = f.email)
        ON CONFLICT DO NOTHING
        """,
        *columns,
    )


# $1 company, $2 addresses, and of each $3 status, $4 when it was checked; $5 our mark, $6 where each was found. A row
# that is there keeps what it says about its source.
_LEAD_EMAILS = """
    WITH known AS (
        UPDATE public.lead_emails e SET
            company_id = coalesce(e.company_id, $1),
            verification_status = f.status,
            last_verified_at = coalesce(f.checked_at, acra_express.clock())
        FROM unnest($2::text[], $3::text[], $4::timestamptz[]) AS f(email, status, checked_at)
        WHERE e.email = f.email AND f.status IS NOT NULL
          AND (e.last_verified_at IS NULL OR e.last_verified_at < coalesce(f.checked_at, acra_express.clock()))
          AND (e.source = $5 OR e.verification_status IS NULL OR f.status = 'valid'
               OR (f.status = 'catch-all' AND e.verification_status <> 'valid')))
    INSERT INTO public.lead_emails (email, company_id, verification_status, source, last_verified_at, source_json)
    SELECT f.email, $1, f.status, $5,
           CASE WHEN f.status IS NOT NULL THEN coalesce(f.checked_at, acra_express.clock()) END, f.told::jsonb
    FROM unnest($2::text[], $3::text[], $4::timestamptz[], $6::text[]) AS f(email, status, checked_at, told)
    WHERE NOT EXISTS (SELECT FROM public.lead_emails e WHERE e.email = f.email)
    ON CONFLICT DO NOTHING
"""
_LEAD_EMAILS_WITHOUT_SOURCE = """
    WITH known AS (
        UPDATE public.lead_emails e SET
            company_id = coalesce(e.company_id, $1),
            verification_status = f.status,
            last_verified_at = coalesce(f.checked_at, acra_express.clock())
        FROM unnest($2::text[], $3::text[], $4::timestamptz[]) AS f(email, status, checked_at)
        WHERE e.email = f.email AND f.status IS NOT NULL
          AND (e.last_verified_at IS NULL OR e.last_verified_at < coalesce(f.checked_at, acra_express.clock()))
          AND (e.source = $5 OR e.verification_status IS NULL OR f.status = 'valid'
               OR (f.status = 'catch-all' AND e.verification_status <> 'valid')))
    INSERT INTO public.lead_emails (email, company_id, verification_status, source, last_verified_at)
    SELECT f.email, $1, f.status, $5,
           CASE WHEN f.status IS NOT NULL THEN coalesce(f.checked_at, acra_express.clock()) END
    FROM unnest($2::text[], $3::text[], $4::timestamptz[]) AS f(email, status, checked_at)
    WHERE NOT EXISTS (SELECT FROM public.lead_emails e WHERE e.email = f.email)
    ON CONFLICT DO NOTHING
"""
