"""How long ago the live companies of SSIC codes were looked at.

They are counted in windows. The latest count of the standing selection is stored, so that every replica shows it.

A company was looked at when we answered (a website, or none) or when the platform's history has a row about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from acra_express_async.db.registry.ssic_codes import codes_of, fill_codes
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.registry.eligibility import LIVE, PERSONAL_TYPE, SILENT, SOLE

WINDOW = 500
"""Companies per statement, looked up by index one by one: about 10 ms."""


@dataclass(frozen=True, slots=True)
class FreshnessCounts:
    """Live companies by the age of the latest look: within 7 days, within 30 (but not 7), older, never."""

    days_7: int = 0
    days_30: int = 0
    older: int = 0
    never: int = 0

    @property
    def live(self) -> int:
        """All of them."""
        return self.days_7 + self.days_30 + self.older + self.never

    def __add__(self, other: FreshnessCounts) -> FreshnessCounts:
        return FreshnessCounts(
            self.days_7 + other.days_7, self.days_30 + other.days_30, self.older + other.older, self.never + other.never
        )


@dataclass(frozen=True, slots=True)
class CountedWindow:
    """The counts of one window, and the UEN after which the next one begins; None after the last."""

    counts: FreshnessCounts
    after: str | None


class FreshnessRows:
    """Counts under the tenant role; every method raises NotNow.

    Args:
        include_sole_proprietors: whether people trading alone belong to a selection.
    """

    def __init__(self, database: Database, *, shape: PlatformShape, include_sole_proprietors: bool) -> None:
        self._database = database
        self._shape = shape
        self._include_sole = include_sole_proprietors

    async def codes(self, terms: Sequence[str], ssic_codes: Sequence[str]) -> list[str]:
        """The codes of a selection, with their live companies listed; see `codes_of` and `fill_codes`.

        Raises:
            JobError: a term or code is unknown.
        """
        async with self._database.session() as connection:
            codes = await codes_of(connection, terms, ssic_codes, self._shape)
            await fill_codes(connection, codes)
        return codes

    async def codes_asked_for(self) -> list[str]:
        """Every code that a job, a forecast or a count has asked for so far, and that a company has."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT f.code FROM acra_express.code_fills f
                WHERE EXISTS (SELECT FROM acra_express.code_members m WHERE m.code = f.code) ORDER BY f.code
                """
            )
        return [row["code"] for row in rows]

    async def window(self, code: str, after: str) -> CountedWindow:
        """Count the next companies of a code, in the order of their UENs."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT m.uen FROM acra_express.code_members m
                WHERE m.code = $1 AND m.uen > $2 AND (NOT m.sole_proprietor OR $3) ORDER BY m.uen LIMIT $4
                """,
                code,
                after,
                self._include_sole,
                WINDOW,
            )
            uens = [row["uen"] for row in rows]
            return CountedWindow(await _by_age(connection, uens), uens[-1] if len(uens) == WINDOW else None)

    async def named(self, uens: Sequence[str], codes: Sequence[str]) -> FreshnessCounts:
        """Count those of at most `WINDOW` UENs that the registry lists as live and that belong to none of `codes`."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                _NAMED, list(uens), list(codes), LIVE, SILENT, SOLE, PERSONAL_TYPE, self._include_sole
            )
            return await _by_age(connection, [row["uen"] for row in rows])

    async def pace(self) -> tuple[datetime, timedelta]:
        """The present moment, and for how long answers have been coming in."""
        async with self._database.session() as connection:
            row = await connection.fetchrow(
                """
                SELECT now.at, now.at - coalesce((SELECT min(o.ended_at) FROM acra_express.outcomes o), now.at) AS span
                FROM (SELECT acra_express.clock() AS at) now
                """
            )
        assert row is not None
        return row["at"], row["span"]

    async def keep(self, counts: FreshnessCounts | None) -> None:
        """Store the latest count of the standing selection; None when there is no such selection."""
        async with self._database.session() as connection:
            if counts is None:
                await connection.execute("DELETE FROM acra_express.freshness")
                return
            await connection.execute(
                """
                INSERT INTO acra_express.freshness AS f (counted_at, days_7, days_30, older, never)
                VALUES (acra_express.clock(), $1, $2, $3, $4)
                ON CONFLICT (only_row) DO UPDATE SET
                    counted_at = excluded.counted_at, days_7 = excluded.days_7, days_30 = excluded.days_30,
                    older = excluded.older, never = excluded.never
                """,
                counts.days_7,
                counts.days_30,
                counts.older,
                counts.never,
            )


async def latest_freshness(connection: Connection) -> FreshnessCounts | None:
    """The latest count of the standing selection; None before the first, or without such a selection."""
    row = await connection.fetchrow("SELECT days_7, days_30, older, never FROM acra_express.freshness")
    return None if row is None else FreshnessCounts(**row)


async def _by_age(connection: Connection, uens: Sequence[str]) -> FreshnessCounts:
    row = await connection.fetchrow(_BY_AGE, list(uens))
    assert row is not None
    return FreshnessCounts(**row)


# $1 UENs; $2 codes; $3 to $6 are the patterns of registry/eligibility.py, which says what they mean; $7 people alone
# too. A company that is named may have no status in the registry.
_NAMED = """
    SELECT s.uen FROM public.staging_acra_companies s
    WHERE s.uen = ANY ($1::text[])
      AND (s.entity_status_description ~* $3 OR coalesce(s.entity_status_description, '') ~* $4)
      AND ($7 OR NOT CASE WHEN coalesce(s.business_constitution_description, '') ~* $4
                          THEN coalesce(s.entity_type_description, '') ~* $6
                          ELSE s.business_constitution_description ~* $5 END)
      AND NOT EXISTS (SELECT FROM acra_express.code_members m WHERE m.code = ANY ($2::text[]) AND m.uen = s.uen)
"""

_BY_AGE = """
    WITH looked AS (
        SELECT now.at - greatest(ours.at, theirs.at) AS age
        FROM unnest($1::text[]) AS m(uen) CROSS JOIN (SELECT acra_express.clock() AS at) now
        LEFT JOIN LATERAL (
            SELECT o.ended_at AS at FROM acra_express.outcomes o
            WHERE o.uen = m.uen AND o.kind IN ('enriched', 'no_website') ORDER BY o.ended_at DESC LIMIT 1) ours ON true
        LEFT JOIN LATERAL (
            SELECT c.company_id FROM public.companies c WHERE c.uen = m.uen LIMIT 1) k ON true
        LEFT JOIN LATERAL (
            SELECT max(coalesce(h.updated_at, now.at)) AS at
            FROM public.company_enrichment_runs h WHERE h.company_id = k.company_id) theirs ON true)
    SELECT count(*) FILTER (WHERE l.age <= interval '7 days')::int AS days_7,
           count(*) FILTER (WHERE l.age > interval '7 days' AND l.age <= interval '30 days')::int AS days_30,
           count(*) FILTER (WHERE l.age > interval '30 days')::int AS older,
           count(*) FILTER (WHERE l.age IS NULL)::int AS never
    FROM looked l
"""
