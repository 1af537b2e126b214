"""The platform's tables as they really are in this database, and what each missing part costs.

Production may be any mix of the platform's dumps and its own migrations, which differ in columns, types and indexes. So
nothing optional is taken for granted: the shape is read at start, and again when a statement finds it changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import asyncpg

from acra_express_async.db.session.pool import Connection

SHAPE_CHANGED = (
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedTableError,
    asyncpg.DatatypeMismatchError,  # a column became an array, or no longer is one
    asyncpg.DataError,  # the same, seen by a statement that was prepared before
    asyncpg.InvalidCachedStatementError,
)
"""Errors which say that the platform's tables may have changed since `probe` read them."""

_SECTION = re.compile(r"^-- table: (\w+)$", re.MULTILINE)

UNCHECKED = "SQL_ASCII"
"""Bytes as they come: UTF-8 goes in and comes out, and so does whatever else other programs have written."""
_UNCHECKED_COST = f"the database's encoding is {UNCHECKED}: a text that is not UTF-8 fails the company that holds it"

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "background_jobs": tuple(
        "job_id tenant_id job_type status created_at started_at ended_at params processed total error".split()
    ),
    "staging_acra_companies": ("uen", "entity_name", "primary_ssic_code"),
    "companies": ("company_id", "uen", "name", "industry_code"),
    "company_enrichment_runs": ("company_id", "run_id"),
    "enrichment_runs": ("run_id", "tenant_id"),
    "lead_emails": ("email", "company_id"),
}
"""Without these the service refuses to start."""

_OPTIONAL = ("ssic_ref", "contacts", "email_verification_cache", "run_vendor_usage", "run_event_logs", "tenants")
_KNOWN = (*REQUIRED, *_OPTIONAL)

LATE = tuple(
    """
    companies.sg_phone companies.sg_postcode
    company_enrichment_runs.tenant_id company_enrichment_runs.public_emails company_enrichment_runs.verification_results
    lead_emails.source_json
    run_vendor_usage.errors run_vendor_usage.rate_limit_hits run_vendor_usage.quota_exhausted
    """.split()
)
"""Columns that the platform's own migrations may add after ours, and that we would write."""

_COSTS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("enrichment_runs", ("started_at", "ended_at", "status"), "headers have no times and no status"),
    (
        "company_enrichment_runs",
        ("about_text", "source_json", "updated_at", "domain", "linkedin_url"),
        "no history row is written; the evidence is only in our own outcomes",
    ),
    (
        "company_enrichment_runs",
        ("tenant_id", "public_emails", "verification_results"),
        "addresses and results of verification are only in source_json",
    ),
    ("companies", ("sg_phone", "sg_postcode"), "phone and postal code are only in phone_number and source_json"),
    ("lead_emails", ("verification_status", "source", "last_verified_at"), "no lead_emails row is written"),
    ("lead_emails", ("source_json",), "the evidence of an address is only in the history"),
    ("contacts", ("company_id", "email", "contact_source"), "no contacts are written"),
    (
        "email_verification_cache",
        ("email", "status", "confidence", "checked_at"),
        "results of verification are not shared with the nightly: an address may be verified twice",
    ),
    (
        "run_vendor_usage",
        ("run_id", "tenant_id", "vendor", "calls"),
        "our calls do not show in the platform's usage, and those of others cannot be subtracted from our share",
    ),
    (
        "run_vendor_usage",
        ("errors", "rate_limit_hits", "quota_exhausted"),
        "refusals of our providers show only in our own metrics",
    ),
    ("run_event_logs", ("run_id", "tenant_id", "stage", "event", "status"), "no event is logged on the platform"),
    ("ssic_ref", ("code", "title"), "terms cannot be resolved to codes; only --ssic and --uen work"),
    ("ssic_ref", ("fts",), "terms are resolved without the full-text column, a little slower"),
)


@dataclass(frozen=True, slots=True)
class PlatformShape:
    """What exists: `columns` maps table to column to type name (as in pg_type: ``_text`` is text[]).

    Columns that were added after our migration and that the role may not use are listed in `ungranted` and count as
    missing. `encoding` is the database's own name for its encoding.
    """

    columns: Mapping[str, Mapping[str, str]]
    unique: frozenset[tuple[str, tuple[str, ...]]]
    trigrams: bool
    code_index: bool
    ungranted: tuple[str, ...] = ()
    encoding: str = "UTF8"

    def has(self, table: str, *names: str) -> bool:
        """True when the table exists with all these columns."""
        found = self.columns.get(table)
        return found is not None and all(name in found for name in names)

    def is_list(self, table: str, column: str) -> bool:
        """True when the column is an array (the platform's code and its DDL disagree about e-mail and phone)."""
        return self.columns.get(table, {}).get(column, "").startswith("_")


async def bootstrap_platform(connection: Connection) -> list[str]:
    """Create the missing tables of the platform, as the login account; returns their names.

    An existing table is not touched: no column, index or policy is added to it.
    """
    text = (
        resources.files("acra_express_async.db.schema").joinpath("migrations/platform/platform.sql").read_text("utf-8")
    )
    parts = _SECTION.split(text)[1:]
    made = []
    async with connection.transaction():
        for table, sql in zip(parts[::2], parts[1::2], strict=True):
            if await connection.fetchval("SELECT to_regclass('public.' || $1::text) IS NULL", table):
                await connection.execute(sql)
                made.append(table)
    return made


async def probe(connection: Connection) -> PlatformShape:
    """Read the shape from the system catalogues (information_schema would hide what the role may not use)."""
    columns: dict[str, dict[str, str]] = {}
    ungranted = []
    for row in await connection.fetch(
        """
        SELECT c.relname, a.attname, t.typname, CASE
                   WHEN c.relname || '.' || a.attname = ANY ($2::text[])
                   THEN has_column_privilege(c.oid, a.attnum, 'INSERT, UPDATE')
                   WHEN c.relname = ANY ($3::text[]) THEN true
                   ELSE has_column_privilege(c.oid, a.attnum, 'SELECT') END AS granted
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY ($1::text[])
          AND a.attnum > 0 AND NOT a.attisdropped
        """,
        list(_KNOWN),
        list(LATE),
        [*REQUIRED, "tenants"],
    ):
        if row["granted"]:
            columns.setdefault(row["relname"], {})[row["attname"]] = row["typname"]
        else:
            ungranted.append(f"{row['relname']}.{row['attname']}")
    unique = await connection.fetch(
        """
        SELECT c.relname, array_agg(a.attname::text ORDER BY key.place) AS names
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS key(attnum, place)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = key.attnum
        WHERE i.indisunique AND i.indisvalid AND i.indexprs IS NULL
          AND c.relnamespace = 'public'::regnamespace AND c.relname = ANY ($1::text[])
        GROUP BY c.relname, i.indexrelid
        """,
        list(_KNOWN),
    )
    code_index = await connection.fetchval(
        r"""
        SELECT EXISTS (
            SELECT FROM pg_index i
            WHERE i.indrelid = to_regclass('public.staging_acra_companies') AND i.indisvalid AND i.indpred IS NULL
              AND pg_get_indexdef(i.indexrelid, 1, true) LIKE 'regexp\_replace(primary\_ssic\_code::text, ''\\D''%')
        """
    )
    trigrams = await connection.fetchval("SELECT to_regprocedure('similarity(text, text)') IS NOT NULL")
    return PlatformShape(
        columns=columns,
        unique=frozenset((row["relname"], tuple(row["names"])) for row in unique),
        trigrams=bool(trigrams),
        code_index=bool(code_index),
        ungranted=tuple(sorted(ungranted)),
        encoding=await connection.fetchval("SELECT current_setting('server_encoding')"),
    )


def missing_required(shape: PlatformShape) -> list[str]:
    """One sentence for each missing thing without which the service must not start."""
    sentences = []
    for table, names in REQUIRED.items():
        if table not in shape.columns:
            sentences.append(f"table {table} is missing")
            continue
        lacking = [name for name in names if name not in shape.columns[table]]
        if lacking:
            sentences.append(f"{table} lacks {', '.join(lacking)}")
    if shape.has("companies", "uen") and ("companies", ("uen",)) not in shape.unique:
        sentences.append("companies.uen is not unique")
    if shape.encoding not in ("UTF8", UNCHECKED):
        sentences.append(
            f"the database's encoding is {shape.encoding}, which cannot hold what websites write; it must be UTF8"
        )
    return sentences


def costs(shape: PlatformShape) -> list[str]:
    """One line for each missing optional thing: what it is, and what its absence costs."""
    lines = [_UNCHECKED_COST] if shape.encoding == UNCHECKED else []
    for table, names, cost in _COSTS:
        if table not in shape.columns:
            line = f"table {table} is missing: {cost}"
        elif not shape.has(table, *names):
            lacking = ", ".join(name for name in names if name not in shape.columns[table])
            line = f"{table} lacks {lacking}: {cost}"
        else:
            continue
        if line not in lines:
            lines.append(line)
    if ("companies", ("website_domain",)) not in shape.unique:
        lines.append("no unique index on companies.website_domain: a domain taken twice is only caught by our look-up")
    if ("contacts", ("company_id", "email")) not in shape.unique and shape.has("contacts"):
        lines.append("no unique index on contacts (company_id, email): doubles are only avoided by our look-up")
    if shape.ungranted:
        lines.append(
            f"the role has no grant on {', '.join(shape.ungranted)}, which came after the last "
            "`acra-express migrate`: they count as missing until it is run again"
        )
    if not shape.trigrams:
        lines.append("extension pg_trgm is missing: a misspelt term finds no code")
    if not shape.code_index:
        lines.append("no index on the digits of primary_ssic_code: the first job of a code each day scans the registry")
    return lines
