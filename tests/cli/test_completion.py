"""A shell completes commands, options, choices and files with the script that `acra-express completion` prints."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from terminal import Terminal, program_on_terminal
from tools import require_tool, run

from acra_express_async import __version__
from acra_express_async.cli import COMMANDS

BIN = Path(sys.executable).parent
ACRA_EXPRESS = BIN / "acra-express"


SHELLS = {
    "bash": (("--norc", "--noprofile", "-i"), 'eval "$(acra-express completion bash)"'),
    "zsh": (("-f", "-i"), 'autoload -U compinit && compinit -u -D; eval "$(acra-express completion zsh)"'),
    "fish": (("--no-config", "-i"), "acra-express completion fish | source"),
}
"""Shell -> its arguments for a session without a person's files, and what such a person types once."""
TAB, KILL_LINE = b"\t", b"\x15"


async def completes(session: Terminal, typed: str, *, to: str) -> None:
    """Wait until TAB made the line longer, and empty the line again."""
    session.press(typed.encode() + TAB)
    await session.until(lambda screen: any(to in line for line in screen))
    session.press(KILL_LINE)


@pytest.mark.tools
@pytest.mark.parametrize("shell", SHELLS)
async def test_tab_completes_in_the_real_shell(request: pytest.FixtureRequest, tmp_path: Path, shell: str) -> None:
    program = require_tool(request.config, shell)
    (tmp_path / "registry.csv").touch()
    arguments, setup = SHELLS[shell]
    environ = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    async with program_on_terminal(program, *arguments, size=(200, 40), **environ) as session:
        session.press(f"cd {tmp_path}; {setup}; echo rea''dy\r".encode())
        await session.until(lambda screen: any(line.strip() == "ready" for line in screen))
        await completes(session, "acra-express ca", to="acra-express campaigns")
        await completes(session, "acra-express jobs sh", to="acra-express jobs show")
        await completes(session, "acra-express enqueue --uen-f", to="acra-express enqueue --uen-file")
        await completes(session, "acra-express export --format js", to="acra-express export --format jsonl")
        for command in (
            "load-registry reg",
            "load-ssic reg",
            "judge reg",
            "export --output reg",
            "enqueue --uen-file reg",
        ):
            await completes(session, f"acra-express {command}", to=f"acra-express {command}istry.csv")
        if shell != "bash":  # which shows no descriptions
            session.press(b"acra-express jobs " + TAB + TAB)
            await session.until(lambda screen: any("One job, and how its companies ended." in line for line in screen))


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
