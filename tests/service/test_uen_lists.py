"""Campaigns over a list of UENs: the list stands once in the database, and the jobs carry the campaign only."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from campaign_rig import Story, enqueue_staging
from rig import statuses

from acra_express_async.db.companies.selection import Picked, Selection
from acra_express_async.db.jobs.job_commands import Operator
from acra_express_async.db.jobs.uen_lists import list_progress
from acra_express_async.db.ops.display import Display
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.params import StagingParams


async def staging_params(owner: Connection) -> list[dict[str, Any]]:
    rows = await owner.fetch(
        "SELECT params FROM background_jobs WHERE job_type = 'acra_express_staging_upsert' ORDER BY job_id"
    )
    return [row["params"] for row in rows]


async def test_an_enqueued_list_is_drained_by_jobs_that_carry_none(
    campaigns: Any, database: Database, owner: Connection, registry: list[str], story: Story
) -> None:
    campaign = await Operator(database).enqueue(StagingParams(uens=registry[:13]))
    assert [line.left for line in await Display(database).campaigns()] == [13]
    assert await (await campaigns()).supervisor.run() == 0
    assert Counter(story.ran) == Counter(registry[:13])
    assert await statuses(owner) == {"done": 6}
    assert [sorted(params) for params in await staging_params(owner)] == [["campaign"]] * 3
    taken = await owner.fetch(
        "SELECT staging_job_id, array_agg(uen ORDER BY place) AS uens FROM acra_express.campaign_uens"
        " WHERE campaign_id = $1 GROUP BY 1 ORDER BY 1",
        campaign,
    )
    assert [row["uens"] for row in taken] == [registry[:5], registry[5:10], registry[10:13]]


async def test_the_first_claim_moves_a_handwritten_list(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    job_id = await enqueue_staging(owner, {"uens": [f" {uen.lower()} " for uen in registry[:7]], "limit": 6})
    assert await (await campaigns()).supervisor.run() == 0
    assert Counter(story.ran) == Counter(registry[:6])
    first, second = await staging_params(owner)
    assert sorted(first) == sorted(second) == ["campaign"]
    assert (first["campaign"]["id"], first["campaign"]["left"]) == (job_id, 6)
    assert (second["campaign"]["id"], second["campaign"]["left"]) == (job_id, 1)
    assert await list_progress(owner, job_id) == (7, 1)


async def test_a_continuation_of_the_previous_version_goes_on(
    campaigns: Any, owner: Connection, registry: list[str], story: Story
) -> None:
    """It carries what is left of its list; the campaign's first batches were staged without one."""
    campaign = {"id": 77, "enqueued_at": "2026-11-26T00:00:00Z", "left": 20}
    await enqueue_staging(owner, {"uens": registry[:7], "campaign": campaign})
    assert await (await campaigns()).supervisor.run() == 0
    assert Counter(story.ran) == Counter(registry[:7])
    assert [params["campaign"]["id"] for params in await staging_params(owner)] == [77, 77]
    assert await list_progress(owner, 77) == (7, 0)


async def test_a_list_that_the_previous_version_held_goes_on(
    campaigns: Any, database: Database, owner: Connection, registry: list[str], story: Story
) -> None:
    """Version 0.1 claims the job, gets the list in its row, and dies; the row is then read by this version."""
    await Operator(database).enqueue(StagingParams(uens=registry[:7]))
    async with database.session() as connection:
        await connection.execute("SELECT acra_express.claim('old', interval '0', 1)")
    assert [sorted(params) for params in await staging_params(owner)] == [["campaign", "uens"]]
    assert await (await campaigns()).supervisor.run() == 0
    assert Counter(story.ran) == Counter(registry[:7])


async def test_a_forgotten_uen_leaves_the_rest_of_its_list(
    campaigns: Any, database: Database, owner: Connection, registry: list[str], story: Story
) -> None:
    await Operator(database).enqueue(StagingParams(uens=registry[:7]))
    await owner.execute("DELETE FROM acra_express.campaign_uens WHERE uen = $1", registry[1])
    assert await (await campaigns()).supervisor.run() == 0
    assert Counter(story.ran) == Counter([registry[0], *registry[2:7]])


@pytest.mark.parametrize("params", [{"campaign": {"id": 9, "enqueued_at": "2026-11-26T00:00:00Z"}}, {"uens": [" "]}])
async def test_a_campaign_without_its_list_ends_with_a_sentence(
    campaigns: Any, owner: Connection, params: dict[str, Any]
) -> None:
    await enqueue_staging(owner, params)
    assert await (await campaigns()).supervisor.run() == 0
    row = await owner.fetchrow("SELECT status, error FROM background_jobs")
    assert tuple(row or ()) == (
        "error",
        "params names no terms, no ssic_codes and no uens, and no list is stored: nothing to stage",
    )


async def test_uens_come_before_the_codes_of_the_same_campaign(
    campaigns: Any, database: Database, owner: Connection, registry: list[str], story: Story
) -> None:
    await owner.execute("UPDATE staging_acra_companies SET primary_ssic_code = 33120 WHERE uen = ANY($1)", registry[:9])
    await Operator(database).enqueue(StagingParams(uens=registry[10:17], ssic_codes=["33120"], limit=12))
    assert await (await campaigns()).supervisor.run() == 0
    batches = await owner.fetch(
        """
        SELECT array_agg(c.uen ORDER BY c.uen) AS uens FROM background_jobs j
        JOIN companies c ON j.params -> 'company_ids' @> to_jsonb(c.company_id) GROUP BY j.job_id ORDER BY j.job_id
        """
    )
    assert [row["uens"] for row in batches][:2] == [registry[10:15], sorted([*registry[15:17], *registry[:3]])]
    assert Counter(story.ran) == Counter([*registry[:5], *registry[10:17]])


async def test_a_batch_that_moves_nothing_ends_its_campaign(
    campaigns: Any, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever makes the walk stand still, it must not make jobs for ever."""

    async def nothing(*_args: object, **_more: object) -> Picked:
        return Picked((), after="201900001K", exhausted=False)

    monkeypatch.setattr(Selection, "pick", nothing)
    campaign = {"id": 9, "enqueued_at": "2026-11-26T00:00:00Z", "after": "201900001K"}
    await enqueue_staging(owner, {"ssic_codes": ["33120"], "campaign": campaign})
    assert await (await campaigns()).supervisor.run() == 0
    [row] = await owner.fetch("SELECT status, error FROM background_jobs")
    assert tuple(row) == ("done", "the campaign stops here: this batch staged nothing and made no progress")
