"""Fill databases for pairs: a registry, reference codes, customers and their nightly jobs."""

from __future__ import annotations

from collections.abc import Sequence

from acra_express_async.db.session.pool import Connection

TRADES = (("33120", "Repair of pumps"), ("62011", "Software for bakeries"), ("01111", "Growing of leafy vegetables"))
CODES = [code.lstrip("0") for code, _ in TRADES]
RETRIED = "47712"
"""The code of a nightly job in `error` with a retry left."""
CUSTOMERS = (501, 502, 503)


async def furnish(owner: Connection, rows: int) -> None:
    """A registry of `rows` live companies in three trades; the first tenth is already in `companies`."""
    for code, title in TRADES:
        await owner.execute(
            "INSERT INTO ssic_ref (code, title, version, source_file_hash) VALUES ($1, $2, '2025', 'x')", code, title
        )
    await owner.execute(
        """
        INSERT INTO staging_acra_companies (uen, entity_name, entity_type_description, entity_status_description,
            registration_incorporation_date, primary_ssic_code, company_type_description)
        SELECT to_char(200000000 + i, 'FM000000000') || 'A', 'COMPANY ' || i || ' PTE. LTD.', 'Local Company',
               'Live Company', '2015-02-03', ($2::int[])[1 + i % 3], 'Exempt Private Company Limited by Shares'
        FROM generate_series(1, $1::int) AS i
        """,
        rows,
        [int(code) for code, _ in TRADES],
    )
    await owner.execute(
        """
        INSERT INTO companies (uen, name, industry_code)
        SELECT uen, entity_name, primary_ssic_code::text FROM staging_acra_companies
        WHERE uen > '200000000A' ORDER BY uen LIMIT $1::int / 10
        """,
        rows,
    )
    await owner.execute(
        "INSERT INTO tenants (tenant_id, name) SELECT n, 'customer ' || n FROM unnest($1::int[]) n", list(CUSTOMERS)
    )
    await owner.execute("INSERT INTO odoo_connections (tenant_id) SELECT unnest($1::int[])", list(CUSTOMERS))


async def nightly_jobs(owner: Connection, terms: Sequence[Sequence[str]]) -> None:
    """Insert one staging job for each entry, customers in turn."""
    for number, words in enumerate(terms):
        await owner.execute(
            "INSERT INTO background_jobs (tenant_id, job_type, status, params)"
            " VALUES ($1, 'staging_upsert', 'queued', $2)",
            CUSTOMERS[number % len(CUSTOMERS)],
            {"terms": list(words)},
        )


async def deadlocks(owner: Connection) -> int:
    """The number of deadlocks in this database."""
    await owner.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
    return int(await owner.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))


async def crowd(owner: Connection, domains: int) -> None:
    """Companies of other trades, each with a website: what a look-up of a domain has to get past."""
    await owner.execute(
        """
        INSERT INTO companies (uen, name, industry_code, website_domain)
        SELECT 'T' || i, 'CROWD ' || i, '99999', 'crowd' || i || '.com.sg' FROM generate_series(1, $1::int) AS i
        """,
        domains,
    )


async def rows_without_uen(owner: Connection, rows: int) -> None:
    """Customers' own rows: some have the name of a registry row, which the nightly looks up to give it its UEN; others
    are candidates as they are."""
    await owner.execute(
        """
        INSERT INTO companies (name)
        SELECT initcap(s.entity_name) FROM staging_acra_companies s
        WHERE NOT EXISTS (SELECT FROM companies c WHERE c.uen = s.uen) ORDER BY s.uen LIMIT $1::int
        """,
        rows,
    )
    await owner.execute(
        "INSERT INTO companies (name, industry_code) SELECT 'Walk-in ' || i, '33120'"
        " FROM generate_series(1, $1::int) AS i",
        rows,
    )


async def job_to_retry(owner: Connection) -> None:
    """A nightly enrichment job in `error` with a retry left. Alone it is done: it has five candidates, far below its
    cap. The registry holds thirty more of its code, first in the order in which express walks it."""
    await owner.execute(
        """
        INSERT INTO staging_acra_companies (uen, entity_name, entity_type_description, entity_status_description,
            registration_incorporation_date, primary_ssic_code, company_type_description)
        SELECT to_char(100000000 + i, 'FM000000000') || 'A', 'UMBRELLAS ' || i || ' PTE. LTD.', 'Local Company',
               'Live Company', '2015-02-03', $1::int, 'Exempt Private Company Limited by Shares'
        FROM generate_series(1, 35) AS i
        """,
        int(RETRIED),
    )
    await owner.execute(
        """
        INSERT INTO companies (uen, name, industry_code)
        SELECT uen, entity_name, $1::text FROM staging_acra_companies
        WHERE primary_ssic_code::text = $1::text ORDER BY uen LIMIT 5
        """,
        RETRIED,
    )
    await owner.execute(
        "INSERT INTO background_jobs (tenant_id, job_type, status, error, params)"
        " VALUES ($1, 'enrich_candidates', 'error', 'connection reset', $2)",
        CUSTOMERS[0],
        {"ssic_codes": [RETRIED], "retries": 1},
    )


async def twins(owner: Connection) -> int:
    """Names that two rows of `companies` share."""
    return int(
        await owner.fetchval(
            "SELECT count(*) FROM (SELECT FROM companies GROUP BY lower(name) HAVING count(*) > 1) AS shared"
        )
    )
