"""How fresh a selection is: counted by age, in windows, at ticks and by command."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from db.builders import a_company, a_registry_row
from process import acra_express

from acra_express_async.db.records import freshness_rows
from acra_express_async.db.records.freshness_rows import FreshnessCounts, FreshnessRows, latest_freshness
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.records import freshness
from acra_express_async.records.freshness import StandingCount, done_at, freshness_of

DAY = timedelta(days=1)
AGES: Mapping[str, tuple[str, float] | None] = {
    "A": ("enriched", 1),
    "B": ("no_website", 6.9),
    "C": ("enriched", 7.1),
    "D": ("enriched", 29.9),
    "E": ("enriched", 31),
    "F": ("failed", 1),
    "G": ("skipped", 1),
    "H": None,
}
"""Companies with their only outcome and its age in days."""
COUNTED = FreshnessCounts(days_7=2, days_30=2, older=1, never=3)


async def furnished(owner: Connection, ages: Mapping[str, tuple[str, float] | None] = AGES) -> None:
    for number, (name, outcome) in enumerate(ages.items(), start=1):
        uen = f"20190000{number}{name}"
        await a_registry_row(owner, uen)
        if outcome is not None:
            company = await a_company(owner, uen)
            await owner.execute(
                """
                INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, ended_at)
                VALUES ($1, $2, $3, $4, acra_express.clock() - $5::interval)
                """,
                number,
                company.company_id,
                uen,
                outcome[0],
                outcome[1] * DAY,
            )


@pytest.fixture
def rows(database: Database, shape: PlatformShape) -> FreshnessRows:
    return FreshnessRows(database, shape=shape, include_sole_proprietors=False)


@pytest.mark.parametrize("window", [500, 3, 1])
async def test_counts_live_companies_by_the_age_of_the_last_look(
    owner: Connection, rows: FreshnessRows, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(freshness_rows, "WINDOW", window)
    await furnished(owner)
    await a_registry_row(owner, "201900099X", entity_status_description="Struck Off")
    await a_registry_row(owner, "201900098X", primary_ssic_code=62011)
    found = await freshness_of(rows, await rows.codes((), ["33120"]))
    assert found.by_code == {"33120": COUNTED}
    assert found.total.live == len(AGES)


async def test_a_look_of_the_nightly_counts(owner: Connection, rows: FreshnessRows) -> None:
    await furnished(owner)
    company = await owner.fetchval("SELECT company_id FROM companies WHERE uen = '201900006F'")
    run = await owner.fetchval("INSERT INTO enrichment_runs (tenant_id) VALUES (9) RETURNING run_id")
    await owner.execute(
        "INSERT INTO company_enrichment_runs (company_id, run_id, updated_at)"
        " VALUES ($1, $2, now() - interval '9 days')",
        company,
        run,
    )
    found = await freshness_of(rows, await rows.codes((), ["33120"]))
    assert found.total == FreshnessCounts(days_7=2, days_30=3, older=1, never=2)


async def test_the_end_follows_from_the_pace_of_a_week(owner: Connection, rows: FreshnessRows) -> None:
    await furnished(owner)
    found = await freshness_of(rows, await rows.codes((), ["33120"]))
    assert found.per_day == pytest.approx(2 / 7)
    assert found.done_at is not None
    now, _ = await rows.pace()
    assert (found.done_at - now) / DAY == pytest.approx(3 / (2 / 7), abs=0.01)


async def test_a_young_service_is_judged_by_its_own_hours(owner: Connection, rows: FreshnessRows) -> None:
    await furnished(owner, {"A": ("enriched", 0.5), "B": ("enriched", 0.25), "C": None})
    found = await freshness_of(rows, await rows.codes((), ["33120"]))
    assert found.per_day == pytest.approx(4, abs=0.01)


def test_nothing_moves_without_a_pace() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert done_at(5, 0.0, now) is None
    assert done_at(0, 0.0, now) == now
    assert done_at(10**9, 0.001, now) is None


async def test_a_large_selection_is_counted_over_several_ticks(
    owner: Connection, database: Database, rows: FreshnessRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness_rows, "WINDOW", 2)
    monkeypatch.setattr(freshness, "WINDOWS_PER_TICK", 2)
    await furnished(owner)
    count = StandingCount(rows=rows, terms=(), ssic_codes=("33120", "62011"), listed=names())
    found: list[FreshnessCounts | None] = []
    for _ in range(4):
        await count.tick()
        async with database.session() as connection:
            found.append(await latest_freshness(connection))
    assert found == [None, None, COUNTED, COUNTED]


def names(*uens: str) -> Callable[[], Awaitable[Sequence[str]]]:
    async def listed() -> Sequence[str]:
        return uens

    return listed


async def test_companies_by_name_are_counted_beside_the_codes(
    owner: Connection, database: Database, rows: FreshnessRows
) -> None:
    """Each once: those of a selected code, gone companies and people trading alone are left out."""
    await furnished(owner)
    await a_registry_row(owner, "201900090X", primary_ssic_code=62011)
    await a_registry_row(owner, "201900091X", primary_ssic_code=62011, entity_status_description="na")
    await a_registry_row(owner, "201900092X", primary_ssic_code=62011, entity_status_description="Struck Off")
    await a_registry_row(owner, "53001234A", entity_type_description="Sole Proprietorship/ Partnership")
    uens = ("201900001A", "201900090X", "201900091X", "201900092X", "53001234A", "199912345Z")
    found = await freshness_of(rows, await rows.codes((), ["33120"]), uens)
    assert (found.named, found.total) == (FreshnessCounts(never=2), COUNTED + FreshnessCounts(never=2))
    await StandingCount(rows=rows, terms=(), ssic_codes=("33120",), listed=names(*uens)).tick()
    async with database.session() as connection:
        assert await latest_freshness(connection) == found.total
    await StandingCount(rows=rows, terms=(), ssic_codes=(), listed=names(*uens)).tick()
    async with database.session() as connection:
        assert await latest_freshness(connection) == FreshnessCounts(days_7=1, never=2)


async def test_without_a_selection_the_last_count_goes(
    owner: Connection, database: Database, rows: FreshnessRows
) -> None:
    await furnished(owner)
    for codes, expected in ((("33120",), COUNTED), ((), None)):
        await StandingCount(rows=rows, terms=(), ssic_codes=codes, listed=names()).tick()
        unknown = StandingCount(rows=rows, terms=("no such trade",), ssic_codes=(), listed=names())
        await unknown.tick()  # is named in the log, and changes nothing
        async with database.session() as connection:
            assert await latest_freshness(connection) == expected


async def test_the_command_answers_for_each_selection(fresh_dsn: str, owner: Connection, tmp_path: Path) -> None:
    await furnished(owner)
    await owner.execute(
        "INSERT INTO ssic_ref (code, title, version, source_file_hash) VALUES ('33120', 'Repair of pumps', '2025', 'x')"
    )

    async def asked(*arguments: str, **environ: str) -> Any:
        code, out, err = await acra_express("freshness", *arguments, "--json", POSTGRES_DSN=fresh_dsn, **environ)
        assert (code, err) == (0, "")
        return json.loads(out)

    counts = {"live": 8, "days_7": 2, "days_30": 2, "older": 1, "never": 3}
    assert (await asked())["items"] == []
    answer = await asked("--ssic", "33120")
    assert answer["items"] == [{"ssic": "33120", "title": "Repair of pumps", **counts}]
    assert (answer["selection"], answer["total"], answer["companies_per_day"]) == ("given", counts, 0.3)
    assert datetime.fromisoformat(answer["done_at"]).utcoffset() == timedelta(hours=8)
    assert (await asked(ACRA_EXPRESS_REFRESH_TERMS="pumps"))["selection"] == "standing"
    assert (await asked())["total"] == counts
    (tmp_path / "uens.txt").write_text("201900001A\n201900008H\n")
    by_name = await asked(ACRA_EXPRESS_REFRESH_UEN_FILE=str(tmp_path / "uens.txt"))
    assert by_name["named"] == {"live": 2, "days_7": 1, "days_30": 0, "older": 0, "never": 1}
    code, out, _ = await acra_express("freshness", "--ssic", "33120", POSTGRES_DSN=fresh_dsn)
    assert code == 0
    assert "Repair of pumps" in out
    assert "all will have been looked at by" in " ".join(out.split())
    code, _, err = await acra_express("freshness", "--ssic", "x", POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (1, "acra-express: 'x' is not an SSIC code\n")
