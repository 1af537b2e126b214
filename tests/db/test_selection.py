"""Which registry rows a campaign stages and in which order; no row is staged twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from acra_express_async.db.companies import selection
from acra_express_async.db.companies.company_upserts import Inserted
from acra_express_async.db.companies.selection import Picked, Selection
from acra_express_async.db.schema.platform_shape import PlatformShape, probe
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.errors import JobError, LockBusy
from acra_express_async.params import Campaign, StagingParams
from acra_express_async.registry import RegistryRow

from .builders import a_company, a_registry_row, advance


def campaign(**more: Any) -> Campaign:
    return Campaign(id=1, **({"enqueued_at": datetime.now(UTC)} | more))


def selecting(database: Database, shape: PlatformShape, **more: Any) -> Selection:
    return Selection(
        database, shape=shape, **({"include_sole_proprietors": False, "recheck_days": 7, "hold_nights": 2} | more)
    )


@pytest_asyncio.fixture
async def registry(owner: Connection) -> Sequence[str]:
    """Ten live companies of SSIC 33120, by UEN."""
    uens = [f"2019000{n:02d}K" for n in range(10)]
    for uen in uens:
        await a_registry_row(owner, uen)
    return uens


async def decide(owner: Connection, uen: str, *, kind: str = "no_website", days_ago: float = 0, job: int = 50) -> None:
    await owner.execute(
        "INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, ended_at)"
        " VALUES ($1, (SELECT coalesce(max(company_id), 0) + 1 FROM acra_express.outcomes), $2, $3,"
        " now() - make_interval(mins => $4))",
        job,
        uen,
        kind,
        int(days_ago * 24 * 60),
    )


def uens_of(picked: Picked) -> list[str]:
    return [row.uen for row in picked.rows]


async def walk(chosen: Selection, params: StagingParams, limit: int, began: Campaign) -> list[list[str]]:
    """Batches of a campaign until it is exhausted, as its continuations pick them; nothing is decided in between."""
    batches = []
    while True:
        picked = await chosen.pick(params, began, limit)
        batches.append(uens_of(picked))
        if picked.exhausted:
            return batches
        began = began.model_copy(update={"after": picked.after, "wrapped": picked.wrapped})
        assert len(batches) < 20


CODE = StagingParams(ssic_codes=["33120"])


async def test_explicit_uens_come_first_and_refusals_are_reported(
    database: Database, owner: Connection, shape: PlatformShape, registry: Sequence[str]
) -> None:
    await a_registry_row(owner, "201900099A", entity_status_description="Struck Off")
    await a_registry_row(
        owner,
        "53175406E",
        entity_type_description="Sole Proprietorship/ Partnership",
        business_constitution_description="Sole-Proprietor",
        entity_status_description="Live",
    )
    asked = ["201900099A", " 201900007k", "000000000X", "53175406E", registry[3]]
    picked = await selecting(database, shape).pick(StagingParams(uens=asked, ssic_codes=["33120"]), campaign(), 5)
    assert uens_of(picked) == [registry[7], registry[3], *registry[:3]]
    assert picked.done_uens == tuple(uen.strip().upper() for uen in asked)
    assert dict(picked.refused) == {
        "201900099A": "not live (Struck Off)",
        "000000000X": "not in the registry",
        "53175406E": "a sole proprietor is personal data (INCLUDE_SOLE_PROPRIETORS)",
    }
    rest = await selecting(database, shape).pick(StagingParams(uens=asked), campaign(), 2)
    assert rest.done_uens == tuple(uen.strip().upper() for uen in asked[:2])


async def test_a_selection_is_staged_once_in_batches(
    database: Database, owner: Connection, shape: PlatformShape, registry: Sequence[str]
) -> None:
    """A continuation starts after the last batch; companies that wait in a job are not taken again after the wrap."""
    chosen = selecting(database, shape)
    began, staged = campaign(), []
    while True:
        picked = await chosen.pick(CODE, began, 4)
        for row in picked.rows:
            staged.append(row.uen)
            company_id = await chosen.upsert(row)
            await owner.execute(
                "INSERT INTO background_jobs (job_type, status, params)"
                " VALUES ('acra_express_enrich_candidates', 'queued', $1)",
                {"company_ids": [company_id]},
            )
        if picked.exhausted:
            break
        began = campaign(after=picked.after, wrapped=picked.wrapped)
    assert staged == list(registry)


async def test_companies_never_decided_come_before_stale_ones(
    database: Database, owner: Connection, shape: PlatformShape, registry: Sequence[str]
) -> None:
    await decide(owner, registry[0], days_ago=8)
    await decide(owner, registry[1], days_ago=6)
    await decide(owner, registry[2], kind="failed", days_ago=2)
    await decide(owner, registry[3], kind="failed", days_ago=0.5)
    company = await a_company(owner, registry[4])
    run = await owner.fetchval("INSERT INTO enrichment_runs DEFAULT VALUES RETURNING run_id")
    await owner.execute(
        "INSERT INTO company_enrichment_runs (company_id, run_id, updated_at) VALUES ($1, $2, now())",
        company.company_id,
        run,
    )
    picked = await selecting(database, shape).pick(CODE, campaign(), 100)
    assert uens_of(picked) == [*registry[5:], registry[0], registry[2]]
    assert picked.exhausted


async def test_zero_recheck_days_still_take_a_company_once_a_campaign(
    database: Database, owner: Connection, shape: PlatformShape, registry: Sequence[str]
) -> None:
    for uen in registry[:5]:
        await decide(owner, uen, days_ago=1)
    chosen = selecting(database, shape, recheck_days=0)
    began = campaign()
    first = await chosen.pick(CODE, began, 5)
    assert uens_of(first) == list(registry[5:])
    for uen in registry[5:]:
        await decide(owner, uen)
    second = await chosen.pick(CODE, began.model_copy(update={"after": first.after, "wrapped": first.wrapped}), 9)
    assert uens_of(second) == list(registry[:5])
    assert second.exhausted


async def test_a_selection_step_is_bounded_and_continues_later(
    database: Database,
    owner: Connection,
    shape: PlatformShape,
    registry: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selection, "WINDOW", 2)
    monkeypatch.setattr(selection, "MAX_WINDOWS", 2)
    for uen in registry[:7]:
        await decide(owner, uen)
    batches = await walk(selecting(database, shape), CODE, 2, campaign())
    # Nothing is decided in between, so the round after the wrap offers them again.
    assert batches == [[], [registry[7]], list(registry[8:])] * 2


@pytest.mark.parametrize("asked", ["01111", "1111"])
async def test_padded_and_unpadded_codes_are_equal(
    database: Database, owner: Connection, shape: PlatformShape, asked: str
) -> None:
    await a_registry_row(owner, "201900001A", primary_ssic_code=1111)
    picked = await selecting(database, shape).pick(StagingParams(ssic_codes=[asked]), campaign(), 5)
    assert uens_of(picked) == ["201900001A"]
    assert picked.rows[0].ssic_code == "1111"


async def test_only_live_rows_and_sole_proprietors_only_when_asked(
    database: Database, owner: Connection, shape: PlatformShape
) -> None:
    rows = {
        "A": ("Local Company", None, "Live Company"),
        "B": ("Local Company", None, "Live (Receiver or Receiver and Manager appointed)"),
        "C": ("Local Company", None, "In Liquidation - Compulsory"),
        "D": ("Local Company", None, None),
        "E": ("Sole Proprietorship/ Partnership", "Sole-Proprietor", "Live"),
        "F": ("Sole Proprietorship/ Partnership", "Partnership", "Live"),
        "G": ("Business", "na", "Registered"),
        "H": ("Business", "Sole Proprietor", "LIVE"),
    }
    for letter, (kind, constitution, status) in rows.items():
        await a_registry_row(
            owner,
            f"53000000{letter}",
            entity_type_description=kind,
            business_constitution_description=constitution,
            entity_status_description=status,
        )
    picked = await selecting(database, shape).pick(CODE, campaign(), 50)
    assert [uen[-1] for uen in uens_of(picked)] == ["A", "B", "F"]
    chosen = selecting(database, shape, include_sole_proprietors=True)
    assert [uen[-1] for uen in uens_of(await chosen.pick(CODE, campaign(), 50))] == ["A", "B", "E", "F", "G", "H"]
    assert await chosen.count(CODE) == 6
    assert await selecting(database, shape).count(CODE) == 3


async def test_b5_new_companies_of_a_pending_nightly_job_wait(
    database: Database, owner: Connection, shape: PlatformShape, registry: Sequence[str]
) -> None:
    await a_company(owner, registry[4])
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params) VALUES ('enrich_candidates', 'queued', $1)",
        {"ssic_codes": ["33120"]},
    )
    chosen = selecting(database, shape)
    picked = await chosen.pick(CODE, campaign(), 50)
    assert (uens_of(picked), picked.held) == ([registry[4]], 9)
    asked = await chosen.pick(StagingParams(uens=[registry[0]]), campaign(), 5)
    assert asked.rows == ()
    assert "left to the nightly" in asked.refused[0][1]
    assert len((await selecting(database, shape, hold_nights=0).pick(CODE, campaign(), 50)).rows) == 10
    await owner.execute("UPDATE background_jobs SET created_at = now() - interval '49 hours'")
    assert len((await chosen.pick(CODE, campaign(), 50)).rows) == 10


async def test_each_term_is_resolved_alone_and_codes_are_combined(
    database: Database, owner: Connection, shape: PlatformShape, registry: Sequence[str]
) -> None:
    for code, title in (("33120", "Repair of pumps"), ("01111", "Growing of leafy vegetables"), ("62011", "Software")):
        await owner.execute(
            "INSERT INTO ssic_ref (code, title, version, source_file_hash) VALUES ($1, $2, '2025', 'x')", code, title
        )
    await a_registry_row(owner, "201900001A", primary_ssic_code=1111)
    chosen = selecting(database, shape)
    both = await chosen.pick(StagingParams(terms=["vegetable", "pump repairs"]), campaign(), 50)
    assert uens_of(both) == sorted(["201900001A", *registry])
    with pytest.raises(JobError, match=r"term 'zebra' matches no SSIC code; term 'quagga' .*; without the extension"):
        await chosen.pick(StagingParams(terms=["zebra", "pumps", "quagga"]), campaign(), 5)
    with pytest.raises(JobError, match="'abc' is not an SSIC code"):
        await chosen.pick(StagingParams(ssic_codes=["abc"]), campaign(), 5)
    await owner.execute("ALTER TABLE ssic_ref DROP fts CASCADE; DROP TRIGGER trg_ssic_ref_fts ON ssic_ref")
    without = selecting(database, await probe(owner))
    assert len((await without.pick(StagingParams(terms=["pump"]), campaign(), 50)).rows) == 10


async def test_a_registry_load_or_a_new_day_renews_the_selection(
    database: Database, owner: Connection, shape: PlatformShape, registry: Sequence[str]
) -> None:
    chosen = selecting(database, shape)
    assert await chosen.count(CODE) == 10
    await a_registry_row(owner, "201900098A")
    await owner.execute(
        "UPDATE staging_acra_companies SET entity_status_description = 'Struck Off' WHERE uen = $1", registry[0]
    )
    assert await chosen.count(CODE) == 10
    assert registry[0] not in uens_of(await chosen.pick(CODE, campaign(), 50))  # the current row decides
    await advance(owner, 25)
    assert uens_of(await chosen.pick(CODE, campaign(), 50)) == [*registry[1:], "201900098A"]
    await owner.execute("DELETE FROM staging_acra_companies WHERE uen = '201900098A'")
    await owner.execute("UPDATE acra_express.registry_state SET loaded_at = acra_express.clock()")
    assert await chosen.count(CODE) == 9


async def test_many_sessions_list_the_same_new_codes_at_once(
    fresh_dsn: str, owner: Connection, shape: PlatformShape
) -> None:
    """Each takes 12 of 40 codes, half of them in reverse: they wait for one another or give way, and never deadlock."""
    await owner.execute(
        "INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description, primary_ssic_code,"
        " entity_type_description) SELECT '2019' || lpad(g::text, 5, '0') || 'D', 'B' || g, 'Live Company',"
        " 10711 + g % 40, 'Local Company' FROM generate_series(1, 4000) g"
    )
    tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    database = Database(fresh_dsn, role="acra_express", tenant_id=tenant, size=8)
    await database.open()
    chosen = selecting(database, shape)

    async def pick(number: int) -> int:
        codes = [str(10711 + (7 * number + step) % 40) for step in range(12)]
        params = StagingParams(ssic_codes=codes[::-1] if number % 2 else codes)
        return len((await chosen.pick(params, campaign(), 5)).rows)

    try:
        for _ in range(3):
            await owner.execute("TRUNCATE acra_express.code_fills, acra_express.code_members")
            answers = await asyncio.gather(*(pick(number) for number in range(8)), return_exceptions=True)
            assert 5 in answers
            gave_way = [answer for answer in answers if answer != 5]
            assert all(isinstance(one, LockBusy) and "deadlock" not in str(one) for one in gave_way), gave_way
    finally:
        await database.close()


async def test_an_insert_that_meets_a_lock_keeps_what_was_made(
    database: Database, owner: Connection, shape: PlatformShape, fresh_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an ALTER TABLE of the platform between two groups; the job tries again soon instead of being snoozed."""
    monkeypatch.setattr(selection, "INSERTED_AT_ONCE", 1)
    rows = [RegistryRow(f"2019000{n:02d}K", f"LOTUS {n} PTE. LTD.", None, None, None) for n in range(2)]
    platform, groups = await connect(fresh_dsn, {}), 0
    insert = selection.insert_companies

    async def locked_at_the_second(*args: Any) -> Inserted:
        nonlocal groups
        groups += 1
        if groups == 2:
            await platform.execute("BEGIN; LOCK TABLE public.companies IN ACCESS EXCLUSIVE MODE")
        return await insert(*args)

    monkeypatch.setattr(selection, "insert_companies", locked_at_the_second)
    try:
        made = await selecting(database, shape).insert(rows)
    finally:
        await platform.close()
    assert list(made.companies) == [rows[0].uen]
    assert (made.gave_way and made.gave_way.reason) == "lock_timeout"
    assert set((await selecting(database, shape).insert(rows)).companies) == {row.uen for row in rows}
