"""Requests for a probe: one in five minutes, for one replica alone, and never during DuckDuckGo's block."""

from __future__ import annotations

from datetime import timedelta

import pytest
from database_clock import Clock

from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.limits.probe_requests import ProbeRequests
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.models import Provider, WaitReason

MINUTE = timedelta(minutes=1)


async def opened(owner: Connection, provider: str, kind: str, minutes: int) -> None:
    await owner.execute(
        """
        UPDATE acra_express.breakers SET kind = $2, reason = 'x', opened_at = acra_express.clock(),
               open_until = acra_express.clock() + make_interval(mins => $3) WHERE provider = $1
        """,
        provider,
        kind,
        minutes,
    )


async def test_one_probe_of_a_provider_in_five_minutes(database: Database, clock: Clock) -> None:
    requests = ProbeRequests(database)
    assert await requests.ask(Provider.JINA, "dana") is not None
    assert await requests.take("a") == [Provider.JINA]
    assert await requests.take("b") == []
    await clock.advance(4 * MINUTE)
    assert await requests.ask(Provider.JINA, "eli") is None
    assert await requests.ask(Provider.DUCKDUCKGO, "eli") is not None
    [row] = [each for each in await requests.breakers() if each.provider == "jina"]
    assert row.probe_from == clock.now + MINUTE
    await clock.advance(MINUTE)
    assert await requests.ask(Provider.JINA, "eli") is not None


async def test_a_key_that_was_just_mended_counts_as_a_probe(
    owner: Connection, database: Database, clock: Clock
) -> None:
    await owner.execute("UPDATE acra_express.breakers SET mended_at = acra_express.clock() WHERE provider = 'jina'")
    requests = ProbeRequests(database)
    await clock.advance(MINUTE)
    assert await requests.ask(Provider.JINA, "dana") is None
    await clock.advance(4 * MINUTE)
    assert await requests.ask(Provider.JINA, "dana") is not None


async def test_a_request_that_no_service_takes_is_void(database: Database, clock: Clock) -> None:
    requests = ProbeRequests(database)
    asked_at = await requests.ask(Provider.JINA, "dana")
    assert asked_at is not None
    await clock.advance(MINUTE)
    assert await requests.take("a") == []
    assert await requests.withdraw(Provider.JINA, asked_at)
    assert await requests.answer(Provider.JINA, asked_at) is None
    assert await requests.ask(Provider.JINA, "dana") is not None


@pytest.mark.parametrize(
    ("provider", "kind", "waits"),
    [("duckduckgo", "blocked", True), ("duckduckgo", "outage", False), ("jina", "blocked", False)],
)
async def test_only_a_block_by_duckduckgo_is_waited_for(
    owner: Connection, database: Database, clock: Clock, provider: str, kind: str, waits: bool
) -> None:
    await opened(owner, provider, kind, 30)
    requests = ProbeRequests(database)
    [row] = [each for each in await requests.breakers() if each.provider == provider]
    assert (row.state, row.is_block) == ("open", waits)
    assert await requests.end_cooldown(Provider(provider)) == (clock.now + 30 * MINUTE if waits else None)
    [row] = [each for each in await requests.breakers() if each.provider == provider]
    assert row.state == ("open" if waits else "half_open")


async def test_an_answer_makes_the_waiting_jobs_due(owner: Connection, database: Database, clock: Clock) -> None:
    jobs = Jobs(database, database)
    for reason, provider in (
        (WaitReason.OUTAGE, "jina"),
        (WaitReason.BUDGET, "jina"),
        (WaitReason.OUTAGE, "duckduckgo"),
    ):
        await owner.execute(
            "INSERT INTO background_jobs (job_type, status, params)"
            " VALUES ('acra_express_enrich_candidates', 'queued', '{}')"
        )
        [job] = await jobs.claim("test", MINUTE)
        await jobs.snooze(job, 30 * MINUTE, "x", waits_for=provider, reason=reason)
    requests = ProbeRequests(database)
    asked_at = await requests.ask(Provider.JINA, "dana")
    assert asked_at is not None
    await requests.take("a")
    assert await requests.finish(Provider.JINA, answered=False, answer="Jina does not answer") == 0
    assert await requests.finish(Provider.JINA, answered=True, answer="Jina answered") == 1
    await clock.advance(timedelta(seconds=5))
    assert len(await jobs.claim("test", MINUTE, 5)) == 1
    answer = await requests.answer(Provider.JINA, asked_at)
    assert answer is not None
    assert (answer.taken_by, answer.answered, answer.answer) == ("a", True, "Jina answered")
