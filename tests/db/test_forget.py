"""`forget` removes our data and nothing else, and opts the subject out."""

from __future__ import annotations

from typing import Any

import pytest

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.answer_memory import Memory
from acra_express_async.db.companies.forget import forget, kind_of
from acra_express_async.db.companies.optouts import OptOuts
from acra_express_async.db.companies.verification_rows import VerificationRows
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.models import Company, EmailKind, Link, Page, SearchHit, SearchPage

from .builders import a_company, a_verification, an_email, an_outcome, count, one, stored

PERSON = "mei.tan@lotus.com.sg"


@pytest.mark.parametrize(
    ("subject", "understood"),
    [
        (" 201912345k ", ("company", "201912345K")),
        ("Mei@Lotus.com.sg", ("address", "mei@lotus.com.sg")),
        ("WWW.Lotus.com.sg/", ("domain", "lotus.com.sg")),
    ],
)
def test_forget_recognises_a_uen_a_domain_and_an_address(subject: str, understood: tuple[str, str]) -> None:
    assert kind_of(subject) == understood


async def arranged(database: Database, owner: Connection, shape: PlatformShape, hashes: AddressHash) -> Company:
    """Store everything about one company of ours, next to rows that the platform wrote."""
    company = await a_company(owner)
    outcome = an_outcome(
        emails=(
            an_email("info@lotus.com.sg", verification=a_verification("info@lotus.com.sg")),
            an_email(PERSON, EmailKind.PERSON),
        )
    )
    saved = await stored(database, shape, company, outcome)
    await owner.execute(
        "INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, ended_at, detail)"
        " VALUES (1, $1, $2, 'enriched', now(), $3)",
        company.company_id,
        company.uen,
        saved.detail,
    )
    verdicts = VerificationRows(database, shape=shape, hashes=hashes, cache_days=90)
    await verdicts.store(a_verification("info@lotus.com.sg"))
    memory = Memory(database)
    await memory.keep_page(Page("https://lotus.com.sg/contact", "", f"Write to info@lotus.com.sg or {PERSON}"))
    links = (Link("", "mailto:Info@lotus.com.sg"), Link("", f"mailto:{PERSON}"))
    await memory.keep_footer(Page("https://lotus.com.sg/contact", "", "Write to us", links))
    await memory.keep_page(Page("https://rose.sg/", "", "Roses"))
    found = SearchPage("lotus pumps singapore", (SearchHit(1, "Lotus", "https://lotus.com.sg/"),))
    await memory.keep_search(found, company.company_id, ["lotus.com.sg", "rose.sg"])
    other = await a_company(owner, "199000001A", website_domain="rose.sg", email="info@rose.sg")
    run = await owner.fetchval("INSERT INTO enrichment_runs (tenant_id) VALUES (9) RETURNING run_id")
    await owner.execute(
        "INSERT INTO company_enrichment_runs (company_id, run_id, domain, public_emails)"
        " VALUES ($1, $2, 'lotus.com.sg', ARRAY['info@lotus.com.sg'])",
        company.company_id,
        run,
    )
    await owner.execute(
        "INSERT INTO contacts (company_id, email, contact_source) VALUES ($1, 'sales@lotus.com.sg', 'lusha'),"
        " ($2, 'info@lotus.com.sg', 'site_page')",
        company.company_id,
        other.company_id,
    )
    await owner.execute("INSERT INTO lead_emails (email, source) VALUES ('sales@lotus.com.sg', 'zerobounce')")
    return company


async def theirs(owner: Connection) -> list[Any]:
    """The rows that must stay unchanged."""
    return [
        await owner.fetch("SELECT * FROM company_enrichment_runs WHERE source_json IS NULL"),
        await owner.fetch("SELECT * FROM contacts WHERE contact_source <> 'acra_express' ORDER BY contact_id"),
        await owner.fetch("SELECT * FROM lead_emails WHERE source <> 'acra_express'"),
        await owner.fetch("SELECT * FROM companies WHERE uen = '199000001A'"),
        await owner.fetch("SELECT * FROM enrichment_runs ORDER BY run_id"),
        await owner.fetch("SELECT * FROM acra_express.pages WHERE domain = 'rose.sg'"),
        await owner.fetch("SELECT * FROM acra_express.search_domains WHERE domain = 'rose.sg'"),
    ]


@pytest.mark.parametrize("subject", ["201912345K", "lotus.com.sg", "info@lotus.com.sg", PERSON])
async def test_forget_keeps_rows_of_others_and_is_idempotent(
    database: Database, owner: Connection, shape: PlatformShape, hashes: AddressHash, subject: str
) -> None:
    await arranged(database, owner, shape, hashes)
    before = await theirs(owner)
    first = await forget(owner, subject, shape=shape, hashes=hashes)
    assert first.removed
    assert (await forget(owner, subject, shape=shape, hashes=hashes)).removed == {}
    assert await theirs(owner) == before


@pytest.mark.parametrize("subject", ["201912345K", "lotus.com.sg"])
async def test_forgetting_a_company_or_domain_removes_its_rows(
    database: Database, owner: Connection, shape: PlatformShape, hashes: AddressHash, subject: str
) -> None:
    company = await arranged(database, owner, shape, hashes)
    await forget(owner, subject, shape=shape, hashes=hashes)
    row = await one(owner, "SELECT * FROM companies WHERE company_id = $1", company.company_id)
    filled = {"website_domain", "email", "phone_number", "linkedin_url", "sg_phone", "sg_postcode"}
    assert {name: row[name] for name in filled} == dict.fromkeys(filled)
    assert row["name"] == "LOTUS PUMPS PTE. LTD."
    assert await owner.fetchval("SELECT count(*) FROM contacts WHERE contact_source = 'acra_express'") == 0
    assert await owner.fetchval("SELECT count(*) FROM lead_emails WHERE source = 'acra_express'") == 0
    assert await owner.fetchval("SELECT count(*) FROM company_enrichment_runs WHERE source_json IS NOT NULL") == 0
    assert await owner.fetchval("SELECT detail FROM acra_express.outcomes") is None
    assert await owner.fetchval("SELECT url FROM acra_express.pages") == "https://rose.sg/"
    assert await count(owner, "acra_express.searches") == 0
    assert await owner.fetchval("SELECT domain FROM acra_express.search_domains") == "rose.sg"
    listed = OptOuts(database, hashes)
    assert await (listed.company(subject) if subject == "201912345K" else listed.domain(subject))


async def test_forgetting_an_address_keeps_the_other_facts(
    database: Database, owner: Connection, shape: PlatformShape, hashes: AddressHash
) -> None:
    company = await arranged(database, owner, shape, hashes)
    await forget(owner, "Info@lotus.com.sg", shape=shape, hashes=hashes)
    history = await one(owner, "SELECT * FROM company_enrichment_runs WHERE source_json IS NOT NULL")
    assert (history["public_emails"], history["verification_results"]) == ([], [])
    assert [entry["kind"] for entry in history["source_json"]["emails"]] == ["person"]
    assert history["source_json"]["site"]["domain"] == "lotus.com.sg"
    row = await one(owner, "SELECT email, phone_number FROM companies WHERE company_id = $1", company.company_id)
    assert row == {"email": None, "phone_number": "+6561112222"}
    assert await owner.fetchval("SELECT count(*) FROM contacts WHERE contact_source = 'acra_express'") == 0
    for table in ("email_verification_cache", "acra_express.verifications"):
        assert await count(owner, table) == 0
    assert await owner.fetchval("SELECT url FROM acra_express.pages") == "https://rose.sg/"
    assert await OptOuts(database, hashes).address("info@lotus.com.sg")


async def test_forgetting_finds_an_address_stored_as_a_hash(
    database: Database, owner: Connection, shape: PlatformShape, hashes: AddressHash
) -> None:
    await arranged(database, owner, shape, hashes)
    await forget(owner, PERSON, shape=shape, hashes=hashes)
    story = await owner.fetchval("SELECT detail FROM acra_express.outcomes")
    assert [entry.get("address") for entry in story["emails"]] == ["info@lotus.com.sg"]
    assert await owner.fetchval("SELECT email FROM companies WHERE uen = '201912345K'") == "info@lotus.com.sg"


@pytest.mark.parametrize("subject", ["lotus.com.sg", "201912345K"])
async def test_forget_removes_the_domain_from_our_index_too(
    database: Database, owner: Connection, shape: PlatformShape, hashes: AddressHash, subject: str
) -> None:
    company = await arranged(database, owner, shape, hashes)
    assert await count(owner, "acra_express.company_domains") == 1
    await forget(owner, subject, shape=shape, hashes=hashes)
    site = "SELECT website_domain FROM companies WHERE company_id = $1"
    assert await owner.fetchval(site, company.company_id) is None
    assert await count(owner, "acra_express.company_domains") == 0
