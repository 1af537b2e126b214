"""The real service enriches companies end to end on each shape of the platform's database (see shapes.py)."""

from __future__ import annotations

from pathlib import Path

import pytest
from process import acra_express, stage
from shapes import DUMP, MIGRATED, NEWEST, shaped_database

from acra_express_async.sandbox.postgres import EmbeddedPostgres

COMPANIES = 10


@pytest.mark.parametrize(
    ("shape", "lacks"),
    [
        (DUMP, ("company_enrichment_runs lacks", "companies lacks sg_phone", "no unique index on companies.website")),
        (MIGRATED, ()),
        (NEWEST, ()),
    ],
    ids=["dump", "migrated", "newest"],
)
async def test_the_service_enriches_on_every_platform_shape(
    postgres: EmbeddedPostgres, tmp_path: Path, shape: str, lacks: tuple[str, ...]
) -> None:
    async with shaped_database(postgres, shape) as dsn:
        async with stage(dsn, tmp_path) as standing:
            wanted = standing.uens[:COMPANIES]
            await standing.enqueue({"uens": wanted})
            service = await standing.start("run", "--until-idle")
            assert await service.ended() == 0
            outcomes = await standing.outcomes()
            assert sorted(outcomes) == wanted
            assert {kind for kinds in outcomes.values() for kind in kinds} <= {"enriched", "no_website"}
            enriched = [uen for uen, kinds in outcomes.items() if kinds == ["enriched"]]
            assert len(enriched) >= COMPANIES // 3
            owner = standing.owner
            assert await owner.fetchval("SELECT count(*) FROM enrichment_runs WHERE status = 'succeeded'") == COMPANIES
            told = await owner.fetch("SELECT source_json FROM company_enrichment_runs")
            assert len(told) >= len(enriched) - 1  # a company without an about text has no history row
            assert all(row["source_json"]["site"]["evidence"] for row in told)
            assert await owner.fetchval("SELECT count(*) FROM lead_emails") > 0
            statuses = await owner.fetch("SELECT DISTINCT status FROM background_jobs")
            assert [row["status"] for row in statuses] == ["done"]
            state = standing.simulator.state()
            assert (state["violations"], state["verifications"]["sent_more_than_once"]) == (0, 0)
        code, out, _ = await acra_express("check", POSTGRES_DSN=dsn)
        assert code == 0
        for lack in lacks:
            assert f"warn  platform: {lack}" in out
