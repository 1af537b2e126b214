"""The commands of every day, as real processes on a real database: what they answer and what they refuse."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from process import acra_express

from acra_express_async.db.pool import Connection
from acra_express_async.sandbox import registry_sample

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def run(fresh_dsn: str) -> Run:
    async def run(*arguments: str, **environ: str) -> tuple[int, str, str]:
        return await acra_express(*arguments, POSTGRES_DSN=fresh_dsn, **environ)

    return run


@pytest_asyncio.fixture
async def uens(run: Run, owner: Connection, tmp_path: Path) -> AsyncIterator[list[str]]:
    """A registry loaded by the command itself; the UENs of its live companies."""
    file = tmp_path / "registry.csv"
    registry_sample.write_csv(file, 60, 3)
    code, out, err = await run("load-registry", "--json", str(file))
    assert (code, json.loads(out)) == (0, {"loaded": 60, "updated": 0, "rejected": 0}), err
    await owner.executemany(
        "INSERT INTO ssic_ref (code, title, description, version, source_file_hash) VALUES ($1, $2, $3, 's', 's')",
        list(registry_sample.ssic_ref()),
    )
    rows = await owner.fetch(
        "SELECT uen FROM staging_acra_companies WHERE entity_status_description ILIKE 'live%'"
        " AND uen !~ '^[0-9]{8}[A-Z]$' ORDER BY uen"
    )
    yield [row["uen"] for row in rows]


async def test_enqueue_says_what_will_happen(run: Run, uens: list[str], owner: Connection) -> None:
    code, out, err = await run("enqueue", "--json", "--uen", uens[0], "--uen", uens[1].lower(), "--uen", "199999999Z")
    answer = json.loads(out)
    assert (code, answer["companies"], answer["batch_size"]) == (0, 2, 5), err
    assert answer["notes"] == ["not in the registry: 199999999Z"]
    assert answer["expected_seconds"] > 0
    row = await owner.fetchrow(
        "SELECT j.status, j.params, t.name FROM background_jobs j JOIN tenants t USING (tenant_id) WHERE job_id = $1",
        answer["job_id"],
    )
    assert row is not None
    assert (row["status"], row["name"]) == ("queued", "acra_express")
    assert row["params"] == {"uens": [uens[0], uens[1], "199999999Z"]}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--term", "qwertzuiop"], "qwertzuiop"),
        (["--uen", "199999999Z"], "none of these UENs is in the registry: 199999999Z"),
    ],
)
async def test_what_matches_nothing_is_refused_before_it_is_queued(
    run: Run, uens: list[str], owner: Connection, arguments: list[str], sentence: str
) -> None:
    code, _, err = await run("enqueue", *arguments)
    assert code == 1
    assert sentence in err
    assert await owner.fetchval("SELECT count(*) FROM background_jobs") == 0


async def test_a_raise_without_approval_is_told_at_once(run: Run, uens: list[str]) -> None:
    code, out, _ = await run("enqueue", "--json", "--uen", uens[0], "--batch-size", "9", "--authorized-by", "nobody")
    answer = json.loads(out)
    assert (code, answer["batch_size"]) == (0, 5)
    assert "batch_size: asked 9, configured 5, granted 5" in answer["notes"][0]
    code, out, _ = await run(
        "enqueue", "--json", "--uen", uens[0], "--batch-size", "9", "--authorized-by", "ops-lead",
        ACRA_EXPRESS_OVERRIDE_APPROVERS="ops-lead, cto",
    )  # fmt: skip
    answer = json.loads(out)
    assert (code, answer["batch_size"], answer["notes"]) == (0, 9, [])


async def test_list_show_cancel_retry(run: Run, uens: list[str], owner: Connection) -> None:
    _, out, _ = await run("enqueue", "--json", "--uen", uens[0])
    job_id = str(json.loads(out)["job_id"])

    async def shown() -> dict[str, Any]:
        _, out, _ = await run("jobs", "show", job_id, "--json")
        answer: dict[str, Any] = json.loads(out)
        return answer

    assert (await shown())["state"] == "due"
    assert json.loads((await run("jobs", "cancel", job_id, "--json"))[1])["was"] == "queued"
    assert (await shown())["state"] == "error"
    code, _, err = await run("jobs", "cancel", job_id)
    assert (code, err.strip()) == (1, f"acra-express: job {job_id} has already ended (error)")
    assert (await run("jobs", "retry", job_id))[0] == 0
    assert (await shown())["state"] == "due"
    code, out, _ = await run("jobs", "list", "--json", "--state", "due")
    assert [str(job["job_id"]) for job in json.loads(out)] == [job_id]
    foreign = await owner.fetchval(
        "INSERT INTO background_jobs (job_type, status) VALUES ('staging_upsert', 'queued') RETURNING job_id"
    )
    for command in ("show", "retry", "cancel"):
        code, _, err = await run("jobs", command, str(foreign))
        assert (code, err.strip()) == (1, f"acra-express: there is no express job {foreign}")


async def test_pause_and_resume(run: Run, owner: Connection) -> None:
    assert (await run("pause"))[0] == 0
    assert await owner.fetchval("SELECT paused FROM acra_express.control")
    assert (await run("resume"))[0] == 0
    assert not await owner.fetchval("SELECT paused FROM acra_express.control")


async def test_check_says_everything_on_one_line_each(run: Run) -> None:
    code, out, err = await run("check")
    assert code == 0, err
    words = {line.split()[0] for line in out.splitlines()}
    assert words <= {"ok", "warn"}
    for part in ("database:", "schema:", "tenant:", "listener:", "Jina Reader:", "ZeroBounce:", "Slack:"):
        assert part in out
    code, out, _ = await run("check", SLACK_WEBHOOK_URL="https://hooks.slack.com/services/T/B/x")
    assert "the unprefixed SLACK_WEBHOOK_URL is used, which is the nightly's channel" in out


async def test_check_goes_on_and_exits_78(run: Run, owner: Connection) -> None:
    await owner.execute("DELETE FROM acra_express.schema_migrations WHERE version = 3")
    code, out, _ = await run("check")
    assert code == 78
    assert "FAIL  the database lacks 0003_budgets" in out
    assert "listener:" in out


async def test_status_without_a_service_is_one_sentence(run: Run) -> None:
    code, _, err = await run("status", ACRA_EXPRESS_HTTP__PORT="1")
    assert code == 1
    assert err.startswith("acra-express: no service answers at http://127.0.0.1:1/status.json")


async def test_plan_needs_no_database() -> None:
    code, out, _ = await acra_express("plan", "--json")
    answer = json.loads(out)
    assert (code, answer["bottleneck"], answer["costs_from"]) == (0, "daily cap", "documented")


async def test_migrate_prints_without_touching(run: Run) -> None:
    code, out, _ = await run("migrate", "--print")
    assert code == 0
    assert "CREATE FUNCTION acra_express.claim" in out
    assert "{{role}}" not in out
    code, out, _ = await run("migrate")
    assert (code, out.strip()) == (0, "nothing to do: the schema is up to date")
