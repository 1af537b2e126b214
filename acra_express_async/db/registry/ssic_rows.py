"""Fills `ssic_ref`, the platform's table in which terms are looked up."""

from __future__ import annotations

from dataclasses import dataclass

from acra_express_async.db.session.pool import Connection
from acra_express_async.registry.ssic_file import SsicTable


@dataclass(frozen=True, slots=True)
class SsicLoaded:
    """How many codes were new, changed, or the same as before."""

    loaded: int
    updated: int
    unchanged: int


async def load_ssic(connection: Connection, table: SsicTable) -> SsicLoaded:
    """Upsert all codes in one transaction, as the login account; codes that the file lacks stay."""
    titles = list(table.titles.values())
    rows = await connection.fetch(
        """
        INSERT INTO public.ssic_ref AS r (code, title, description, version, source_file_hash)
        SELECT code, title, description, $4, $5
        FROM unnest($1::text[], $2::text[], $3::text[]) AS given(code, title, description)
        ON CONFLICT (code) DO UPDATE SET
            title = excluded.title, description = coalesce(excluded.description, r.description),
            version = excluded.version, source_file_hash = excluded.source_file_hash
        WHERE (r.title, r.description, r.version, r.source_file_hash) IS DISTINCT FROM
              (excluded.title, coalesce(excluded.description, r.description), excluded.version,
               excluded.source_file_hash)
        RETURNING (r.xmax = 0) AS made
        """,
        [title.code for title in titles],
        [title.title for title in titles],
        [title.description for title in titles],
        table.version,
        table.digest,
    )
    made = sum(1 for row in rows if row["made"])
    return SsicLoaded(made, len(rows) - made, len(titles) - len(rows))
