"""Loads a registry file into `staging_acra_companies`, and counts postal codes at most once a day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

from acra_express_async.db.session.pool import Connection
from acra_express_async.db.session.stored_json import stored_json
from acra_express_async.errors import SchemaError
from acra_express_async.registry import Accepted, RegistryFile, Rejected
from acra_express_async.registry.rejects import Rejects

BATCH_ROWS = 2_000
"""Rows per transaction: a few megabytes of memory here, and some hundred milliseconds of row locks in the database."""

COUNTS_AGE = timedelta(days=1)
SCAN_TIMEOUT = timedelta(seconds=120)
"""Time-out of the daily scan that counts postal codes: 2 million rows take seconds, and longer on a cold disk."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of a file's rows, each counted once: `loaded` are new UENs; `updated` changed a UEN that existed
    already (also from earlier in the file), `unchanged` brought nothing new of one; the others are `rejected`.
    `remarks` counts rows that were kept with a remark. `rejects_path` is None when there was nothing to explain.
    """

    loaded: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    remarks: int = 0
    unknown_columns: tuple[str, ...] = ()
    rejects_path: Path | None = None

    @property
    def taken(self) -> int:
        """Rows that are in the registry now; without one the registry is as old as it was."""
        return self.loaded + self.updated + self.unchanged


async def load_registry(
    connection: Connection,
    path: Path,
    *,
    rejects_path: Path,
    progress: Callable[[int], None] | None = None,
) -> LoadReport:
    """Load one file; see `load_rows`.

    Raises:
        RegistryFileError: the file is not a registry file; nothing was loaded.
    """
    source, rejects = RegistryFile(path), Rejects(rejects_path)
    try:
        report = await load_rows(connection, source, rejects=rejects, progress=progress)
        if report.taken:
            await load_ended(connection)
    finally:
        source.close()
        rejects.close()
    return replace(report, rejects_path=rejects.written)


async def load_rows(
    connection: Connection,
    source: RegistryFile,
    *,
    rejects: Rejects,
    progress: Callable[[int], None] | None = None,
) -> LoadReport:
    """Load a file as the login account, batch by batch; a later row of the same UEN wins. `load_ended` comes last.

    Every row that was rejected, kept with a remark or replaced by a later one is told to `rejects` with its line.
    Columns that the file lacks keep their values. Loading the same file again changes nothing.

    Args:
        progress: called with the number of bytes read.

    Raises:
        RegistryFileError: the file is damaged; the rows before the damage are loaded.
    """
    report = LoadReport(unknown_columns=source.header.unknown)
    await _prepare(connection)
    for batch in _batches(source):
        accepted = [row for row in batch if isinstance(row, Accepted)]
        report = _explained(report, source.name, batch, rejects)
        report = await _merge(connection, accepted, report, source.name, rejects)
        if progress is not None:
            progress(source.position)
    return report


async def require_table(connection: Connection, table: str) -> None:
    """Make sure that the platform's table exists.

    Raises:
        SchemaError: it does not.
    """
    if not await connection.fetchval("SELECT to_regclass('public.' || $1::text) IS NOT NULL", table):
        raise SchemaError(
            f"the platform's table {table} is missing in this database; run `acra-express migrate` on the platform's "
            "database, or with --bootstrap-platform on an empty one"
        )


def _batches(rows: Iterable[Accepted | Rejected]) -> Iterator[list[Accepted | Rejected]]:
    waiting = iter(rows)
    while batch := list(islice(waiting, BATCH_ROWS)):
        yield batch


def _explained(report: LoadReport, file: str, batch: Iterable[Accepted | Rejected], rejects: Rejects) -> LoadReport:
    rejected = remarks = 0
    for row in batch:
        if isinstance(row, Rejected):
            rejected += 1
            rejects.say(file, row.line, row.uen, "rejected", row.reason)
        elif row.remarks:
            remarks += 1
            rejects.say(file, row.line, row.uen, "remark", "; ".join(row.remarks))
    return replace(report, rejected=report.rejected + rejected, remarks=report.remarks + remarks)


async def _prepare(connection: Connection) -> None:
    await connection.execute(
        """
        DROP TABLE IF EXISTS pg_temp.incoming, pg_temp.seen;
        CREATE TEMP TABLE incoming (line int, uen text, fields jsonb) ON COMMIT DELETE ROWS;
        CREATE TEMP TABLE seen (uen text PRIMARY KEY, line int);
        """
    )


async def _merge(
    connection: Connection, rows: list[Accepted], report: LoadReport, file: str, rejects: Rejects
) -> LoadReport:
    if not rows:
        return report
    async with connection.transaction():
        await connection.execute(
            """
            INSERT INTO pg_temp.incoming (line, uen, fields)
            SELECT r.line, r.uen, r.fields::jsonb FROM unnest($1::int[], $2::text[], $3::text[]) r(line, uen, fields)
            """,
            [row.line for row in rows],
            [row.uen for row in rows],
            [stored_json(row.fields) for row in rows],
        )
        replaced = await connection.fetch(
            """
            SELECT uen, line, lead(line) OVER (PARTITION BY uen ORDER BY line) AS later
            FROM (SELECT i.uen, i.line FROM pg_temp.incoming i
                  UNION ALL
                  SELECT s.uen, s.line FROM pg_temp.seen s WHERE s.uen IN (SELECT i.uen FROM pg_temp.incoming i)) r
            ORDER BY line
            """
        )
        written = await connection.fetch(_UPSERT)
        await connection.execute(
            """
            INSERT INTO pg_temp.seen SELECT uen, max(line) FROM pg_temp.incoming GROUP BY uen
            ON CONFLICT (uen) DO UPDATE SET line = excluded.line
            """
        )
    for row in replaced:
        if row["later"] is not None:
            reason = f"line {row['later']} has the same UEN and replaces this one"
            rejects.say(file, row["line"], row["uen"], "replaced", reason)
    made = sum(1 for row in written if row["made"])
    unchanged = len({row.uen for row in rows}) - len(written)
    return replace(
        report,
        loaded=report.loaded + made,
        updated=report.updated + len(rows) - made - unchanged,
        unchanged=report.unchanged + unchanged,
    )


async def load_ended(connection: Connection) -> None:
    """Make the next selection and the next count read the registry again (if our schema exists already)."""
    if await connection.fetchval("SELECT to_regclass('acra_express.registry_state') IS NOT NULL"):
        await connection.execute("UPDATE acra_express.registry_state SET loaded_at = acra_express.clock()")
        await count_postal_codes(connection, at_most_every=timedelta(0))


async def count_postal_codes(connection: Connection, *, at_most_every: timedelta = COUNTS_AGE) -> bool:
    """Count how many registry rows share each postal code; False when the counts are recent enough.

    This scans the registry once; call it at ticks, never for a job.
    """
    async with connection.transaction():
        due = await connection.fetchval(
            """
            SELECT true FROM acra_express.registry_state
            WHERE coalesce(postals_counted_at <= acra_express.clock() - $1::interval, true)
               OR postals_counted_at < loaded_at
            FOR UPDATE SKIP LOCKED
            """,
            at_most_every,
        )
        if not due:
            return False
        seconds = SCAN_TIMEOUT.total_seconds()
        await connection.execute("SELECT set_config('statement_timeout', $1, true)", f"{seconds:.0f}s")
        await connection.execute(
            r"""
            WITH counted AS (
                SELECT lpad(btrim(s.postal_code), 6, '0') AS postal_code, count(*)::int AS companies
                FROM public.staging_acra_companies s WHERE s.postal_code ~ '^\s*\d{5,6}\s*$'
                GROUP BY 1 HAVING count(*) > 1),
            gone AS (
                DELETE FROM acra_express.postal_counts p
                WHERE NOT EXISTS (SELECT FROM counted c WHERE c.postal_code = p.postal_code))
            INSERT INTO acra_express.postal_counts AS p (postal_code, companies)
            SELECT postal_code, companies FROM counted
            ON CONFLICT (postal_code) DO UPDATE SET companies = excluded.companies
            WHERE p.companies <> excluded.companies
            """,
            timeout=seconds,
        )
        await connection.execute("UPDATE acra_express.registry_state SET postals_counted_at = acra_express.clock()")
    return True


# The existing row is overlaid with the columns that the file has, so a file with fewer columns removes nothing. A row
# without a change is not written: a month's file repeats 99% of the previous one.
_UPSERT = """
    INSERT INTO public.staging_acra_companies AS s
    SELECT merged.*
    FROM (SELECT DISTINCT ON (uen) uen, fields FROM pg_temp.incoming ORDER BY uen, line DESC) newest
    LEFT JOIN public.staging_acra_companies old ON old.uen = newest.uen
    CROSS JOIN LATERAL jsonb_populate_record(old, newest.fields) merged
    ON CONFLICT (uen) DO UPDATE SET
        issuance_agency_id = excluded.issuance_agency_id,
        entity_name = excluded.entity_name,
        entity_type_description = excluded.entity_type_description,
        business_constitution_description = excluded.business_constitution_description,
        company_type_description = excluded.company_type_description,
        paf_constitution_description = excluded.paf_constitution_description,
        entity_status_description = excluded.entity_status_description,
        registration_incorporation_date = excluded.registration_incorporation_date,
        uen_issue_date = excluded.uen_issue_date,
        address_type = excluded.address_type,
        block = excluded.block,
        street_name = excluded.street_name,
        level_no = excluded.level_no,
        unit_no = excluded.unit_no,
        building_name = excluded.building_name,
        postal_code = excluded.postal_code,
        other_address_line1 = excluded.other_address_line1,
        other_address_line2 = excluded.other_address_line2,
        account_due_date = excluded.account_due_date,
        annual_return_date = excluded.annual_return_date,
        primary_ssic_code = excluded.primary_ssic_code,
        primary_ssic_description = excluded.primary_ssic_description,
        primary_user_described_activity = excluded.primary_user_described_activity,
        secondary_ssic_code = excluded.secondary_ssic_code,
        secondary_ssic_description = excluded.secondary_ssic_description,
        secondary_user_described_activity = excluded.secondary_user_described_activity,
        no_of_officers = excluded.no_of_officers,
        former_entity_name1 = excluded.former_entity_name1, former_entity_name2 = excluded.former_entity_name2,
        former_entity_name3 = excluded.former_entity_name3, former_entity_name4 = excluded.former_entity_name4,
        former_entity_name5 = excluded.former_entity_name5, former_entity_name6 = excluded.former_entity_name6,
        former_entity_name7 = excluded.former_entity_name7, former_entity_name8 = excluded.former_entity_name8,
        former_entity_name9 = excluded.former_entity_name9, former_entity_name10 = excluded.former_entity_name10,
        former_entity_name11 = excluded.former_entity_name11, former_entity_name12 = excluded.former_entity_name12,
        former_entity_name13 = excluded.former_entity_name13, former_entity_name14 = excluded.former_entity_name14,
        former_entity_name15 = excluded.former_entity_name15,
        uen_of_audit_firm1 = excluded.uen_of_audit_firm1, name_of_audit_firm1 = excluded.name_of_audit_firm1,
        uen_of_audit_firm2 = excluded.uen_of_audit_firm2, name_of_audit_firm2 = excluded.name_of_audit_firm2,
        uen_of_audit_firm3 = excluded.uen_of_audit_firm3, name_of_audit_firm3 = excluded.name_of_audit_firm3,
        uen_of_audit_firm4 = excluded.uen_of_audit_firm4, name_of_audit_firm4 = excluded.name_of_audit_firm4,
        uen_of_audit_firm5 = excluded.uen_of_audit_firm5, name_of_audit_firm5 = excluded.name_of_audit_firm5
    WHERE s.* IS DISTINCT FROM excluded.*
    RETURNING (s.xmax = 0) AS made
"""
