"""Why a company that is requested by UEN will not be looked at, found out before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from acra_express_async.db.companies.company_rows import LONGEST_CELL
from acra_express_async.db.companies.selection import held_codes
from acra_express_async.db.session.pool import Database, Row
from acra_express_async.registry import is_sole_proprietor, may_be_live, ssic_digits

CHUNK = 2000
"""UENs per statement: about 20 ms, and constant memory for a list of any length."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One UEN that will not be looked at.

    Attributes:
        reason: unknown, no_name, not_live, sole_proprietor, opted_out, recently_checked, in_campaign, nightly_pending
            (new, and a pending job of the nightly has its SSIC code) or namesake (new, and a row of companies without a
            UEN has its name).
        status: the registry's status word, of `not_live`.
        looked_at: when it was last looked at, of `recently_checked`.
        campaign_id: the campaign in which it waits, of `in_campaign`.
        namesake: the ID of that row, of `namesake`.
    """

    uen: str
    reason: str
    status: str | None = None
    looked_at: datetime | None = None
    campaign_id: int | None = None
    namesake: int | None = None


class LeftOutRows:
    """Finds such UENs, under the tenant role.

    Args:
        recheck: how long an answer is valid; zero includes companies that were looked at recently.
        hold_nights: for how many nights new companies with the codes of a pending nightly job are left to it.
    """

    def __init__(
        self, database: Database, *, include_sole_proprietors: bool, recheck: timedelta, hold_nights: int
    ) -> None:
        self._database = database
        self._hold_nights = hold_nights
        self._include_sole = include_sole_proprietors
        self._recheck = recheck

    async def of(self, uens: Sequence[str]) -> list[LeftOut]:
        """Those of `uens` that will not be looked at, in the same order."""
        found = []
        async with self._database.session() as connection:
            held = await held_codes(connection, self._hold_nights)
        for first in range(0, len(uens), CHUNK):
            asked = list(uens[first : first + CHUNK])
            async with self._database.session() as connection:
                rows = {row["uen"]: row for row in await connection.fetch(_FACTS, asked, self._recheck, LONGEST_CELL)}
            found += [out for uen in asked if (out := self._judged(uen, rows[uen], held)) is not None]
        return found

    def _judged(self, uen: str, row: Row, held: frozenset[str]) -> LeftOut | None:
        if not row["registered"]:
            return LeftOut(uen, "unknown")
        if not may_be_live(row["status"]):
            return LeftOut(uen, "not_live", status=row["status"])
        if is_sole_proprietor(row["entity_type"], row["constitution"]) and not self._include_sole:
            return LeftOut(uen, "sole_proprietor")
        if not row["named"]:
            return LeftOut(uen, "no_name")
        if row["opted_out"]:
            return LeftOut(uen, "opted_out")
        if row["looked_at"] is not None:
            return LeftOut(uen, "recently_checked", looked_at=row["looked_at"])
        if row["campaign_id"] is not None:
            return LeftOut(uen, "in_campaign", campaign_id=row["campaign_id"])
        return _not_inserted(uen, row, held) if row["is_new"] else None


def _not_inserted(uen: str, row: Row, held: frozenset[str]) -> LeftOut | None:
    """Why a company that is not in companies yet will not be inserted."""
    if ssic_digits(row["ssic_code"]) in held:
        return LeftOut(uen, "nightly_pending")
    if row["namesake"] is not None:
        return LeftOut(uen, "namesake", namesake=row["namesake"])
    return None


# $1 UENs, $2 how long an answer is valid, $3 the longest name that we store. A company waits in another campaign if its
# list still holds it or a live job names it. Lists and outcomes are read once each: a table that has just grown from
# nothing has no statistics yet, and a look-up for each UEN might then read all of it 2,000 times.
_FACTS = r"""
    WITH waiting AS MATERIALIZED (
        SELECT acra_express.whole_number(e.value) AS company_id,
               min(coalesce(acra_express.whole_number(j.params -> 'campaign_id'), j.job_id)) AS campaign_id
        FROM acra_express.express_jobs j
        CROSS JOIN LATERAL jsonb_array_elements(
            CASE WHEN pg_column_size(j.params) <= 1048576 AND jsonb_typeof(j.params -> 'company_ids') = 'array'
                 THEN j.params -> 'company_ids' ELSE '[]' END) AS e(value)
        WHERE j.status IN ('queued', 'running') AND j.job_type = 'acra_express_enrich_candidates'
        GROUP BY 1),
    listed AS MATERIALIZED (
        SELECT u.uen, min(u.campaign_id) AS campaign_id FROM acra_express.campaign_uens u
        WHERE u.uen = ANY ($1::text[]) AND u.staging_job_id IS NULL AND u.kind IS NULL GROUP BY u.uen),
    answered AS MATERIALIZED (
        SELECT e.uen, max(e.ended_at) AS at FROM acra_express.outcomes e
        WHERE e.uen = ANY ($1::text[]) AND e.kind IN ('enriched', 'no_website') GROUP BY e.uen)
    SELECT DISTINCT ON (asked.uen)
           asked.uen, s.uen IS NOT NULL AS registered, coalesce(btrim(s.entity_name), '') <> '' AS named,
           s.entity_status_description AS status, s.entity_type_description AS entity_type,
           s.business_constitution_description AS constitution, s.primary_ssic_code AS ssic_code,
           c.company_id IS NULL AS is_new, n.company_id AS namesake,
           EXISTS (SELECT FROM acra_express.opt_outs x WHERE x.kind = 'company' AND x.value = asked.uen) AS opted_out,
           greatest(CASE WHEN o.at > held.since THEN o.at END, h.at) AS looked_at,
           coalesce(l.campaign_id, w.campaign_id) AS campaign_id
    FROM unnest($1::text[]) AS asked(uen)
    CROSS JOIN (SELECT acra_express.clock() - $2::interval AS since) held
    LEFT JOIN public.staging_acra_companies s ON s.uen = asked.uen
    LEFT JOIN public.companies c ON c.uen = asked.uen
    LEFT JOIN waiting w ON w.company_id = c.company_id
    LEFT JOIN listed l ON l.uen = asked.uen
    LEFT JOIN answered o ON o.uen = asked.uen
    LEFT JOIN LATERAL (
        SELECT max(u.updated_at) AS at FROM public.company_enrichment_runs u
        WHERE u.company_id = c.company_id AND u.updated_at > held.since) h ON true
    LEFT JOIN public.companies n
      ON c.company_id IS NULL AND coalesce(btrim(n.uen), '') = ''
     AND lower(n.name) = lower(left(btrim(regexp_replace(s.entity_name, '\s+', ' ', 'g')), $3))
    ORDER BY asked.uen, n.company_id
"""
