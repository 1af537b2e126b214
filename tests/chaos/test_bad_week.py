"""Three processes and every misfortune at once for some minutes; then all is drained, and the ledgers are exact."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio
from misfortunes import Misfortunes, Seat, broken_lines
from odd_rows import assert_ended_with_a_sentence
from process import Stage, stage

from acra_express_async.db.ops.control import Control
from acra_express_async.db.session.pool import Database
from acra_express_async.sandbox.postgres import EmbeddedPostgres
from acra_express_async.sandbox.testbed import DATABASE, ROLE, build_database

TOKENS_PER_MINUTE = 30_000
"""A tenth of the simulator's, so that the minute is full now and then; the other allowances are those of the stage."""
SETTINGS = {
    "LEASE_SECONDS": "3",
    "HEARTBEAT_SECONDS": "0.7",
    "MAX_CRASHES": "1000",
    "SCHEDULE": "* * * * *",
    "JINA__TOKENS_PER_MINUTE": str(TOKENS_PER_MINUTE),
}
SECONDS = 200.0
COMPANIES = 150
DRAINS = 12


@pytest_asyncio.fixture
async def own_server() -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres()
    await asyncio.to_thread(server.start)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)


async def drained(standing: Stage, over: Misfortunes) -> list[str]:
    """Run what is left until nothing is; the log lines of that."""
    database = Database(standing.environ["ACRA_EXPRESS_POSTGRES_DSN"], role=ROLE, tenant_id=None, size=1)
    await database.open()
    await Control(database).reconcile()
    await database.close()
    await over.be_over()
    lines: list[str] = []
    for _ in range(DRAINS):
        await standing.owner.execute(
            "UPDATE acra_express.leases SET due_at = acra_express.clock() WHERE due_at < 'infinity'"
        )
        last = await standing.start("run", "--until-idle", **SETTINGS)
        assert await last.ended() == 0, "\n".join(last.lines[-40:])
        lines += last.lines
        if not await standing.owner.fetchval(
            "SELECT count(*) FROM background_jobs WHERE status NOT IN ('done', 'error')"
        ):
            break
    return lines


@pytest.mark.slow
@pytest.mark.timeout(1500)
async def test_a_bad_week_loses_doubles_and_breaks_nothing(own_server: EmbeddedPostgres, tmp_path: Path) -> None:
    owner = await build_database(own_server)
    # odd rows name companies by small ids, which must be nobody's
    await owner.execute("SELECT setval(pg_get_serial_sequence('companies', 'company_id'), 100000)")
    await owner.close()
    dsn = own_server.dsn(DATABASE)
    async with stage(dsn, tmp_path, rows=4 * COMPANIES, latency_scale=0.05, scenario="everything_flaky") as standing:
        seats = [Seat(standing, SETTINGS) for _ in range(3)]
        dice = Random(20261127)
        week = Misfortunes(standing, own_server, dsn, seats, standing.uens[:COMPANIES], dice)
        await week.set_clock_before_midnight()
        for seat in seats:
            await seat.start()
            await seat.process.event("listener.proven")
        loop = asyncio.get_running_loop()
        ends = loop.time() + SECONDS
        while loop.time() < ends:
            await dice.choice(seats).works(dice.uniform(1.0, 8.0))
            await week.strike()
        codes = [await seat.stop() for seat in seats]
        done_before = len(await standing.outcomes())
        lines = [line for seat in seats for line in seat.lines] + await drained(standing, week)

        state = standing.simulator.state()
        outcomes = await standing.owner.fetch(
            "SELECT uen, kind, reason FROM acra_express.outcomes WHERE uen IS NOT NULL"
        )
        jobs = await standing.owner.fetch(
            "SELECT job_id, job_type, created_at, status, error, left(params::text, 100) AS params FROM background_jobs"
        )
        print(
            "\n"
            + json.dumps(
                {
                    "struck": dict(week.count),
                    "midnights": week.midnights,
                    "odd_rows": len(week.odd),
                    "companies": len(week.enqueued),
                    "done_before_the_end": done_before,
                    "outcomes": Counter(f"{row['kind']} {row['reason']}".strip() for row in outcomes),
                    "jobs": Counter(row["status"] for row in jobs),
                    "requests": state["requests"],
                    "verifications": state["verifications"],
                    "violations": state["violations"],
                    "worst": {
                        name: f"{budget['worst']:g} of {budget['allowance']:g}"
                        for name, budget in state["budgets"].items()
                    },
                    "lease_lost": sum('"lease_lost"' in line for line in lines),
                    "interrupted": sum('"job.interrupted"' in line for line in lines),
                    "away": sum('"poller.away"' in line or '"snapshot.missed"' in line for line in lines),
                }
            )
        )
        assert codes == [0, 0, 0]
        assert state["violations"] == 0
        assert state["budgets"]["jina_tokens"]["worst"] <= TOKENS_PER_MINUTE
        assert state["verifications"]["sent_more_than_once"] == 0
        ended = Counter(row["uen"] for row in outcomes)
        assert sorted(ended) == sorted(week.enqueued), "a company is lost"
        assert set(ended.values()) == {1}, "a company is doubled"
        assert "internal_error" not in {row["reason"] for row in outcomes}
        assert broken_lines(lines) == []
        for row in jobs:
            if row["job_id"] in week.odd:
                assert_ended_with_a_sentence(row)
            else:
                assert row["status"] == "done", dict(row)
        assert week.midnights >= 1
