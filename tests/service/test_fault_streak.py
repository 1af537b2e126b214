"""Companies that fail one after the other in our own code: the jobs wait, and the campaign is not used up."""

from __future__ import annotations

from typing import Any

import pytest
from campaign_rig import Story, enqueue_staging
from rig import statuses

from acra_express_async.companies.fault_streak import LONGEST_STREAK, FaultStreak
from acra_express_async.db.ops.alert_rows import AlertRows, OwnFaults
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.limits.scope import Scope
from acra_express_async.models import Company, CompanyId

SENTENCE = "deferred: 3 companies in a row failed in our own code (RuntimeError): the job waits until this is repaired"


def breaks(*uens: str) -> Any:
    """A step that fails for these companies, or for all when none is named."""

    def step(company: Company, _scope: Scope) -> None:
        if not uens or company.uen in uens:
            raise RuntimeError("character with byte sequence 0xe6 0x96 0xb0 has no equivalent in encoding LATIN1")

    return step


async def reasons(owner: Connection) -> dict[str, str]:
    rows = await owner.fetch("SELECT uen, reason FROM acra_express.outcomes")
    return {row["uen"]: row["reason"] for row in rows}


async def make_due(owner: Connection) -> None:
    await owner.execute("UPDATE acra_express.leases SET due_at = acra_express.clock() WHERE due_at < 'infinity'")


async def test_three_failures_in_a_row_snooze_the_job(
    campaigns: Any, database: Database, owner: Connection, registry: list[str], story: Story
) -> None:
    story.before = breaks()
    await enqueue_staging(owner, {"uens": registry[:5]})
    rig = await campaigns(workers=1)
    assert await rig.supervisor.run() == 0
    assert await reasons(owner) == dict.fromkeys(registry[:2], "internal_error")
    assert story.ran == registry[:5]
    row = await owner.fetchrow(
        "SELECT j.status, j.error, j.processed, l.attempts, l.errors, l.fault FROM background_jobs j"
        " JOIN acra_express.leases l USING (job_id) WHERE job_type = 'acra_express_enrich_candidates'"
    )
    assert row is not None
    assert row["error"].startswith(SENTENCE)
    assert (row["status"], row["processed"], row["attempts"], row["errors"]) == ("queued", 2, 0, 0)
    assert await AlertRows(database).own_faults() == OwnFaults(1, "RuntimeError")
    assert rig.metrics.registry.get_sample_value("acra_express_internal_error_streak") == 5


async def test_a_snoozed_job_uses_up_no_company_while_it_fails(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    story.before = breaks()
    await enqueue_staging(owner, {"uens": registry[:10]})
    rig = await campaigns(workers=1)
    assert await rig.supervisor.run() == 0
    failed = await reasons(owner)
    for _ in range(3):
        await make_due(owner)
        again = await campaigns(workers=1)
        again.handlers = rig.handlers  # the same process: its streak goes on
        assert await again.supervisor.run() == 0
    assert await reasons(owner) == failed
    assert list(failed.values()) == ["internal_error"] * 2


async def test_after_a_repair_the_campaign_goes_on(
    campaigns: Any, database: Database, owner: Connection, registry: list[str], story: Story
) -> None:
    story.before = breaks()
    await enqueue_staging(owner, {"uens": registry[:5]})
    assert await (await campaigns(workers=1)).supervisor.run() == 0
    story.before = lambda _company, _scope: None
    await make_due(owner)
    rig = await campaigns(workers=1)
    assert await rig.supervisor.run() == 0
    assert await statuses(owner) == {"done": 2}
    assert await reasons(owner) == dict.fromkeys(registry[:2], "internal_error") | dict.fromkeys(
        registry[2:5], "no_search_results"
    )
    assert await AlertRows(database).own_faults() == OwnFaults(0, "")
    assert rig.metrics.registry.get_sample_value("acra_express_internal_error_streak") == 0


async def test_three_odd_pages_among_good_ones_hold_up_nothing(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    story.before = breaks(*registry[:3])
    await enqueue_staging(owner, {"uens": registry[:5]})
    rig = await campaigns(workers=1)
    assert await rig.supervisor.run() == 0
    assert sorted(await reasons(owner)) == [*registry[:2], *registry[3:5]]
    await make_due(owner)
    again = await campaigns(workers=1)
    again.handlers = rig.handlers
    assert await again.supervisor.run() == 0
    assert (await reasons(owner))[registry[2]] == "internal_error"
    assert await statuses(owner) == {"done": 2}


async def test_a_streak_goes_over_the_jobs_of_a_process(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    story.before = breaks()
    for uen in registry[:4]:
        await enqueue_staging(owner, {"uens": [uen]})
    assert await (await campaigns(workers=1)).supervisor.run() == 0
    assert await reasons(owner) == dict.fromkeys(registry[:2], "internal_error")
    assert await statuses(owner) == {"done": 6, "queued": 2}


async def test_after_a_day_of_failures_the_job_ends_in_error(
    campaigns: Any, database: Database, owner: Connection, registry: list[str], story: Story
) -> None:
    story.before = breaks()
    await enqueue_staging(owner, {"uens": registry[:5]})
    rig = await campaigns(workers=1)
    assert await rig.supervisor.run() == 0
    await owner.execute("UPDATE acra_express.leases SET outage_since = acra_express.clock() - interval '25 hours'")
    await make_due(owner)
    again = await campaigns(workers=1)
    again.handlers = rig.handlers
    assert await again.supervisor.run() == 0
    assert await statuses(owner) == {"done": 1, "error": 1}
    assert await reasons(owner) == dict.fromkeys(registry[:5], "internal_error")
    assert (await AlertRows(database).own_faults()).jobs == 0


@pytest.mark.parametrize("companies", [1, LONGEST_STREAK - 1])
def test_a_company_counts_once_however_often_it_fails(companies: int) -> None:
    told: list[float] = []
    streak = FaultStreak(told.append)
    for _ in range(10):
        assert not any(streak.broke(CompanyId(number)) for number in range(companies))
    assert streak.broke(CompanyId(98)) is (companies == LONGEST_STREAK - 1)
    streak.went_well()
    streak.went_well()
    assert told[-2:] == [companies + 1, 0]
    assert streak.broke(CompanyId(99)) is False
