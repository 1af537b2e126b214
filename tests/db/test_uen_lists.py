"""A campaign's list of UENs: stored once, walked in the order of asking, readable for either version of the service."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.batch_look import ListedUens, look_at_batch
from acra_express_async.db.companies.campaign_rows import Campaigns
from acra_express_async.db.companies.forget import forget
from acra_express_async.db.jobs import uen_lists
from acra_express_async.db.jobs.job_commands import Operator
from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.jobs.uen_lists import UenLists, list_progress, store_list
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.schema.uninstall import uninstall
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.params import MAX_LISTED, StagingParams

from .builders import count

OLD_CLAIM = "SELECT job_id, params FROM acra_express.claim('old', interval '60 s', 1)"
"""What version 0.1 asks; it knows lists only as `uens` in params."""


async def params_of(owner: Connection, job_id: int) -> dict[str, Any]:
    params: dict[str, Any] = await owner.fetchval("SELECT params FROM background_jobs WHERE job_id = $1", job_id)
    return params


async def next_of(database: Database, campaign_id: int, limit: int) -> ListedUens:
    async with database.session() as connection:
        return (await look_at_batch(connection, campaign_id, limit)).listed


async def test_enqueue_stores_a_list_once(database: Database, owner: Connection) -> None:
    uens = [f"2019{number:05d}K" for number in range(MAX_LISTED)]
    job_id = await Operator(database).enqueue(StagingParams(uens=[*uens, " 201900000k "][:MAX_LISTED], limit=7))
    params = await params_of(owner, job_id)
    assert sorted(params) == ["campaign"]
    assert (params["campaign"]["id"], params["campaign"]["left"]) == (job_id, 7)
    assert await next_of(database, job_id, 2) == ListedUens(tuple(uens[:2]), more=True, exists=True)
    assert await list_progress(owner, job_id) == (MAX_LISTED, MAX_LISTED)
    assert await owner.fetchval("SELECT pg_column_size(params) FROM background_jobs") < 200


async def test_a_job_without_uens_has_no_list(database: Database, owner: Connection) -> None:
    job_id = await Operator(database).enqueue(StagingParams(terms=["bakery"], limit=3))
    assert await params_of(owner, job_id) == {"terms": ["bakery"], "limit": 3}
    assert await next_of(database, job_id, 5) == ListedUens()


async def test_uens_are_taken_in_the_order_of_asking(database: Database) -> None:
    lists = UenLists(database)
    async with database.transaction() as connection:
        await lists.store(connection, 7, ["C", "A", "B"], afresh=True)
        await lists.take(connection, 7, 70, ["C"], {})
    assert await next_of(database, 7, 1) == ListedUens(("A",), more=True, exists=True)
    assert await next_of(database, 7, 0) == ListedUens((), more=True, exists=True)
    async with database.transaction() as connection:
        await lists.take(connection, 7, 71, ["A", "B"], {"B": "not live"})
        assert await list_progress(connection, 7) == (3, 0)
    assert await next_of(database, 7, 5) == ListedUens((), more=False, exists=True)


async def test_a_uen_that_is_listed_again_waits_behind_the_others(database: Database) -> None:
    lists = UenLists(database)
    async with database.transaction() as connection:
        await lists.store(connection, 7, ["A", "B"], afresh=True)
        await lists.take(connection, 7, 70, ["A"], {})
        await lists.store(connection, 7, ["A"], afresh=False)
    assert (await next_of(database, 7, 5)).next == ("B", "A")


async def test_a_new_campaign_meets_no_list_of_an_earlier_life(database: Database, owner: Connection) -> None:
    """After a restore the job ids come again."""
    following = await owner.fetchval("SELECT nextval('background_jobs_job_id_seq')") + 1
    await store_list(owner, following, ["OLD"], afresh=True)
    job_id = await Operator(database).enqueue(StagingParams(uens=["NEW"]))
    assert job_id == following
    assert (await next_of(database, job_id, 5)).next == ("NEW",)


async def test_the_previous_version_gets_the_list_in_the_row(database: Database, owner: Connection) -> None:
    job_id = await Operator(database).enqueue(StagingParams(uens=["C", "A", "B"]))
    async with database.transaction() as connection:
        await UenLists(database).take(connection, job_id, job_id, ["C"], {})
    async with database.session() as connection:
        [claimed] = await connection.fetch(OLD_CLAIM)
    assert (claimed["job_id"], claimed["params"]["uens"]) == (job_id, ["A", "B"])
    assert await params_of(owner, job_id) == claimed["params"]
    assert await list_progress(owner, job_id) == (1, 0)


@pytest.mark.parametrize(
    "params",
    [
        None,
        [],
        7,
        {"uens": ["A"]},
        {"campaign": {"id": 10**30}},
        {"campaign": {"id": "x"}},
        {"campaign": 5, "terms": ["bakery"]},
    ],
)
async def test_the_previous_version_sees_any_other_row_as_it_is(
    database: Database, owner: Connection, params: Any
) -> None:
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params) VALUES ('acra_express_staging_upsert', 'queued', $1)",
        params,
    )
    async with database.session() as connection:
        [claimed] = await connection.fetch(OLD_CLAIM)
    assert claimed["params"] == (params if params is None or isinstance(params, dict) else {})


async def test_forget_takes_a_uen_out_of_every_list(
    owner: Connection, shape: PlatformShape, hashes: AddressHash
) -> None:
    for campaign in (7, 8):
        await store_list(owner, campaign, ["201912345K", "201954321M"], afresh=True)
    gone = await forget(owner, "201912345K", shape=shape, hashes=hashes)
    assert gone.removed == {"acra_express.campaign_uens": 2}
    assert [row[0] for row in await owner.fetch("SELECT DISTINCT uen FROM acra_express.campaign_uens")] == [
        "201954321M"
    ]


async def test_uninstall_takes_the_lists_with_it(owner: Connection, database: Database) -> None:
    await Operator(database).enqueue(StagingParams(uens=["A"]))
    assert await count(owner, "acra_express.campaign_uens") == 1
    await database.close()
    await uninstall(owner, "acra_express")
    assert await owner.fetchval("SELECT to_regclass('acra_express.campaign_uens')") is None


async def test_next_uens_are_found_by_an_index(database: Database, owner: Connection) -> None:
    for campaign in range(1, 4):
        await store_list(owner, campaign, [f"U{number:06d}" for number in range(10_000)], afresh=True)
    await owner.execute("UPDATE acra_express.campaign_uens SET staging_job_id = 1 WHERE place < 9000")
    await owner.execute("ANALYZE acra_express.campaign_uens")
    async with database.session() as connection:
        lines = await connection.fetch(
            "EXPLAIN (ANALYZE, BUFFERS OFF, TIMING OFF) SELECT uen FROM acra_express.campaign_uens"
            " WHERE campaign_id = 2 AND staging_job_id IS NULL ORDER BY place LIMIT 6"
        )
    plan = "\n".join(line[0] for line in lines)
    assert "campaign_uens_waiting" in plan
    assert "Sort" not in plan


async def test_a_claim_sees_the_fault_of_params(database: Database, owner: Connection) -> None:
    """What is too long never comes to the client."""
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params) VALUES ('acra_express_staging_upsert', 'queued',"
        " jsonb_build_object('uens', jsonb_build_array(repeat('x', 2000000))))"
    )
    [job] = await Jobs(database, database).claim("me", timedelta(seconds=60))
    assert job.params == {}
    assert job.fault is not None
    assert job.fault.startswith("params is longer than 1024 kB: name the companies by ssic_codes or terms")


async def old_campaign(owner: Connection, number: int, *, days: int) -> None:
    """A campaign with a list of four: one became a company, two were skipped, one was cancelled."""
    await owner.execute(
        "INSERT INTO acra_express.campaigns (campaign_id, enqueued_at) VALUES ($1, now() - make_interval(days => $2))",
        number,
        days,
    )
    await owner.execute(
        """
        INSERT INTO acra_express.campaign_uens (campaign_id, uen, place, staging_job_id, kind, listed_at)
        SELECT $1::bigint, uen, row_number() OVER (),
               CASE WHEN kind IS DISTINCT FROM 'cancelled' THEN $1::bigint END, kind, now()
        FROM (VALUES ('A', NULL), ('B', 'skipped'), ('C', 'skipped'), ('D', 'cancelled')) AS v(uen, kind)
        """,
        number,
    )
    await owner.execute(
        "INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, ended_at, campaign_id)"
        " VALUES ($1::bigint, 1, 'A', 'enriched', now(), $1::bigint)",
        number,
    )


async def test_finished_lists_are_pruned_and_the_states_stay(
    database: Database, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uen_lists, "PRUNED_AT_ONCE", 3)
    for number, days in ((1, 500), (2, 450), (3, 399)):
        await old_campaign(owner, number, days=days)
    before = [(await Campaigns(database).one(number)).states for number in (1, 2, 3)]
    assert before[0] == {"enriched": 1, "no_website": 0, "skipped": 2, "failed": 0, "cancelled": 1, "waiting": 0}
    lists = UenLists(database)
    assert [await lists.prune(timedelta(days=400)) for _ in range(5)] == [3, 1, 3, 1, 0]
    assert [(await Campaigns(database).one(number)).states for number in (1, 2, 3)] == before
    assert await owner.fetchval("SELECT array_agg(DISTINCT campaign_id) FROM acra_express.campaign_uens") == [3]


async def test_a_list_that_is_not_finished_is_kept(database: Database, owner: Connection) -> None:
    await old_campaign(owner, 1, days=500)
    await owner.execute(
        "INSERT INTO acra_express.campaign_uens (campaign_id, uen, place, listed_at) VALUES (1, 'E', 5, now())"
    )
    await old_campaign(owner, 2, days=500)
    await owner.execute(
        "INSERT INTO acra_express.leases (job_id, due_at, campaign_id) VALUES (9, acra_express.clock(), 2)"
    )
    assert await UenLists(database).prune(timedelta(days=400)) == 0
    assert await count(owner, "acra_express.campaign_uens") == 9
