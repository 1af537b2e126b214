"""Why a UEN will not be looked at, on a real database."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from acra_express_async.companies.forecast import left_out_text
from acra_express_async.db.companies.campaign_rows import record_campaign
from acra_express_async.db.companies.company_rows import LONGEST_CELL
from acra_express_async.db.companies.left_out import _FACTS, LeftOut, LeftOutRows
from acra_express_async.db.jobs.uen_lists import store_list
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.settings.tree import load_settings

WEEK = timedelta(days=7)


async def registered(
    owner: Connection, uen: str, *, status: str = "Live Company", name: str = "FIRM", sole: str = "na"
) -> int:
    await owner.execute(
        """
        INSERT INTO staging_acra_companies
            (uen, entity_name, entity_status_description, business_constitution_description)
        VALUES ($1, $2, $3, $4)
        """,
        uen,
        name,
        status,
        sole,
    )
    return int(await owner.fetchval("INSERT INTO companies (uen, name) VALUES ($1, $1) RETURNING company_id", uen))


async def new(owner: Connection, uen: str, name: str, code: int | None = None) -> None:
    """In the registry, and not yet in companies."""
    await owner.execute(
        "INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description, primary_ssic_code)"
        " VALUES ($1, $2, 'Live Company', $3)",
        uen,
        name,
        code,
    )


async def test_a_new_company_that_staging_leaves_out_is_told(owner: Connection, database: Database) -> None:
    """A customer's own row without a UEN has its name, or the nightly has its code pending; known ones are taken."""
    waits = await owner.fetchval(
        "INSERT INTO companies (uen, name) VALUES (' ', 'Orchid  bakery pte. ltd.'), (NULL, 'Orchid Bakery Pte. Ltd.')"
        " RETURNING company_id"
    )
    await new(owner, "A", " ORCHID  BAKERY PTE. LTD.")
    await new(owner, "B", "PENDING FIRM", 1111)
    await new(owner, "C", "FREE FIRM", 62011)
    await new(owner, "D", "KNOWN FIRM", 1111)
    await owner.execute("INSERT INTO companies (uen, name) VALUES ('D', 'KNOWN FIRM'), (NULL, 'KNOWN FIRM')")
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params)"
        " VALUES ('enrich_candidates', 'queued', '{\"ssic_codes\": [\"01111\"]}')"
    )
    rows = LeftOutRows(database, include_sole_proprietors=False, recheck=WEEK, hold_nights=2)
    found = await rows.of(["A", "B", "C", "D"])
    assert [(out.uen, out.reason, out.namesake) for out in found] == [
        ("A", "namesake", waits + 1),
        ("B", "nightly_pending", None),
    ]


async def test_each_reason_is_told(owner: Connection, database: Database) -> None:
    await registered(owner, "A")
    await registered(owner, "B", status="Struck Off")
    await registered(owner, "C", sole="Sole-Proprietor")
    await registered(owner, "D", name=" ")
    await registered(owner, "E")
    await owner.execute("INSERT INTO acra_express.opt_outs (kind, value, recorded_at) VALUES ('company', 'E', now())")
    looked_at = await registered(owner, "F")
    await owner.execute(
        """
        INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, ended_at)
        VALUES (1, $1, 'F', 'no_website', now() - interval '2 days')
        """,
        looked_at,
    )
    in_job = await registered(owner, "G")
    await owner.execute(
        """
        INSERT INTO background_jobs (job_type, status, params)
        VALUES ('acra_express_enrich_candidates', 'queued', $1)
        """,
        {"company_ids": [in_job], "campaign_id": 7},
    )
    await registered(owner, "H")
    await record_campaign(owner, 8, await owner.fetchval("SELECT now()"))
    await store_list(owner, 8, ["H"], afresh=True)
    rows = LeftOutRows(database, include_sole_proprietors=False, recheck=WEEK, hold_nights=2)
    found = {out.uen: out for out in await rows.of(["A", "B", "C", "D", "E", "F", "G", "H", "Z"])}
    assert {uen: out.reason for uen, out in found.items()} == {
        "B": "not_live",
        "C": "sole_proprietor",
        "D": "no_name",
        "E": "opted_out",
        "F": "recently_checked",
        "G": "in_campaign",
        "H": "in_campaign",
        "Z": "unknown",
    }
    assert (found["B"].status, found["G"].campaign_id, found["H"].campaign_id) == ("Struck Off", 7, 8)
    assert found["F"].looked_at is not None
    again = LeftOutRows(database, include_sole_proprietors=True, recheck=timedelta(0), hold_nights=2)
    assert [out.uen for out in await again.of(["C", "F"])] == []


def test_every_reason_has_words_for_one_and_for_many() -> None:
    settings = load_settings({"ACRA_EXPRESS_POSTGRES_DSN": "postgresql://x@localhost/x"})
    out = LeftOut("A", "namesake", namesake=7)
    assert left_out_text(out, settings) == (
        "company 7 has this name and no UEN; the nightly or a person must give it its UEN first"
    )
    for reason in (
        "unknown no_name not_live sole_proprietor opted_out recently_checked in_campaign nightly_pending namesake"
    ).split():
        for general in (False, True):
            assert left_out_text(LeftOut("A", reason), settings, general=general)


@pytest.mark.parametrize("indexed", [True, False])
async def test_namesakes_are_looked_up_at_any_size(owner: Connection, database: Database, indexed: bool) -> None:
    """By the platform's index on lower(name), or where a deployment lacks it with one pass over companies."""
    await owner.execute(
        "INSERT INTO companies (uen, name) SELECT 'U' || i, 'FIRM ' || i FROM generate_series(1, 20000) i;"
        "INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description)"
        " SELECT 'N' || i, 'NEW ' || i, 'Live Company' FROM generate_series(1, 500) i"
    )
    found = await owner.fetch(
        "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'companies'"
        " AND indexdef LIKE '%lower(name)%'"
    )
    if indexed:
        await owner.execute("CREATE INDEX IF NOT EXISTS names_of_companies ON companies (lower(name))")
    else:
        await owner.execute("".join(f"DROP INDEX {row['indexname']};" for row in found))
    await owner.execute("ANALYZE companies; ANALYZE staging_acra_companies")
    uens = [f"N{number}" for number in range(1, 501)]
    async with database.session() as connection:
        plan = await connection.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) {_FACTS}", uens, WEEK, LONGEST_CELL)
    text = "\n".join(row[0] for row in plan)
    scans = re.findall(r"Seq Scan on companies n .*loops=(\d+)", text)
    assert scans in ([], ["1"]), text
