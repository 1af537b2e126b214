"""Beside a loaded sample of the registry: the titles of the codes, and the companies that the service may look at."""

from __future__ import annotations

from acra_express_async.db.session.pool import Connection
from acra_express_async.sandbox import registry_sample


async def with_titles(owner: Connection) -> list[str]:
    """Fill `ssic_ref`; the UENs of the live companies (no sole proprietors), in order."""
    await owner.executemany(
        "INSERT INTO ssic_ref (code, title, description, version, source_file_hash) VALUES ($1, $2, $3, 's', 's')",
        list(registry_sample.ssic_ref()),
    )
    rows = await owner.fetch(
        "SELECT uen FROM staging_acra_companies WHERE entity_status_description ILIKE 'live%'"
        " AND uen !~ '^[0-9]{8}[A-Z]$' ORDER BY uen"
    )
    return [row["uen"] for row in rows]
