"""Hostile `params` of a user who may insert jobs: the job fails with one sentence and has no other effect."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from process import Stage, stage

from acra_express_async.db.session.pool import Connection
from acra_express_async.sandbox.postgres import free_port
from acra_express_async.sandbox.testbed import command

STAGING, ENRICHMENT = "acra_express_staging_upsert", "acra_express_enrich_candidates"
LONGEST_SENTENCE = 2000


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _ in range(depth):
        inner = {"a": inner}
    return inner


class Text(str):
    """JSON text that Python would not produce; it is stored unchanged."""

    __slots__ = ()


DEEP = Text('{"uens": ' + "[" * 1900 + "]" * 1900 + "}")
"""JSON that the database's parser accepts and Python's would not."""
WIDE = Text('{"uens": ["' + "x" * 20_000_000 + '"]}')

HOSTILE: tuple[tuple[str, Any], ...] = (
    (STAGING, DEEP),
    (STAGING, Text('{"limit": 1e5000, "uens": ["x"]}')),
    (ENRICHMENT, Text('{"company_ids": [1e100000]}')),
    (ENRICHMENT, DEEP),
    (STAGING, WIDE),
    (STAGING, Text('{"ssic_codes": ' + "[" * 900 + "]" * 900 + "}")),
    (STAGING, {"uens": ["\u202e\u2066\ufeff\u0301" * 50]}),
    (STAGING, {"uens": ["x"], "campaign": {"id": 2**63, "enqueued_at": "0001-01-01T00:00:00-23:59"}}),
    (STAGING, {"uens": ["x"], "campaign": {"id": 1, "enqueued_at": "9999-12-31T23:59:59+14:00"}}),
    (STAGING, None),
    (STAGING, []),
    (STAGING, "uens"),
    (STAGING, {"uens": ["'; DROP TABLE companies; --"]}),
    (STAGING, {"uens": ['\x1b[2J\x1b]0;owned\x07\n{"event": "job.ended"}']}),
    (STAGING, {"uens": ["[/bold][link=http://evil.example]"]}),
    (STAGING, {"uens": ["x"] * 10_001}),
    (STAGING, {"uens": [{"$ne": None}]}),
    (STAGING, {"terms": ["%' OR '1'='1"]}),
    (STAGING, {"terms": ["_" * 200]}),
    (STAGING, {"terms": ["(" * 199]}),
    (STAGING, {"ssic_codes": ["' UNION SELECT 1"], "limit": 10**30}),
    (STAGING, {"ssic_codes": ["62011"], "limit": -1}),
    (STAGING, {"ssic_codes": ["62011"], "throttle": nested(400)}),
    (STAGING, {"ssic_codes": ["62011"], "throttle": {"batch_size": 10**9, "authorized_by": "root"}}),
    (STAGING, {"ssic_codes": ["62011"], "campaign": {"id": 1, "enqueued_at": "yesterday"}}),
    (STAGING, {"ssic_codes": ["99999"], "requested_by_tenant": 10**30}),
    (STAGING, {"__proto__": {"uens": []}, "uens": ["x"]}),
    (ENRICHMENT, {"company_ids": ["1; DELETE FROM companies"]}),
    (ENRICHMENT, {"company_ids": [-1, 0, 2**31 - 1]}),
    (ENRICHMENT, {"company_ids": [True, 1.5]}),
    (ENRICHMENT, {}),
)


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path) as standing:
        yield standing


@pytest.mark.parametrize(
    "text", ['{"uens": [NaN]}', '{"uens": ["\\u0000"]}', '{"uens": ["\\ud800"]}', '{"uens": [1e999999]}']
)
async def test_jsonb_refuses_params_that_it_cannot_represent(owner: Connection, text: str) -> None:
    """NaN, NUL, a lone surrogate and too large numbers: `params` is jsonb, so such a row cannot exist."""
    with pytest.raises(asyncpg.DataError):
        await owner.execute(
            "INSERT INTO background_jobs (job_type, status, params) VALUES ($1, 'queued', $2::text::jsonb)",
            STAGING,
            text,
        )


async def test_hostile_jobs_fail_clearly_and_the_next_job_is_done(standing: Stage) -> None:
    hostile = [
        await standing.owner.fetchval(
            "INSERT INTO background_jobs (job_type, status, params) VALUES ($1, 'queued', $2::text::jsonb)"
            " RETURNING job_id",
            job_type,
            params if isinstance(params, Text) else None if params is None else json.dumps(params),
        )
        for job_type, params in HOSTILE
    ]
    wanted = standing.uens[:2]
    own = await standing.enqueue({"uens": wanted})
    before = await standing.owner.fetchval("SELECT count(*) FROM staging_acra_companies")
    service = await standing.start("run", "--until-idle")
    assert await service.ended() == 0, "\n".join(service.lines[-20:])

    rows = await standing.owner.fetch(
        "SELECT job_id, status, error FROM background_jobs WHERE job_id = ANY($1::bigint[]) ORDER BY job_id", hostile
    )
    for (job_type, params), row in zip(HOSTILE, rows, strict=True):
        asked = f"{job_type} {str(params)[:80]} -> {row['status']}: {row['error']}"
        assert row["status"] in ("error", "done"), asked
        assert row["error"] or row["status"] == "done", asked
        assert len(row["error"] or "") < LONGEST_SENTENCE, asked
        assert "Traceback" not in (row["error"] or ""), asked
    outcomes = await standing.outcomes()
    # Ids of companies that do not exist: skipped if the job ran, failed if its params ended it.
    assert set(outcomes.pop("", ["skipped"])) == {"skipped"}
    assert set(outcomes.pop(None, ["failed"])) == {"failed"}  # type: ignore[call-overload]
    assert sorted(outcomes) == wanted
    assert await standing.owner.fetchval("SELECT count(*) FROM companies") == len(wanted)
    assert await standing.owner.fetchval("SELECT count(*) FROM staging_acra_companies") == before
    code, out, err = await command(standing.environ, "jobs", "show", str(hostile[0]))
    assert code == 0, err
    assert str(hostile[0]) in out
    # Every line of the log is one of our events: nothing in params can add a line.
    events = [json.loads(line) for line in service.lines]
    assert all(event["logger"] and event["event"] for event in events)
    known = {
        *hostile,
        own,
        *await standing.owner.fetchval(
            "SELECT array_agg(job_id) FROM background_jobs WHERE params->>'staging_job_id' IS NOT NULL"
        ),
    }
    assert {event["job_id"] for event in events if event["event"] == "job.ended"} == known


MOMENTS = ("infinity", "-infinity", "20000-01-01", "4713-01-01 BC")


async def test_the_page_answers_while_impossible_rows_wait(standing: Stage) -> None:
    """Before the start and in flight: rows whose moments Python does not have neither end the service nor the page."""

    async def insert(created_at: str) -> list[int]:
        return [
            await standing.owner.fetchval(
                "INSERT INTO background_jobs (job_type, status, params, created_at)"
                " VALUES ($1, 'queued', $2, $3::text::timestamptz) RETURNING job_id",
                job_type,
                params,
                created_at,
            )
            for job_type, params in ((STAGING, {"uens": ["x"]}), (ENRICHMENT, {"company_ids": [5], "nonsense": 1}))
        ]

    await standing.owner.execute("UPDATE acra_express.control SET paused = true")
    odd = [job_id for moment in MOMENTS for job_id in await insert(moment)]
    port = free_port()
    service = await standing.start(HTTP__PORT=str(port))
    await service.event("listener.proven")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
        for path in ("/", "/status.json", "/metrics", "/healthz", "/readyz"):
            answer = await http.get(path)
            assert answer.status_code == 200, (path, answer.text[:500])
            if path == "/status.json":
                status = json.loads(answer.text, parse_constant=pytest.fail)
                assert sum(line["depth"] for line in status["queue"]) == len(odd)
                assert len(status["campaigns"]) == len(odd)
    odd += [job_id for moment in MOMENTS for job_id in await insert(moment)]
    own = await standing.enqueue({"uens": standing.uens[:1]})
    code, _, err = await command(standing.environ, "resume")
    assert code == 0, err
    left = {*odd, own}
    while left:
        left.discard((await service.event("job.ended"))["job_id"])
    ended = await standing.owner.fetch(
        "SELECT DISTINCT status, error FROM background_jobs WHERE job_id = ANY($1::bigint[])", odd
    )
    sentence = "created_at lies outside the years between 2000 and 2100; how long a company waited is measured from it"
    assert [tuple(row) for row in ended] == [("error", sentence)]
    assert await standing.owner.fetchval("SELECT status FROM background_jobs WHERE job_id = $1", own) == "done"
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0, "\n".join(service.lines[-20:])
