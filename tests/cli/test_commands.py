"""The everyday commands as real processes on a real database: their answers and refusals."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from loaded_registry import with_titles
from process import acra_express
from terminal import on_terminal

from acra_express_async.companies.delays import NO_SERVICE
from acra_express_async.db.session.pool import Connection
from acra_express_async.sandbox import registry_sample

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def run(fresh_dsn: str) -> Run:
    async def run(*arguments: str, **environ: str) -> tuple[int, str, str]:
        return await acra_express(*arguments, POSTGRES_DSN=fresh_dsn, **environ)

    return run


@pytest_asyncio.fixture
async def uens(run: Run, owner: Connection, tmp_path: Path) -> AsyncIterator[list[str]]:
    """The UENs of the live companies of a registry that the command loaded."""
    file = tmp_path / "registry.csv"
    registry_sample.write_csv(file, 60, 3)
    code, out, err = await run("load-registry", "--json", str(file))
    assert (code, json.loads(out)["loaded"]) == (0, 60), err
    yield await with_titles(owner)


async def test_enqueue_predicts_companies_batches_and_duration(run: Run, uens: list[str], owner: Connection) -> None:
    code, out, err = await run("enqueue", "--json", "--uen", uens[0], "--uen", uens[1].lower(), "--uen", "199999999Z")
    answer = json.loads(out)
    assert (code, answer["companies"], answer["batch_size"]) == (0, 2, 5), err
    assert answer["notes"] == ["not in the registry: 199999999Z", NO_SERVICE]
    assert answer["expected_seconds"] > 0
    row = await owner.fetchrow(
        "SELECT j.status, j.params, t.name FROM background_jobs j JOIN tenants t USING (tenant_id) WHERE job_id = $1",
        answer["job_id"],
    )
    assert row is not None
    assert (row["status"], row["name"]) == ("queued", "acra_express")
    assert (list(row["params"]), row["params"]["campaign"]["id"]) == (["campaign"], answer["job_id"])
    listed = await owner.fetch("SELECT uen FROM acra_express.campaign_uens ORDER BY place")
    assert [each["uen"] for each in listed] == [uens[0], uens[1], "199999999Z"]
    code, out, err = await run("jobs", "show", str(answer["job_id"]), "--batch")
    assert code == 0, err
    assert "3 UENs, 3 of them wait" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--term", "qwertzuiop"], "qwertzuiop"),
        (["--uen", "199999999Z"], "none of these UENs is in the registry: 199999999Z"),
    ],
)
async def test_enqueue_refuses_a_selection_that_matches_nothing(
    run: Run, uens: list[str], owner: Connection, arguments: list[str], sentence: str
) -> None:
    code, _, err = await run("enqueue", *arguments)
    assert code == 1
    assert sentence in err
    assert await owner.fetchval("SELECT count(*) FROM background_jobs") == 0


async def test_enqueue_reports_a_raise_without_approval_at_once(run: Run, uens: list[str]) -> None:
    code, out, _ = await run("enqueue", "--json", "--uen", uens[0], "--batch-size", "9", "--authorized-by", "nobody")
    answer = json.loads(out)
    assert (code, answer["batch_size"]) == (0, 5)
    assert "batch_size: asked 9, configured 5, granted 5" in "; ".join(answer["notes"])
    code, out, _ = await run(
        "enqueue",
        "--json",
        "--uen",
        uens[1],
        "--batch-size",
        "9",
        "--authorized-by",
        "ops-lead",
        ACRA_EXPRESS_OVERRIDE_APPROVERS="ops-lead, cto",
    )
    answer = json.loads(out)
    assert (code, answer["batch_size"], answer["notes"]) == (0, 9, [NO_SERVICE])


async def test_enqueue_counts_the_companies_that_will_be_processed(
    run: Run, uens: list[str], owner: Connection
) -> None:
    """Reports companies checked recently, in a job already or struck off, an unapproved raise, and the pause."""
    code = await owner.fetchval("SELECT primary_ssic_code::text FROM staging_acra_companies WHERE uen = $1", uens[0])
    await owner.execute(
        "UPDATE staging_acra_companies s SET primary_ssic_code = t.primary_ssic_code FROM staging_acra_companies t"
        " WHERE s.uen = $1 AND t.uen = $2",
        uens[1],
        uens[0],
    )
    before = json.loads((await run("enqueue", "--json", "--ssic", code))[1])
    assert before["companies"] == before["matched"] >= 2
    await owner.execute(
        "INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, reason, staged_at, campaign_at, ended_at)"
        " VALUES (1, 1, $1, 'no_website', 'no_proof', now(), now(), now())",
        uens[0],
    )
    await run("pause")
    struck = await owner.fetchval(
        "SELECT uen FROM staging_acra_companies WHERE entity_status_description = 'Struck Off' LIMIT 1"
    )
    status, out, err = await run("enqueue", "--json", "--ssic", code, "--uen", struck, "--batch-size", "9")
    answer = json.loads(out)
    assert status == 0, err
    assert answer["companies"] == before["matched"] - 1
    assert answer["matched"] == before["matched"], "a company that is not live is no match"
    for said in (
        f"not live (Struck Off): {struck}",
        "1 were checked within 7 days, or are waiting in another job",
        "claiming is paused: nothing starts until `acra-express resume`",
        "OVERRIDE_APPROVERS is empty, so no one can approve it",
    ):
        assert any(said in note for note in answer["notes"]), (said, answer["notes"])
    assert {need["budget"] for need in answer["budgets"]} == {
        "requests_1h",
        "calls_1h",
        "tokens_1m",
        "verifications_1d",
    }
    status, _, err = await run("enqueue", "--uen", struck)
    assert (status, err.strip()) == (
        1,
        f"acra-express: none of these UENs can be taken (not live (Struck Off): {struck})",
    )


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--term", " "], 2), (["--term", "x" * 300], 1), (["--ssic", ""], 2), (["--uen", ""], 2)]
)
async def test_invalid_arguments_never_cause_a_traceback(run: Run, arguments: list[str], code: int) -> None:
    found, _, err = await run("enqueue", *arguments)
    assert (found, "Traceback" in err) == (code, False), err


async def test_jobs_show_names_the_failure_and_where_to_look(run: Run, uens: list[str], owner: Connection) -> None:
    job_id = json.loads((await run("enqueue", "--json", "--uen", uens[0], "--uen", uens[1]))[1])["job_id"]
    for uen, kind, reason in ((uens[0], "enriched", ""), (uens[1], "failed", "provider_error")):
        await owner.execute(
            "INSERT INTO acra_express.outcomes"
            " (job_id, company_id, uen, kind, reason, staged_at, campaign_at, ended_at, campaign_id)"
            " SELECT job_id + 1, $2, $3, $4, $5, created_at, created_at, created_at + interval '7 s', job_id"
            " FROM background_jobs WHERE job_id = $1",
            job_id,
            uens.index(uen),
            uen,
            kind,
            reason,
        )
    code, out, err = await run("jobs", "show", str(job_id))
    assert code == 0, err
    assert "1 enriched, 1 failed" in out
    table = out.partition("1 failed")[2]
    assert table.index(uens[1]) < table.index(uens[0]), "what failed comes first"
    assert out.strip().endswith(f"why: acra-express explain {uens[1]}")


async def test_a_table_fits_a_terminal_and_is_whole_in_a_pipe(run: Run, fresh_dsn: str, owner: Connection) -> None:
    await owner.execute(
        "INSERT INTO background_jobs (job_id, job_type, status, processed, total, error)"
        " VALUES (4711, 'acra_express_enrich_candidates', 'done', 2, 5, repeat('a long sentence ', 20))"
    )
    _, out, _ = await run("jobs", "list", COLUMNS="80")
    [line] = [line for line in out.splitlines() if "4711" in line]
    assert line.split()[:4] == ["4711", "enrichment", "done", "2/5"]
    assert line.count("a long sentence") == 20
    assert "times: Asia/Singapore, +08:00" in out
    screen = await on_terminal("jobs", "list", size=(80, 24), POSTGRES_DSN=fresh_dsn)
    [line] = [line for line in screen.display if "4711" in line]
    assert line.split()[:4] == ["4711", "enrichment", "done", "2/5"]
    assert "a long" in line
    assert "sentence " * 5 not in line


async def test_a_job_can_be_listed_shown_cancelled_and_retried(run: Run, uens: list[str], owner: Connection) -> None:
    _, out, _ = await run("enqueue", "--json", "--uen", uens[0])
    job_id = str(json.loads(out)["job_id"])

    async def shown() -> dict[str, Any]:
        _, out, _ = await run("jobs", "show", job_id, "--batch", "--json")
        answer: dict[str, Any] = json.loads(out)
        return answer

    assert (await shown())["state"] == "due"
    assert json.loads((await run("jobs", "cancel", job_id, "--batch", "--json"))[1])["was"] == "queued"
    assert (await shown())["state"] == "error"
    code, _, err = await run("jobs", "cancel", job_id, "--batch")
    assert (code, err.strip()) == (1, f"acra-express: job {job_id} has already ended (error)")
    assert (await run("jobs", "retry", job_id, "--batch"))[0] == 0
    assert (await shown())["state"] == "due"
    code, out, _ = await run("jobs", "list", "--json", "--state", "due")
    assert [str(job["job_id"]) for job in json.loads(out)["items"]] == [job_id]
    foreign = await owner.fetchval(
        "INSERT INTO background_jobs (job_type, status) VALUES ('staging_upsert', 'queued') RETURNING job_id"
    )
    for command in ("show", "retry", "cancel"):
        code, _, err = await run("jobs", command, str(foreign))
        assert (code, err.strip()) == (
            2,
            f"acra-express: there is no express job {foreign}; the known ones: acra-express jobs list",
        )


async def test_pause_and_resume_set_the_shared_switch(run: Run, owner: Connection) -> None:
    assert (await run("pause"))[0] == 0
    assert await owner.fetchval("SELECT paused FROM acra_express.control")
    assert (await run("resume"))[0] == 0
    assert not await owner.fetchval("SELECT paused FROM acra_express.control")


async def test_check_prints_one_line_for_each_part(run: Run) -> None:
    code, out, err = await run("check")
    assert code == 0, err
    words = {line.split()[0] for line in out.splitlines()}
    assert words <= {"ok", "warn"}
    for part in ("database:", "schema:", "tenant:", "listener:", "Jina Reader:", "ZeroBounce:", "Slack:"):
        assert part in out
    code, out, _ = await run("check", SLACK_WEBHOOK_URL="https://hooks.slack.com/services/T/B/x")
    assert "the unprefixed SLACK_WEBHOOK_URL is used, which is the nightly's channel" in out


async def test_check_continues_after_a_failure_and_exits_78(run: Run, owner: Connection) -> None:
    await owner.execute("DELETE FROM acra_express.schema_migrations WHERE version = 3")
    code, out, _ = await run("check")
    assert code == 78
    assert "FAIL  the database lacks 0003_budgets" in out
    assert "listener:" in out


async def test_status_without_a_service_reads_the_database(run: Run) -> None:
    code, out, err = await run("status", ACRA_EXPRESS_HTTP__PORT="1")
    assert (code, err) == (0, "")
    assert "no service answers at http://127.0.0.1:1/status.json: read from the database" in " ".join(out.split())


async def test_status_takes_no_count_away_from_the_service(run: Run, owner: Connection) -> None:
    """A cancelled company is counted by one replica, once; a command that reads must leave it to them."""
    counted = "SELECT sum(n_tup_upd + n_tup_ins + n_tup_del) FROM pg_stat_user_tables WHERE schemaname = 'acra_express'"
    await owner.execute("SELECT pg_stat_force_next_flush()")
    before = await owner.fetchval(counted)
    code, out, _ = await run("status", "--json", ACRA_EXPRESS_HTTP__PORT="1")
    answer = json.loads(out)
    assert code == 0
    assert (answer["read_from"], answer["workers"], answer["started_at"]) == ("database", [], None)
    assert answer["verdict"]["word"] == "warn", "nobody can tell here whether a worker runs at all"
    await owner.execute("SELECT pg_stat_clear_snapshot()")
    assert await owner.fetchval(counted) == before


async def test_plan_needs_no_database() -> None:
    code, out, _ = await acra_express("plan", "--json")
    answer = json.loads(out)
    assert (code, answer["bottleneck"], answer["costs_from"]) == (0, "daily cap", "documented")


async def test_migrate_can_print_its_sql_without_running_it(run: Run) -> None:
    code, out, _ = await run("migrate", "--print")
    assert code == 0
    assert "CREATE FUNCTION acra_express.claim" in out
    assert "{{role}}" not in out
    code, out, _ = await run("migrate")
    assert (code, out.strip()) == (0, "the schema is up to date; the role's grants were renewed")
