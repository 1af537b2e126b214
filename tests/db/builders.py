"""Builders for tests of records: a company, a job, and an outcome that fills every field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from acra_express_async.db.companies.address_hash import load_address_hash
from acra_express_async.db.companies.outcomes import DailyCap, Slot
from acra_express_async.db.companies.platform_records import SavedCompany, save
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.models import (
    Company,
    CompanyId,
    Email,
    EmailKind,
    Evidence,
    Job,
    JobId,
    JobType,
    Outcome,
    OutcomeKind,
    Phone,
    Site,
    Token,
    Usage,
    VerificationResult,
)

AT = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


def a_job(number: int = 1) -> Job:
    return Job(JobId(number), JobType.ENRICHMENT, Token(1), {}, AT)


async def take(cap: DailyCap, company_id: CompanyId, job_id: JobId, most: int) -> Slot:
    """Take a slot in a transaction that does nothing else."""
    async with cap._database.transaction() as connection:
        return await cap.take(connection, company_id, job_id, most)


def a_verification(address: str, status: str = "valid", **more: Any) -> VerificationResult:
    return VerificationResult(address, status, **({"checked_at": AT} | more))


def an_email(address: str, kind: EmailKind = EmailKind.ROLE, verification: VerificationResult | None = None) -> Email:
    return Email(address, kind, "https://lotus.com.sg/contact", role="info", verification=verification, read_at=AT)


def an_outcome(**more: Any) -> Outcome:
    facts: dict[str, Any] = {
        "kind": OutcomeKind.ENRICHED,
        "site": Site(
            "lotus.com.sg",
            "https://www.lotus.com.sg/",
            90,
            (Evidence("uen", 60, "https://www.lotus.com.sg/", "UEN 201912345K"),),
        ),
        "about": "Lotus repairs pumps for ships and factories in Tuas.",
        "emails": (an_email("info@lotus.com.sg", verification=a_verification("info@lotus.com.sg")),),
        "phones": (
            Phone("+6562223333", "fax", "https://lotus.com.sg/contact", AT),
            Phone("+6561112222", "phone", "https://lotus.com.sg/contact", AT),
        ),
        "socials": (("linkedin", "https://www.linkedin.com/company/lotus"),),
        "postal_code": "637123",
        "postal_code_url": "https://lotus.com.sg/contact",
        "pages": ("https://www.lotus.com.sg/", "https://lotus.com.sg/contact"),
        "queries": ("lotus pumps singapore",),
        "usage": Usage(searches=1, pages=2, tokens=2100, verifications=1),
        "stage_seconds": (("search", 1.0), ("read", 2.5)),
    }
    return Outcome(**(facts | more))


async def a_company(owner: Connection, uen: str = "201912345K", **columns: Any) -> Company:
    """Insert a row into `companies` as the platform would store it."""
    columns = {"uen": uen, "name": "LOTUS PUMPS PTE. LTD.", "industry_code": "33120"} | columns
    names = ", ".join(columns)
    places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    company_id = await owner.fetchval(
        f"INSERT INTO companies ({names}) VALUES ({places}) RETURNING company_id", *columns.values()
    )
    return Company(CompanyId(company_id), uen=uen, name=columns["name"])


async def a_registry_row(owner: Connection, uen: str, **columns: Any) -> None:
    columns = {
        "uen": uen,
        "entity_name": f"COMPANY {uen} PTE. LTD.",
        "entity_type_description": "Local Company",
        "entity_status_description": "Live Company",
        "registration_incorporation_date": "2019-04-01",
        "primary_ssic_code": 33120,
    } | columns
    names = ", ".join(columns)
    places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    await owner.execute(f"INSERT INTO staging_acra_companies ({names}) VALUES ({places})", *columns.values())


async def stored(
    database: Database,
    shape: PlatformShape,
    company: Company,
    outcome: Outcome,
    *,
    personal: bool = False,
    job: int = 1,
) -> SavedCompany:
    async with database.transaction() as connection:
        return await save(
            connection,
            tenant_id=database.tenant_id,
            shape=shape,
            hashes=await load_address_hash(connection),
            store_personal_emails=personal,
            job=a_job(job),
            company=company,
            outcome=outcome,
        )


async def one(owner: Connection, sql: str, *values: Any) -> dict[str, Any]:
    rows = await owner.fetch(sql, *values)
    assert len(rows) == 1, rows
    return dict(rows[0])


async def count(owner: Connection, table: str) -> int:
    return int(await owner.fetchval(f"SELECT count(*) FROM {table}"))


async def advance(owner: Connection, hours: float) -> None:
    """Set the database clock ahead of the real one by this many hours (replaces an earlier offset)."""
    await owner.execute(
        "CREATE OR REPLACE FUNCTION acra_express.clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE"
        f" AS 'SELECT pg_catalog.clock_timestamp() + interval ''{hours} hours'''"
    )
