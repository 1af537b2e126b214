"""The gates of quality.md D once more, this time through the real service and what it stored."""

from __future__ import annotations

import pytest
from quality.cases import DEVELOPMENT, OWN, load
from quality.scoring import score
from quality.test_quality import AT_LEAST, GATES
from quality.through_service import run_service

from acra_express_async.db.pool import Connection


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "which",
    [
        pytest.param(
            "development", marks=pytest.mark.skipif(not DEVELOPMENT.exists(), reason="no development set here")
        ),
        pytest.param("own", marks=pytest.mark.slow),
    ],
)
async def test_the_service_stores_what_the_cases_expect(which: str, fresh_dsn: str, owner: Connection) -> None:
    cases = load([DEVELOPMENT] if which == "development" else sorted(OWN.glob("*.jsonl")))
    unique = list({case.company.uen: case for case in cases}.values())
    tally = score(await run_service(unique, fresh_dsn, owner))
    figures = tally.rows()
    print(figures)
    assert not [gate for gate in GATES if figures[gate]], tally.misses
    short = {name: figures[name] for name, least in AT_LEAST.items() if figures[name] < least}
    assert not short, tally.misses
