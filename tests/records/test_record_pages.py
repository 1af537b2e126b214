"""Pages of an export on a real database: which companies, which decision, and what is never exported."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from db.builders import AT

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.forget import forget
from acra_express_async.db.companies.optouts import OptOuts, record_opt_out
from acra_express_async.db.records import record_pages
from acra_express_async.db.records.record_pages import Missing, RecordPages, RecordRow, Wanted
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.records.record import record_of


async def decided(owner: Connection, uen: str, kind: str = "enriched", *, job: int = 1, **more: object) -> None:
    """A company with one decision; `at`, `reason`, `campaign`, `detail`, `level` and `ssic` as keyword arguments."""
    company_id = await owner.fetchval(
        """
        INSERT INTO companies (uen, name) VALUES ($1, $1) ON CONFLICT (uen) DO UPDATE SET name = excluded.name
        RETURNING company_id
        """,
        uen,
    )
    await owner.execute(
        """
        INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description, primary_ssic_code)
        VALUES ($1, 'FIRM ' || $1, 'Live Company', $2) ON CONFLICT DO NOTHING
        """,
        uen,
        more.get("ssic", 1111),
    )
    at: datetime = more.get("at", AT)  # type: ignore[assignment]
    await owner.execute(
        """
        INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, reason, ended_at, campaign_id, detail, level)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        job,
        company_id,
        uen,
        kind,
        more.get("reason", ""),
        at,
        more.get("campaign"),
        more.get("detail", {"site": {"domain": f"{uen.lower()}.sg", "points": 90, "evidence": []}}),
        more.get("level"),
    )


async def exported(
    database: Database, shape: PlatformShape, wanted: Wanted, uens: list[str] | None = None
) -> list[RecordRow]:
    pages = RecordPages(database, shape).pages(wanted, uens)
    return [row async for page in pages for row in page]


async def test_walks_all_companies_in_uen_order(
    owner: Connection, database: Database, shape: PlatformShape, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_pages, "PAGE", 2)
    for uen in ("C", "A", "E", "B", "D"):
        await decided(owner, uen)
    assert [row.uen for row in await exported(database, shape, Wanted())] == ["A", "B", "C", "D", "E"]
    assert [row.uen for row in await exported(database, shape, Wanted(), ["A", "D", "E"])] == ["A", "D", "E"]


async def test_an_answer_stands_above_a_newer_attempt(
    owner: Connection, database: Database, shape: PlatformShape
) -> None:
    await decided(owner, "A", at=AT, job=1)
    await decided(owner, "A", "failed", at=AT + timedelta(days=1), job=2, reason="provider_unavailable")
    await decided(owner, "B", "failed", at=AT, job=3, reason="internal_error")
    await decided(owner, "B", "skipped", at=AT + timedelta(days=1), job=4, reason="not_live")
    rows = await exported(database, shape, Wanted())
    assert [(row.uen, row.kind, row.job_id) for row in rows] == [
        ("A", "enriched", 1),
        ("B", "skipped", 4),
    ]


@pytest.mark.parametrize(
    ("wanted", "uens"),
    [
        (Wanted(outcome="no_website"), ["B", "D"]),
        (Wanted(outcome="no_website", reason="no_proof"), ["B"]),
        (Wanted(reason="parked"), ["D"]),
        (Wanted(reason="parked:for_sale", ssic_codes=("56111",), since=AT), ["D"]),
        (Wanted(since=AT + timedelta(hours=1)), ["C", "D"]),
        (Wanted(ssic_codes=("1111",)), ["A", "C"]),
        (Wanted(campaign_id=7), ["A", "D"]),
        (Wanted(campaign_id=7, outcome="enriched"), ["A"]),
    ],
    ids=str,
)
async def test_takes_only_what_is_wanted(
    owner: Connection, database: Database, shape: PlatformShape, wanted: Wanted, uens: list[str]
) -> None:
    later = AT + timedelta(hours=2)
    await decided(owner, "A", campaign=7)
    await decided(owner, "B", "no_website", reason="no_proof", ssic=56111)
    await decided(owner, "C", at=later, campaign=8)
    await decided(owner, "D", "no_website", reason="parked:for_sale", at=later, campaign=7, ssic=56111)
    assert [row.uen for row in await exported(database, shape, wanted)] == uens


async def test_opted_out_companies_and_addresses_never_leave(
    owner: Connection, database: Database, shape: PlatformShape, hashes: AddressHash
) -> None:
    emails = [
        {"address": "info@a.sg", "kind": "role"},
        {"address": "sales@a.sg", "kind": "role"},
        {"address_hash": hashes.text("tan@a.sg"), "kind": "person"},
        {"address_hash": hashes.text("lim@a.sg"), "kind": "person"},
    ]
    await decided(owner, "A", detail={"site": {"domain": "a.sg", "points": 90}, "emails": emails})
    await decided(owner, "B")
    await owner.execute(
        """
        INSERT INTO acra_express.opt_outs (kind, value, recorded_at)
        VALUES ('company', 'B', now()), ('address', $1, now()), ('address', $2, now())
        """,
        hashes.text("sales@a.sg"),
        hashes.text("tan@a.sg"),
    )
    [row] = await exported(database, shape, Wanted())
    record = record_of(row, {})
    assert (record.uen, record.emails, record.emails_hidden) == ("A", ("info@a.sg",), 1)
    assert hashes.text("lim@a.sg") not in str(record)


async def test_what_an_opted_out_domain_showed_never_leaves(
    owner: Connection, database: Database, shape: PlatformShape
) -> None:
    emails = [{"address": "info@a.sg", "kind": "role"}, {"address": "a@mail.b.sg", "kind": "role"}]
    await decided(owner, "A", detail={"site": {"domain": "a.sg", "points": 90}, "emails": emails})
    await decided(
        owner, "B", detail={"site": {"domain": "www.b.sg", "points": 90}, "phones": [{"number": "+6561112222"}]}
    )
    await owner.execute("INSERT INTO acra_express.opt_outs (kind, value, recorded_at) VALUES ('domain', 'b.sg', now())")
    first, second = [record_of(row, {}) for row in await exported(database, shape, Wanted())]
    assert (first.website, first.emails) == ("a.sg", ("info@a.sg",))
    assert (second.website, second.level, second.phones) == (None, None, ())
    assert (second.outcome, second.reason) == ("no_website", "site_opted_out")
    assert [row.uen for row in await exported(database, shape, Wanted(outcome="enriched"))] == ["A"]


async def test_a_stored_level_stands_whatever_the_thresholds_are_now(
    owner: Connection, database: Database, shape: PlatformShape
) -> None:
    await decided(owner, "A", level="unsure")
    await decided(owner, "B")
    assert [record_of(row, {}).level for row in await exported(database, shape, Wanted())] == ["unsure", "certain"]


async def test_a_page_takes_no_lock_that_our_inserts_would_meet(
    owner: Connection, database: Database, shape: PlatformShape
) -> None:
    """B1: an insert locks all of `companies` and does not wait, so an export must not even read that table."""
    await decided(owner, "A")
    await decided(owner, "B", "no_website", reason="parked")
    pages = RecordPages(database, shape)
    async with database.transaction() as connection:
        assert len(await pages._read(connection, Wanted(), ["A", "B"])) == 2
        rows = await connection.fetch("SELECT relation::regclass::text FROM pg_locks WHERE pid = pg_backend_pid()")
    assert "acra_express.outcomes" in {row[0] for row in rows}
    assert "companies" not in {row[0] for row in rows}


async def test_a_company_outside_the_registry_has_its_platform_name(
    owner: Connection, database: Database, shape: PlatformShape
) -> None:
    await decided(owner, "A")
    await owner.execute("DELETE FROM staging_acra_companies")
    await owner.execute("UPDATE companies SET name = 'LOTUS PUMPS PTE. LTD.'")
    assert [record_of(row, {}).name for row in await exported(database, shape, Wanted())] == ["LOTUS PUMPS PTE. LTD."]


@pytest.mark.parametrize(("subject", "reason"), [("201912345K", "forgotten"), ("lotus.sg", "site_opted_out")])
async def test_a_forgotten_website_is_no_website(
    owner: Connection, database: Database, shape: PlatformShape, hashes: AddressHash, subject: str, reason: str
) -> None:
    """Also once the opt-out was taken back: nothing comes back until the company is looked at again."""
    await decided(owner, "201912345K", detail={"site": {"domain": "lotus.sg", "points": 90}}, level="certain")
    gone = await forget(owner, subject, shape=shape, hashes=hashes)
    assert await OptOuts(database, hashes).remove(gone.kind, gone.value, "mei") is not None
    assert await exported(database, shape, Wanted(outcome="enriched")) == []
    [row] = await exported(database, shape, Wanted(outcome="no_website", reason=reason))
    record = record_of(row, {})
    assert (record.outcome, record.reason, record.website, record.level) == ("no_website", reason, None, None)


async def test_tells_why_a_company_has_no_record(
    owner: Connection, database: Database, shape: PlatformShape, hashes: AddressHash
) -> None:
    for uen in ("A", "B"):
        await decided(owner, uen)
    await owner.execute("INSERT INTO staging_acra_companies (uen, entity_name) VALUES ('C', 'FIRM C')")
    await record_opt_out(owner, "company", "B", hashes)
    assert await RecordPages(database, shape).why_missing(["A", "B", "C", "D"]) == {
        "A": Missing.OTHERWISE,
        "B": Missing.OPTED_OUT,
        "C": Missing.UNDECIDED,
        "D": Missing.UNKNOWN,
    }


async def test_an_address_carries_its_own_postal_code(
    owner: Connection, database: Database, shape: PlatformShape
) -> None:
    """The site may be of another place than the one that is registered."""
    await decided(owner, "A", detail={"site": {"domain": "a.sg", "points": 90}, "postal_code": {"value": "637123"}})
    await decided(owner, "B", "no_website", reason="parked", detail={})
    await owner.execute(
        """
        UPDATE staging_acra_companies SET block = '10', street_name = 'ANSON ROAD', level_no = 'na', building_name = '',
            postal_code = CASE uen WHEN 'A' THEN '079903' END
        """
    )
    first, second = [record_of(row, {}) for row in await exported(database, shape, Wanted())]
    assert (first.postal_code, first.address) == ("637123", "10 ANSON ROAD, Singapore 079903")
    assert (second.postal_code, second.address) == (None, "10 ANSON ROAD")
