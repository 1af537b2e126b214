"""Each rule with its exact interleaving: a guest that breaks it harms the nightly, ours does not at the same point.

The nightly waits at a named point of its transaction while the guest acts, so nothing here depends on timing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from acra_express_async.db.companies.company_rows import load_company
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.errors import LockBusy, StandBack
from acra_express_async.models import Company, CompanyId, Job, JobId, JobType, Token
from acra_express_async.params import Campaign
from acra_express_async.registry import RegistryRow
from acra_express_async.sandbox.nightly import DAILY_LIMIT, Figures, Nightly, domain_of

from .guest import Guest, outcome_for
from .worlds import CUSTOMERS, deadlocks, nightly_jobs

Act = Callable[[], Awaitable[None]]


def once_at(where: str, act: Act) -> Callable[[str], Awaitable[None]]:
    """A pause hook that acts the first time the nightly reaches this point."""
    done: list[str] = []

    async def pause(point: str) -> None:
        if point == where and not done:
            done.append(point)
            await act()

    return pause


async def enrichment_job(owner: Connection, code: str = "62011") -> None:
    await owner.execute(
        "INSERT INTO background_jobs (tenant_id, job_type, status, params)"
        " VALUES ($1, 'enrich_candidates', 'queued', $2)",
        CUSTOMERS[0],
        {"ssic_codes": [code]},
    )


async def companies_of(owner: Connection, code: str = "62011") -> list[Company]:
    rows = await owner.fetch("SELECT company_id FROM companies WHERE industry_code = $1 ORDER BY 1", code)
    found = [await load_company(owner, CompanyId(row["company_id"])) for row in rows]
    return [company for company in found if company is not None]


async def save(guest: Guest, database: Database, company: Company, *, points: int = 90) -> None:
    """Save as the guest does, outside a job."""
    outcome = outcome_for(company)
    async with database.transaction() as connection:
        job = Job(JobId(1), JobType.ENRICHMENT, Token(1), {}, await connection.fetchval("SELECT now()"))
        await guest.companies.save(connection, job, company, outcome)


async def waiting(owner: Connection, count: int = 1) -> None:
    """Wait until this many sessions of the database wait for a lock."""
    while True:
        waits = await owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        if waits >= count:
            return


async def nightly_with(dsn: str, where: str, act: Act) -> Figures:
    nightly = Nightly(dsn, pause=once_at(where, act))
    return await nightly.run_pass()


async def test_b1_a_rival_insert_fails_the_nightly_staging_job(
    furnished: Connection, guest: Guest, fresh_dsn: str
) -> None:
    await nightly_jobs(furnished, [("bakery",)])
    wanted = await furnished.fetchrow(
        "SELECT uen, entity_name FROM staging_acra_companies s WHERE primary_ssic_code = 62011"
        " AND NOT EXISTS (SELECT FROM companies c WHERE c.uen = s.uen) ORDER BY ctid LIMIT 1"
    )
    assert wanted is not None

    async def in_between() -> None:
        """Insert all rows that the nightly has not inserted yet, like a guest without the lock."""
        await furnished.execute(
            "INSERT INTO companies (uen, name) SELECT uen, 'RACE' FROM staging_acra_companies s"
            " WHERE primary_ssic_code = 62011 AND NOT EXISTS (SELECT FROM companies c WHERE c.uen = s.uen)"
        )

    async def ours() -> None:
        with pytest.raises(StandBack):
            await guest.upsert(RegistryRow(wanted["uen"], wanted["entity_name"], "62011"))

    kept = await nightly_with(fresh_dsn, "looked_up", ours)
    assert (kept.lost_staging_jobs, kept.staged) == (0, 20)
    await furnished.execute("DELETE FROM companies; DELETE FROM background_jobs")
    await nightly_jobs(furnished, [("bakery",)])
    lost = await nightly_with(fresh_dsn, "looked_up", in_between)
    assert (lost.lost_staging_jobs, lost.staged, dict(lost.failed)) == (1, 0, {"UniqueViolationError": 1})


async def test_b2_a_long_transaction_delays_the_nightly(
    furnished: Connection, guest: Guest, database: Database, fresh_dsn: str
) -> None:
    await enrichment_job(furnished)
    first, *_ = await companies_of(furnished)
    async with database.transaction() as connection:
        job = Job(JobId(1), JobType.ENRICHMENT, Token(1), {}, await connection.fetchval("SELECT now()"))
        await guest.companies.save(connection, job, first, outcome_for(first))
        running = asyncio.create_task(Nightly(fresh_dsn).run_pass())
        await waiting(furnished)  # its ALTER waits for our header as long as our transaction is open
        assert not running.done()
    figures = await running
    assert figures.stored + figures.skipped == 2


async def test_b2_the_server_ends_an_idle_transaction(database: Database) -> None:
    async with database.session() as connection:
        settings = {
            name: await connection.fetchval("SELECT current_setting($1)", name)
            for name in ("idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout")
        }
    assert settings == {
        "idle_in_transaction_session_timeout": "5s",
        "statement_timeout": "5s",
        "lock_timeout": "300ms",
    }


async def test_b3_locking_companies_first_deadlocks_the_nightly(furnished: Connection, fresh_dsn: str) -> None:
    await enrichment_job(furnished)
    _, other = await companies_of(furnished)
    await furnished.execute("DELETE FROM companies WHERE company_id = $1", other.company_id)
    bad = await connect(fresh_dsn, {"search_path": "public"})
    transaction = bad.transaction()

    async def companies_first() -> None:
        await transaction.start()
        await bad.execute("UPDATE companies SET last_seen = now() WHERE industry_code = '62011'")

    hit = {"DeadlockDetectedError": 1}
    try:
        nightly = asyncio.create_task(nightly_with(fresh_dsn, "stored_header", companies_first))
        await waiting(furnished)  # its store waits for our row; now we request the header that it holds
        try:
            await bad.execute("INSERT INTO enrichment_runs (tenant_id, status) VALUES (1, 'succeeded')")
        except asyncpg.DeadlockDetectedError:  # on a slow machine the server may look later, and choose us
            hit = {}
            await transaction.rollback()
        else:
            await transaction.commit()
        figures = await nightly
    finally:
        await bad.close()
    assert dict(figures.failed) == hit
    assert await deadlocks(furnished) == 1


async def test_b3_our_save_gives_way_at_the_same_point(
    furnished: Connection, guest: Guest, database: Database, fresh_dsn: str
) -> None:
    await enrichment_job(furnished)
    company = (await companies_of(furnished))[0]

    async def ours() -> None:
        with pytest.raises(LockBusy):
            await save(guest, database, company)

    figures = await nightly_with(fresh_dsn, "stored_header", ours)
    assert (figures.stored, dict(figures.failed)) == (2, {})
    assert await deadlocks(furnished) == 0


@pytest.mark.parametrize("tenant", [CUSTOMERS[0], None], ids=["the customer's tenant", "ours"])
async def test_b4_headers_under_a_customer_use_up_its_cap(
    furnished: Connection, database: Database, fresh_dsn: str, tenant: int | None
) -> None:
    await enrichment_job(furnished)
    # Under a customer it acts as the shared login, because the database restricts the role to its own tenant.
    under = Database(fresh_dsn, role=None if tenant else "acra_express", tenant_id=tenant or database.tenant_id, size=1)
    await under.open()
    try:
        guest = await Guest.made(under, ["62011"])
        for number in range(DAILY_LIMIT):
            company_id = await furnished.fetchval(
                "INSERT INTO companies (uen, name) VALUES ($1, 'X') RETURNING company_id", f"19990{number:04d}X"
            )
            company = await load_company(furnished, CompanyId(company_id))
            assert company is not None
            await save(guest, under, company)
    finally:
        await under.close()
    figures = await Nightly(fresh_dsn).run_pass()
    expected = (1, {"enrich_candidates:queued": 1}) if tenant else (0, {"enrich_candidates:done": 1})
    assert (figures.deferred, dict(figures.jobs)) == expected


async def test_b5_new_companies_keep_a_nightly_job_from_ending(
    furnished: Connection, guest: Guest, fresh_dsn: str
) -> None:
    """The job has two candidates: without our companies it is done, with nineteen more its cap is used up."""
    await enrichment_job(furnished)
    job = Job(JobId(1), JobType.STAGING, Token(1), {}, await furnished.fetchval("SELECT now()"))
    guest.batch = 50
    picked = await guest.selection.pick(guest.params, Campaign(id=1, enqueued_at=job.created_at), 50)
    assert "62011" not in {row.ssic_code for row in picked.rows if await _is_new(furnished, row.uen)}
    for row in picked.rows:
        await guest.upsert(row)
    assert dict((await Nightly(fresh_dsn).run_pass()).jobs) == {"enrich_candidates:done": 1}
    await furnished.execute(
        "INSERT INTO companies (uen, name, industry_code)"
        " SELECT uen, entity_name, '62011' FROM staging_acra_companies s"
        " WHERE primary_ssic_code = 62011 AND NOT EXISTS (SELECT FROM companies c WHERE c.uen = s.uen)"
    )
    await furnished.execute("UPDATE background_jobs SET status = 'queued'; DELETE FROM company_enrichment_runs")
    assert dict((await Nightly(fresh_dsn).run_pass()).jobs) == {"enrich_candidates:queued": 1}


async def _is_new(owner: Connection, uen: str) -> bool:
    return not await owner.fetchval("SELECT EXISTS (SELECT FROM companies WHERE uen = $1)", uen)


async def test_b6_nightly_skips_what_we_enriched_without_error(
    furnished: Connection, guest: Guest, database: Database, fresh_dsn: str
) -> None:
    await enrichment_job(furnished)
    first, _ = await companies_of(furnished)
    await save(guest, database, first)
    figures = await Nightly(fresh_dsn).run_pass()
    assert (figures.stored, figures.skipped, figures.deferred, dict(figures.failed)) == (1, 1, 0, {})
    assert dict(figures.jobs) == {"enrich_candidates:done": 1}


async def test_b7_a_stolen_domain_fails_the_nightly_store(
    furnished: Connection, guest: Guest, database: Database, fresh_dsn: str
) -> None:
    await enrichment_job(furnished)
    first, _ = await companies_of(furnished)
    thief = (await companies_of(furnished, "33120"))[0]
    await furnished.execute(
        "UPDATE companies SET website_domain = $2 WHERE company_id = $1", thief.company_id, domain_of(first.uen)
    )
    robbed = await Nightly(fresh_dsn).run_pass()
    assert dict(robbed.failed) == {"UniqueViolationError": 1}
    await furnished.execute(
        "UPDATE companies SET website_domain = NULL; UPDATE background_jobs SET status = 'queued';"
        " DELETE FROM company_enrichment_runs"
    )
    await save(guest, database, first)
    undisturbed = await Nightly(fresh_dsn).run_pass()
    assert dict(undisturbed.failed) == {}
