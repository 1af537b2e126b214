"""More replicas on one database: the same companies with the same outcomes, once each, within the same budgets."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from conftest import cloned_database
from faults import proxied
from process import Stage, stage

from acra_express_async.sandbox.postgres import EmbeddedPostgres

COMPANIES = 60
REPLICAS = (1, 2, 4, 8)


async def drained_by(standing: Stage, replicas: int) -> dict[str, list[str]]:
    """The outcome of each company after `replicas` processes drained the same jobs together."""
    wanted = standing.uens[:COMPANIES]
    for start in range(0, COMPANIES, 5):
        await standing.enqueue({"uens": wanted[start : start + 5]})
    services = [await standing.start("run", "--until-idle") for _ in range(replicas)]
    codes = await asyncio.gather(*(service.ended() for service in services))
    assert codes == [0] * replicas, "\n".join(services[0].lines[-20:])
    # A replica may find nothing due while another still works, so one more drains what is left.
    assert await (await standing.start("run", "--until-idle")).ended() == 0
    outcomes = await standing.outcomes()
    assert sorted(outcomes) == wanted
    return outcomes


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_any_number_of_replicas_gives_the_same_totals(
    postgres: EmbeddedPostgres, template_database: str, tmp_path: Path
) -> None:
    ends = {}
    for replicas in REPLICAS:
        folder = tmp_path / str(replicas)
        folder.mkdir()
        async with cloned_database(postgres, template_database) as dsn, stage(dsn, folder, rows=120) as standing:
            ends[replicas] = await drained_by(standing, replicas)
            state = standing.simulator.state()
            assert state["violations"] == 0, replicas
            assert state["verifications"]["sent_more_than_once"] == 0, replicas
            slots = await standing.owner.fetchval("SELECT count(*) FROM acra_express.daily_slots")
            assert slots == COMPANIES, replicas
    assert all(len(kinds) == 1 for outcomes in ends.values() for kinds in outcomes.values())
    assert all(ends[replicas] == ends[1] for replicas in REPLICAS)


@pytest.mark.slow
async def test_a_dead_and_restored_link_of_one_replica_changes_nothing(fresh_dsn: str, tmp_path: Path) -> None:
    """Its jobs run elsewhere after their leases end; with the link restored it must not write what it still holds."""
    lease = {"LEASE_SECONDS": "3", "HEARTBEAT_SECONDS": "0.7"}
    async with stage(fresh_dsn, tmp_path, rows=120) as standing, proxied(fresh_dsn) as (link, dsn):
        wanted = standing.uens[:COMPANIES]
        near, far = await standing.start(**lease), await standing.start(POSTGRES_DSN=dsn, **lease)
        for service in (near, far):
            await service.event("listener.proven")
        for start in range(0, COMPANIES, 5):
            await standing.enqueue({"uens": wanted[start : start + 5]})
        await far.event("company.ended")
        link.blackhole()
        await near.event("job.claimed", expired=True)
        link.heal()
        await far.event("job.claimed")
        for service in (near, far):
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0, "\n".join(service.lines[-20:])
        assert await (await standing.start("run", "--until-idle", **lease)).ended() == 0
        await standing.assert_each_once(wanted)
