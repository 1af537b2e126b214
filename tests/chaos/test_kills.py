"""kill -9 at every await point from claim to finish, and at random with four processes on one database.

Every job must end, every company must be committed once, and the simulator's ledger must show no address verified twice
and no budget exceeded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio
from process import Process, Stage, stage

KILLER = Path(__file__).with_name("killer.py")
LEASE = {"LEASE_SECONDS": "3", "HEARTBEAT_SECONDS": "0.7", "MAX_CRASHES": "1000"}
BEYOND = 100_000


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path, rows=900, latency_scale=0.0) as standing:
        yield standing


async def expire_leases(standing: Stage) -> None:
    """Expire leases and snoozes, as time would; test_processes shows that leases expire by themselves.

    First the sessions of the dead end: a heartbeat that the server had in hand would extend a lease after this.
    """
    while await standing.owner.fetchval(
        """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'acra-express'
        """
    ):
        continue
    await standing.owner.execute("UPDATE acra_express.leases SET due_at = clock_timestamp() WHERE due_at < 'infinity'")


async def assert_all_is_well(standing: Stage, wanted: list[str]) -> None:
    ended = await standing.outcomes()
    assert sorted(ended) == sorted(wanted)
    assert all(len(kinds) == 1 and kinds[0] in ("enriched", "no_website") for kinds in ended.values()), ended
    open_jobs = await standing.owner.fetch(
        "SELECT job_id, status, error FROM background_jobs WHERE job_type LIKE 'acra_express_%' AND status <> 'done'"
    )
    assert not open_jobs
    twice = await standing.owner.fetch(
        "SELECT params->'staging_job_id', count(*) FROM background_jobs"
        " WHERE job_type = 'acra_express_enrich_candidates' GROUP BY 1 HAVING count(*) > 1"
    )
    assert not twice
    state = standing.simulator.state()
    assert state["violations"] == 0
    assert state["verifications"]["sent_more_than_once"] == 0


async def assert_nothing_is_left(standing: Stage, point: int, *processes: Process) -> None:
    left = await standing.owner.fetch("SELECT job_id, status, error FROM background_jobs WHERE status <> 'done'")
    if left:
        story = "\n".join(line for process in processes for line in ("--", *process.lines))
        pytest.fail(f"killed at point {point}, then {[dict(row) for row in left]}\n{story}")


async def kill_at(standing: Stage, point: int, uens: list[str]) -> str | None:
    """Kill a process at `point` of a new job and let a second one finish; None when the job has fewer points."""
    await standing.enqueue({"uens": uens})
    first = await standing.start_script(KILLER, str(point), "run", "--until-idle", **LEASE)
    code = await first.ended()
    if code == 0:
        await assert_nothing_is_left(standing, point, first)
        return None
    assert code == -9, "\n".join(first.lines[-20:])
    await expire_leases(standing)
    second = await standing.start("run", "--until-idle", **LEASE)
    assert await second.ended() == 0, "\n".join(second.lines[-20:])
    await assert_nothing_is_left(standing, point, first, second)
    return next((line for line in reversed(first.lines) if '"killed"' in line), "killed")


async def test_kill_9_at_some_await_points_loses_nothing(standing: Stage) -> None:
    """A fast sample: early, in the middle of a call, around a commit."""
    uens = iter(standing.uens)
    wanted: list[str] = []
    for point in (1, 8, 21, 34, 47):
        company = next(uens)
        wanted.append(company)
        assert await kill_at(standing, point, [company])
    await assert_all_is_well(standing, wanted)


@pytest.mark.slow
@pytest.mark.timeout(1500)
async def test_kill_9_at_each_await_point_loses_nothing(standing: Stage) -> None:
    uens = iter(standing.uens)
    wanted: list[str] = []
    died_at: list[str] = []
    for point in range(1, BEYOND):
        company = next(uens)
        wanted.append(company)
        place = await kill_at(standing, point, [company])
        if place is None:
            break
        died_at.append(place)
    await assert_all_is_well(standing, wanted)
    assert len(died_at) > 40, died_at


@pytest.mark.slow
@pytest.mark.timeout(1500)
async def test_a_hundred_random_kills_of_four_processes_lose_nothing(standing: Stage) -> None:
    wanted = standing.uens[:250]
    for start in range(0, len(wanted), 5):
        await standing.enqueue({"uens": wanted[start : start + 5]})
    dice = Random(11)
    kills = 0

    async def one_seat() -> None:
        nonlocal kills
        while kills < 100:
            service = await standing.start(**LEASE)
            for _ in range(dice.randint(0, 3)):
                await _moved(service)
            kills += 1
            await service.kill()

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(one_seat())
    for _ in range(3):
        await expire_leases(standing)
        assert await (await standing.start("run", "--until-idle", **LEASE)).ended() == 0
    await assert_all_is_well(standing, wanted)


async def _moved(service: Process) -> None:
    """Wait for the next sign of progress: a company or job ended, or the process listens."""
    async with asyncio.timeout(20):
        signs = ("company.ended", "job.ended", "job.claimed", "listener.proven")
        while await service.any_event() not in signs:
            continue
