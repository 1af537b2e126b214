"""A shell completes commands and subcommands with the script that `acra-express completion` prints."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest
from tools import run

from acra_express_async import __version__
from acra_express_async.cli import COMMANDS

BIN = Path(sys.executable).parent
ACRA_EXPRESS = BIN / "acra-express"


def completed_by_bash(line: str) -> list[str]:
    """What bash offers for the last word of a line, after it read our script."""
    words = line.split(" ")
    script = f"""
        eval "$("{ACRA_EXPRESS}" completion bash)"
        COMP_WORDS=({" ".join(word or "''" for word in words)}); COMP_CWORD={len(words) - 1}
        _acra_express_completion "{ACRA_EXPRESS}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = run(shutil.which("bash") or "bash", "-c", script)
    assert done.returncode == 0, done.stderr
    return sorted(done.stdout.split())


def test_bash_completes_the_commands() -> None:
    assert completed_by_bash("acra-express ca") == ["campaigns"]
    assert completed_by_bash("acra-express ") == sorted(COMMANDS)


def test_bash_completes_subcommands_and_choices() -> None:
    assert completed_by_bash("acra-express jobs sh") == ["show"]
    assert completed_by_bash("acra-express completion ") == ["bash", "fish", "zsh"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    done = run(ACRA_EXPRESS, "completion", shell)
    assert done.returncode == 0
    assert f"{shell}_complete" in done.stdout
    parser = shutil.which(shell)
    if parser is not None:
        assert run(parser, "-n", "/dev/stdin", stdin=done.stdout.encode()).returncode == 0


def test_the_version_names_revision_and_python() -> None:
    done = run(ACRA_EXPRESS, "--version")
    assert re.fullmatch(
        rf"acra-express, version {re.escape(__version__)} \(revision \w+, Python 3\.\S+\)\n", done.stdout
    )
