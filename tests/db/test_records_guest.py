"""What saving a company must not change on the platform, and how it gives way (rules B3, B7, B17 to B21)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncpg.connection import LoggedQuery

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.company_domains import update_domains
from acra_express_async.db.companies.platform_records import save
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import LockBusy

from .builders import AT, a_company, a_job, a_verification, an_email, an_outcome, count, one, stored


async def test_b21_company_values_stay_and_last_seen_follows_changes(
    database: Database, owner: Connection, shape: Any
) -> None:
    company = await a_company(
        owner,
        email="old@lotus.com.sg",
        phone_number="61234567",
        linkedin_url="l",
        website_domain="old.sg",
        sg_phone="x",
        sg_postcode="y",
        last_seen=AT,
    )
    before = await one(owner, "SELECT * FROM companies")
    await stored(database, shape, company, an_outcome())
    assert await one(owner, "SELECT * FROM companies") == before


@pytest.mark.parametrize(
    "theirs",
    ["lotus.com.sg", "WWW.Lotus.com.sg", "https://shop.lotus.com.sg/x", "lotus.com.sg:8080", "http://LOTUS.com.sg?a"],
)
async def test_b7_the_domain_of_another_company_is_never_taken(
    database: Database, owner: Connection, shape: Any, theirs: str
) -> None:
    await a_company(owner, "199000001A", website_domain=theirs)
    await update_domains(database)
    company = await a_company(owner)
    saved = await stored(database, shape, company, an_outcome())
    assert saved.domain_taken
    row = await one(owner, "SELECT website_domain, email FROM companies WHERE company_id = $1", company.company_id)
    assert row == {"website_domain": None, "email": "info@lotus.com.sg"}


async def test_b7_a_concurrent_rival_domain_costs_only_the_savepoint(
    database: Database, owner: Connection, shape: Any, fresh_dsn: str
) -> None:
    """Our look-up cannot see the rival's row (its spelling differs in case), but the unique index does."""
    await owner.execute("DROP INDEX ux_companies_website_domain")
    await owner.execute("CREATE UNIQUE INDEX ux ON companies (md5(rtrim(website_domain, 'x')))")
    await a_company(owner, "199000001A", website_domain="lotus.com.sgx")
    company = await a_company(owner)
    saved = await stored(database, shape, company, an_outcome())
    assert saved.domain_taken
    assert await count(owner, "contacts") == 1


async def test_b7_a_weakly_proven_domain_is_not_set_on_the_company(
    database: Database, owner: Connection, shape: Any
) -> None:
    company = await a_company(owner)
    outcome = an_outcome()
    assert outcome.site is not None
    saved = await stored(database, shape, company, replace(outcome, site=replace(outcome.site, points=40)))
    assert saved.detail["site"]["domain"] == "lotus.com.sg"
    assert (await one(owner, "SELECT website_domain FROM companies"))["website_domain"] is None


async def test_b7_a_site_named_by_a_path_is_not_set_on_the_company(
    database: Database, owner: Connection, shape: Any
) -> None:
    path, hosted = "sites.google.com/view/lotus", "lotus.mystrikingly.com"
    first, second = await a_company(owner), await a_company(owner, "199000001A")
    for company, domain in ((first, path), (second, hosted)):
        outcome = an_outcome()
        assert outcome.site is not None
        saved = await stored(database, shape, company, replace(outcome, site=replace(outcome.site, domain=domain)))
        assert saved.detail["site"]["domain"] == domain
    rows = await owner.fetch("SELECT website_domain FROM companies ORDER BY company_id")
    assert [row["website_domain"] for row in rows] == [None, hosted]


async def test_b19_contacts_from_other_sources_are_left_alone(
    database: Database, owner: Connection, shape: Any
) -> None:
    company = await a_company(owner)
    await owner.execute(
        "INSERT INTO contacts (company_id, email, email_verified, contact_source)"
        " VALUES ($1, 'info@lotus.com.sg', false, 'lusha'), ($1, NULL, NULL, 'site_page')",
        company.company_id,
    )
    await stored(database, shape, company, an_outcome())
    rows = await owner.fetch("SELECT email, email_verified, contact_source FROM contacts ORDER BY contact_source")
    assert [tuple(row) for row in rows] == [("info@lotus.com.sg", False, "lusha"), (None, None, "site_page")]


async def test_b19_our_contact_is_updated_even_without_the_index(database: Database, owner: Connection) -> None:
    await owner.execute("DROP INDEX ux_contacts_company_email")
    shape = await probe(owner)
    company = await a_company(owner)
    unverified = an_outcome(emails=(an_email("info@lotus.com.sg"),))
    await stored(database, shape, company, unverified, job=1)
    assert (await one(owner, "SELECT email_verified FROM contacts"))["email_verified"] is None
    await stored(database, shape, company, an_outcome(), job=2)
    await stored(database, shape, company, unverified, job=3)
    assert (await one(owner, "SELECT email_verified FROM contacts"))["email_verified"] is True


@pytest.mark.parametrize(
    ("status", "source", "kept"),
    [
        ("valid", "zerobounce", True),
        ("do_not_mail", "zerobounce", True),
        ("unknown", "zerobounce", False),
        ("valid", "zerobounce-cache", False),
    ],
)
async def test_b17_only_fresh_definitive_answers_are_cached_for_all(
    database: Database, owner: Connection, shape: Any, status: str, source: str, kept: bool
) -> None:
    verification = a_verification("Info@lotus.com.sg", status, source=source)
    outcome = an_outcome(emails=(an_email("info@lotus.com.sg", verification=verification),))
    await stored(database, shape, await a_company(owner), outcome)
    assert await count(owner, "email_verification_cache") == int(kept)


async def test_b17_an_older_answer_never_overwrites_the_cache(
    database: Database, owner: Connection, shape: Any
) -> None:
    await owner.execute(
        "INSERT INTO email_verification_cache VALUES ('info@lotus.com.sg', 'invalid', 0, $1)",
        datetime(2026, 4, 1, tzinfo=UTC),
    )
    await stored(database, shape, await a_company(owner), an_outcome())
    assert (await one(owner, "SELECT status FROM email_verification_cache"))["status"] == "invalid"


async def test_array_columns_receive_lists(database: Database, owner: Connection) -> None:
    await owner.execute(
        "ALTER TABLE companies ALTER email TYPE text[] USING ARRAY[email],"
        " ALTER phone_number TYPE text[] USING ARRAY[phone_number]"
    )
    await stored(database, await probe(owner), await a_company(owner), an_outcome())
    row = await one(owner, "SELECT email, phone_number FROM companies")
    assert row == {"email": ["info@lotus.com.sg"], "phone_number": ["+6561112222"]}


async def test_result_is_stored_on_a_platform_without_optional_parts(database: Database, owner: Connection) -> None:
    for statement in (
        "ALTER TABLE company_enrichment_runs DROP tenant_id, DROP public_emails, DROP verification_results",
        "ALTER TABLE companies DROP sg_phone, DROP sg_postcode",
        "ALTER TABLE lead_emails DROP source_json",
        "ALTER TABLE enrichment_runs DROP ended_at, DROP status",
        "DROP TABLE email_verification_cache, run_vendor_usage",
        "DROP INDEX ux_companies_website_domain, ux_contacts_company_email",
    ):
        await owner.execute(statement)
    await stored(database, await probe(owner), await a_company(owner), an_outcome())
    for table in ("company_enrichment_runs", "contacts", "lead_emails", "enrichment_runs", "run_event_logs"):
        assert await count(owner, table) == 1


async def test_b3_a_save_that_meets_a_lock_writes_nothing(database: Database, owner: Connection, shape: Any) -> None:
    """The nightly's ALTER holds enrichment_runs: the save gives up within 300 ms and leaves nothing behind."""
    company = await a_company(owner)
    blocker = owner.transaction()
    await blocker.start()
    await owner.execute("ALTER TABLE enrichment_runs ADD COLUMN IF NOT EXISTS tenant_id int")
    with pytest.raises(LockBusy):
        await stored(database, shape, company, an_outcome())
    await blocker.commit()
    assert await count(owner, "enrichment_runs") == 0


async def test_b3_tables_are_written_in_the_lock_order_of_the_nightly(
    database: Database, owner: Connection, shape: Any, hashes: AddressHash
) -> None:
    company = await a_company(owner)
    written: list[str] = []

    def note(query: LoggedQuery) -> None:
        found = re.search(r"(?:INSERT INTO|UPDATE) public\.(\w+)", query.query)
        if found and found[1] not in written:
            written.append(found[1])

    async with database.transaction() as connection:
        with connection.query_logger(note):
            await save(
                connection,
                tenant_id=database.tenant_id,
                shape=shape,
                hashes=hashes,
                store_personal_emails=False,
                job=a_job(),
                company=company,
                outcome=an_outcome(),
            )
    assert written[:5] == ["enrichment_runs", "company_enrichment_runs", "companies", "contacts", "lead_emails"]
