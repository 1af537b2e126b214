"""Reads records for an export in pages, ordered by UEN.

Each page is one short transaction, because a long one would delay our inserts into `companies`, the nightly's ALTER
TABLE and VACUUM. So an export is not one snapshot. Each page continues on the index `outcomes_uen` where the last one
stopped, and looks up everything else by primary key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from acra_express_async.db.companies.address_hash import AddressHash, load_address_hash
from acra_express_async.db.companies.stored_outcome import SERVICE
from acra_express_async.db.records.opted_out import emails_in, opted_out_among
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database, Row

PAGE = 100
"""UENs per page. With half of them enriched and details of 5 kB a page took 15 ms on a busy machine (two cores, load
9), far below the 50 ms that others may be held up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which companies an export takes; None means "any".

    Attributes:
        campaign_id: companies that this campaign looked at.
        since: decided at or after this moment.
        ssic_codes: registry codes as digits without leading zeros.
        outcome, reason: of the last decision; a reason's code covers those with a detail after a colon.
    """

    campaign_id: int | None = None
    since: datetime | None = None
    ssic_codes: tuple[str, ...] | None = None
    outcome: str | None = None
    reason: str | None = None


class Missing(StrEnum):
    """Why a company that was asked for has no record."""

    OPTED_OUT = "it has opted out"
    OTHERWISE = "its last decision is not in the selection"
    UNDECIDED = "it was never looked at"
    UNKNOWN = "the registry does not know it"


_SELECT_OPTED_OUT = tuple((kind, why) for kind in (None, "no_website") for why in (None, "site_opted_out"))
"""Filters that take a company whose site has opted out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """One company as stored: its last decision, its registry row, the campaign behind the decision.

    `detail` is the decision's, without what people rejected and what has opted out; `about` is our text about an
    enriched company.
    """

    uen: str
    job_id: int
    kind: str
    reason: str
    ended_at: datetime
    campaign_id: int | None
    campaign_name: str | None
    name: str | None
    entity_status: str | None
    ssic_code: int | None
    ssic_description: str | None
    block: str | None
    street_name: str | None
    level_no: str | None
    unit_no: str | None
    building_name: str | None
    other_address_line1: str | None
    other_address_line2: str | None
    postal_code: str | None
    detail: Mapping[str, Any]
    level: str | None
    judged_by: str | None
    judged_at: datetime | None
    about: str | None


class RecordPages:
    """Reads records under the tenant role.

    Args:
        shape: the platform's tables in this deployment; the text about a company may be missing.
    """

    def __init__(self, database: Database, shape: PlatformShape) -> None:
        self._database = database
        self._shape = shape
        self._hashes: AddressHash | None = None

    async def pages(self, wanted: Wanted, uens: Sequence[str] | None = None) -> AsyncIterator[list[RecordRow]]:
        """Decided companies that are wanted, ordered by UEN, page by page; a page may be empty.

        Args:
            uens: only these, sorted and each once; None for all.
        """
        after, taken = "", 0
        while True:
            async with self._database.transaction() as connection:
                if uens is None:
                    asked = await _next(connection, wanted, after)
                else:
                    asked = list(uens[taken : taken + PAGE])
                found = await self._read(connection, wanted, asked)
            yield found
            if len(asked) < PAGE:
                return
            after, taken = asked[-1], taken + PAGE

    async def among(self, wanted: Wanted, uens: Sequence[str]) -> list[RecordRow]:
        """Those of at most `PAGE` UENs that are wanted, in one transaction."""
        async with self._database.transaction() as connection:
            return await self._read(connection, wanted, uens)

    async def why_missing(self, uens: Sequence[str]) -> dict[str, Missing]:
        """Why these UENs, at most `PAGE`, have no record, in one transaction."""
        if not uens:
            return {}
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT asked.uen, CASE
                    WHEN (SELECT true FROM acra_express.opt_outs x
                          WHERE x.kind = 'company' AND x.value = asked.uen LIMIT 1) THEN 'OPTED_OUT'
                    WHEN (SELECT true FROM acra_express.outcomes o WHERE o.uen = asked.uen LIMIT 1) THEN 'OTHERWISE'
                    WHEN (SELECT true FROM public.staging_acra_companies s
                          WHERE s.uen = asked.uen LIMIT 1) THEN 'UNDECIDED'
                    ELSE 'UNKNOWN' END AS why
                FROM unnest($1::text[]) AS asked(uen)
                """,
                list(uens),
            )
        return {row["uen"]: Missing[row["why"]] for row in rows}

    async def _read(self, connection: Connection, wanted: Wanted, uens: Sequence[str]) -> list[RecordRow]:
        rows = await connection.fetch(_ROWS, uens, *_filters(wanted))
        self._hashes = hashes = self._hashes or await load_address_hash(connection)
        details = [_as_judged(row, hashes) for row in rows]
        gone = await opted_out_among(connection, self._hashes, details)
        answered = [row for row in rows if row["kind"] == "enriched" and not row["overruled"]]
        about = await self._about(connection, answered)
        names = await _names(connection, [row["company_id"] for row in rows if not row["name"]])
        found = []
        for row, detail in zip(rows, details, strict=True):
            kept = gone.without(detail)
            record = _record_of(
                row,
                name=row["name"] or names.get(row["company_id"]),
                detail=kept,
                about=about.get(row["company_id"]) if kept else None,
            )
            if detail and not kept:  # `forget` is about to remove it, too
                record = replace(record, kind="no_website", reason="site_opted_out", level=None)
                if (wanted.outcome, wanted.reason) not in _SELECT_OPTED_OUT:
                    continue
            found.append(record)
        return found

    async def _about(self, connection: Connection, rows: Sequence[Row]) -> dict[int, str]:
        """The text about each company that our own history row of that decision holds."""
        if not rows or not self._shape.has("company_enrichment_runs", "about_text", "source_json"):
            return {}
        found = await connection.fetch(
            """
            SELECT wanted.company_id, h.about_text
            FROM unnest($1::bigint[], $2::bigint[]) AS wanted(company_id, job_id)
            CROSS JOIN LATERAL (
                SELECT r.about_text FROM public.company_enrichment_runs r
                WHERE r.company_id = wanted.company_id AND r.source_json ->> 'service' = $3
                  AND r.source_json -> 'job_id' = to_jsonb(wanted.job_id)
                LIMIT 1) h
            """,
            [row["company_id"] for row in rows],
            [row["job_id"] for row in rows],
            SERVICE,
        )
        return {row["company_id"]: row["about_text"] for row in found if row["about_text"]}


async def lies_ahead(connection: Connection, moment: datetime) -> bool:
    """Whether the moment is still to come, by the database's clock."""
    return bool(await connection.fetchval("SELECT $1::timestamptz > acra_express.clock()", moment))


async def _names(connection: Connection, company_ids: Sequence[int]) -> dict[int, str]:
    """Names of companies that the registry does not hold (any more).

    A separate statement, because the lock that any reader takes on `companies` would turn away our inserts: they ask
    for the whole table and do not wait (B1).
    """
    if not company_ids:
        return {}
    rows = await connection.fetch(
        "SELECT company_id, name FROM public.companies WHERE company_id = ANY ($1::bigint[])", company_ids
    )
    return {row["company_id"]: row["name"] for row in rows}


def _record_of(row: Row, *, name: str | None, detail: Mapping[str, Any], about: str | None) -> RecordRow:
    return RecordRow(
        uen=row["uen"],
        job_id=row["job_id"],
        kind=row["kind"],
        reason=row["reason"],
        ended_at=row["ended_at"],
        campaign_id=row["campaign_id"],
        campaign_name=row["campaign_name"],
        name=name,
        entity_status=row["entity_status"],
        ssic_code=row["ssic_code"],
        ssic_description=row["ssic_description"],
        block=row["block"],
        street_name=row["street_name"],
        level_no=row["level_no"],
        unit_no=row["unit_no"],
        building_name=row["building_name"],
        other_address_line1=row["other_address_line1"],
        other_address_line2=row["other_address_line2"],
        postal_code=row["postal_code"],
        detail=detail,
        level=row["level"],
        judged_by=row["judged_by"],
        judged_at=row["judged_at"],
        about=about,
    )


def _as_judged(row: Row, hashes: AddressHash) -> dict[str, Any]:
    """The detail of a decision without what people rejected; of an overruled one, only the site that they set."""
    if row["overruled"]:
        domain = row["judged_site"]
        return {} if domain is None else {"site": {"domain": domain, "url": f"https://{domain}/"}}
    detail = row["detail"] if isinstance(row["detail"], dict) else {}
    rejected = frozenset(row["rejected_contacts"] or ())
    if not rejected:
        return detail
    phones = detail.get("phones")
    return {
        **detail,
        "emails": [
            email
            for email in emails_in(detail)
            if (email.get("address_hash") or hashes.text(str(email.get("address") or ""))) not in rejected
        ],
        "phones": [phone for phone in phones if isinstance(phone, dict) and phone.get("number") not in rejected]
        if isinstance(phones, list)
        else [],
    }


async def _next(connection: Connection, wanted: Wanted, after: str) -> list[str]:
    """The next page of UENs; limited before filtering, so that a page costs the same however few match."""
    if wanted.campaign_id is not None:
        statement = """
            SELECT DISTINCT o.uen FROM acra_express.outcomes o WHERE o.campaign_id = $3 AND o.uen > $1
            ORDER BY o.uen LIMIT $2
        """
        rows = await connection.fetch(statement, after, PAGE, wanted.campaign_id)
    else:
        rows = await connection.fetch(
            "SELECT DISTINCT o.uen FROM acra_express.outcomes o WHERE o.uen > $1 ORDER BY o.uen LIMIT $2", after, PAGE
        )
    return [row["uen"] for row in rows]


def _filters(
    wanted: Wanted,
) -> tuple[int | None, datetime | None, list[str] | None, str | None, str | None]:
    return (
        wanted.campaign_id,
        wanted.since,
        None if wanted.ssic_codes is None else list(wanted.ssic_codes),
        wanted.outcome,
        wanted.reason,
    )


# $1 UENs; $2 campaign, $3 since, $4 codes, $5 outcome, $6 reason, each null for "any". A decision is the newest answer
# about a company that no standing judgement contradicts, else the newest attempt. Where all answers are overruled, what
# the person said is the answer, unless the site that they set turned out to be dead. A website that was forgotten on
# request is none.
#
# LIMIT 1 keeps each look-up one by index: the planner would otherwise read whole tables of some 100,000 rows, which it
# thinks a little cheaper than 100 look-ups, and then no page is short.
_ROWS = r"""
    WITH latest AS MATERIALIZED (
        SELECT DISTINCT ON (o.uen) o.uen, o.job_id, o.company_id, o.ended_at, o.campaign_id, j.overruled,
               CASE WHEN o.kind = 'enriched' AND o.detail IS NULL THEN 'no_website' ELSE o.kind END AS kind,
               CASE WHEN o.kind = 'enriched' AND o.detail IS NULL THEN coalesce(nullif(o.reason, ''), 'forgotten')
                    ELSE o.reason END AS reason
        FROM acra_express.outcomes o
        CROSS JOIN LATERAL (
            SELECT CASE WHEN EXISTS (
                            SELECT FROM acra_express.judgements s
                            WHERE s.uen = o.uen AND s.field = 'site' AND s.ended_at IS NULL)
                        THEN acra_express.is_overruled(o.uen, o.kind, o.reason, o.detail) ELSE false END AS overruled
            OFFSET 0) j
        WHERE o.uen = ANY ($1::text[])
        ORDER BY o.uen,
                 CASE WHEN j.overruled THEN 2
                      WHEN o.kind IN ('enriched', 'no_website') THEN 0
                      WHEN o.reason = 'judged_site_unreadable' THEN 1 ELSE 3 END,
                 o.ended_at DESC, o.job_id DESC)
    SELECT l.uen, l.job_id, l.company_id, shown.kind, shown.reason, l.ended_at, l.campaign_id, g.name AS campaign_name,
           s.entity_name AS name, s.entity_status_description AS entity_status,
           s.primary_ssic_code AS ssic_code, s.primary_ssic_description AS ssic_description, s.block, s.street_name,
           s.level_no, s.unit_no, s.building_name, s.other_address_line1, s.other_address_line2, s.postal_code,
           d.detail, CASE WHEN said.judged_site IS NULL THEN d.level ELSE 'certain' END AS level, l.overruled,
           said.judged_site, said.rejected_contacts, said.judged_by, said.judged_at
    FROM latest l
    CROSS JOIN LATERAL (
        SELECT max(j.value) FILTER (WHERE j.field = 'site' AND j.judgement IN ('accept', 'set')) AS judged_site,
               array_agg(coalesce(encode(j.address_hash, 'hex'), j.value))
                   FILTER (WHERE j.field <> 'site' AND j.judgement IN ('reject', 'bounced')) AS rejected_contacts,
               (array_agg(j.judged_by ORDER BY j.judged_at DESC, j.judgement_id DESC))[1] AS judged_by,
               max(j.judged_at) AS judged_at
        FROM acra_express.judgements j WHERE j.uen = l.uen AND j.ended_at IS NULL) said
    CROSS JOIN LATERAL (
        SELECT CASE WHEN l.overruled THEN CASE WHEN said.judged_site IS NULL THEN 'no_website' ELSE 'enriched' END
                    ELSE l.kind END AS kind,
               CASE WHEN l.overruled THEN 'judged' ELSE l.reason END AS reason) shown
    LEFT JOIN LATERAL (
        SELECT r.entity_name, r.entity_status_description, r.primary_ssic_code, r.primary_ssic_description, r.block,
               r.street_name, r.level_no, r.unit_no, r.building_name, r.other_address_line1, r.other_address_line2,
               r.postal_code
        FROM public.staging_acra_companies r WHERE r.uen = l.uen LIMIT 1) s ON true
    LEFT JOIN LATERAL (
        SELECT n.name FROM acra_express.campaigns n WHERE n.campaign_id = l.campaign_id LIMIT 1) g ON true
    LEFT JOIN LATERAL (
        SELECT CASE jsonb_typeof(o.detail) WHEN 'object'
                    THEN o.detail - '{rejected,readings,pages,queries,usage,stage_seconds,notes}'::text[] END AS detail,
               o.level
        FROM acra_express.outcomes o WHERE o.job_id = l.job_id AND o.company_id = l.company_id LIMIT 1) d ON true
    WHERE ($3::timestamptz IS NULL OR l.ended_at >= $3)
      AND ($4::text[] IS NULL OR ltrim(regexp_replace(s.primary_ssic_code::text, '\D', '', 'g'), '0') = ANY ($4))
      AND ($5::text IS NULL OR shown.kind = $5)
      AND ($6::text IS NULL OR $6 IN (shown.reason, split_part(shown.reason, ':', 1)))
      AND ($2::bigint IS NULL OR (
           SELECT true FROM acra_express.outcomes m WHERE m.campaign_id = $2 AND m.uen = l.uen LIMIT 1))
      AND NOT EXISTS (SELECT FROM acra_express.opt_outs x WHERE x.kind = 'company' AND x.value = l.uen)
    ORDER BY l.uen
"""
