"""Rows of `background_jobs` that no program of ours wrote: the service goes on, and each ends with a sentence.

Anybody who may insert jobs can write anything that the columns hold: moments of the year 20000 and both infinities,
ids of any sign, any JSON. Each such row stands between good ones here, in front of the real loops and every look that
people take at the queue.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import pytest
from campaign_rig import Campaigns, Story, enqueue_staging
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_rows import BIGINT, ENDLESS, ENRICHMENT, ODD, STAGING, Row, assert_ended_with_a_sentence, insert

from acra_express_async.companies.forecast import foreseen
from acra_express_async.db.jobs.job_commands import Operator
from acra_express_async.db.ops.control import Control
from acra_express_async.db.ops.display import Display
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import JobError
from acra_express_async.limits import resolve
from acra_express_async.params import EnrichmentParams, StagingParams
from acra_express_async.settings.tree import load_settings

INT = 2**31
SETTINGS = load_settings({"POSTGRES_DSN": "x"})

Build = Callable[..., Awaitable[Campaigns]]


async def look_at_everything(database: Database, ids: list[int]) -> None:
    """Every look that a page, a metric or a command takes; what it shows must be JSON."""
    operator, shown = Operator(database), []
    for job_id in ids:
        line, outcomes = await operator.shown(job_id)
        shown.append([asdict(line), [asdict(each) for each in outcomes]])
    looks: list[Any] = [
        shown,
        [asdict(line) for line in await operator.listed(state=None, limit=1000)],
        [asdict(line) for line in await Display(database).campaigns()],
        [asdict(line) for line in await Display(database).companies()],
        [asdict(figure) for figure in await Control(database).queue()],
    ]
    with suppress(JobError):  # a registry without such a company
        seen = await foreseen(database, SETTINGS, StagingParams(ssic_codes=["33120"]), resolve(None, SETTINGS))
        looks.append(seen.companies)
    json.dumps(looks, default=str, allow_nan=False)


@pytest.mark.parametrize("row", ODD.values(), ids=[name.replace(" ", "_") for name in ODD])
async def test_an_odd_row_ends_in_error_between_good_ones(
    campaigns: Build, database: Database, owner: Connection, registry: list[str], story: Story, row: Row
) -> None:
    await enqueue_staging(owner, {"uens": registry[:2]})
    odd = await insert(owner, row)
    await enqueue_staging(owner, {"uens": registry[2:3]})
    await look_at_everything(database, [odd])
    await Control(database).reconcile()
    assert await (await campaigns()).supervisor.run() == 0
    assert sorted(story.ran) == registry[:3]
    await look_at_everything(database, [odd])
    ended = {
        r["job_id"]: r
        for r in await owner.fetch(
            "SELECT job_id, job_type, created_at, status, error, left(params::text, 100) AS params FROM background_jobs"
        )
    }
    assert_ended_with_a_sentence(ended.pop(odd))
    assert {r["status"] for r in ended.values()} == {"done"}


@pytest.mark.parametrize("row", ODD.values(), ids=[name.replace(" ", "_") for name in ODD])
async def test_an_odd_row_can_be_cancelled(database: Database, owner: Connection, row: Row) -> None:
    odd = await insert(owner, row)
    assert await Operator(database).cancel(odd, "somebody") == row.status
    assert await owner.fetchval("SELECT error FROM background_jobs") == "cancelled by somebody"
    await look_at_everything(database, [odd])


@pytest.mark.parametrize("job_id", [0, -1, 10**20, -(10**20)])
async def test_an_id_that_no_row_has_is_a_sentence(database: Database, job_id: int) -> None:
    operator = Operator(database)
    for act in (operator.shown, operator.retry, lambda number: operator.cancel(number, "somebody")):
        with pytest.raises(JobError, match=f"^there is no express job {job_id}$"):
            await act(job_id)


async def test_a_row_ends_even_if_its_companies_cannot_be_written(
    campaigns: Build, database: Database, owner: Connection
) -> None:
    await owner.execute("ALTER TABLE acra_express.outcomes ADD CHECK (reason <> 'job_error')")
    odd = await insert(owner, Row(ENRICHMENT, '{"company_ids": [5], "nonsense": 1}'))
    assert await (await campaigns()).supervisor.run() == 0
    assert await owner.fetchval("SELECT error FROM background_jobs WHERE job_id = $1", odd) == (
        "params has an unknown key 'nonsense'"
    )
    assert await owner.fetchval("SELECT count(*) FROM acra_express.outcomes") == 0


async def test_odd_company_ids_hold_up_no_selection(
    campaigns: Build, database: Database, owner: Connection, registry: list[str], story: Story
) -> None:
    """They stand in a job that waits for somebody else's lease while a selection looks at what is waiting."""
    await owner.execute("UPDATE staging_acra_companies SET primary_ssic_code = 33120 WHERE uen = ANY($1)", registry[:3])
    for ids in ("[1.5]", "[1e30]", "[12345678901234567890]", "[true, null, {}]", '"all"'):
        held = await insert(owner, Row(ENRICHMENT, f'{{"company_ids": {ids}}}', status="running"))
        await owner.execute(
            "INSERT INTO acra_express.leases (job_id, held, due_at, claimed_at)"
            " VALUES ($1, true, acra_express.clock() + interval '1 hour', acra_express.clock())",
            held,
        )
    job_id = await enqueue_staging(owner, {"ssic_codes": ["33120"]})
    assert await (await campaigns()).supervisor.run() == 0
    assert sorted(story.ran) == registry[:3]
    assert await owner.fetchval("SELECT status FROM background_jobs WHERE job_id = $1", job_id) == "done"


async def test_less_than_nothing_left_makes_no_jobs(
    campaigns: Build, owner: Connection, registry: list[str], story: Story
) -> None:
    """361 rows in 20 s, once."""
    params = json.loads(ENDLESS) | {"uens": registry[:200]}
    await enqueue_staging(owner, params)
    assert await (await campaigns()).supervisor.run() == 0
    [row] = await owner.fetch("SELECT job_type, params::text, created_at, status, error FROM background_jobs")
    assert_ended_with_a_sentence(row)
    assert "campaign.left" in row["error"]
    assert story.ran == []


MOMENTS = st.sampled_from(
    [
        "infinity",
        "-infinity",
        "20000-01-01",
        "4713-01-01 BC",
        "294276-12-31",
        "1999-12-31",
        "2100-01-01",
        "2099-12-31",
        "0001-01-01 00:00:00+14",
        "9999-12-31 23:59:59-12",
        "2026-11-26 00:00:00+00",
    ]
)
IDS = st.sampled_from([0, 1, -1, 5, INT, BIGINT - 1, BIGINT, -BIGINT, 10**30, 10**120])
SCALARS = (
    st.none()
    | st.booleans()
    | IDS
    | st.integers(-10, 10)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "33120", "201900001K", "2026-11-26T00:00:00Z", "0001-01-01T00:00:00+14:00", "noon"])
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "left", "x", ""]), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(sorted({*StagingParams.model_fields, *EnrichmentParams.model_fields, "nonsense"}))
CAMPAIGNS = st.fixed_dictionaries(
    {"id": IDS, "enqueued_at": st.sampled_from(["2026-11-26T00:00:00Z", "0001-01-01T00:00:00+14:00"])},
    optional={"left": IDS, "after": ANY_JSON, "wrapped": ANY_JSON},
)
PARAMS = (
    ANY_JSON
    | st.dictionaries(KEYS, ANY_JSON, max_size=4)
    | st.fixed_dictionaries({"company_ids": st.lists(IDS, max_size=3)}, optional={"staging_job_id": IDS})
    | st.fixed_dictionaries({"uens": st.lists(SCALARS, max_size=3), "campaign": CAMPAIGNS})
    | st.fixed_dictionaries({"ssic_codes": st.just(["33120"]), "campaign": CAMPAIGNS})
)
INTS = st.none() | st.sampled_from([0, -INT, INT - 1])
ROWS = st.builds(
    Row,
    job_type=st.sampled_from([STAGING, ENRICHMENT]),
    params=PARAMS.map(json.dumps),
    created_at=MOMENTS,
    started_at=st.none() | MOMENTS,
    ended_at=st.none() | MOMENTS,
    tenant_id=INTS,
    processed=INTS,
    total=INTS,
    error=st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20),
)
FOREIGN_IDS = st.none() | st.sampled_from([0, -1, -BIGINT, BIGINT - 1])


def makes_sense(row: Any) -> bool:
    """Whether a job that is done had params that a person may have meant; told without the product's own readers."""
    params = row["params"]
    if params is not None and not isinstance(params, dict):
        return False
    ids = params.get("company_ids", []) if params else []
    known = {*StagingParams.model_fields, *EnrichmentParams.model_fields}
    return bool(
        row["job_id"] > 0
        and 2000 <= row["created_at"].year < 2100
        and set(params or {}) <= known
        and all(type(number) is int and 0 < number < BIGINT for number in ids)
    )


async def run_beside_good_jobs(
    owner: Connection, database: Database, registry: list[str], campaigns: Build, story: Story, rows: list[Row]
) -> None:
    await owner.execute("UPDATE staging_acra_companies SET primary_ssic_code = 33120 WHERE uen = ANY($1)", registry[:4])
    await owner.execute(
        "TRUNCATE background_jobs, acra_express.leases, acra_express.outcomes, acra_express.staged,"
        " acra_express.campaign_uens, acra_express.daily_slots"
    )
    story.ran.clear()
    good = [await enqueue_staging(owner, {"uens": registry[:1]})]
    odd = [await insert(owner, row) for row in rows]
    good.append(await enqueue_staging(owner, {"uens": registry[1:2]}))
    await look_at_everything(database, odd)
    await Control(database).reconcile()
    rig = await campaigns()
    assert await rig.supervisor.run() == 0
    await look_at_everything(database, odd)
    ended = {
        row["job_id"]: row
        for row in await owner.fetch("SELECT job_id, job_type, created_at, status, error, params FROM background_jobs")
    }
    for job_id in odd:
        row = ended[job_id]
        if row["status"] != "done" or not makes_sense(row):
            assert_ended_with_a_sentence(row)
    assert {ended[job_id]["status"] for job_id in good} == {"done"}
    assert {row["status"] for row in ended.values()} <= {"done", "error"}
    assert set(registry[:2]) <= set(story.ran)
    assert (
        max(
            rig.metrics.registry.get_sample_value("acra_express_latency_seconds_sum", {"outcome": kind}) or 0.0
            for kind in ("failed", "skipped")
        )
        < 200 * 366 * 86400
    )


BATCHES = st.lists(
    st.tuples(ROWS, FOREIGN_IDS),
    min_size=1,
    max_size=4,
    unique_by=lambda one: object() if one[1] is None else one[1],
).map(lambda pairs: [replace(row, job_id=job_id) for row, job_id in pairs])
SUPPRESSED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


@settings(max_examples=25, suppress_health_check=SUPPRESSED)
@given(rows=BATCHES)
async def test_whatever_the_columns_hold_ends_with_a_sentence(
    rows: list[Row], owner: Connection, database: Database, registry: list[str], campaigns: Build, story: Story
) -> None:
    await run_beside_good_jobs(owner, database, registry, campaigns, story, rows)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=500, suppress_health_check=SUPPRESSED)
@given(rows=BATCHES)
async def test_whatever_500_batches_hold_ends_with_a_sentence(
    rows: list[Row], owner: Connection, database: Database, registry: list[str], campaigns: Build, story: Story
) -> None:
    await run_beside_good_jobs(owner, database, registry, campaigns, story, rows)
