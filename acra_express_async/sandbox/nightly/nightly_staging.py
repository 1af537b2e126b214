"""NightlyStaging of the stand-in: turn terms into codes and insert every matching registry row in one transaction."""

from __future__ import annotations

import re
from typing import Any

from acra_express_async.sandbox.nightly.store import Pause

FETCH = 500
_YEAR = re.compile(r"\d{4}")


class NightlyStaging:
    """Looks up each row by UEN, then by name, and inserts it without ON CONFLICT when it finds neither.

    Args:
        pause: awaited between look-up and insert (`looked_up`).
    """

    def __init__(self, pause: Pause) -> None:
        self._pause = pause

    async def codes(self, connection: Any, terms: list[str]) -> list[str]:
        """Codes as `ssic_ref` holds them: zero-padded, so a code with a leading zero matches no registry row."""
        joined = " ".join(terms)
        rows = await connection.fetch(
            "SELECT code FROM ssic_ref, websearch_to_tsquery('english', $1) q WHERE fts @@ q"
            " ORDER BY ts_rank(fts, q) DESC LIMIT 30",
            joined,
        )
        if not rows and await connection.fetchval("SELECT to_regprocedure('similarity(text, text)') IS NOT NULL"):
            rows = await connection.fetch(
                "SELECT code FROM ssic_ref WHERE title % $1 OR description % $1"
                " ORDER BY greatest(similarity(title, $1), similarity(description, $1)) DESC LIMIT 30",
                joined,
            )
        return [re.sub(r"\D", "", row["code"]) for row in rows]

    async def upsert_all(self, connection: Any, codes: list[str], terms: list[str]) -> int:
        """Upsert every registry row with these codes or, without codes, every row whose description contains a term."""
        affected = 0
        rows = await connection.cursor(
            r"""
            SELECT uen, entity_name, primary_ssic_code, primary_ssic_description, registration_incorporation_date,
                   entity_status_description, company_type_description
            FROM staging_acra_companies
            WHERE CASE WHEN cardinality($1::text[]) > 0
                       THEN regexp_replace(primary_ssic_code::text, '\D', '', 'g') = ANY ($1::text[])
                       ELSE primary_ssic_description ILIKE ANY ($2::text[]) END
            """,
            codes,
            [f"%{term}%" for term in terms],
        )
        while fetched := await rows.fetch(FETCH):
            for row in fetched:
                await self._upsert(connection, row, " ".join(terms))
                affected += 1
        return affected

    async def _upsert(self, connection: Any, row: Any, term: str) -> None:
        found = await connection.fetchval("SELECT company_id FROM companies WHERE uen = $1", row["uen"])
        if found is None:
            found = await connection.fetchval(
                "SELECT company_id FROM companies WHERE lower(name) = lower($1) LIMIT 1", row["entity_name"]
            )
        await self._pause("looked_up")
        year = _YEAR.search(row["registration_incorporation_date"] or "")
        # "Live Company" is not in the platform's list, so a live company is stored as unregistered.
        live = (row["entity_status_description"] or "").lower() in ("live", "registered", "existing")
        values = (
            row["uen"],
            row["entity_name"].strip(),
            term or (row["primary_ssic_description"] or "").lower(),
            str(row["primary_ssic_code"]),
            int(year[0]) if year else None,
            live,
            row["company_type_description"],
        )
        if found is not None:
            await connection.execute(
                """
                UPDATE companies SET uen = $1, name = $2, industry_norm = $3, industry_code = $4,
                    incorporation_year = coalesce($5, incorporation_year), founded_year = coalesce($5, founded_year),
                    sg_registered = $6, ownership_type = coalesce($7, ownership_type), last_seen = now()
                WHERE company_id = $8
                """,
                *values,
                found,
            )
            return
        await connection.execute(
            """
            INSERT INTO companies (uen, name, industry_norm, industry_code, incorporation_year, founded_year,
                                   sg_registered, ownership_type, last_seen)
            VALUES ($1, $2, $3, $4, $5, $5, $6, $7, now())
            """,
            *values,
        )
