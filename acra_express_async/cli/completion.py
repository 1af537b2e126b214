"""`acra-express completion`: the script that lets a shell complete commands, options and values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_ACRA_EXPRESS_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  acra-express completion bash > ~/.local/share/bash-completion/completions/acra-express
    zsh:   acra-express completion zsh > "${fpath[1]}/_acra-express"
    fish:  acra-express completion fish > ~/.config/fish/completions/acra-express.fish

    For the present session only: eval "$(acra-express completion bash)".
    """
    from acra_express_async.cli import main

    of_shell = get_completion_class(shell)
    assert of_shell is not None
    script = of_shell(main, {}, "acra-express", _VARIABLE).source()
    # click's script for fish cuts a description at its first comma
    click.echo(script.replace('string split ","', 'string split --max 1 ","'))
