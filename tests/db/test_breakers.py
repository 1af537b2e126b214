"""The shared state of the breakers on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from database_clock import Clock
from server_defaults import under_any_defaults

from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.limits.breaker_rows import BreakerRows
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.limits import Kind, MendedKeys, State, Streak
from acra_express_async.limits.own_reach import ANSWERED_LATELY
from acra_express_async.models import Provider
from acra_express_async.runtime.secret_files import READ_AGAIN_SECONDS, Secret

pytestmark = under_any_defaults

MINUTE = timedelta(minutes=1)


BLOCKED = [timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4)]
OUTAGE = [timedelta(minutes=1), timedelta(minutes=5)]


@pytest.fixture
def breakers(database: Database) -> BreakerRows:
    return BreakerRows(database)


async def close(breakers: BreakerRows, provider: Provider) -> None:
    """What a probe that succeeds does."""
    probe = await breakers.claim_probe(provider, MINUTE)
    assert probe is not None
    await breakers.reset(provider, probe)


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
        probe = await breakers.claim_probe(ddg, MINUTE)
        assert probe is not None
    await breakers.reset(ddg, probe)
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
    [probe] = [claim for claim in claims if claim is not None]
    assert (await breakers.read(Provider.JINA)).remaining == MINUTE
    await clock.advance(MINUTE)
    second = await breakers.claim_probe(Provider.JINA, MINUTE)
    assert second is not None
    await breakers.release_probe(Provider.JINA, probe)
    assert await breakers.claim_probe(Provider.JINA, MINUTE) is None, "the first was frozen; the second is under way"
    await breakers.reset(Provider.JINA, probe)
    _, opened = await breakers.trip(Provider.JINA, Kind.OUTAGE, "timeout", OUTAGE, probe)
    assert not opened
    assert (await breakers.read(Provider.JINA)).state is State.HALF_OPEN
    await breakers.release_probe(Provider.JINA, second)
    third = await breakers.claim_probe(Provider.JINA, MINUTE)
    assert third is not None
    await breakers.reset(Provider.JINA, third)
    assert (await breakers.read(Provider.JINA)).state is State.CLOSED


async def test_a_block_soon_after_closing_resumes_its_level(breakers: BreakerRows, clock: Clock) -> None:
    ddg = Provider.DUCKDUCKGO
    await breakers.trip(ddg, Kind.BLOCKED, "challenge", BLOCKED)
    await clock.advance(BLOCKED[0])
    await close(breakers, ddg)
    await clock.advance(timedelta(minutes=14))
    assert (await breakers.trip(ddg, Kind.BLOCKED, "challenge", BLOCKED))[0].level == 1
    await clock.advance(BLOCKED[1])
    await close(breakers, ddg)
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
    await close(breakers, jina)
    state, _ = await breakers.trip(jina, Kind.OUTAGE, "http_503", OUTAGE)
    assert (state.kind, state.level, state.remaining) == (Kind.OUTAGE, 0, OUTAGE[0])


async def test_failures_of_all_replicas_come_together(breakers: BreakerRows, database: Database, clock: Clock) -> None:
    jina, other = Provider.JINA, BreakerRows(database)
    assert await breakers.failed(jina, "kopi.sg", about_target=False) == Streak(1, 1, 0)
    assert await other.failed(jina, "kopi.sg", about_target=False) == Streak(2, 1, 0)
    assert await other.failed(jina, "teh.sg", about_target=True) == Streak(2, 1, 1)
    assert await breakers.failed(jina, "roti.sg", about_target=False) == Streak(3, 2, 1)
    assert await breakers.failed(Provider.DUCKDUCKGO, "kopi", about_target=False) == Streak(1, 1, 0)
    assert (await breakers.read(jina)).failing


async def test_what_never_left_a_host_is_its_own_fault(database: Database, clock: Clock) -> None:
    """As long as another process gets answers; afterwards, and for tries that were sent, it counts for all."""
    jina, second = Provider.JINA, timedelta(seconds=1)
    cut_off, healthy = BreakerRows(database, "cut off"), BreakerRows(database, "healthy")
    assert await cut_off.failed(jina, "kopi.sg", about_target=False, unreached=True) == Streak(1, 1, 0)
    await clock.advance(second)
    await healthy.answered(jina)
    await clock.advance(second)
    for target in ("kopi.sg", "teh.sg", "roti.sg"):
        streak = await cut_off.failed(jina, target, about_target=False, unreached=True)
        assert streak == Streak(elsewhere=second)
    assert await healthy.failed(jina, "satay.sg", about_target=False) == Streak(1, 1, 0)
    assert await healthy.failed(jina, "laksa.sg", about_target=False, unreached=True) == Streak(2, 2, 0)
    await clock.advance(ANSWERED_LATELY)
    streak = await cut_off.failed(jina, "kopi.sg", about_target=False, unreached=True)
    assert streak == Streak(6, 5, 0, ANSWERED_LATELY + second)


async def test_an_answer_refutes_the_failures_before_it(breakers: BreakerRows, clock: Clock) -> None:
    jina = Provider.JINA
    await breakers.answered(jina)
    await clock.advance(timedelta(seconds=1))
    await breakers.failed(jina, "kopi.sg", about_target=False)
    await clock.advance(timedelta(seconds=1))
    await breakers.answered(jina)
    assert not (await breakers.read(jina)).failing
    await clock.advance(timedelta(seconds=1))
    assert await breakers.failed(jina, "teh.sg", about_target=False) == Streak(1, 1, 0)


async def test_an_old_failure_says_nothing_about_now(breakers: BreakerRows, owner: Connection, clock: Clock) -> None:
    jina = Provider.JINA
    await breakers.failed(jina, "kopi.sg", about_target=False)
    await clock.advance(timedelta(minutes=11))
    assert not (await breakers.read(jina)).failing
    assert await breakers.failed(jina, "teh.sg", about_target=False) == Streak(1, 1, 0)
    await clock.advance(timedelta(days=2))
    await breakers.failed(jina, "teh.sg", about_target=False)
    assert await owner.fetchval("SELECT count(*) FROM acra_express.provider_failures") == 1


PAUSE, SETTLED = timedelta(minutes=5), timedelta(seconds=3)


async def mended(breakers: BreakerRows, key: str, *providers: Provider) -> dict[Provider, bool]:
    prints = dict.fromkeys(providers or (Provider.JINA,), key)
    return await breakers.mend(prints)


async def test_another_key_ends_the_cool_down_at_once(breakers: BreakerRows, clock: Clock) -> None:
    jina = Provider.JINA
    assert await mended(breakers, "new") == {}, "closed"
    await breakers.trip(jina, Kind.BLOCKED, "bad_key", BLOCKED, key_print="old")
    assert await mended(breakers, "old") == {jina: False}
    assert (await breakers.read(jina)).state is State.OPEN
    assert await mended(breakers, "new", jina, Provider.ZEROBOUNCE) == {jina: True}
    assert (await breakers.read(jina)).state is State.HALF_OPEN
    assert await breakers.claim_probe(jina, MINUTE)
    state, _ = await breakers.trip(jina, Kind.BLOCKED, "bad_key", BLOCKED, key_print="new")
    assert (state.level, state.remaining) == (0, BLOCKED[0]), "the new key is judged by itself"


async def test_two_replicas_with_different_keys_do_not_take_turns(breakers: BreakerRows, clock: Clock) -> None:
    """A rolling deploy: the old replica opens the breaker again whenever the new one has closed it."""
    jina = Provider.JINA
    await breakers.trip(jina, Kind.BLOCKED, "bad_key", BLOCKED, key_print="old")
    assert await mended(breakers, "new") == {jina: True}
    probe = await breakers.claim_probe(jina, MINUTE)
    assert probe is not None
    await breakers.reset(jina, probe)
    await breakers.trip(jina, Kind.BLOCKED, "bad_key", BLOCKED, key_print="old")
    assert await mended(breakers, "new") == {jina: False}
    await clock.advance(PAUSE)
    assert await mended(breakers, "new") == {jina: True}


@pytest.mark.parametrize("reason", ["challenge", "http_403"])
async def test_a_block_that_no_key_caused_waits_for_its_end(breakers: BreakerRows, clock: Clock, reason: str) -> None:
    """Nor does one that the previous version recorded, which names no key."""
    await breakers.trip(Provider.JINA, Kind.BLOCKED, "bad_key", BLOCKED, key_print="old")
    await clock.advance(BLOCKED[0])
    await breakers.trip(Provider.JINA, Kind.BLOCKED, reason, BLOCKED)
    assert await mended(breakers, "new") == {}
    assert (await breakers.read(Provider.JINA)).level == 1


async def test_an_outage_during_the_probe_keeps_the_refused_key(breakers: BreakerRows, clock: Clock) -> None:
    await breakers.trip(Provider.JINA, Kind.BLOCKED, "bad_key", BLOCKED, key_print="old")
    await clock.advance(BLOCKED[0])
    await breakers.trip(Provider.JINA, Kind.OUTAGE, "timeout", OUTAGE)
    assert await mended(breakers, "new") == {Provider.JINA: True}


async def test_jobs_that_wait_for_the_mended_key_are_due_soon(
    breakers: BreakerRows, clock: Clock, database: Database, owner: Connection
) -> None:
    """Not at once: another replica may still know the old state for two seconds."""
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params)"
        " SELECT 'acra_express_enrich_candidates', 'queued', '{}' FROM generate_series(1, 4)"
    )
    jobs = Jobs(database, database)
    hours = timedelta(hours=4)
    for job, waits_for in zip(await jobs.claim("me", hours, 3), ("jina", "duckduckgo", None), strict=True):
        await jobs.snooze(job, hours, "x", waits_for=waits_for)
    [held] = await jobs.claim("me", hours, 1)
    await breakers.trip(Provider.JINA, Kind.BLOCKED, "bad_key", BLOCKED, key_print="old")
    assert await mended(breakers, "new") == {Provider.JINA: True}
    rows = await owner.fetch("SELECT job_id, due_at - acra_express.clock() AS left FROM acra_express.leases ORDER BY 1")
    assert [row["left"] for row in rows] == [SETTLED, hours, hours, hours]
    assert await jobs.claim("me", hours, 1) == []
    await clock.advance(SETTLED)
    [again] = await jobs.claim("me", hours, 1)
    assert (again.job_id, held.job_id) == (rows[0]["job_id"], rows[3]["job_id"])


async def test_a_new_key_in_its_file_is_found_while_no_call_is_made(
    breakers: BreakerRows, clock: Clock, tmp_path: Path
) -> None:
    """The breaker is open, so that no refused call could lead to the file."""
    file, now = tmp_path / "key", [0.0]
    file.write_text("old")
    secret = Secret("old", name="KEY", path=file, clock=lambda: now[0])
    keys = MendedKeys(breakers.mend, {Provider.JINA: secret, Provider.ZEROBOUNCE: None}, str.upper)
    assert (keys.print_of(Provider.JINA), keys.print_of(Provider.ZEROBOUNCE)) == ("OLD", "")
    assert keys.print_of(Provider.DUCKDUCKGO) is None
    await breakers.trip(Provider.JINA, Kind.BLOCKED, "no_credits", BLOCKED, key_print="OLD")
    assert await keys.look() == []
    file.write_text("new")
    assert await keys.look() == [], "read a moment ago"
    now[0] += READ_AGAIN_SECONDS
    assert await keys.look() == [Provider.JINA]
    assert (await breakers.read(Provider.JINA)).state is State.HALF_OPEN
    assert await keys.look() == []
