"""A judgement that arrives while the company is being worked on: the outcome is void, and the work is done anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from campaign_rig import Story, enqueue_staging

from acra_express_async.db.companies.address_hash import load_address_hash
from acra_express_async.db.records.judgement_rows import NewJudgement, Word
from acra_express_async.db.records.judging import Judgements
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.limits.scope import Scope
from acra_express_async.models import Company, Outcome, OutcomeKind, Usage


async def test_a_judgement_voids_the_outcome_of_a_run_in_flight(
    campaigns: Any, owner: Connection, database: Database, registry: list[str], story: Story
) -> None:
    judgements = Judgements(database, await load_address_hash(owner))
    said = NewJudgement(uen=registry[0], field="site", judgement=Word.SET, value="zylo.sg", by="mei")

    async def judge(company: Company, _scope: Scope) -> None:
        if len(story.ran) == 1:
            await judgements.record(said, look_again=True)
        else:
            assert company.judged.site == "zylo.sg"

    story.before = judge
    rig = await campaigns()
    first = await enqueue_staging(owner, {"uens": registry[:1]})
    assert await rig.supervisor.run() == 0
    rows = await owner.fetch("SELECT campaign_id, kind, reason FROM acra_express.outcomes ORDER BY job_id")
    kinds = [(row["campaign_id"] == first, row["kind"], row["reason"]) for row in rows]
    assert kinds == [(True, "no_website", "no_search_results"), (False, "skipped", "recently_checked")]
    assert story.ran == [registry[0], registry[0]]


async def test_what_a_void_run_cost_is_booked(
    campaigns: Any, owner: Connection, database: Database, registry: list[str], story: Story
) -> None:
    judgements = Judgements(database, await load_address_hash(owner))
    said = NewJudgement(uen=registry[0], field="site", judgement=Word.REJECT, value="zylo.sg", by="mei")

    async def judge(_company: Company, scope: Scope) -> None:
        scope.spent(Usage(searches=1))
        if len(story.ran) == 1:
            await judgements.record(said, look_again=False)

    story.before = judge
    rig = await campaigns()
    await enqueue_staging(owner, {"uens": registry[:1]})
    assert await rig.supervisor.run() == 0
    assert await owner.fetchval("SELECT sum(calls) FROM run_vendor_usage WHERE vendor = 'acra_express_ddg'") == 2


async def test_a_company_without_a_site_takes_no_slot(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    story.unwanted[registry[0]] = replace(Outcome(OutcomeKind.NO_WEBSITE), reason="judged")
    rig = await campaigns()
    await enqueue_staging(owner, {"uens": registry[:1]})
    assert await rig.supervisor.run() == 0
    assert await owner.fetchval("SELECT reason FROM acra_express.outcomes") == "judged"
    assert await owner.fetchval("SELECT count(*) FROM acra_express.daily_slots") == 0
