"""The same targets through the real service, by what it stored; three runs must store the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import cloned_database
from quality.cases import DEVELOPMENT, OWN, Case, load
from quality.scoring import score
from quality.test_quality import AT_LEAST, GATES
from quality.through_service import run_service

from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.models import Outcome
from acra_express_async.sandbox.postgres import EmbeddedPostgres

needs_development = pytest.mark.skipif(not DEVELOPMENT.exists(), reason="no development set here")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "which",
    [
        pytest.param("development", marks=needs_development),
        pytest.param("own", marks=pytest.mark.slow),
    ],
)
async def test_the_service_stores_the_expected_answers(which: str, fresh_dsn: str, owner: Connection) -> None:
    cases = load([DEVELOPMENT] if which == "development" else sorted(OWN.glob("*.jsonl")))
    unique = list({case.company.uen: case for case in cases}.values())
    tally = score(await run_service(unique, fresh_dsn, owner))
    figures = tally.rows()
    print(figures)
    assert not [gate for gate in GATES if figures[gate]], tally.misses
    short = {name: figures[name] for name, least in AT_LEAST.items() if figures[name] < least}
    assert not short, tally.misses


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "which",
    [pytest.param("development", marks=needs_development), pytest.param("strangers", marks=pytest.mark.slow)],
)
async def test_three_services_on_three_databases_store_the_same(
    which: str, postgres: EmbeddedPostgres, template_database: str
) -> None:
    path = DEVELOPMENT if which == "development" else OWN / f"{which}.jsonl"
    cases = list({case.company.uen: case for case in load([path])}.values())
    first, second, third = [await on_a_database_of_its_own(cases, postgres, template_database) for _ in range(3)]
    assert len(first) == len(cases)
    assert any(outcome.site for outcome in first)
    assert first == second
    assert first == third


async def on_a_database_of_its_own(cases: list[Case], postgres: EmbeddedPostgres, template: str) -> list[Outcome]:
    """Everything that a service with a separate database stored, except the times at which it read pages."""
    async with cloned_database(postgres, template) as dsn:
        owner = await connect(dsn, {"search_path": "public"})
        try:
            results = await run_service(cases, dsn, owner)
        finally:
            await owner.close()
    return [
        replace(outcome, emails=tuple(replace(mail, read_at=None) for mail in outcome.emails)) for _, outcome in results
    ]
