"""Companies: upserted from registry rows, loaded for the pipeline, and whether they were checked recently."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from acra_express_async import logs
from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.judged import judged_in
from acra_express_async.db.companies.platform_records import SavedCompany, save
from acra_express_async.db.companies.platform_runs import book
from acra_express_async.db.schema.platform_shape import SHAPE_CHANGED, PlatformShape, costs, probe
from acra_express_async.db.session.pool import Connection, Database, Row, forget_statements
from acra_express_async.models import Company, CompanyId, Job, Outcome, Usage

log = logs.logger("companies")

WrittenT = TypeVar("WrittenT")

WORK_HOLDS = timedelta(days=3)
"""How long answers and failures of an earlier attempt at a company may be known; see answer_memory.py."""

LONGEST_CELL = 500
"""Most characters of a cell: the longest names have about 200, and a page is compared with every word of one."""


class Companies:
    """The companies of enrichment jobs: load, check for recent results, save.

    Args:
        database: sessions under the tenant role.
        shape: what the platform's tables look like here.
        hashes: for addresses that must not be stored in clear text.
        store_personal_emails: whether addresses of persons and freemail boxes may be stored in clear text.
        recheck_days: how long a result counts as recent; 0 turns the check off.
    """

    def __init__(
        self,
        database: Database,
        *,
        shape: PlatformShape,
        hashes: AddressHash,
        store_personal_emails: bool,
        recheck_days: int,
    ) -> None:
        self._database = database
        self._shape = shape
        self._hashes = hashes
        self._store_personal = store_personal_emails
        self._recheck_days = recheck_days

    async def load(
        self, connection: Connection, company_id: CompanyId, campaign_id: int | None = None
    ) -> Company | None:
        """See `load_company`."""
        recheck = timedelta(days=self._recheck_days)
        return await load_company(connection, company_id, recheck=recheck, campaign_id=campaign_id)

    async def save(self, connection: Connection, job: Job, company: Company, outcome: Outcome) -> SavedCompany:
        """Store an outcome inside the caller's fenced transaction; see `platform_records.save`.

        The platform's migrations may change its tables while we run. Then their shape is read again and the save is
        repeated once; if a required column is missing then, that is an error.
        """
        return await self._in_any_shape(connection, lambda: self._save(connection, job, company, outcome))

    async def book(self, connection: Connection, usage: Usage) -> None:
        """Record what an attempt cost that ended without an outcome; see `platform_runs.book`."""
        await self._in_any_shape(connection, lambda: book(connection, self._database.tenant_id, self._shape, usage))

    async def _in_any_shape(self, connection: Connection, write: Callable[[], Awaitable[WrittenT]]) -> WrittenT:
        try:
            async with connection.transaction():
                return await write()
        except SHAPE_CHANGED as changed:
            await forget_statements(connection)
            await self._look_again(connection, changed)
            return await write()

    async def _look_again(self, connection: Connection, changed: Exception) -> None:
        """Another worker may have noticed the change already; then only this connection's statements were outdated."""
        shape = await probe(connection)
        if shape != self._shape:
            self._shape = shape
            log.warning("platform.changed", error=str(changed), costs=costs(shape))

    async def _save(self, connection: Connection, job: Job, company: Company, outcome: Outcome) -> SavedCompany:
        return await save(
            connection,
            tenant_id=self._database.tenant_id,
            shape=self._shape,
            hashes=self._hashes,
            store_personal_emails=self._store_personal,
            job=job,
            company=company,
            outcome=outcome,
        )


async def load_company(
    connection: Connection,
    company_id: CompanyId,
    *,
    recheck: timedelta = timedelta(0),
    campaign_id: int | None = None,
) -> Company | None:
    """The company with what the registry and people say about it; None when there is no such row.

    `shared_postal` comes from counts that are refreshed at most daily (db/registry/registry_rows.py), never from a
    scan. A company counts as recently checked when anyone checked it within `recheck` (zero turns that off, as on the
    platform): every history row of the platform counts, as it does for the nightly, and so does every answer of ours,
    including "no website". Where `campaign_id` was enqueued with --again, only what was checked since then counts.
    """
    row = await connection.fetchrow(_LOAD, company_id, recheck, campaign_id, WORK_HOLDS)
    return None if row is None else _company_of(company_id, row)


def _company_of(company_id: CompanyId, row: Row) -> Company:
    code = "".join(filter(str.isdigit, row["ssic_code"] or row["industry_code"] or ""))
    return Company(
        company_id=company_id,
        uen=row["uen"] or "",
        name=_said(row["entity_name"]) or (row["name"] or "")[:LONGEST_CELL],
        former_names=tuple(name for name in map(_said, row["former_names"]) if name),
        entity_type=_said(row["entity_type_description"]),
        entity_status=_said(row["entity_status_description"]),
        ssic_code=code or None,
        ssic_description=_said(row["primary_ssic_description"]),
        activity=_said(row["primary_user_described_activity"]),
        block=_said(row["block"]),
        street_name=_said(row["street_name"]),
        building_name=_said(row["building_name"]),
        postal_code=row["postal_code"],
        shared_postal=row["shared_postal"],
        website_domain=_said(row["website_domain"]),
        judged=judged_in(row),
        opted_out=row["opted_out"],
        recently_checked=row["recently_checked"],
        worked_on=row["worked_on"],
    )


def _said(value: str | None) -> str | None:
    """The cell without the registry's marker for a missing value, which other loaders leave in; at most `LONGEST_CELL`
    characters."""
    text = (value or "").strip()[:LONGEST_CELL]
    return text if text and text != "na" else None


# $1 company, $2 how long an answer counts as recent, $3 campaign, $4 how long answers are kept.
_LOAD = r"""
    WITH wanted AS (
        SELECT c.company_id, c.uen, c.name, c.website_domain, s.entity_name, s.entity_type_description,
               s.entity_status_description, s.primary_ssic_code::text AS ssic_code, c.industry_code,
               s.primary_ssic_description, s.primary_user_described_activity, s.block, s.street_name,
               s.building_name,
               CASE WHEN s.postal_code ~ '^\s*\d{6}\s*$' THEN btrim(s.postal_code)
                    WHEN s.postal_code ~ '^\s*\d{5}\s*$' THEN '0' || btrim(s.postal_code) END AS postal_code,
               ARRAY[former_entity_name1, former_entity_name2, former_entity_name3, former_entity_name4,
                     former_entity_name5, former_entity_name6, former_entity_name7, former_entity_name8,
                     former_entity_name9, former_entity_name10, former_entity_name11, former_entity_name12,
                     former_entity_name13, former_entity_name14, former_entity_name15] AS former_names
        FROM public.companies c LEFT JOIN public.staging_acra_companies s ON s.uen = c.uen
        WHERE c.company_id = $1)
    SELECT w.uen, w.name, w.website_domain, w.entity_name, w.entity_type_description, w.entity_status_description,
           w.ssic_code, w.industry_code, w.primary_ssic_description, w.primary_user_described_activity, w.block,
           w.street_name, w.building_name, w.postal_code, w.former_names,
           judged.site, judged.no_site, judged.sites, judged.contacts,
           EXISTS (SELECT FROM acra_express.opt_outs o
                   WHERE o.kind = 'company' AND o.value = upper(btrim(w.uen))) AS opted_out,
           coalesce($2 > interval '0' AND checked.recently, false) AS recently_checked,
           EXISTS (SELECT FROM acra_express.daily_slots d
                   WHERE d.company_id = $1 AND d.taken_at > (SELECT acra_express.clock()) - $4::interval)
               OR EXISTS (SELECT FROM acra_express.failed_calls f WHERE f.company_id = $1) AS worked_on,
           CASE WHEN w.postal_code IS NULL OR r.postals_counted_at IS NULL THEN 0
                     ELSE coalesce(p.companies, 1) END AS shared_postal
    FROM wanted w CROSS JOIN acra_express.registry_state r
    LEFT JOIN acra_express.postal_counts p ON p.postal_code = w.postal_code
    CROSS JOIN LATERAL (
        SELECT max(j.value) FILTER (WHERE j.judgement IN ('accept', 'set') AND j.field = 'site') AS site,
               coalesce(bool_or(j.judgement = 'none'), false) AS no_site,
               array_agg(j.value) FILTER (WHERE j.judgement = 'reject' AND j.field = 'site') AS sites,
               array_agg(coalesce(encode(j.address_hash, 'hex'), j.value))
                   FILTER (WHERE j.judgement IN ('reject', 'bounced') AND j.field <> 'site') AS contacts
        FROM acra_express.judgements j WHERE j.uen = coalesce(w.uen, '') AND j.ended_at IS NULL) judged
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM public.company_enrichment_runs h
            WHERE h.company_id = $1 AND coalesce(h.updated_at >= again.at, true)
              AND coalesce(h.updated_at > (SELECT acra_express.clock()) - $2::interval, true)
        ) OR EXISTS (
            SELECT FROM acra_express.outcomes o
            WHERE o.company_id = $1 AND o.kind IN ('enriched', 'no_website')
              AND o.ended_at > (SELECT acra_express.clock()) - $2::interval AND coalesce(o.ended_at >= again.at, true)
        ) AS recently
        FROM (SELECT max(c.enqueued_at) AS at FROM acra_express.campaigns c
              WHERE c.campaign_id = $3 AND c.again_by IS NOT NULL) again) checked
"""
