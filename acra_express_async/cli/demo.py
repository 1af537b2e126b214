"""`acra-express demo`: what bin/demo runs after setting up."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from acra_express_async.cli.sessions import page_size_option, synchronous
from acra_express_async.errors import AcraExpressError


@click.command(short_help="20 companies end to end, with nothing installed.")
@click.option("--companies", type=click.IntRange(1, 5000), help="How many; default: 20, or with --csv all live ones.")
@click.option("--csv", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A real registry file.")
@click.option("--keep", is_flag=True, help="Leave service, simulator and database running afterwards.")
@page_size_option
@synchronous
async def demo(companies: int | None, csv: Path | None, keep: bool, page_size: str) -> None:
    """Enrich companies end to end on an embedded PostgreSQL with simulated providers; needs no server and no key.

    With --csv every live company of the file is enriched. Exits 0 when every company is done.
    """
    from rich.console import Console

    try:
        from acra_express_async.sandbox.demo_run import DemoOptions, run
        from acra_express_async.sandbox.world import PAGE_SIZE_OF
    except ImportError as missing:
        raise AcraExpressError(f"the sandbox is not installed ({missing}): pip install '.[sandbox]'") from missing
    options = DemoOptions(companies, csv, keep, page_size=PAGE_SIZE_OF[page_size])
    sys.exit(await run(options, Console(width=None if sys.stdout.isatty() else 120)))
