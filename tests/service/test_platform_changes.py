"""What the platform may do to its own tables while we work: IDs of any size, and companies that are merged away."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from process import Stage, acra_express, stage

pytestmark = pytest.mark.timeout(300)


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path, latency_scale=0.2) as standing:
        yield standing


@pytest.mark.parametrize("last", [2**31 - 1, 2**53 + 1, 2**63 - 20])
async def test_a_job_id_of_any_size_is_worked_on(standing: Stage, fresh_dsn: str, last: int) -> None:
    await standing.owner.execute("SELECT setval(pg_get_serial_sequence('background_jobs', 'job_id'), $1::bigint)", last)
    job_id = await standing.enqueue({"uens": standing.uens[:1]})
    assert job_id > last
    service = await standing.start("run", "--until-idle")
    assert await service.ended() == 0, "\n".join(service.lines[-5:])
    assert list(await standing.outcomes()) == standing.uens[:1]
    for command in (("list",), ("show", str(job_id))):
        code, out, err = await acra_express("jobs", *command, "--json", POSTGRES_DSN=fresh_dsn)
        assert (code, err) == (0, "")
        assert str(job_id) in out


async def test_companies_merged_away_while_in_work_are_skipped(standing: Stage) -> None:
    uens = standing.uens[:4]
    await standing.enqueue({"uens": uens})
    service = await standing.start(WORKERS="1")
    first = (await service.event("company.ended"))["uen"]
    gone = [uen for uen in uens if uen != first]
    await standing.owner.execute("DELETE FROM companies WHERE uen = ANY ($1)", gone)
    await service.event("job.ended", job_type="enrichment", end="done")
    ended = await standing.owner.fetch("SELECT uen, reason FROM acra_express.outcomes WHERE kind = 'skipped'")
    assert [tuple(row) for row in ended] == [("", "company_vanished")] * len(gone)
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0
