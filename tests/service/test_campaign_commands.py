"""Campaigns as a whole, on a real database with the product's own handlers: counted, cancelled, retried."""

from __future__ import annotations

from typing import Any

import pytest
from campaign_rig import Story, campaigns_on, enqueue_staging

from acra_express_async.db.companies.campaign_actions import CampaignActions
from acra_express_async.db.companies.campaign_rows import Asked, Campaigns
from acra_express_async.db.jobs.job_commands import Operator
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import JobError
from acra_express_async.models import Outcome, OutcomeKind
from acra_express_async.params import StagingParams

UENS = [f"20191234{number}K" for number in range(10, 22)]


@pytest.fixture
def story() -> Story:
    return Story()


async def registered(owner: Connection, *uens: str, status: str = "Live Company") -> None:
    await owner.executemany(
        """
        INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description, primary_ssic_code)
        VALUES ($1, 'FIRM ' || $1, $2, 1111)
        """,
        [(uen, status) for uen in uens],
    )


async def enqueued(database: Database, *uens: str, **more: Any) -> int:
    params = StagingParams.parse({"uens": list(uens)} | more)
    return await Operator(database).enqueue(params, Asked(name="cafes", by="dana", expected=None))


async def test_every_company_is_in_exactly_one_state(owner: Connection, database: Database, story: Story) -> None:
    await registered(owner, *UENS[:7])
    await registered(owner, UENS[7], status="Struck Off")
    campaign = await enqueued(database, *UENS[:9])
    before = await Campaigns(database).one(campaign)
    assert (before.total, before.states["waiting"], before.percent, before.is_over) == (9, 9, 0.0, False)
    assert await (await campaigns_on(database, story)).supervisor.run() == 0
    after = await Campaigns(database).one(campaign)
    assert after.states == {
        "enriched": 0,
        "no_website": 7,
        "skipped": 2,
        "failed": 0,
        "cancelled": 0,
        "waiting": 0,
    }
    assert (after.percent, after.is_over, after.name, after.enqueued_by) == (100.0, True, "cafes", "dana")
    reasons = await owner.fetch(
        "SELECT uen, reason FROM acra_express.campaign_uens WHERE kind = 'skipped' ORDER BY uen"
    )
    assert [(row["uen"], row["reason"]) for row in reasons] == [
        (UENS[7], "not live (Struck Off)"),
        (UENS[8], "not in the registry"),
    ]


async def test_a_hand_written_campaign_is_listed_too(owner: Connection, database: Database, story: Story) -> None:
    await registered(owner, *UENS[:3])
    first = await enqueued(database, UENS[0])
    second = await enqueue_staging(owner, {"uens": UENS[1:3]})
    assert await (await campaigns_on(database, story)).supervisor.run() == 0
    found = await Campaigns(database).newest(10)
    assert sorted(each.campaign_id for each in found) == [first, second]
    assert {each.campaign_id: each.total for each in found} == {first: 1, second: 2}


async def test_cancel_ends_all_batches_and_the_continuation(
    owner: Connection, database: Database, story: Story
) -> None:
    await registered(owner, *UENS)
    campaign = await enqueued(database, *UENS)
    other = await enqueued(database, "201912399K")
    rig = await campaigns_on(database, story)

    async def cancelled(_company: object, _scope: object) -> None:
        if len(story.ran) == 2:
            await CampaignActions(database).cancel(campaign, "dana")

    story.before = cancelled
    assert await rig.supervisor.run() == 0
    after = await Campaigns(database).one(campaign)
    assert (after.total, after.ended, after.is_over) == (12, 12, True)
    assert after.states["no_website"] + after.states["cancelled"] == 12
    assert after.states["no_website"] <= 2
    assert (after.states["failed"], after.cancelled_by) == (0, "dana")
    assert (await Campaigns(database).one(other)).states["skipped"] == 1
    with pytest.raises(JobError, match="is over"):
        await CampaignActions(database).cancel(campaign, "dana")


async def test_retry_tries_the_failed_companies_once_more(
    owner: Connection, database: Database, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registered(owner, *UENS[:7])
    campaign = await enqueued(database, *UENS[:7])
    broken = set(UENS[:2])
    run = Story.run

    async def sometimes(self: Story, company: Any, scope: Any) -> Outcome:
        outcome = await run(self, company, scope)
        return Outcome(OutcomeKind.FAILED, "provider_error") if company.uen in broken else outcome

    monkeypatch.setattr(Story, "run", sometimes)
    assert await (await campaigns_on(database, story)).supervisor.run() == 0
    assert (await Campaigns(database).one(campaign)).states["failed"] == 2
    broken.clear()
    changed = await CampaignActions(database).retry(campaign)
    assert (changed.companies, changed.left_running) == (2, 0)
    reopened = await Campaigns(database).one(campaign)
    assert (reopened.states["waiting"], reopened.states["no_website"], reopened.is_over) == (2, 5, False)
    assert await (await campaigns_on(database, story)).supervisor.run() == 0
    assert (await Campaigns(database).one(campaign)).states["no_website"] == 7
    assert len(story.ran) == 9
    with pytest.raises(JobError, match="no company of campaign"):
        await CampaignActions(database).retry(campaign)


async def test_a_staging_job_that_did_its_work_runs_only_once(
    owner: Connection, database: Database, story: Story
) -> None:
    """A second run could never end: its enrichment job is recorded under a primary key."""
    await registered(owner, *UENS[:7])
    campaign = await enqueued(database, *UENS[:7])
    assert await (await campaigns_on(database, story)).supervisor.run() == 0
    done = [
        row["job_id"]
        for row in await owner.fetch("SELECT job_id FROM background_jobs WHERE job_type LIKE '%staging_upsert'")
    ]
    assert len(done) == 2
    for job_id in done:
        with pytest.raises(JobError, match=f"`acra-express campaigns retry {campaign}`"):
            await Operator(database).retry(job_id)
    assert await owner.fetchval("SELECT count(*) FROM background_jobs WHERE status <> 'done'") == 0


async def test_a_namesake_without_uen_is_skipped_with_the_reason(
    owner: Connection, database: Database, story: Story
) -> None:
    await registered(owner, *UENS[:4])
    theirs = await owner.fetchval(
        "INSERT INTO companies (name) VALUES ('Firm ' || $1::text) RETURNING company_id", UENS[1]
    )
    campaign = await enqueued(database, *UENS[:3])
    assert await (await campaigns_on(database, story)).supervisor.run() == 0
    selected = await enqueue_staging(owner, {"ssic_codes": ["1111"]})
    assert await (await campaigns_on(database, story)).supervisor.run() == 0
    assert sorted(story.ran) == [UENS[0], UENS[2], UENS[3]]
    state = await Campaigns(database).one(campaign)
    assert (state.states["skipped"], state.total) == (1, 3)
    why = await owner.fetchval("SELECT reason FROM acra_express.campaign_uens WHERE kind = 'skipped'")
    assert why == f"company {theirs} has this name and no UEN; the nightly or a person must give it its UEN first"
    assert why in await owner.fetchval("SELECT error FROM background_jobs WHERE job_id = $1", selected)
    assert await owner.fetchval("SELECT count(*) FROM companies") == 4


@pytest.mark.parametrize("campaign_id", [0, -1, 10**30, 4711])
async def test_an_unknown_campaign_is_a_sentence(database: Database, campaign_id: int) -> None:
    with pytest.raises(JobError, match=f"there is no campaign {campaign_id}"):
        await Campaigns(database).one(campaign_id)


async def test_a_job_of_a_campaign_names_it(owner: Connection, database: Database, story: Story) -> None:
    await registered(owner, UENS[0])
    campaign = await enqueued(database, UENS[0])
    assert await (await campaigns_on(database, story)).supervisor.run() == 0
    batch = await owner.fetchval("SELECT max(job_id) FROM background_jobs")
    with pytest.raises(JobError, match=f"{batch} is a job of campaign {campaign}"):
        await Campaigns(database).one(batch)
