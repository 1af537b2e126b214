"""Rows of the platform's tables with values that no program should have written: each is read within bounds."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.company_rows import LONGEST_CELL, load_company
from acra_express_async.db.companies.forget import forget
from acra_express_async.db.companies.selection import Selection
from acra_express_async.db.companies.verification_rows import VerificationRows
from acra_express_async.db.ops.control import Control
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.models import CompanyId
from acra_express_async.params import Campaign, StagingParams

from .builders import a_company, a_registry_row, a_verification, an_email, an_outcome, stored

UEN, ADDRESS = "201912345K", "info@lotus.com.sg"
MOMENTS = ["infinity", "-infinity", "20000-01-01", "294276-12-31 23:59:59", "4713-01-01 BC", "2026-11-26"]


async def checked_within(owner: Connection, company_id: CompanyId, days: int) -> bool:
    company = await load_company(owner, company_id, recheck=timedelta(days=days))
    assert company is not None
    return company.recently_checked


async def cache(owner: Connection, checked_at: str) -> None:
    await owner.execute(
        "INSERT INTO email_verification_cache (email, status, confidence, checked_at)"
        " VALUES ($1, 'valid', 'NaN', $2::text::timestamptz)",
        ADDRESS,
        checked_at,
    )


@pytest.mark.parametrize("checked_at", MOMENTS)
async def test_an_odd_moment_in_the_cache_is_never_in_the_future(
    database: Database, owner: Connection, shape: PlatformShape, hashes: AddressHash, checked_at: str
) -> None:
    await cache(owner, checked_at)
    found = (
        await VerificationRows(database, shape=shape, hashes=hashes, cache_days=90).look_up([ADDRESS])
    ).results.get(ADDRESS)
    if found is not None:
        assert found.checked_at is not None
        assert found.checked_at <= datetime.now(UTC)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_odd_moments_of_others_do_not_break_a_save(
    database: Database, owner: Connection, shape: PlatformShape, moment: str
) -> None:
    company = await a_company(owner, UEN)
    await cache(owner, moment)
    await owner.execute(
        "INSERT INTO lead_emails (email, company_id, verification_status, source, last_verified_at, role_last_seen,"
        " smtp_confidence) VALUES ($1, $2, 'valid', 'other', $3::text::timestamptz, 'infinity', 'NaN')",
        ADDRESS,
        company.company_id,
        moment,
    )
    emails = (an_email(ADDRESS, verification=a_verification(ADDRESS)),)
    saved = await stored(database, shape, company, an_outcome(emails=emails))
    assert saved.outcome.kind.value == "enriched"


@pytest.mark.parametrize("updated_at", MOMENTS)
async def test_an_odd_moment_in_the_history_breaks_no_selection(
    database: Database, owner: Connection, shape: PlatformShape, updated_at: str
) -> None:
    company = await a_company(owner, UEN)
    await a_registry_row(owner, UEN)
    await a_registry_row(owner, "201954321M")
    run_id = await owner.fetchval(
        "INSERT INTO enrichment_runs (tenant_id, started_at, ended_at) VALUES (77, $1::text::timestamptz,"
        " $1::text::timestamptz) RETURNING run_id",
        updated_at,
    )
    await owner.execute(
        "INSERT INTO company_enrichment_runs (company_id, run_id, updated_at, news_latest_at, source_json)"
        " VALUES ($1, $2, $3::text::timestamptz, 'infinity', '[1]')",
        company.company_id,
        run_id,
        updated_at,
    )
    chosen = Selection(database, shape=shape, include_sole_proprietors=False, recheck_days=7, hold_nights=2)
    campaign = Campaign(id=1, enqueued_at=datetime.now(UTC), wrapped=True)
    picked = await chosen.pick(StagingParams(ssic_codes=["33120"]), campaign, 5)
    assert "201954321M" in [row.uen for row in picked.rows]
    assert await checked_within(owner, company.company_id, 7) in (True, False)


@pytest.mark.parametrize("company_id", [0, -5, -(2**63)])
async def test_a_company_that_no_job_can_name_is_left_out(
    database: Database, owner: Connection, shape: PlatformShape, company_id: int
) -> None:
    await a_company(owner, UEN, company_id=company_id)
    await a_registry_row(owner, UEN)
    await a_registry_row(owner, "201954321M")
    chosen = Selection(database, shape=shape, include_sole_proprietors=False, recheck_days=7, hold_nights=2)
    params = StagingParams(uens=[UEN], ssic_codes=["33120"])
    picked = await chosen.pick(params, Campaign(id=1, enqueued_at=datetime.now(UTC)), 5)
    assert [row.uen for row in picked.rows] == ["201954321M"]
    assert picked.refused == ((UEN, f"its row in companies has the id {company_id}, which no job can name"),)


async def test_a_name_of_a_megabyte_is_cut(database: Database, owner: Connection, shape: PlatformShape) -> None:
    """A page is compared with every word of a name, on the loop that all companies share."""
    company = await a_company(owner, UEN)  # an index of the platform holds no longer name; its staging table does
    await a_registry_row(owner, UEN, entity_name="LOTUS " * 200_000, former_entity_name1="OLD " * 200_000)
    await a_registry_row(owner, "201954321M", entity_name="   ")
    chosen = Selection(database, shape=shape, include_sole_proprietors=False, recheck_days=7, hold_nights=2)
    params = StagingParams(uens=[UEN, "201954321M"])
    picked = await chosen.pick(params, Campaign(id=1, enqueued_at=datetime.now(UTC)), 5)
    assert [len(row.name) for row in picked.rows] == [LONGEST_CELL]
    assert picked.refused == (("201954321M", "has no name in the registry"),)
    loaded = await load_company(owner, company.company_id)
    assert loaded is not None
    assert (len(loaded.name), len(loaded.former_names[0])) == (LONGEST_CELL, LONGEST_CELL)


@pytest.mark.parametrize(
    ("started_at", "runs"),
    [("infinity", False), ("20000-01-01", False), ("-infinity", False), ("4713-01-01 BC", False), (None, True)],
)
async def test_a_nightly_row_of_the_future_holds_nobody_back(
    database: Database, owner: Connection, started_at: str | None, runs: bool
) -> None:
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, started_at) VALUES ('staging_upsert', 'running',"
        " $1::text::timestamptz)",
        started_at,
    )
    assert await Control(database).nightly_running() is runs


async def test_verifications_of_others_count_within_bounds(database: Database, owner: Connection) -> None:
    for started_at, calls in (("now", 7), ("infinity", 500), ("20000-01-01", 500), ("-infinity", 500), ("now", -400)):
        run_id = await owner.fetchval(
            "INSERT INTO enrichment_runs (tenant_id, started_at) VALUES (77, $1::text::timestamptz) RETURNING run_id",
            started_at,
        )
        await owner.execute(
            "INSERT INTO run_vendor_usage (run_id, tenant_id, vendor, calls) VALUES ($1, 77, 'zerobounce', $2)",
            run_id,
            calls,
        )
    async with database.session() as connection:
        since = datetime.now(UTC) - timedelta(days=1)
        assert await connection.fetchval("SELECT acra_express.verifications_elsewhere_since($1)", since) == 7


@pytest.mark.parametrize(
    "source",
    [{"emails": "all"}, {"emails": [1, None, "x", {"address": 5}]}, {"emails": None}, {"emails": {"a": 1}}, {}],
    ids=json.dumps,
)
async def test_odd_json_in_the_history_does_not_stop_forget(
    database: Database, owner: Connection, shape: PlatformShape, hashes: AddressHash, source: dict[str, Any]
) -> None:
    company = await a_company(owner, UEN)
    await stored(database, shape, company, an_outcome())
    run_id = await owner.fetchval("INSERT INTO enrichment_runs (tenant_id) VALUES (77) RETURNING run_id")
    await owner.execute(
        "INSERT INTO company_enrichment_runs (company_id, run_id, source_json, public_emails, verification_results)"
        " VALUES ($1, $2, $3, $4, $5)",
        company.company_id,
        run_id,
        {"service": "acra-express"} | source,
        [ADDRESS],
        source.get("emails"),
    )
    gone = await forget(owner, ADDRESS, shape=shape, hashes=hashes)
    assert gone.removed["company_enrichment_runs"] >= 1
