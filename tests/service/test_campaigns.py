"""Staging and enrichment through the real loops with a fake pipeline: batches, continuations, resuming, the cap."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from campaign_rig import Story, enqueue_staging
from rig import statuses

from acra_express_async.db.companies.outcomes import DailyCap
from acra_express_async.db.ops.control import Control
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import BudgetExhausted, Transient
from acra_express_async.limits.scope import Scope
from acra_express_async.models import Company, JobType


async def batches(owner: Connection) -> list[int]:
    rows = await owner.fetch(
        "SELECT jsonb_array_length(params->'company_ids') AS n FROM background_jobs WHERE job_type = $1"
        " ORDER BY job_id",
        JobType.ENRICHMENT.value,
    )
    return [row["n"] for row in rows]


async def test_23_uens_are_processed_in_batches_of_five(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    await enqueue_staging(owner, {"uens": registry[:23]})
    rig = await campaigns()
    assert await rig.supervisor.run() == 0
    assert Counter(story.ran) == Counter(registry[:23])
    assert await batches(owner) == [5, 5, 5, 5, 3]
    assert await statuses(owner) == {"done": 10}
    assert await owner.fetchval("SELECT count(*) FROM acra_express.outcomes") == 23


async def test_continuations_need_no_tick_while_nothing_else_waits(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    """The next tick is an hour away, but a free worker takes the continuation at once."""
    await enqueue_staging(owner, {"uens": registry[:12]})
    rig = await campaigns(at_once=False)
    assert await rig.supervisor.run() == 0
    assert await batches(owner) == [5, 5, 2]
    assert Counter(story.ran) == Counter(registry[:12])


async def test_a_continuation_waits_for_a_tick_behind_another_job(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    def away(company: Company, _scope: Scope) -> None:
        raise Transient("HTTP 503", provider="jina", reason="http_503", retry_after=timedelta(hours=2))

    story.before = away
    await enqueue_staging(owner, {"uens": registry[:12]})
    assert await (await campaigns(at_once=False, workers=1)).supervisor.run() == 0
    assert await batches(owner) == [5]
    assert await statuses(owner) == {"done": 1, "queued": 2}


async def test_a_wait_for_its_own_cap_holds_back_no_other_campaign(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    """The first campaign allows itself one company a day; the other one's next tick is an hour away."""
    capped = await enqueue_staging(owner, {"uens": registry[:7], "throttle": {"daily_cap": 1}})
    assert await (await campaigns(at_once=False)).supervisor.run() == 0
    assert len(story.ran) == 1
    await enqueue_staging(owner, {"uens": registry[10:30]})
    assert await (await campaigns(at_once=False)).supervisor.run() == 0
    assert sorted(story.ran[1:]) == registry[10:30]
    assert await waiting(owner) == [(capped, None), (capped, None)]


async def waiting(owner: Connection) -> list[tuple[int | None, str | None]]:
    """Campaign and shared cause of each waiting job; the columns are empty for a continuation never claimed."""
    rows = await owner.fetch(
        "SELECT coalesce(l.campaign_id, (b.params #>> '{campaign,id}')::bigint), l.waits_for"
        " FROM acra_express.leases l JOIN background_jobs b USING (job_id) WHERE b.status = 'queued' ORDER BY job_id"
    )
    return [tuple(row) for row in rows]


async def test_a_backoff_holds_back_only_its_own_campaign(
    campaigns: Any, owner: Connection, registry: list[str], story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in the job itself: it is retried later, and whatever it waits for concerns no one else."""
    broken = registry[0]
    real = DailyCap.take

    async def take(self: DailyCap, connection: Connection, company_id: Any, *more: Any) -> Any:
        uen = await owner.fetchval("SELECT uen FROM companies WHERE company_id = $1", company_id)
        if uen == broken:
            raise ValueError("this job only")
        return await real(self, connection, company_id, *more)

    monkeypatch.setattr(DailyCap, "take", take)
    bad = await enqueue_staging(owner, {"uens": registry[:7]})
    good = await enqueue_staging(owner, {"uens": registry[10:22]})
    assert await (await campaigns(at_once=False, workers=1)).supervisor.run() == 0
    assert sorted(story.ran) == registry[10:22]
    assert {campaign for campaign, _ in await waiting(owner)} == {bad} != {good}


async def test_a_provider_that_is_away_holds_back_all_campaigns(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    """Staging more companies now would only let them wait for the same provider."""
    first = set(registry[:7])

    def away(company: Company, _scope: Scope) -> None:
        if company.uen in first:
            raise Transient("HTTP 503", provider="jina", reason="http_503", retry_after=timedelta(hours=2))

    story.before = away
    await enqueue_staging(owner, {"uens": registry[:3]})
    await enqueue_staging(owner, {"uens": registry[10:22]})
    assert await (await campaigns(at_once=False, workers=1)).supervisor.run() == 0
    assert len(set(story.ran) - first) == 5
    assert (await waiting(owner))[0][1] == "jina"


async def test_a_limit_of_its_own_holds_back_no_other_campaign(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    first = set(registry[:7])

    def used_up(company: Company, _scope: Scope) -> None:
        if company.uen in first:
            exhausted = BudgetExhausted("used up", provider="jina", retry_after=timedelta(hours=2))
            exhausted.by_job = True
            raise exhausted

    story.before = used_up
    await enqueue_staging(owner, {"uens": registry[:7]})
    await enqueue_staging(owner, {"uens": registry[10:22]})
    assert await (await campaigns(at_once=False, workers=1)).supervisor.run() == 0
    assert len(set(story.ran) - first) == 12


async def test_a_running_job_goes_on_to_its_end_while_paused(
    campaigns: Any, owner: Connection, database: Database, registry: list[str], story: Story
) -> None:
    """A fresh job waits behind the pause; nobody would take it, so the running one is not handed back for it."""
    later: list[int] = []

    async def pause(_company: Company, _scope: Scope) -> None:
        if not later:
            await Control(database).pause("dana", paused=True)
            later.append(await enqueue_staging(owner, {"uens": registry[10:12]}))

    story.before = pause
    await enqueue_staging(owner, {"uens": registry[:4]})
    assert await (await campaigns(workers=1)).supervisor.run() == 0
    assert sorted(story.ran) == registry[:4]
    assert await statuses(owner) == {"done": 2, "queued": 1}


async def test_a_term_with_a_limit_takes_17_companies(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    code = await owner.fetchval(
        "SELECT primary_ssic_code FROM staging_acra_companies WHERE uen = ANY($1)"
        " GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
        registry,
    )
    await owner.execute(
        "UPDATE staging_acra_companies SET primary_ssic_code = $1 WHERE uen = ANY($2)", code, registry[:40]
    )
    title = await owner.fetchval("SELECT title FROM ssic_ref WHERE code::int = $1", code)
    await enqueue_staging(owner, {"terms": [title], "limit": 17})
    rig = await campaigns()
    assert await rig.supervisor.run() == 0
    assert len(story.ran) == len(set(story.ran)) == 17
    assert await batches(owner) == [5, 5, 5, 2]


async def test_a_company_without_a_website_is_not_staged_again(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    await enqueue_staging(owner, {"uens": registry[:3]})
    assert await (await campaigns()).supervisor.run() == 0
    await enqueue_staging(owner, {"uens": registry[:3]})
    assert await (await campaigns()).supervisor.run() == 0
    assert len(story.ran) == 3
    kinds = await owner.fetch("SELECT kind, reason FROM acra_express.outcomes ORDER BY job_id, company_id")
    assert [row["kind"] for row in kinds] == ["no_website"] * 3 + ["skipped"] * 3


async def test_b2_no_transaction_is_open_while_the_pipeline_runs(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    """A provider takes seconds; a header locked for so long stretched a nightly run from 1.9 to 29.5 s.

    A heartbeat may show up in its short transaction, but no transaction is open at each of fifty checks.
    """
    lasting = []

    async def open_now() -> set[tuple[Any, ...]]:
        rows = await owner.fetch(
            "SELECT pid, xact_start FROM pg_stat_activity WHERE application_name = 'acra-express'"
            " AND datname = current_database() AND xact_start IS NOT NULL"
        )
        return {tuple(row) for row in rows}

    async def look(_company: Company, _scope: Scope) -> None:
        always = await open_now()
        for _ in range(50):
            always &= await open_now()
        lasting.append(always)

    story.before = look
    await enqueue_staging(owner, {"uens": registry[:3]})
    rig = await campaigns(workers=1)
    assert await rig.supervisor.run() == 0
    assert lasting == [set(), set(), set()]


async def test_a_failing_company_does_not_fail_its_batch(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    def break_one(company: Company, _scope: Scope) -> None:
        if company.uen == registry[1]:
            raise RuntimeError("the page had a shape nobody thought of")

    story.before = break_one
    await enqueue_staging(owner, {"uens": registry[:3]})
    assert await (await campaigns()).supervisor.run() == 0
    rows = await owner.fetch("SELECT uen, kind, reason FROM acra_express.outcomes")
    assert {row["uen"]: (row["kind"], row["reason"]) for row in rows} == {
        registry[0]: ("no_website", "no_search_results"),
        registry[1]: ("failed", "internal_error"),
        registry[2]: ("no_website", "no_search_results"),
    }
    assert await statuses(owner) == {"done": 2}


async def test_a_provider_error_of_one_company_delays_no_other(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    def away_for_one(company: Company, _scope: Scope) -> None:
        if company.uen == registry[0] and story.ran.count(company.uen) == 1:
            raise Transient("HTTP 503", provider="jina", reason="http_503")

    story.before = away_for_one
    await enqueue_staging(owner, {"uens": registry[:3]})
    assert await (await campaigns()).supervisor.run() == 0
    assert await statuses(owner) == {"done": 1, "queued": 1}
    assert await owner.fetchval("SELECT count(*) FROM acra_express.outcomes") == 2
    await owner.execute("UPDATE acra_express.leases SET due_at = clock_timestamp() WHERE due_at < 'infinity'")
    assert await (await campaigns()).supervisor.run() == 0
    assert await statuses(owner) == {"done": 2}
    assert Counter(story.ran) == {registry[0]: 2, registry[1]: 1, registry[2]: 1}


async def test_a_stop_between_two_companies_keeps_the_first_result(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    rig = await campaigns()

    def stop_at_second(company: Company, _scope: Scope) -> None:
        if len(story.ran) == 2:
            rig.supervisor.request_stop("test")

    async def drained(company: Company, scope: Scope) -> None:
        stop_at_second(company, scope)
        if len(story.ran) == 2:
            await rig.draining.wait()
            scope.check()

    story.before = drained
    await enqueue_staging(owner, {"uens": registry[:4]})
    assert await rig.supervisor.run() == 0
    assert await owner.fetchval("SELECT count(*) FROM acra_express.outcomes") == 1
    story.before = lambda _company, _scope: None
    assert await (await campaigns()).supervisor.run() == 0
    counts = Counter(story.ran)
    assert sorted(counts.values()) == [1, 1, 1, 2]
    assert await owner.fetchval("SELECT count(*) FROM acra_express.outcomes") == 4
    assert await owner.fetchval("SELECT max(attempts) FROM acra_express.leases") == 1


async def test_the_daily_cap_defers_with_the_platform_wording(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    await enqueue_staging(owner, {"uens": registry[:5]})
    assert await (await campaigns(daily_cap=3)).supervisor.run() == 0
    assert len(story.ran) == 3
    row = await owner.fetchrow(
        "SELECT status, error FROM background_jobs WHERE job_type = $1", JobType.ENRICHMENT.value
    )
    assert row is not None
    assert (row["status"], row["error"]) == ("queued", "deferred: daily cap reached")
    assert await owner.fetchval("SELECT count(*) FROM acra_express.daily_slots") == 3


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"uens": ["x"], "ssic_code": ["1"]}, "params has an unknown key 'ssic_code'"),
        ({"uens": "198000001A"}, "params key 'uens': input should be a valid"),
        ({}, "params names no terms, no ssic_codes and no uens"),
        ({"terms": ["qwertzuiop"]}, "qwertzuiop"),
        ({"uens": ["198000001A"], "throttle": {"batchsize": 3}}, "batchsize"),
        ({"uens": ["198000001A"], "throttle": {"batch_size": "3"}}, "batch_size"),
    ],
)
async def test_bad_params_end_with_a_sentence_that_names_the_key(
    campaigns: Any, owner: Connection, registry: list[str], params: dict[str, Any], sentence: str
) -> None:
    job_id = await enqueue_staging(owner, params)
    assert await (await campaigns()).supervisor.run() == 0
    row = await owner.fetchrow("SELECT status, error FROM background_jobs WHERE job_id = $1", job_id)
    assert row is not None
    assert row["status"] == "error"
    assert sentence in row["error"]


async def test_unknown_uens_are_named_in_a_job_that_is_done(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    job_id = await enqueue_staging(owner, {"uens": [registry[0], "199999999Z"]})
    assert await (await campaigns()).supervisor.run() == 0
    assert story.ran == [registry[0]]
    row = await owner.fetchrow("SELECT status, error FROM background_jobs WHERE job_id = $1", job_id)
    assert row is not None
    assert (row["status"], row["error"]) == ("done", "199999999Z: not in the registry")


async def test_a_company_in_two_jobs_is_processed_by_one(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    """The first job works on it when the second one reaches it: nothing is paid twice and one slot is used."""

    async def until_the_other_has_passed_it_over(_company: Company, _scope: Scope) -> None:
        while not await owner.fetchval("SELECT count(*) FROM acra_express.outcomes WHERE reason = 'in_another_job'"):
            continue

    story.before = until_the_other_has_passed_it_over
    for _ in range(2):
        await enqueue_staging(owner, {"uens": registry[:1]})
    assert await (await campaigns()).supervisor.run() == 0
    assert story.ran == registry[:1]
    kinds = await owner.fetch("SELECT kind, reason FROM acra_express.outcomes ORDER BY kind")
    assert [(row["kind"], row["reason"]) for row in kinds][-1] == ("skipped", "in_another_job")
    assert len(kinds) == 2
    assert await owner.fetchval("SELECT count(*) FROM acra_express.daily_slots") == 1
