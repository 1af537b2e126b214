"""The release: a complete wheel that installs from the hashed pins and runs, and a bill of materials."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from tools import ROOT, require_tool, run

from acra_express_async import __version__
from acra_express_async.db.schema.migrate import migrations
from acra_express_async.sandbox.postgres import EmbeddedPostgres

CONFIG = ROOT / "config"
PIN = re.compile(r"(?m)^([a-z0-9-]+)==([^ ;\\]+)")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Path]:
    """The `bin` folder of a new environment with only the hashed pins and the wheel."""
    with tempfile.TemporaryDirectory(prefix="acra-express-wheel-") as folder:
        # Only root may read pytest's folder, and the demo's PostgreSQL runs from here as another user.
        Path(folder).chmod(0o755)
        home = Path(folder) / "venv"
        for command in (
            (sys.executable, "-m", "venv", home),
            (home / "bin/pip", "install", "--quiet", "--require-hashes", "-r", CONFIG / "requirements.txt"),
            (home / "bin/pip", "install", "--quiet", "--no-deps", "--no-index", wheel),
            (home / "bin/pip", "check"),
        ):
            done = run(*command)
            assert done.returncode == 0, done.stdout + done.stderr
        yield home / "bin"


def test_the_wheel_contains_only_the_package(wheel: Path) -> None:
    assert wheel.name == f"acra_express_async-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packed = {name for name in names if name.startswith("acra_express_async/")}
    in_the_checkout = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "acra_express_async").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert packed == in_the_checkout | {"acra_express_async/web/assets/runbook.md"}
    assert {f"acra_express_async/db/schema/migrations/{m.version:04d}_{m.name}.sql" for m in migrations()} <= packed
    assert all(".dist-info/" in name for name in names - packed)


def test_build_pins_equal_the_development_pins() -> None:
    developing = dict(PIN.findall((CONFIG / "requirements-dev.txt").read_text(encoding="utf-8")))
    for file in ("requirements.txt", "requirements-build.txt"):
        pins = dict(PIN.findall((CONFIG / file).read_text(encoding="utf-8")))
        assert pins
        assert pins.items() <= developing.items(), file


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_wheel_installs_from_the_pins_and_runs(installed: Path, postgres: EmbeddedPostgres) -> None:
    command = installed / "acra-express"
    assert run(command, "--version").stdout.startswith(f"acra-express, version {__version__} (revision ")
    admin = await asyncpg.connect(postgres.dsn())
    try:
        await admin.execute("CREATE DATABASE installed_wheel")
    finally:
        await admin.close()
    dsn = f"ACRA_EXPRESS_POSTGRES_DSN={postgres.dsn('installed_wheel')}"
    done = run("env", dsn, command, "migrate", "--bootstrap-platform", cwd=installed)
    assert done.returncode == 0, done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("applied")] == [
        f"{m.version:04d}_{m.name}" for m in migrations()
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_runs_from_the_wheel(installed: Path) -> None:
    pins = CONFIG / "requirements-dev.txt"
    added = run(installed / "pip", "install", "--quiet", "--require-hashes", "-r", pins)
    assert added.returncode == 0, added.stderr
    done = run(installed / "acra-express", "demo", "--companies", "5", cwd=installed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every company is done" in done.stdout


@pytest.mark.tools
def test_the_bill_of_materials_lists_every_pin_with_hashes(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    pins = CONFIG / "requirements.txt"
    bill = tmp_path / "sbom.json"
    done = run(require_tool(request.config, "cyclonedx-py"), "requirements", "--output-reproducible", "-o", bill, pins)
    assert done.returncode == 0, done.stderr
    components = json.loads(bill.read_text(encoding="utf-8"))["components"]
    assert {c["name"]: c["version"] for c in components} == dict(PIN.findall(pins.read_text(encoding="utf-8")))
    assert all("hashes" in reference for c in components for reference in c["externalReferences"])
