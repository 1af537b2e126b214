"""What the outcome of one company writes: facts, personal data, opt-outs, hostile text."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.optouts import record_opt_out
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.models import EmailKind, Outcome, OutcomeKind, Usage

from .builders import AT, a_company, a_verification, an_email, an_outcome, count, one, stored


async def test_an_enriched_company_fills_every_table(database: Database, owner: Connection, shape: Any) -> None:
    company = await a_company(owner)
    saved = await stored(database, shape, company, an_outcome())

    header = await one(owner, "SELECT * FROM enrichment_runs")
    assert (header["run_id"], header["tenant_id"], header["status"]) == (
        saved.run_id,
        database.tenant_id,
        "succeeded",
    )
    assert header["ended_at"] - header["started_at"] == timedelta(seconds=3.5)
    history = await one(owner, "SELECT * FROM company_enrichment_runs")
    assert history["about_text"] == "Lotus repairs pumps for ships and factories in Tuas."
    assert (history["domain"], history["tenant_id"]) == ("lotus.com.sg", database.tenant_id)
    assert history["public_emails"] == ["info@lotus.com.sg"]
    assert history["verification_results"] == [
        {"email": "info@lotus.com.sg", "status": "valid", "confidence": 0.0, "source": "zerobounce"}
    ]
    assert history["source_json"] == saved.detail
    row = await one(owner, "SELECT * FROM companies")
    assert (row["website_domain"], row["email"], row["phone_number"]) == (
        "lotus.com.sg",
        "info@lotus.com.sg",
        "+6561112222",
    )
    assert (row["sg_phone"], row["sg_postcode"], row["linkedin_url"]) == (
        "+6561112222",
        "637123",
        "https://www.linkedin.com/company/lotus",
    )
    contact = await one(owner, "SELECT * FROM contacts")
    assert (contact["email"], contact["email_verified"], contact["contact_source"]) == (
        "info@lotus.com.sg",
        True,
        "acra_express",
    )
    lead = await one(owner, "SELECT * FROM lead_emails")
    assert (lead["company_id"], lead["verification_status"], lead["last_verified_at"], lead["source"]) == (
        company.company_id,
        "valid",
        AT,
        "acra_express",
    )
    assert lead["source_json"]["url"] == "https://lotus.com.sg/contact"
    assert (await one(owner, "SELECT * FROM email_verification_cache"))["status"] == "valid"
    usage = await owner.fetch("SELECT vendor, calls, tokens_output FROM run_vendor_usage ORDER BY vendor")
    assert [tuple(row) for row in usage] == [
        ("acra_express_ddg", 1, 0),
        ("acra_express_jina", 2, 2100),
        ("zerobounce", 1, 0),
    ]
    event = await one(owner, "SELECT * FROM run_event_logs")
    assert (event["event"], event["status"], event["duration_ms"], event["company_id"]) == (
        "finish",
        "ok",
        3500,
        company.company_id,
    )


@pytest.mark.parametrize("kind", [OutcomeKind.NO_WEBSITE, OutcomeKind.FAILED, OutcomeKind.SKIPPED])
async def test_other_outcomes_write_header_and_event_only(
    database: Database, owner: Connection, shape: Any, kind: OutcomeKind
) -> None:
    company = await a_company(owner)
    before = await one(owner, "SELECT * FROM companies")
    await stored(database, shape, company, Outcome(kind, "no_credible_site", usage=Usage(searches=1)))
    assert (await one(owner, "SELECT status FROM enrichment_runs"))["status"] == "succeeded"
    event = await one(owner, "SELECT * FROM run_event_logs")
    failed = kind is OutcomeKind.FAILED
    assert (event["event"], event["error_code"]) == (("error", "no_credible_site") if failed else ("finish", None))
    for table in ("company_enrichment_runs", "contacts", "lead_emails", "email_verification_cache"):
        assert await count(owner, table) == 0
    assert await one(owner, "SELECT * FROM companies") == before


async def test_b20_history_is_written_only_with_an_about_text(
    database: Database, owner: Connection, shape: Any
) -> None:
    await stored(database, shape, await a_company(owner), an_outcome(about="  "))
    assert await count(owner, "company_enrichment_runs") == 0
    assert await count(owner, "contacts") == 1


async def test_personal_addresses_appear_only_as_keyed_hashes(
    database: Database, owner: Connection, shape: Any, hashes: AddressHash
) -> None:
    person, mailbox = "mei.tan@lotus.com.sg", "lotus88@gmail.com"
    outcome = an_outcome(
        about=f"Write to Mei at {person}.",
        emails=(
            an_email(person, EmailKind.PERSON, a_verification(person)),
            an_email(mailbox, EmailKind.FREEMAIL),
            an_email("info@lotus.com.sg"),
        ),
        notes=(f"unverified: {mailbox}",),
    )
    saved = await stored(database, shape, await a_company(owner), outcome)
    whole = ""
    for table in (
        "companies",
        "contacts",
        "lead_emails",
        "email_verification_cache",
        "company_enrichment_runs",
        "run_event_logs",
        "run_vendor_usage",
        "enrichment_runs",
    ):
        whole += str(await owner.fetchval(f"SELECT coalesce(jsonb_agg(t)::text, '') FROM {table} t"))
    assert person not in whole
    assert mailbox not in whole
    assert "info@lotus.com.sg" in whole
    assert [entry.get("address_hash") for entry in saved.detail["emails"]] == [
        hashes.text(person),
        hashes.text(mailbox),
        None,
    ]
    assert await count(owner, "contacts") == 1


async def test_personal_addresses_are_stored_when_allowed(database: Database, owner: Connection, shape: Any) -> None:
    person = "mei.tan@lotus.com.sg"
    outcome = an_outcome(emails=(an_email(person, EmailKind.PERSON, a_verification(person)),))
    await stored(database, shape, await a_company(owner), outcome, personal=True)
    assert (await one(owner, "SELECT email FROM contacts"))["email"] == person


@pytest.mark.parametrize(
    ("theirs", "their_source", "ours", "ours_at", "expected"),
    [
        ("valid", "zerobounce", "invalid", AT, "valid"),
        ("catch-all", "zerobounce", "valid", AT, "valid"),
        ("valid", "zerobounce", "catch-all", AT, "valid"),
        ("invalid", "acra_express", "catch-all", AT, "catch-all"),
        ("valid", "acra_express", "invalid", AT, "invalid"),
        ("invalid", "acra_express", "valid", AT - timedelta(days=9), "invalid"),
    ],
)
async def test_b18_lead_email_keeps_its_company_and_its_better_status(
    database: Database,
    owner: Connection,
    shape: Any,
    theirs: str,
    their_source: str,
    ours: str,
    ours_at: datetime,
    expected: str,
) -> None:
    other = await a_company(owner, "199000001A", name="OTHER")
    await owner.execute(
        "INSERT INTO lead_emails (email, company_id, verification_status, source, last_verified_at, bounce_count,"
        " left_company) VALUES ('info@lotus.com.sg', $1, $2, $3, $4, 2, true)",
        other.company_id,
        theirs,
        their_source,
        AT - timedelta(days=1),
    )
    verification = a_verification("info@lotus.com.sg", ours, checked_at=ours_at)
    outcome = an_outcome(emails=(an_email("info@lotus.com.sg", verification=verification),))
    await stored(database, shape, await a_company(owner), outcome)
    row = await one(owner, "SELECT * FROM lead_emails")
    assert (row["company_id"], row["verification_status"], row["source"]) == (
        other.company_id,
        expected,
        their_source,
    )
    assert (row["bounce_count"], row["left_company"]) == (2, True)


@pytest.mark.parametrize(("kind", "value"), [("company", "201912345k"), ("domain", "lotus.com.sg")])
async def test_an_opt_out_during_the_run_stores_nothing(
    database: Database, owner: Connection, shape: Any, hashes: AddressHash, kind: Any, value: str
) -> None:
    await record_opt_out(owner, kind, value, hashes)
    saved = await stored(database, shape, await a_company(owner), an_outcome())
    assert (saved.outcome.kind, saved.outcome.reason) == (OutcomeKind.SKIPPED, "opted_out")
    assert "lotus.com.sg" not in json.dumps(saved.detail)
    assert await count(owner, "contacts") == 0
    assert await count(owner, "company_enrichment_runs") == 0


async def test_an_opted_out_address_is_not_even_stored_as_a_hash(
    database: Database, owner: Connection, shape: Any, hashes: AddressHash
) -> None:
    await record_opt_out(owner, "address", "Info@Lotus.com.sg", hashes)
    outcome = an_outcome(emails=(an_email("info@lotus.com.sg"), an_email("sales@lotus.com.sg")))
    saved = await stored(database, shape, await a_company(owner), outcome)
    assert saved.outcome is outcome
    assert [entry["address"] for entry in saved.detail["emails"]] == ["sales@lotus.com.sg"]
    assert (await one(owner, "SELECT email FROM contacts"))["email"] == "sales@lotus.com.sg"


async def test_broken_text_from_the_web_is_stored(database: Database, owner: Connection, shape: Any) -> None:
    about = 'NUL\x00, lone \ud800 surrogate, literal \\u0000, "quotes"'
    await stored(database, shape, await a_company(owner), an_outcome(about=about, notes=(about,)))
    history = await one(owner, "SELECT about_text, source_json FROM company_enrichment_runs")
    assert history["about_text"] == 'NUL, lone ? surrogate, literal \\u0000, "quotes"'
    assert history["source_json"]["notes"] == [history["about_text"]]
