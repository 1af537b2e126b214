"""Which registry rows a staging job takes: UENs asked for first, then companies without a decision, then stale ones.

A selection is walked in UEN order through our own list of a code's live rows, in windows, from where the last batch
stopped. The first round takes companies without any decision; the second round, after the walk has started over once,
takes those whose last answer is older than `recheck_days`. Nothing here scans or sorts the registry for a job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from acra_express_async.db.companies.batch_look import BatchLook, look_at_batch
from acra_express_async.db.companies.company_domains import update_domains
from acra_express_async.db.companies.company_rows import LONGEST_CELL
from acra_express_async.db.companies.company_upserts import INSERTED_AT_ONCE, Inserted, insert_companies, upsert_company
from acra_express_async.db.registry.registry_rows import count_postal_codes
from acra_express_async.db.registry.ssic_codes import codes_of, fill_codes, lost_codes
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database, Row
from acra_express_async.errors import JobError, LockBusy
from acra_express_async.models import CompanyId
from acra_express_async.params import Campaign, StagingParams, id_of, listed_uens
from acra_express_async.registry import RegistryRow, is_live, is_sole_proprietor, may_be_live, ssic_digits

WINDOW = 200
MAX_WINDOWS = 50
"""At most 10,000 rows per batch; a longer stretch of decided companies is left to the continuation."""
FAILED_HOLDS = timedelta(days=1)
"""A failed company (a provider was unavailable) is retried sooner than one with an answer."""


@dataclass(frozen=True, slots=True)
class Picked:
    """What one batch of a selection gave.

    `rows` are registry rows to stage; `done_uens` explicit UENs that need no further batch (in `rows` or `refused`);
    `refused` says why an explicit UEN was left out; `after` and `wrapped` are where a selection goes on; `exhausted`
    that nothing is left of it; `held` how many new companies were left to a pending nightly job.
    """

    rows: tuple[RegistryRow, ...]
    done_uens: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    after: str | None = None
    wrapped: bool = False
    exhausted: bool = True
    held: int = 0


@dataclass(slots=True)
class _Walk:
    """How far the walk through a selection has come."""

    after: str
    wrapped: bool
    again: bool = False
    rows: list[RegistryRow] = field(default_factory=list)
    held: int = 0
    exhausted: bool = False


class Selection:
    """Chooses and stages registry rows.

    Args:
        database: sessions under the tenant role.
        shape: what the platform's tables look like here.
        include_sole_proprietors: people trading alone are personal data and are left out unless this is True.
        recheck_days: how long an answer counts as recent.
        hold_nights: for how many nights new companies with the codes of a pending nightly job are left to it (B5).
    """

    def __init__(
        self,
        database: Database,
        *,
        shape: PlatformShape,
        include_sole_proprietors: bool,
        recheck_days: int,
        hold_nights: int,
    ) -> None:
        self._database = database
        self._shape = shape
        self._include_sole = include_sole_proprietors
        self._recheck = timedelta(days=recheck_days)
        self._hold_nights = hold_nights

    async def look(self, campaign_id: int, limit: int, *, zone: str, cap: int | None) -> BatchLook:
        """What a batch of a campaign has to know first; see `look_at_batch`."""
        async with self._database.session() as connection:
            return await look_at_batch(
                connection, campaign_id, max(limit, 0), hold_nights=self._hold_nights, zone=zone, cap=cap
            )

    async def pick(
        self,
        params: StagingParams,
        campaign: Campaign,
        limit: int,
        look: BatchLook | None = None,
        *,
        again: bool = False,
    ) -> Picked:
        """The next batch of a campaign, at most `limit` rows (none where `limit` is zero or less).

        Args:
            look: of `look`; its listed UENs come first. Those of `params`, and no list, when None.
            again: companies that were checked lately are wanted too.

        Raises:
            JobError: a term matches no code; the sentence names it.
        """
        limit = max(limit, 0)
        done = look.listed.next if look else tuple(listed_uens(params.uens))[:limit]
        async with self._database.session() as connection:
            if look is None:
                look = await look_at_batch(connection, None, 0, uens=done, hold_nights=self._hold_nights)
            rows, refused = self._asked(done, look)
            if not (params.terms or params.ssic_codes):
                return Picked(tuple(rows), done, tuple(refused))
            walk = _Walk(after=campaign.after or "", wrapped=campaign.wrapped, again=again, rows=rows)
            if len(rows) < limit:
                codes = await codes_of(connection, params.terms, params.ssic_codes, self._shape)
                await fill_codes(connection, codes)
                await self._walk(connection, codes, walk, campaign.enqueued_at, limit, look.held)
        return Picked(
            rows=tuple(walk.rows),
            done_uens=done,
            refused=tuple(refused),
            after=walk.after,
            wrapped=walk.wrapped,
            exhausted=walk.exhausted,
            held=walk.held,
        )

    async def insert(self, rows: Sequence[RegistryRow]) -> Inserted:
        """Find or create the companies of rows that need nothing else, a few in one transaction; see
        `insert_companies`. The others are left to `upsert`.

        A lock that is not free ends it; the result says so, and keeps what was made before.
        """
        made = Inserted()
        for first in range(0, len(rows), INSERTED_AT_ONCE):
            try:
                async with self._database.transaction() as connection:
                    made |= await insert_companies(connection, rows[first : first + INSERTED_AT_ONCE], self._shape)
            except LockBusy as busy:
                return made | Inserted(gave_way=busy)
        return made

    async def upsert(self, row: RegistryRow) -> CompanyId:
        """Find or create the company in its own transaction; raises StandBack (see `upsert_company`)."""
        async with self._database.transaction() as connection:
            held = await held_codes(connection, self._hold_nights)
            return await upsert_company(connection, row, self._shape, held_codes=held)

    async def count(self, params: StagingParams) -> int:
        """How many live companies match, for the answer of `enqueue`; explicit UENs count as given.

        Raises:
            JobError: a term matches no code, or a given code nothing at all.
        """
        async with self._database.session() as connection:
            codes = await codes_of(connection, params.terms, params.ssic_codes, self._shape)
            await fill_codes(connection, codes)
            if lost := await lost_codes(connection, params.ssic_codes, self._shape):
                raise JobError("; ".join(lost))
            members = await connection.fetchval(
                """
                SELECT coalesce(sum(members - CASE WHEN $2 THEN 0 ELSE sole_proprietors END), 0)
                FROM acra_express.code_fills WHERE code = ANY ($1::text[])
                """,
                codes,
                self._include_sole,
            )
        return int(members) + len(listed_uens(params.uens))

    async def update_domains(self) -> None:
        """Runs at ticks: see `company_domains.update_domains`."""
        await update_domains(self._database)

    async def count_postal_codes(self) -> int:
        """Runs at ticks: see `registry_rows.count_postal_codes`; returns how often it counted (0 or 1)."""
        async with self._database.session() as connection:
            return int(await count_postal_codes(connection))

    def _asked(self, uens: Sequence[str], look: BatchLook) -> tuple[list[RegistryRow], list[tuple[str, str]]]:
        """The rows to stage, and why the others are left out."""
        rows: list[RegistryRow] = []
        refused: list[tuple[str, str]] = []
        for uen in uens:
            row = look.registered.get(uen)
            if row is None:
                refused.append((uen, "not in the registry"))
            elif not may_be_live(row["status"]):
                refused.append((uen, f"not live ({row['status']})"))
            elif is_sole_proprietor(row["entity_type"], row["constitution"]) and not self._include_sole:
                refused.append((uen, "a sole proprietor is personal data (INCLUDE_SOLE_PROPRIETORS)"))
            elif row["company_id"] is None and ssic_digits(row["ssic_code"]) in look.held:
                refused.append((uen, f"new, and left to the nightly job that has SSIC {row['ssic_code']} pending"))
            elif row["company_id"] is not None and id_of(row["company_id"]) is None:
                refused.append((uen, f"its row in companies has the id {row['company_id']}, which no job can name"))
            elif not _name_in(row):
                refused.append((uen, "has no name in the registry"))
            else:
                rows.append(_row_of(row))
        return rows, refused

    async def _walk(
        self,
        connection: Connection,
        codes: list[str],
        walk: _Walk,
        campaign_at: datetime,
        limit: int,
        held: frozenset[str],
    ) -> None:
        chosen = {row.uen for row in walk.rows}
        for _ in range(MAX_WINDOWS):
            window = await connection.fetch(
                _WINDOW_SQL,
                codes,
                walk.after,
                self._include_sole,
                WINDOW,
                timedelta(0) if walk.again else self._recheck,
                timedelta(0) if walk.again else min(self._recheck, FAILED_HOLDS),
                campaign_at,
            )
            for row in window:
                if len(walk.rows) >= limit:
                    return
                walk.after = row["uen"]
                if row["uen"] in chosen or not self._wanted(row, wrapped=walk.wrapped):
                    continue
                if row["company_id"] is None and ssic_digits(row["ssic_code"]) in held:
                    walk.held += not walk.wrapped
                    continue
                walk.rows.append(_row_of(row))
            if len(window) == WINDOW:
                continue
            if walk.wrapped:
                walk.exhausted = True
                return
            walk.after, walk.wrapped = "", True
            chosen = {row.uen for row in walk.rows}

    def _wanted(self, row: Row, *, wrapped: bool) -> bool:
        if row["company_id"] is not None and id_of(row["company_id"]) is None:
            return False
        if row["waits"] or not _name_in(row) or not is_live(row["status"]):
            return False
        if is_sole_proprietor(row["entity_type"], row["constitution"]) and not self._include_sole:
            return False
        return not row["fresh"] if wrapped else not row["decided"]


async def held_codes(connection: Connection, nights: int) -> frozenset[str]:
    if nights <= 0:
        return frozenset()
    return frozenset(row[0] for row in await connection.fetch("SELECT acra_express.nightly_codes($1)", nights))


def _name_in(row: Row) -> str:
    return " ".join((row["entity_name"] or "").split())[:LONGEST_CELL]


def _row_of(row: Row) -> RegistryRow:
    return RegistryRow(
        uen=row["uen"],
        name=_name_in(row),
        ssic_code=ssic_digits(row["ssic_code"]),
        ssic_description=row["ssic_description"] if row["ssic_description"] != "na" else None,
        incorporated=row["incorporated"],
    )


# $1 codes, $2 after, $3 sole proprietors too, $4 window, $5 how long an answer holds, $6 a failure, $7 campaign start.
# `ring` is the next window of the codes' lists, merged in UEN order; `waiting` are companies of live enrichment jobs,
# which no other job may take. A company that this campaign itself has decided is fresh whatever recheck_days says.
_WINDOW_SQL = """
    WITH ring AS MATERIALIZED (
        SELECT m.uen FROM unnest($1::text[]) AS wanted(code)
        CROSS JOIN LATERAL (
            SELECT c.uen FROM acra_express.code_members c
            WHERE c.code = wanted.code AND c.uen > $2 AND (NOT c.sole_proprietor OR $3)
            ORDER BY c.uen LIMIT $4) m
        ORDER BY m.uen LIMIT $4),
    waiting AS MATERIALIZED (
        SELECT DISTINCT acra_express.whole_number(id.value) AS company_id
        FROM acra_express.express_jobs j
        CROSS JOIN LATERAL jsonb_array_elements(
            CASE WHEN jsonb_typeof(j.params -> 'company_ids') = 'array' THEN j.params -> 'company_ids' ELSE '[]' END
        ) AS id(value)
        WHERE j.job_type = 'acra_express_enrich_candidates' AND j.status IN ('queued', 'running')
          AND acra_express.whole_number(id.value) IS NOT NULL)
    SELECT r.uen, s.entity_name, s.entity_status_description AS status, s.entity_type_description AS entity_type,
           s.business_constitution_description AS constitution, s.primary_ssic_code AS ssic_code,
           s.primary_ssic_description AS ssic_description, s.registration_incorporation_date AS incorporated,
           k.company_id, w.company_id IS NOT NULL AS waits,
           o.last IS NOT NULL OR h.last IS NOT NULL AS decided,
           coalesce(o.holds_until > now.at OR o.last >= $7 OR h.last > now.at - $5::interval, false) AS fresh
    FROM ring r
    CROSS JOIN (SELECT acra_express.clock() AS at) now
    LEFT JOIN public.staging_acra_companies s ON s.uen = r.uen
    LEFT JOIN public.companies k ON k.uen = r.uen
    LEFT JOIN waiting w ON w.company_id = k.company_id
    LEFT JOIN LATERAL (
        SELECT max(e.ended_at) AS last,
               max(e.ended_at + CASE e.kind WHEN 'failed' THEN $6::interval ELSE $5::interval END) AS holds_until
        FROM acra_express.outcomes e WHERE e.uen = r.uen) o ON true
    LEFT JOIN LATERAL (
        SELECT max(coalesce(u.updated_at, now.at)) AS last
        FROM public.company_enrichment_runs u WHERE u.company_id = k.company_id) h ON true
    ORDER BY r.uen
"""
