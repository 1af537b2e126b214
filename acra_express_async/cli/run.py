"""`acra-express run`: the always-on service."""

from __future__ import annotations

import asyncio
import sys

import click

from acra_express_async.logs import detached_stderr
from acra_express_async.runtime.stop_signals import StopSignals


@click.command(short_help="The service: runs until SIGTERM.")
@click.option("--until-idle", is_flag=True, help="Work on what is due, then exit 0.")
@click.pass_obj
def run(signals: StopSignals | None, until_idle: bool) -> None:
    """Run the service until SIGTERM.

    The first SIGTERM drains within ACRA_EXPRESS_DRAIN_SECONDS; a second one ends the service at once. Exit codes: 0
    drained, 1 a component gave up, 78 bad configuration or schema.
    """
    signals = signals or StopSignals().install()
    with detached_stderr() as lines:
        from acra_express_async.settings.tree import load_settings

        settings = load_settings()
        from acra_express_async.service import run as serve  # after the settings: a wrong one is reported at once

        try:
            import uvloop
        except ImportError:
            new_loop = None  # Windows and PyPy: the standard loop serves as well
        else:
            new_loop = uvloop.new_event_loop
        with asyncio.Runner(loop_factory=new_loop) as runner:
            code = runner.run(serve(settings, until_idle=until_idle, signals=signals, lines=lines))
            signals.over(code)
    sys.exit(code)
