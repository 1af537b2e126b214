"""Prepare a simulated day: a registry, customers with nightly jobs, and the preceding night."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.nightly import Figures, run_apart
from acra_express_async.sandbox.postgres import EmbeddedPostgres
from acra_express_async.sandbox.testbed import DATABASE, load

ALONE = "alone"
CUSTOMERS = (501, 502)
TERMS = ("bread", "metal")
"""The trades that the nightly's customers want: one trade of the sample registry each."""


@dataclass(frozen=True, slots=True)
class Town:
    """The registry file and the companies in it that remain for express."""

    registry: Path
    uens: tuple[str, ...]
    codes: tuple[str, ...]


async def furnish(owner: Connection, dsn: str, home: Path, *, rows: int, seed: int) -> Town:
    """Load a registry, give two customers a nightly job each, and let the preceding night stage their companies.

    Their enrichment jobs stay queued for the simulated night.
    """
    registry = home / "registry.csv"
    registry_sample.write_csv(registry, rows, seed)
    await load(owner, registry, home / "rejects.csv")
    await owner.execute(
        "INSERT INTO tenants (tenant_id, name) SELECT n, 'customer ' || n FROM unnest($1::int[]) n", list(CUSTOMERS)
    )
    await owner.execute("INSERT INTO odoo_connections (tenant_id) SELECT unnest($1::int[])", list(CUSTOMERS))
    for customer, term in zip(CUSTOMERS, TERMS, strict=True):
        await owner.execute(
            "INSERT INTO background_jobs (tenant_id, job_type, status, params)"
            " VALUES ($1, 'staging_upsert', 'queued', $2)",
            customer,
            {"terms": [term]},
        )
    await run_apart(dsn, 1)
    found = await owner.fetch(
        r"""
        WITH theirs AS (
            SELECT DISTINCT jsonb_array_elements_text(params -> 'ssic_codes') AS code FROM background_jobs
            WHERE job_type = 'enrich_candidates')
        SELECT uen, primary_ssic_code::text AS code FROM staging_acra_companies
        WHERE entity_status_description ILIKE 'live%' AND uen !~ '^[0-9]{8}[A-Z]$'
          AND ltrim(primary_ssic_code::text, '0') NOT IN (SELECT ltrim(code, '0') FROM theirs)
        ORDER BY uen
        """
    )
    codes = sorted({row["code"] for row in found})
    return Town(registry, tuple(row["uen"] for row in found), tuple(codes))


async def undisturbed_night(postgres: EmbeddedPostgres) -> Figures:
    """Run the coming night in a copy of the database without express; the database must have no other connections."""
    admin = await connect(postgres.dsn(), {})
    try:
        await admin.execute(f"CREATE DATABASE {ALONE} TEMPLATE {DATABASE}")
    finally:
        await admin.close()
    return await run_apart(postgres.dsn(ALONE), 1)
