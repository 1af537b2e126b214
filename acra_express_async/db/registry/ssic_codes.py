"""Resolves terms to SSIC codes, and lists a code's live registry rows in our own schema at most once a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection
from acra_express_async.errors import JobError
from acra_express_async.registry import ssic_digits
from acra_express_async.registry.eligibility import LIVE, PERSONAL_TYPE, SILENT, SOLE
from acra_express_async.registry.nearest_titles import nearest_titles
from acra_express_async.runtime.realtime import real

CODES_PER_TERM = 30
"""As many as the platform's own look-up returns."""

FILL_AGE = timedelta(days=1)
FILL_TIMEOUT = timedelta(seconds=60)
"""Time-out for listing one code's rows: the largest code has about a hundred thousand, scattered over the registry."""

_SIMILAR = 0.3
"""pg_trgm's default, which the platform uses too: a word should resolve to the same codes in both."""


async def codes_of(
    connection: Connection, terms: Sequence[str], ssic_codes: Sequence[str], shape: PlatformShape
) -> list[str]:
    """The given codes and those of each term together, as digits without leading zeros, sorted.

    Each term is resolved separately. (The platform looks for all words of all terms in one row, and so finds less with
    each further term.)

    Raises:
        JobError: a term resolves to nothing, or a given code has no digits; every such word is named.
    """
    found: set[str] = set()
    lost = []
    helpless = False
    for code in ssic_codes:
        digits = ssic_digits(code)
        if digits is None:
            lost.append(f"{code!r} is not an SSIC code")
        else:
            found.add(digits)
    for term in terms:
        codes = await _resolve(connection, term.strip(), shape)
        if not codes:
            near = await _near(connection, term, shape)
            lost.append(f"term {term!r} matches no SSIC code{near}")
            helpless = helpless or not near
        found.update(codes)
    if helpless and not shape.trigrams:
        lost.append("without the extension pg_trgm a misspelt word finds no code (CREATE EXTENSION pg_trgm)")
    if lost:
        raise JobError("; ".join(lost))
    return sorted(found)


async def ssic_titles(connection: Connection, shape: PlatformShape) -> dict[str, str]:
    """Titles by code, digits without leading zeros; some 1,700 of them. Empty where the table is missing."""
    if not shape.has("ssic_ref", "code", "title"):
        return {}
    rows = await connection.fetch("SELECT code, title FROM public.ssic_ref ORDER BY version, code")
    return {digits: row["title"] for row in rows if (digits := ssic_digits(row["code"])) is not None}


async def _near(connection: Connection, term: str, shape: PlatformShape) -> str:
    """The nearest titles of a word that resolves to nothing, as the rest of the sentence."""
    titles = await ssic_titles(connection, shape)
    if not titles:
        return " (ssic_ref is empty: acra-express load-ssic FILE fills it)"
    near = nearest_titles(term, titles, await _descriptions(connection, shape))
    return f"; the nearest titles: {', '.join(map(str, near))}" if near else ""


async def _descriptions(connection: Connection, shape: PlatformShape) -> dict[str, str]:
    """Descriptions by code, where there are any: definitions and examples, up to some hundred words each."""
    if not shape.has("ssic_ref", "code", "description"):
        return {}
    rows = await connection.fetch(
        "SELECT code, description FROM public.ssic_ref WHERE description <> '' ORDER BY version, code"
    )
    return {digits: row["description"] for row in rows if (digits := ssic_digits(row["code"])) is not None}


async def lost_codes(connection: Connection, ssic_codes: Sequence[str], shape: PlatformShape) -> list[str]:
    """Those of the given codes that no live company has and `ssic_ref` does not know, in words. They must be filled."""
    titles = await ssic_titles(connection, shape)
    rows = await connection.fetch(
        "SELECT code FROM acra_express.code_fills WHERE code = ANY ($1::text[]) AND members > 0",
        [digits for code in ssic_codes if (digits := ssic_digits(code)) is not None],
    )
    known = {row["code"] for row in rows} | set(titles)
    lost = []
    for code in ssic_codes:
        digits = ssic_digits(code)
        if digits is not None and digits not in known:
            below = [other.zfill(5) for other in titles if other.zfill(5).startswith(code.strip()) and len(code) < 5]
            more = f"; codes that begin so: {', '.join(sorted(below)[:10])}" if below else ""
            lost.append(f"SSIC code {code!r} matches no live company and no title{more}")
    return lost


@dataclass(frozen=True, slots=True)
class CodeLine:
    """An SSIC code of five digits, its title, and how many live companies it has; `sole` of them are one person."""

    code: str
    title: str
    companies: int
    sole: int


async def codes_in_words(connection: Connection, term: str, shape: PlatformShape) -> list[CodeLine]:
    """The codes that a term, or a code or its beginning, stands for, the most companies first.

    Raises:
        JobError: it stands for nothing; the sentence names the nearest titles.
    """
    titles = await ssic_titles(connection, shape)
    digits = term.strip()
    if digits.isascii() and digits.isdigit():
        codes = [code for code in titles if code.zfill(5).startswith(digits)][:CODES_PER_TERM]
        codes = codes or [digits.lstrip("0")]
    else:
        codes = await codes_of(connection, [term], [], shape)
    await fill_codes(connection, codes)
    rows = await connection.fetch(
        """
        SELECT code, members, sole_proprietors FROM acra_express.code_fills
        WHERE code = ANY ($1::text[]) ORDER BY members DESC, code
        """,
        list(codes),
    )
    lines = [
        CodeLine(row["code"].zfill(5), titles.get(row["code"], ""), row["members"], row["sole_proprietors"])
        for row in rows
    ]
    if not any(line.companies or line.title for line in lines):
        raise JobError(f"{term!r} matches no live company and no title")
    return lines


async def _resolve(connection: Connection, term: str, shape: PlatformShape) -> set[str]:
    if not term or not shape.has("ssic_ref", "code", "title"):
        return set()
    if shape.has("ssic_ref", "fts"):
        rows = await connection.fetch(
            """
            SELECT r.code FROM public.ssic_ref r, websearch_to_tsquery('english', $1) AS asked
            WHERE r.fts @@ asked ORDER BY ts_rank(r.fts, asked) DESC, r.code LIMIT $2
            """,
            term,
            CODES_PER_TERM,
        )
    else:
        rows = await connection.fetch(
            """
            SELECT r.code FROM public.ssic_ref r, websearch_to_tsquery('english', $1) AS asked
            WHERE to_tsvector('english', r.title) @@ asked ORDER BY r.code LIMIT $2
            """,
            term,
            CODES_PER_TERM,
        )
    if not rows and shape.trigrams:
        rows = await connection.fetch(
            """
            SELECT r.code FROM public.ssic_ref r
            WHERE similarity(r.title, $1) >= $3 ORDER BY similarity(r.title, $1) DESC, r.code LIMIT $2
            """,
            term,
            CODES_PER_TERM,
            _SIMILAR,
        )
    return {digits for row in rows if (digits := ssic_digits(row["code"])) is not None}


async def fill_codes(connection: Connection, codes: Sequence[str]) -> list[str]:
    """List the live rows of those codes whose list is older than a day or than the last load; returns these codes.

    Reads the registry through the platform's own index on the digits of the code, and holds no lock that others wait
    for. Needs a session in autocommit mode.
    """
    stale = await connection.fetch(
        """
        SELECT wanted.code FROM unnest($1::text[]) AS wanted(code)
        WHERE NOT EXISTS (
            SELECT FROM acra_express.code_fills f, acra_express.registry_state s
            WHERE f.code = wanted.code AND f.filled_at > acra_express.clock() - $2::interval
              AND f.filled_at > coalesce(s.loaded_at, '-infinity'))
        ORDER BY wanted.code
        """,
        list(codes),
        FILL_AGE,
    )
    filled = []
    for row in stale:
        async with connection.transaction():
            await connection.execute(
                "SELECT set_config('statement_timeout', $1, true)", f"{FILL_TIMEOUT.total_seconds():.0f}s"
            )
            await _fill(connection, row["code"])
            filled.append(row["code"])
    return filled


async def _fill(connection: Connection, code: str) -> None:
    """Bring one code's list in line with the registry, writing only the differences."""
    # this row lock lets one session at a time fill a code; another one runs into its lock_timeout and comes back
    await connection.execute(
        """
        INSERT INTO acra_express.code_fills (code, filled_at, members, sole_proprietors)
        VALUES ($1, acra_express.clock(), 0, 0)
        ON CONFLICT (code) DO UPDATE SET filled_at = excluded.filled_at
        """,
        code,
    )
    await connection.execute(
        _FILL,
        code,
        [code, code.zfill(5)],
        LIVE,
        SILENT,
        SOLE,
        PERSONAL_TYPE,
        timeout=real(FILL_TIMEOUT.total_seconds()),
    )


# $1 the code, $2 its spellings; $3 to $6 are the patterns of registry/eligibility.py, which says what they mean.
_FILL = r"""
    WITH live AS MATERIALIZED (
        SELECT s.uen,
               CASE WHEN coalesce(s.business_constitution_description, '') ~* $4
                    THEN coalesce(s.entity_type_description, '') ~* $6
                    ELSE s.business_constitution_description ~* $5 END AS sole
        FROM public.staging_acra_companies s
        WHERE regexp_replace(s.primary_ssic_code::text, '\D', '', 'g') = ANY ($2::text[])
          AND s.entity_status_description ~* $3),
    gone AS (
        DELETE FROM acra_express.code_members m
        WHERE m.code = $1 AND NOT EXISTS (SELECT FROM live l WHERE l.uen = m.uen)),
    kept AS (
        INSERT INTO acra_express.code_members AS m (code, uen, sole_proprietor)
        SELECT $1, l.uen, l.sole FROM live l
        ON CONFLICT (code, uen) DO UPDATE SET sole_proprietor = excluded.sole_proprietor
        WHERE m.sole_proprietor <> excluded.sole_proprietor)
    UPDATE acra_express.code_fills SET
        members = (SELECT count(*) FROM live), sole_proprietors = (SELECT count(*) FROM live WHERE sole)
    WHERE code = $1
"""
