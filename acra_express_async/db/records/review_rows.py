"""Decisions that may be worth a person's look, read from the newest backwards, each page in one short transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from acra_express_async.db.session.pool import Database

PAGE = 500
"""Decisions per page: some 20 ms."""
MOST_LOOKED_AT = 20_000
"""Newest decisions that are looked through: two months at 300 a day, about a second."""


@dataclass(frozen=True, slots=True)
class Reviewable:
    """The present decision about a company, which no person has judged, and the site of the answer before it.

    `rejected_sites` are what people rejected before the decision was taken.
    """

    uen: str
    name: str | None
    kind: str
    reason: str
    ended_at: datetime
    level: str | None
    detail: Mapping[str, Any]
    domain_before: str | None
    rejected_sites: tuple[str, ...] = ()


class ReviewRows:
    """Reads under the tenant role; every method raises NotNow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pages(
        self, ssic_codes: Sequence[str] | None, *, size: int = PAGE, most: int = MOST_LOOKED_AT
    ) -> AsyncIterator[list[Reviewable]]:
        """Decisions that need a look at first sight, the newest first; a page may be empty.

        Args:
            ssic_codes: only companies of these codes, as digits without leading zeros; None for all.
            size: decisions per page.
            most: newest decisions that are looked through.
        """
        after: tuple[datetime | None, int, int] = (None, 0, 0)
        for _ in range(most // size):
            async with self._database.transaction() as connection:
                keys = await connection.fetch(_KEYS, *after, size)
                rows = await connection.fetch(
                    _DECISIONS,
                    [key["job_id"] for key in keys],
                    [key["company_id"] for key in keys],
                    None if ssic_codes is None else list(ssic_codes),
                )
            yield [
                Reviewable(
                    uen=row["uen"],
                    name=row["name"],
                    kind=row["kind"],
                    reason=row["reason"],
                    ended_at=row["ended_at"],
                    level=row["level"],
                    detail=row["detail"] if isinstance(row["detail"], dict) else {},
                    domain_before=row["domain_before"],
                    rejected_sites=tuple(row["rejected_sites"] or ()),
                )
                for row in rows
            ]
            if len(keys) < size:
                return
            after = (keys[-1]["ended_at"], keys[-1]["job_id"], keys[-1]["company_id"])


_KEYS = """
    SELECT o.ended_at, o.job_id, o.company_id FROM acra_express.outcomes o
    WHERE $1::timestamptz IS NULL OR (o.ended_at <= $1 AND (o.ended_at, o.job_id, o.company_id) < ($1, $2, $3))
    ORDER BY o.ended_at DESC, o.job_id DESC, o.company_id DESC LIMIT $4
"""

# $1 and $2 keys, $3 codes or null. Only the present decision about a company, and only while no person has said what
# its site is, or has rejected one since the decision; a dead site that a person set is for a person again.
_DECISIONS = r"""
    SELECT o.uen, coalesce(s.entity_name, c.name) AS name, o.kind, o.reason, o.ended_at, o.level, o.detail,
           (SELECT p.detail #>> '{site,domain}' FROM acra_express.outcomes p
            WHERE p.uen = o.uen AND p.kind IN ('enriched', 'no_website') AND p.ended_at < o.ended_at
            ORDER BY p.ended_at DESC, p.job_id DESC LIMIT 1) AS domain_before,
           (SELECT array_agg(j.value) FROM acra_express.judgements j
            WHERE j.uen = o.uen AND j.field = 'site' AND j.ended_at IS NULL
              AND j.judgement = 'reject') AS rejected_sites
    FROM unnest($1::bigint[], $2::bigint[]) AS k(job_id, company_id)
    JOIN acra_express.outcomes o ON o.job_id = k.job_id AND o.company_id = k.company_id
    LEFT JOIN public.staging_acra_companies s ON s.uen = o.uen
    LEFT JOIN public.companies c ON c.company_id = o.company_id
    WHERE o.uen <> '' AND o.detail IS NOT NULL
      AND (o.kind IN ('enriched', 'no_website') OR o.reason = 'judged_site_unreadable')
      AND NOT EXISTS (
          SELECT FROM acra_express.outcomes n
          WHERE n.uen = o.uen AND (n.kind IN ('enriched', 'no_website') OR n.reason = 'judged_site_unreadable')
            AND (n.ended_at, n.job_id) > (o.ended_at, o.job_id))
      AND NOT EXISTS (SELECT FROM acra_express.opt_outs x WHERE x.kind = 'company' AND x.value = o.uen)
      AND NOT acra_express.is_overruled(o.uen, o.kind, o.reason, o.detail)
      AND (o.reason = 'judged_site_unreadable' OR NOT EXISTS (
          SELECT FROM acra_express.judgements j
          WHERE j.uen = o.uen AND j.field = 'site' AND j.ended_at IS NULL
            AND (j.judgement <> 'reject' OR j.judged_at > o.ended_at)))
      AND ($3::text[] IS NULL
           OR ltrim(regexp_replace(s.primary_ssic_code::text, '\D', '', 'g'), '0') = ANY ($3))
    ORDER BY o.ended_at DESC, o.job_id DESC
"""
