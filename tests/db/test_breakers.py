"""The shared state of the breakers on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import pytest_asyncio
from database_clock import Clock
from server_defaults import under_any_defaults

from acra_express_async.db.limits.budget_ledger import BreakerRows
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.limits import Kind, State
from acra_express_async.models import Provider

pytestmark = under_any_defaults

MINUTE = timedelta(minutes=1)


@pytest_asyncio.fixture
async def clock(owner: Connection) -> Clock:
    clock = Clock(owner)
    await clock.install()
    return clock


BLOCKED = [timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4)]
OUTAGE = [timedelta(minutes=1), timedelta(minutes=5)]


@pytest.fixture
def breakers(database: Database) -> BreakerRows:
    return BreakerRows(database)


async def test_a_breaker_opens_longer_each_time_its_probe_is_blocked(breakers: BreakerRows, clock: Clock) -> None:
    ddg = Provider.DUCKDUCKGO
    assert (await breakers.read(ddg)).state is State.CLOSED
    for level, cooldown in enumerate([*BLOCKED, BLOCKED[-1]]):
        state, opened = await breakers.trip(ddg, Kind.BLOCKED, "challenge", BLOCKED)
        assert opened
        assert (state.state, state.reason, state.level) == (State.OPEN, "challenge", min(level, 2))
        assert state.remaining == cooldown
        assert not await breakers.claim_probe(ddg, MINUTE), "no probe while it is open"
        await clock.advance(cooldown)
        assert (await breakers.read(ddg)).state is State.HALF_OPEN
        assert await breakers.claim_probe(ddg, MINUTE)
    await breakers.reset(ddg)
    assert (await breakers.read(ddg)).state is State.CLOSED


async def test_a_block_seen_by_two_replicas_counts_once(breakers: BreakerRows, clock: Clock) -> None:
    await breakers.trip(Provider.JINA, Kind.BLOCKED, "bad_key", BLOCKED)
    state, opened = await breakers.trip(Provider.JINA, Kind.BLOCKED, "bad_key", BLOCKED)
    assert not opened
    assert state.level == 0


async def test_only_one_probe_runs_and_a_lost_one_expires(breakers: BreakerRows, clock: Clock) -> None:
    await breakers.trip(Provider.JINA, Kind.OUTAGE, "timeout", OUTAGE)
    await clock.advance(OUTAGE[0])
    claims = await asyncio.gather(*(breakers.claim_probe(Provider.JINA, MINUTE) for _ in range(4)))
    assert sorted(claims) == [False, False, False, True]
    assert (await breakers.read(Provider.JINA)).remaining == MINUTE
    await clock.advance(MINUTE)
    assert await breakers.claim_probe(Provider.JINA, MINUTE)
    await breakers.release_probe(Provider.JINA)
    assert await breakers.claim_probe(Provider.JINA, MINUTE)


async def test_a_block_soon_after_closing_resumes_its_level(breakers: BreakerRows, clock: Clock) -> None:
    ddg = Provider.DUCKDUCKGO
    await breakers.trip(ddg, Kind.BLOCKED, "challenge", BLOCKED)
    await clock.advance(BLOCKED[0])
    await breakers.reset(ddg)
    await clock.advance(timedelta(minutes=14))
    assert (await breakers.trip(ddg, Kind.BLOCKED, "challenge", BLOCKED))[0].level == 1
    await clock.advance(BLOCKED[1])
    await breakers.reset(ddg)
    await clock.advance(timedelta(hours=2))
    assert (await breakers.trip(ddg, Kind.BLOCKED, "challenge", BLOCKED))[0].level == 0


async def test_an_outage_during_the_probe_keeps_the_block_level(breakers: BreakerRows, clock: Clock) -> None:
    ddg = Provider.DUCKDUCKGO
    await breakers.trip(ddg, Kind.BLOCKED, "challenge", BLOCKED)
    await clock.advance(BLOCKED[0])
    state, _ = await breakers.trip(ddg, Kind.OUTAGE, "timeout", OUTAGE)
    assert (state.kind, state.reason, state.level) == (Kind.BLOCKED, "challenge", 0)
    assert state.remaining == OUTAGE[0]
    await clock.advance(OUTAGE[0])
    assert (await breakers.trip(ddg, Kind.BLOCKED, "challenge", BLOCKED))[0].level == 1


async def test_an_outage_after_a_closed_block_starts_at_level_zero(breakers: BreakerRows, clock: Clock) -> None:
    jina = Provider.JINA
    await breakers.trip(jina, Kind.BLOCKED, "no_credits", BLOCKED)
    await clock.advance(BLOCKED[0])
    await breakers.reset(jina)
    state, _ = await breakers.trip(jina, Kind.OUTAGE, "http_503", OUTAGE)
    assert (state.kind, state.level, state.remaining) == (Kind.OUTAGE, 0, OUTAGE[0])
