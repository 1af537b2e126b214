"""Companies of registry rows: found, inserted or updated, in transactions that are as short as the nightly needs them.

An insert locks `companies` until the commit, and an update locks a row that the nightly may want next. So an update has
a transaction for itself, and new companies share one only in small groups, in one statement without a pause.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection
from acra_express_async.errors import NotStaged, StandBack
from acra_express_async.models import CompanyId
from acra_express_async.registry import RegistryRow

RETRY_INSERT = {"table_busy": timedelta(seconds=30), "nightly_running": timedelta(minutes=5)}
"""How long a staging job is snoozed: a lock on `companies` lasts seconds, a nightly staging job lasts minutes."""

INSERTED_AT_ONCE = 10
"""Companies of one transaction that inserts: they hold the lock for some 2 ms, where each alone holds it for 1 ms."""

_LEADING_YEAR = re.compile(r"^(\d{4})")


@dataclass(frozen=True, slots=True)
class Inserted:
    """Companies by UEN, and why the insert of others gave way to the nightly, if it did."""

    companies: Mapping[str, CompanyId] = field(default_factory=dict)
    gave_way: StandBack | None = None

    def __or__(self, more: Inserted) -> Inserted:
        """Both together."""
        return Inserted({**self.companies, **more.companies}, more.gave_way or self.gave_way)


async def insert_companies(connection: Connection, rows: Sequence[RegistryRow], shape: PlatformShape) -> Inserted:
    """Find or create the companies of those rows that need nothing else, in one short transaction.

    Args:
        rows: at most `INSERTED_AT_ONCE`, because the table is locked from the first insert on. Commit at once.

    Left out, for `upsert_company`: companies that exist and would get another name or a value, and namesakes.
    """
    found = await connection.fetch(
        _INSERT_NEW,
        [row.uen for row in rows],
        [row.name for row in rows],
        await _industries(connection, rows, shape),
        [row.ssic_code for row in rows],
        [_year_of(row) for row in rows],
    )
    refused = {row["refused"] for row in found} - {None}
    return Inserted(
        {row["uen"]: CompanyId(row["company_id"]) for row in found if row["refused"] is None},
        _gave_way(max(refused)) if refused else None,
    )


async def upsert_company(
    connection: Connection,
    row: RegistryRow,
    shape: PlatformShape,
    *,
    held_codes: frozenset[str] = frozenset(),
) -> CompanyId:
    """Find or create the company of a registry row, in a short transaction for this company alone.

    An existing row keeps its values, except for its name. `held_codes` are SSIC codes for which a nightly job is
    pending: no existing company gets one of them. A new row is inserted by the owner's `insert_company`, after which
    the caller must commit at once, because the table is locked.

    Raises:
        StandBack: the nightly run goes first (`table_busy`, `nightly_running`); nothing was written.
        NotStaged: a row without a UEN has this name, and a second one must not be inserted beside it.
    """
    code = row.ssic_code if row.ssic_code not in held_codes else None
    [industry] = await _industries(connection, [row], shape)
    year = _year_of(row)
    company_id = await connection.fetchval("SELECT company_id FROM public.companies WHERE uen = $1", row.uen)
    if company_id is None:
        company_id = await _insert(connection, row, industry, year)
    else:
        await connection.execute(
            r"""
            UPDATE public.companies SET
                name = CASE WHEN lower(regexp_replace(name, '\s+', ' ', 'g')) = lower($2::text) THEN name ELSE $2 END,
                industry_code = coalesce(industry_code, $3),
                industry_norm = coalesce(industry_norm, $4),
                incorporation_year = coalesce(incorporation_year, $5),
                last_seen = acra_express.clock()
            WHERE company_id = $1 AND (
                lower(regexp_replace(name, '\s+', ' ', 'g')) IS DISTINCT FROM lower($2::text)
                OR (industry_code IS NULL AND $3::text IS NOT NULL)
                OR (industry_norm IS NULL AND $4::text IS NOT NULL)
                OR (incorporation_year IS NULL AND $5::int IS NOT NULL))
            """,
            company_id,
            row.name,
            code,
            industry,
            year,
        )
    return CompanyId(company_id)


async def _insert(connection: Connection, row: RegistryRow, industry: str | None, year: int | None) -> int:
    """Insert through the owner's function, unless a customer's own row of this name waits for its UEN.

    The nightly looks such a row up by its name and fills it, but only while no other row has the UEN: after our insert
    it would update our row and leave the customer's empty. Equal names are no proof that it is the same company, so we
    do not write the UEN into it either.
    """
    namesake = await connection.fetchval(
        """
        SELECT min(c.company_id) FROM public.companies c
        WHERE lower(c.name) = lower($1::text) AND coalesce(btrim(c.uen), '') = ''
        """,
        row.name,
    )
    if namesake is not None:
        raise NotStaged(
            f"company {namesake} has this name and no UEN; the nightly or a person must give it its UEN first"
        )
    made = await connection.fetchrow(
        "SELECT company_id, refused FROM acra_express.insert_company($1, $2, $3, $4, $5)",
        row.uen,
        row.name,
        industry,
        row.ssic_code,
        year,
    )
    assert made is not None
    if made["refused"] is not None:
        raise _gave_way(made["refused"])
    return int(made["company_id"])


def _gave_way(refused: str) -> StandBack:
    return StandBack(
        "a nightly staging job goes first on companies"
        if refused == "nightly_running"
        else "companies is locked by another session",
        reason=refused,
        retry_after=RETRY_INSERT[refused],
    )


async def _industries(connection: Connection, rows: Sequence[RegistryRow], shape: PlatformShape) -> list[str | None]:
    """For each row the title of its code in `ssic_ref`, or else the registry's own description."""
    codes = {code for row in rows if row.ssic_code for code in (row.ssic_code, row.ssic_code.zfill(5))}
    titles: dict[str, str | None] = {}
    if codes and shape.has("ssic_ref", "code", "title"):
        found = await connection.fetch(
            "SELECT code, title FROM public.ssic_ref WHERE code = ANY ($1::text[])", sorted(codes)
        )
        titles = {row["code"]: row["title"] for row in found}
    return [
        titles.get(row.ssic_code or "") or titles.get((row.ssic_code or "").zfill(5)) or row.ssic_description
        for row in rows
    ]


def _year_of(row: RegistryRow) -> int | None:
    year = _LEADING_YEAR.match(row.incorporated or "")
    return int(year[1]) if year else None


# $1 UENs, and of each $2 name, $3 industry, $4 SSIC code, $5 year. `insert_company` locks and writes, so `fresh` is
# complete before the first call.
_INSERT_NEW = r"""
    WITH asked AS (
        SELECT a.uen, a.name, a.industry, a.code, a.year, c.company_id,
               lower(regexp_replace(c.name, '\s+', ' ', 'g')) = lower(a.name)
               AND (c.industry_code IS NOT NULL OR a.code IS NULL)
               AND (c.industry_norm IS NOT NULL OR a.industry IS NULL)
               AND (c.incorporation_year IS NOT NULL OR a.year IS NULL) AS unchanged
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[])
             AS a(uen, name, industry, code, year)
        LEFT JOIN public.companies c ON c.uen = a.uen),
    fresh AS MATERIALIZED (
        SELECT a.uen, a.name, a.industry, a.code, a.year FROM asked a
        WHERE a.company_id IS NULL AND NOT EXISTS (
            SELECT FROM public.companies n
            WHERE lower(n.name) = lower(a.name) AND coalesce(btrim(n.uen), '') = ''))
    SELECT a.uen, a.company_id, NULL AS refused FROM asked a WHERE a.unchanged
    UNION ALL
    SELECT f.uen, m.company_id, m.refused
    FROM fresh f CROSS JOIN LATERAL acra_express.insert_company(f.uen, f.name, f.industry, f.code, f.year) m
"""
