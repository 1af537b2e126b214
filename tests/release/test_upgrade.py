"""Two versions together: old code on a newer schema, new code on an older one, and a deploy that loses nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from io import BytesIO
from pathlib import Path

import pytest
import pytest_asyncio
from conftest import cloned_database
from process import Process, Stage, stage
from tools import ROOT, run

from acra_express_async.db.schema.migrate import Migration, migrations
from acra_express_async.sandbox.postgres import EmbeddedPostgres
from acra_express_async.sandbox.testbed import arguments_of, command

EX_CONFIG = 78
MIGRATIONS = "acra_express_async/db/schema/migrations"
FIRST_RELEASE = "f485ccc"
"""The commit from which the first rolling release begins; its newest migration is 0005."""


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path, rows=120) as standing:
        yield standing


CodeBefore = Callable[[Migration | str], AbstractAsyncContextManager[tuple[Stage, Path]]]


@pytest.fixture
def code_before(postgres: EmbeddedPostgres, template_database: str, tmp_path: Path) -> CodeBefore:
    """The code before a migration was written, or of a commit: a stage that it migrated, and a script that runs it."""

    @asynccontextmanager
    async def built(which: Migration | str) -> AsyncIterator[tuple[Stage, Path]]:
        old_code = tmp_path / "older"
        if isinstance(which, str):
            _package_of(old_code, which)
        else:
            _package_before(old_code, "--diff-filter=A", f"{MIGRATIONS}/{which.version:04d}_{which.name}.sql")
        starter = _starter(tmp_path, old_code)
        async with cloned_database(postgres) as dsn:
            migrating = ("migrate", "--bootstrap-platform")
            done = run("env", f"ACRA_EXPRESS_POSTGRES_DSN={dsn}", sys.executable, starter, *migrating)
            assert done.returncode == 0, done.stderr
            async with stage(dsn, tmp_path, rows=120) as standing:
                yield standing, starter

    return built


def version(number: int) -> Migration:
    return next(migration for migration in migrations() if migration.version == number)


async def assert_each_once(standing: Stage, wanted: list[str]) -> None:
    outcomes = await standing.assert_each_once(wanted)
    assert all(kinds[0] in ("enriched", "no_website") for kinds in outcomes.values()), outcomes


async def enqueue_in_fives(standing: Stage, uens: list[str]) -> None:
    for start in range(0, len(uens), 5):
        await standing.enqueue({"uens": uens[start : start + 5]})


async def test_old_code_goes_on_with_a_newer_schema(standing: Stage) -> None:
    """The next release may migrate before its replicas start: forward only and additive."""
    await standing.owner.execute(
        """
        ALTER TABLE acra_express.leases ADD COLUMN of_the_next_release int NOT NULL DEFAULT 0;
        ALTER TABLE acra_express.outcomes ADD COLUMN of_the_next_release text;
        CREATE TABLE acra_express.of_the_next_release (id int PRIMARY KEY);
        INSERT INTO acra_express.schema_migrations VALUES (9999, 'of_the_next_release', 'its checksum')
        """
    )
    wanted = standing.uens[:5]
    await standing.enqueue({"uens": wanted})
    assert await (await standing.start("run", "--until-idle")).ended() == 0
    await assert_each_once(standing, wanted)


async def test_new_code_refuses_an_older_schema_and_changes_nothing(standing: Stage) -> None:
    newest = migrations()[-1]
    await standing.owner.execute("DELETE FROM acra_express.schema_migrations WHERE version = $1", newest.version)
    job = await standing.enqueue({"uens": standing.uens[:1]})
    service = await standing.start()
    assert await service.ended() == EX_CONFIG
    assert service.lines == [
        f"acra-express: the database lacks {newest.version:04d}_{newest.name}; run `acra-express migrate`"
    ]
    assert await standing.owner.fetchval("SELECT status FROM background_jobs WHERE job_id = $1", job) == "queued"


async def nothing() -> None:
    """The preparation of a release without a migration: nothing."""


async def deploy(standing: Stage, old: Process, before: Callable[[], Awaitable[None]] = nothing) -> None:
    """Deploy like an orchestrator under load: start the new replica, wait until it listens, SIGTERM the old one."""
    wanted = standing.uens[:40]
    await old.event("listener.proven")
    await enqueue_in_fives(standing, wanted[:20])
    await old.event("company.ended")
    await before()
    new = await standing.start()
    await new.event("listener.proven")
    # Both must have work, however long the new one took to start.
    await enqueue_in_fives(standing, wanted[20:])
    await new.event("job.claimed")
    await old.event("company.ended")
    old.signal(signal.SIGTERM)
    assert await old.ended() == 0, "\n".join(old.lines[-20:])
    new.signal(signal.SIGTERM)
    assert await new.ended() == 0, "\n".join(new.lines[-20:])
    assert await (await standing.start("run", "--until-idle")).ended() == 0
    await assert_each_once(standing, wanted)
    charged = await standing.owner.fetchval("SELECT count(*) FROM acra_express.leases WHERE errors > 0 OR crashes > 0")
    assert charged == 0


async def test_a_rolling_deploy_loses_nothing(standing: Stage) -> None:
    await deploy(standing, await standing.start())


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_rolling_upgrade_from_the_last_commit_loses_nothing(standing: Stage, tmp_path: Path) -> None:
    old_code = tmp_path / "previous"
    _previous_commit(old_code)
    await deploy(standing, await standing.start_script(_starter(tmp_path, old_code), "run"))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", [migrations()[-1], migrations()[5]], ids=["newest", "all since the release"])
async def test_a_release_with_a_migration_is_rolled_out_under_load(code_before: CodeBefore, first: Migration) -> None:
    """Old code works on its own schema; new code refuses it; after a migration under load both work together.

    With all migrations since 0005 the old replicas keep to tokens, crashes, slots and breakers as they knew them.
    """
    newest = migrations()[-1]
    async with code_before(first) as (standing, starter):
        done_before = await applied(standing)
        lacking = [each for each in migrations() if each.version not in done_before]
        assert newest in lacking
        names = ", ".join(f"{each.version:04d}_{each.name}" for each in lacking)
        refused = await standing.start()
        assert await refused.ended() == EX_CONFIG
        assert refused.lines == [f"acra-express: the database lacks {names}; run `acra-express migrate`"]

        async def migrated() -> None:
            migrating = await standing.start("migrate")
            assert await migrating.ended() == 0, "\n".join(migrating.lines)
            assert newest.version in await applied(standing)

        await deploy(standing, await standing.start_script(starter, "run"), migrated)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_old_and_new_code_drain_the_same_lists_of_uens(code_before: CodeBefore) -> None:
    """The code before lists had a table carries them in params; each version goes on with what the other began."""
    async with code_before(version(9)) as (standing, starter):
        wanted = standing.uens[:40]
        old = await standing.start_script(starter, "run")
        await old.event("listener.proven")
        await standing.enqueue({"uens": wanted[:10]})
        await old.event("batch.staged")
        assert await (await standing.start("migrate")).ended() == 0
        # enqueued by the new version, claimed by the old one alone: it finds the list in the row
        await enqueue_by_command(standing, wanted[10:18])
        for _ in range(3):
            await old.event("batch.staged")
        new = await standing.start()
        await new.event("listener.proven")
        await enqueue_by_command(standing, wanted[18:29])
        await standing.enqueue({"uens": wanted[29:]})
        await new.event("batch.staged")
        await old.event("job.claimed")
        for process in (old, new):
            process.signal(signal.SIGTERM)
            assert await process.ended() == 0, "\n".join(process.lines[-20:])
        assert await (await standing.start("run", "--until-idle")).ended() == 0
        await assert_each_once(standing, wanted)
        statuses = await standing.owner.fetch("SELECT DISTINCT status, error FROM background_jobs")
        assert [tuple(row) for row in statuses] == [("done", None)]
        waiting = "SELECT count(*) FROM acra_express.campaign_uens WHERE staging_job_id IS NULL"
        assert await standing.owner.fetchval(waiting) == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_answers_of_older_code_have_a_history_and_a_level(code_before: CodeBefore) -> None:
    """The code before the field history stores no level, and its answers are exported beside those of the new code."""
    async with code_before(version(23)) as (standing, starter):
        assert await (await standing.start("migrate")).ended() == 0
        for uens, process in (
            (standing.uens[:10], lambda: standing.start_script(starter, "run", "--until-idle")),
            (standing.uens[10:20], lambda: standing.start("run", "--until-idle")),
        ):
            await standing.enqueue({"uens": uens, "limit": 10})
            assert await (await process()).ended() == 0
        await assert_each_once(standing, standing.uens[:20])
        rows = await standing.owner.fetch(
            """
            SELECT o.uen, o.kind, o.level, h.after FROM acra_express.outcomes o
            JOIN acra_express.field_history h ON h.uen = o.uen AND h.field = 'outcome' AND h.before IS NULL
            """
        )
        assert {row["uen"]: row["after"] for row in rows} == {row["uen"]: row["kind"] for row in rows}
        assert {row["uen"] for row in rows} == set(standing.uens[:20])
        stored = {row["uen"] for row in rows if row["level"] is not None}
        assert stored == {row["uen"] for row in rows if row["kind"] == "enriched"} - set(standing.uens[:10])
        _, out, err = await command(standing.environ, "export", "--format", "jsonl")
        assert err == ""
        levels = {record["uen"]: record["level"] for record in map(json.loads, out.splitlines())}
        assert {uen for uen, level in levels.items() if level} == {r["uen"] for r in rows if r["kind"] == "enriched"}


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_older_code_beside_judgements_harms_no_export(code_before: CodeBefore) -> None:
    """The code before judgements may answer a rejected site again; it is not exported, and new code takes it back."""
    async with code_before(version(29)) as (standing, starter):
        assert await (await standing.start("migrate")).ended() == 0
        await standing.enqueue({"uens": standing.uens[:10]})
        assert await (await standing.start_script(starter, "run", "--until-idle")).ended() == 0
        row = await standing.owner.fetchrow(
            "SELECT uen, detail #>> '{site,domain}' AS site FROM acra_express.outcomes"
            " WHERE kind = 'enriched' ORDER BY uen LIMIT 1"
        )
        judged = ("site", row["uen"], "--reject", row["site"], "--by", "mei", "--json")
        code, out, err = await command(standing.environ, *judged)
        assert code == 0, err
        assert json.loads(out)["withdrawn"] > 0
        assert await (await standing.start_script(starter, "run", "--until-idle")).ended() == 0
        _, out, _ = await command(standing.environ, "export", "--format", "jsonl", "--outcome", "no_website")
        assert row["uen"] in {record["uen"] for record in map(json.loads, out.splitlines())}
        code, out, err = await command(standing.environ, *judged)
        assert code == 0, err
        assert await (await standing.start("run", "--until-idle")).ended() == 0
        held = "SELECT website_domain FROM companies WHERE uen = $1"
        assert await standing.owner.fetchval(held, row["uen"]) != row["site"]


async def enqueue_by_command(standing: Stage, uens: list[str]) -> None:
    code, _, err = await command(standing.environ, "enqueue", *arguments_of(uens))
    assert code == 0, err


async def applied(standing: Stage) -> list[int]:
    rows = await standing.owner.fetch("SELECT version FROM acra_express.schema_migrations ORDER BY version")
    return [row["version"] for row in rows]


def _previous_commit(folder: Path) -> None:
    """Write the package as it was before the last commit that changed it."""
    _package_before(folder, "acra_express_async")


def _package_before(folder: Path, *which: str) -> None:
    """Write the package as it was before the last commit that `git log WHICH` finds."""
    *words, path = which
    found = run("git", "log", "--max-count=1", "--format=%H %P", *words, "--", path).stdout.split()
    # The root of a shallow clone has no parent, and an unpacked archive has no history.
    if len(found) < 2:
        pytest.skip("this checkout holds no earlier commit of the package (a shallow clone, or no git)")
    _package_of(folder, found[1])


def _package_of(folder: Path, commit: str) -> None:
    if run("git", "cat-file", "-e", f"{commit}^{{commit}}").returncode != 0:
        pytest.skip(f"this checkout does not hold the commit {commit} (a shallow clone, or no git)")
    command = ["git", "archive", commit, "acra_express_async"]
    packed = subprocess.run(command, capture_output=True, check=True, cwd=ROOT)
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")


def _starter(folder: Path, code: Path) -> Path:
    """A script that runs the command of the other version."""
    script = folder / "previous.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(code)!r})\n"
        "import acra_express_async\n"
        f"assert acra_express_async.__file__.startswith({str(code)!r})\n"
        "from acra_express_async.cli import main\nmain(prog_name='acra-express')\n",
        encoding="utf-8",
    )
    return script


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_way_back_to_the_first_release_loses_nothing(code_before: CodeBefore) -> None:
    """Up with leases, budgets and outcomes of the first release, down again under load, and up once more.

    As an orchestrator does it: each release's `migrate` runs while replicas of the other version work.
    """
    async with code_before(FIRST_RELEASE) as (standing, starter):
        wanted = standing.uens[:40]
        first = await standing.start_script(starter, "run")
        await enqueue_in_fives(standing, wanted[:15])
        await first.event("company.ended")
        assert await (await standing.start("migrate")).ended() == 0
        new = await standing.start()
        await new.event("listener.proven")
        first.signal(signal.SIGTERM)
        assert await first.ended() == 0
        await enqueue_in_fives(standing, wanted[15:30])
        await new.event("company.ended")

        assert await (await standing.start_script(starter, "migrate")).ended() == 0
        back = await standing.start_script(starter, "run")
        await back.event("listener.proven")
        await new.event("company.ended")
        new.signal(signal.SIGTERM)
        assert await new.ended() == 0
        await enqueue_in_fives(standing, wanted[30:])
        await back.event("company.ended")
        back.signal(signal.SIGTERM)
        assert await back.ended() == 0
        last = await standing.start("run", "--until-idle")
        assert await last.ended() == 0

        await assert_each_once(standing, wanted)
        faults = await standing.owner.fetchval(
            "SELECT count(*) FROM acra_express.leases WHERE errors > 0 OR crashes > 0"
        )
        assert faults == 0
        await assert_every_call_is_charged(standing)
        for name, process in (
            ("first release", first),
            ("new", new),
            ("first release again", back),
            ("new again", last),
        ):
            ended = sum('"event": "company.ended"' in line for line in process.lines)
            print(f"{name}: {ended} companies ended, {len(process.lines)} lines of log")


async def assert_every_call_is_charged(standing: Stage) -> None:
    """Each version charged what it sent, so that no budget forgets the calls of the other."""
    counted = await standing.owner.fetch(
        "SELECT provider, sum(amount)::int AS calls FROM acra_express.budget_charges"
        " WHERE budget IN ('requests_1h', 'calls_1h', 'verifications_1d') GROUP BY provider"
    )
    charged = {row["provider"]: row["calls"] for row in counted}
    sent = standing.simulator.state()["requests"]
    print(f"charged: {charged}, arrived: {sent}")
    assert all(charged[provider] >= count for provider, count in sent.items() if provider in charged)
    assert charged["duckduckgo"] == sent["duckduckgo"]
