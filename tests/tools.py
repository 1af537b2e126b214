"""Tools from outside PyPI: a missing one is a skip with the reason, or a failure under --require-tools."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def require_tool(config: pytest.Config, *names: str) -> str:
    """Path of the first of `names` that is installed."""
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return found
    reason = f"none of these tools is installed: {', '.join(names)} (.ci/run installs them)"
    if config.getoption("--require-tools"):
        pytest.fail(reason)
    pytest.skip(reason)


def run(*command: str | Path, stdin: bytes | None = None, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end; never raises for its exit code."""
    done = subprocess.run([str(part) for part in command], input=stdin, capture_output=True, check=False, cwd=cwd)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
