"""The command line: `acra-express COMMAND`. The configuration is in the settings, so the commands have few flags.

One module per command or group; `sessions` opens the database as the login account or as the tenant role, `wording`
formats figures and tables, `sandbox` commands import their room only when called. Every error is one sentence on
stderr. Exit codes: 0 done or drained; 1 it could not be done, or a component gave up; 2 wrong usage or unknown ID;
78 bad configuration or schema; 130 interrupted.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any, NoReturn

import click

from acra_express_async.cli.exit_codes import EXIT_CONFIG, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from acra_express_async.errors import AcraExpressError, ConfigError, SchemaError, UnknownId
from acra_express_async.logs import configure, say_to_stderr

_JSON = f"{__name__}.json"

COMMANDS = {
    "run": "run:run",
    "migrate": "database:migrate",
    "uninstall": "database:uninstall",
    "load-registry": "load:load_registry",
    "load-ssic": "load:load_ssic",
    "check": "database:check",
    "forget": "database:forget",
    "optouts": "optout_commands:optouts",
    "explain": "explain:explain",
    "export": "export:export",
    "freshness": "freshness_command:command",
    "site": "judgements:site",
    "contact": "judgements:contact",
    "judge": "judgements:judge",
    "judgements": "judgements:judgements",
    "review": "review_commands:review",
    "accuracy": "review_commands:accuracy",
    "enqueue": "enqueue:enqueue",
    "terms": "terms:terms",
    "campaigns": "campaigns:campaigns",
    "jobs": "jobs:jobs",
    "pause": "jobs:pause",
    "resume": "jobs:resume",
    "breakers": "breakers:breakers",
    "status": "status_command:status",
    "plan": "plan:command",
    "demo": "demo:demo",
    "simulate": "simulate:simulate",
    "completion": "completion:completion",
}
"""Each command and its module, imported only when it is called: --help is fast, and the sandbox is optional."""


class _Commands(click.Group):
    """Loads a command when it is called, and turns our errors into one sentence and the right exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(f"acra_express_async.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        as_json = ctx.meta[_JSON]
        # stdout belongs to the answer; `run` sets up its own log
        configure(level="WARNING", form="console", colour=False)
        try:
            return super().invoke(ctx)
        except (ConfigError, SchemaError) as wrong:
            _refuse(str(wrong), EXIT_CONFIG, as_json=as_json)
        except UnknownId as unknown:
            known = "jobs" if ctx.invoked_subcommand == "jobs" else "campaigns"
            _refuse(f"{unknown}; the known ones: acra-express {known} list", EXIT_USAGE, as_json=as_json)
        except AcraExpressError as error:
            _refuse(str(error), EXIT_FAILED, as_json=as_json)
        except click.ClickException as usage:
            if not as_json:
                raise
            _refuse(usage.format_message(), usage.exit_code, as_json=True)
        except click.Abort:
            if not as_json:
                raise
            _refuse("not confirmed (--yes does not ask); nothing was done", EXIT_FAILED, as_json=True)
        except KeyboardInterrupt:
            _refuse("interrupted", EXIT_INTERRUPTED, as_json=as_json)


def _refuse(sentence: str, code: int, *, as_json: bool) -> NoReturn:
    """End with the error on stderr, in the form that was asked for."""
    say_to_stderr(json.dumps({"error": sentence}) if as_json else f"acra-express: {sentence}")
    sys.exit(code)


def _print_version(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from acra_express_async.runtime.build import description

        click.echo(f"acra-express, version {description()}")
        ctx.exit()


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version, revision and Python, then exit.",
)
def main() -> None:
    """The express path of the ACRA lead platform.

    Configuration comes from the environment (ACRA_EXPRESS_…, see README.md); `acra-express check` says whether it is
    complete.
    """
