"""The platform's tables: created only where missing, probed, and checked for completeness."""

from __future__ import annotations

import pytest

from acra_express_async.db.schema.platform_shape import bootstrap_platform, costs, missing_required, probe
from acra_express_async.db.session.pool import Connection, Database


async def test_a_bootstrapped_platform_is_complete(owner: Connection) -> None:
    shape = await probe(owner)
    assert missing_required(shape) == []
    assert [line for line in costs(shape) if "pg_trgm" not in line] == []


async def test_bootstrap_leaves_existing_tables_as_they_are(owner: Connection) -> None:
    await owner.execute(
        "DROP TABLE run_event_logs, email_verification_cache; DROP INDEX ux_companies_website_domain;"
        " ALTER TABLE companies DROP sg_phone"
    )
    assert await bootstrap_platform(owner) == ["email_verification_cache", "run_event_logs"]
    shape = await probe(owner)
    assert not shape.has("companies", "sg_phone")
    assert ("companies", ("website_domain",)) not in shape.unique
    assert await bootstrap_platform(owner) == []


async def test_ssic_full_text_is_kept_by_the_trigger(owner: Connection) -> None:
    await owner.execute(
        "INSERT INTO ssic_ref (code, title, version, source_file_hash) VALUES ('47102', 'Mini-marts', '2025', 'x')"
    )
    await owner.execute("UPDATE ssic_ref SET title = 'Pump repairs'")
    assert await owner.fetchval("SELECT fts @@ websearch_to_tsquery('english', 'repair') FROM ssic_ref")


async def test_the_tenant_role_sees_the_same_shape_as_the_owner(owner: Connection, database: Database) -> None:
    async with database.session() as connection:
        assert await probe(connection) == await probe(owner)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("ALTER TABLE companies DROP industry_code", "companies lacks industry_code"),
        ("ALTER TABLE companies DROP CONSTRAINT companies_uen_key", "companies.uen is not unique"),
        ("DROP TABLE lead_emails", "table lead_emails is missing"),
    ],
)
async def test_a_missing_required_part_is_named(owner: Connection, change: str, sentence: str) -> None:
    await owner.execute(change)
    assert missing_required(await probe(owner)) == [sentence]


@pytest.mark.parametrize(
    ("change", "beginning"),
    [
        ("DROP TABLE email_verification_cache", "table email_verification_cache is missing: results of verification"),
        ("ALTER TABLE companies DROP sg_postcode", "companies lacks sg_postcode: phone and postal code"),
        ("ALTER TABLE company_enrichment_runs DROP tenant_id", "company_enrichment_runs lacks tenant_id: addresses"),
        ("DROP INDEX ux_companies_website_domain", "no unique index on companies.website_domain"),
        ("DROP INDEX ux_contacts_company_email", "no unique index on contacts (company_id, email)"),
        ("DROP INDEX idx_staging_acra_companies_ssic_norm", "no index on the digits of primary_ssic_code"),
        ("ALTER TABLE ssic_ref DROP fts", "ssic_ref lacks fts: terms are resolved without"),
    ],
)
async def test_a_missing_optional_part_has_a_stated_cost(owner: Connection, change: str, beginning: str) -> None:
    before = costs(await probe(owner))
    await owner.execute(change)
    added = [line for line in costs(await probe(owner)) if line not in before]
    assert len(added) == 1
    assert added[0].startswith(beginning)
