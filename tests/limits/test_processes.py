"""Four replicas spend every budget at once through PostgreSQL; the simulators' ledgers of arrivals decide.

Real time, real sockets, windows of a minute (see fleet.py). All tests but the short one are slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from conftest import cloned_database
from limits.fleet import LATE_SHARE, TARGETS, Field, FleetResult, hammering
from server_defaults import HOSTILE, set_defaults
from tools import require_tool, run

from acra_express_async.db.session.pool import connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres
from acra_express_async.sandbox.simulator import ArrivalLedger, Options, SimulatorClock

pytestmark = pytest.mark.timeout(600)
SHORT = 6.0
"""Speed of the short variant: windows of ten seconds."""
CLOCKS = ("+1h", "-1h", "+0 x1.05", "+0 x0.95")
"""An hour ahead, an hour behind, and two that drift by a twentieth; all clocks of the process are affected."""


@pytest_asyncio.fixture
async def dsns(
    fresh_dsn: str, postgres: EmbeddedPostgres, template_database: str, server_defaults: dict[str, str]
) -> AsyncIterator[Sequence[str]]:
    async with cloned_database(postgres, template_database) as second:
        admin = await connect(postgres.dsn(), {})
        await set_defaults(admin, urlsplit(second).path.lstrip("/"), server_defaults)
        await admin.close()
        yield [fresh_dsn, second]


@pytest.fixture
def faketime_library(request: pytest.FixtureRequest) -> str:
    """The library to preload, as reported by the tool."""
    faketime = require_tool(request.config, "faketime")
    return run(faketime, "-m", "-f", "+0s", "printenv", "LD_PRELOAD").stdout.strip()


def assert_nothing_was_exceeded(verdicts: Sequence[FleetResult]) -> None:
    for verdict in verdicts:
        assert verdict.violations == 0, verdict
        assert verdict.worst <= verdict.allowance, verdict
        assert verdict.share > 0, verdict


def assert_only_what_was_in_flight_is_lost(field: Field, verdicts: Sequence[FleetResult]) -> None:
    """A kill may lose the calls in flight of its replica; no other charge may be lost."""
    for verdict in verdicts:
        target = verdict.target
        assert 0 <= verdict.lost <= field.fleet.kills * target.in_flight * target.largest, verdict


def assert_nobody_was_refused(field: Field) -> None:
    """A request that this machine could not send within its margin is refunded; no other call may have failed."""
    assert {line for line in field.fleet.said if not line.endswith(": not_sent")} == set()


def assert_all_was_used(verdicts: Sequence[FleetResult], *, excused: float = 0.0) -> None:
    for verdict in verdicts:
        assert verdict.share >= verdict.target.least_share - excused, verdict


def test_every_window_lasts_a_minute_at_least() -> None:
    ledger = ArrivalLedger(SimulatorClock(), Options())
    assert {target.book for target in TARGETS} == set(ledger.budgets)
    assert {ledger.budgets[target.book].seconds / target.speed for target in TARGETS} == {60}


@pytest.mark.parametrize("server_defaults", [HOSTILE], ids=["hostile defaults"], indirect=True)
async def test_a_short_hammering_with_a_kill_exceeds_nothing(dsns: Sequence[str]) -> None:
    """Like the slow tests below, but with windows of ten seconds, and on a database with hostile defaults."""
    hasty = [target.faster(SHORT) for target in TARGETS]
    async with hammering(dsns, targets=hasty, replicas=2) as field:
        field.measure()
        await field.windows(1)
        await field.fleet.kill(0)
        await field.fleet.start()
        await field.windows(1)
        verdicts = await field.judged()
    assert_nobody_was_refused(field)
    assert_nothing_was_exceeded(verdicts)
    assert_only_what_was_in_flight_is_lost(field, verdicts)


@pytest.mark.slow
async def test_undisturbed_processes_use_all_and_exceed_nothing(dsns: Sequence[str]) -> None:
    async with hammering(dsns) as field:
        await field.windows(1)
        field.measure()
        await field.windows(2)
        verdicts = await field.judged()
    assert_nobody_was_refused(field)
    assert_nothing_was_exceeded(verdicts)
    assert_only_what_was_in_flight_is_lost(field, verdicts)
    assert_all_was_used(verdicts)


@pytest.mark.slow
async def test_killed_processes_exceed_nothing_and_lose_only_in_flight(dsns: Sequence[str]) -> None:
    random, over = Random(1), asyncio.Event()
    async with hammering(dsns) as field, asyncio.TaskGroup() as group:
        replicas = field.fleet.size

        async def kill_now_and_then() -> None:
            while not over.is_set():
                await field.windows(random.uniform(2, 5) / 60)
                await field.fleet.kill(random.randrange(replicas))
                await (await field.fleet.start()).ready()

        killer = group.create_task(kill_now_and_then())
        await field.windows(1)
        field.measure()
        await field.windows(2)
        field.measured()
        over.set()
        await killer
        verdicts = await field.judged()
    print(f"{field.fleet.kills} kills")
    assert_nobody_was_refused(field)
    assert_nothing_was_exceeded(verdicts)
    assert_only_what_was_in_flight_is_lost(field, verdicts)
    for verdict in verdicts:
        target = verdict.target
        if target.budget != "tokens_1m":  # a lost token reservation is held for its time-out beyond the minute
            most_lost = field.fleet.kills * target.in_flight / verdict.allowance
            assert verdict.share >= target.least_share - most_lost, verdict


@pytest.mark.slow
async def test_a_restart_in_mid_window_remembers_what_was_spent(dsns: Sequence[str]) -> None:
    async with hammering(dsns) as field:
        replicas = field.fleet.size
        await field.windows(1)
        field.measure()
        await field.windows(0.5)
        await field.fleet.kill_all()
        started = [await field.fleet.start() for _ in range(replicas)]
        for replica in started:
            await replica.ready()
        down = field.windows_since_measure() - 0.5
        await field.windows(1.5 - down)
        verdicts = await field.judged()
    print(f"nobody spent for {down:.3f} of 2 windows")
    assert_nobody_was_refused(field)
    assert_nothing_was_exceeded(verdicts)
    assert_only_what_was_in_flight_is_lost(field, verdicts)
    calls = [verdict for verdict in verdicts if verdict.target.budget != "tokens_1m"]
    # The budget freed meanwhile is spent after the restart: at most the down-time itself is missing.
    assert_all_was_used(calls, excused=down / 2)


@pytest.mark.slow
async def test_a_provider_near_its_time_out_is_never_overspent(dsns: Sequence[str]) -> None:
    async with hammering(dsns) as field:
        field.slow_down()
        await field.windows(1)
        field.measure()
        await field.windows(1)
        verdicts = await field.judged()
    print(dict(field.fleet.said))
    reasons = {line.rpartition(": ")[2] for line in field.fleet.said}
    assert "timeout" in reasons, f"one answer in {1 / LATE_SHARE:g} comes too late"
    assert reasons <= {"timeout", "breaker_open"}
    assert_nothing_was_exceeded(verdicts)


@pytest.mark.slow
async def test_the_limits_of_the_providers_refuse_no_call(dsns: Sequence[str]) -> None:
    """Each replica has a separate address, because DuckDuckGo and keyless Reader count by address."""
    async with hammering(dsns, real_layer=True) as field:
        await field.windows(1)
        field.measure()
        await field.windows(2)
        verdicts = await field.judged()
        statuses = {status for each in field.simulators.values() for _, status in each.ledger.status_counts}
        blocks = sum(each.duckduckgo.blocks for each in field.simulators.values())
    assert_nobody_was_refused(field)
    assert (statuses - {None}, blocks) == ({200}, 0)
    assert_nothing_was_exceeded(verdicts)
    assert_all_was_used(verdicts)


@pytest.mark.slow
@pytest.mark.tools
async def test_skewed_and_drifting_process_clocks_exceed_nothing(dsns: Sequence[str], faketime_library: str) -> None:
    """Debian's libfaketime shifts every clock that a replica can read; the database's clock stays correct."""
    crooked = [{"LD_PRELOAD": faketime_library, "FAKETIME": offset} for offset in CLOCKS]
    async with hammering(dsns, replicas=crooked) as field:
        ahead = sorted(await field.fleet.clocks_ahead())
        await field.windows(1)
        field.measure()
        await field.windows(2)
        verdicts = await field.judged()
    assert -3700 < ahead[0] < -3500
    assert 3500 < ahead[-1] < 3700
    assert_nobody_was_refused(field)
    assert_nothing_was_exceeded(verdicts)
    assert_only_what_was_in_flight_is_lost(field, verdicts)
    assert_all_was_used(verdicts)
