"""`acra-express simulate`: a day of the real service on a fast clock."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acra_express_async.cli.sessions import json_option, page_size_option
from acra_express_async.cli.wording import json_text
from acra_express_async.errors import AcraExpressError

if TYPE_CHECKING:
    from acra_express_async.sandbox.simulation import DayOptions, DayReport


PROFILES = {
    "paced": "a batch every 15 minutes",
    "burst": "a campaign of 300 at nine",
    "campaigns": "ten campaigns, whose predicted ends are compared with the real ones",
    "refresh": "only the standing refresh",
    "adversarial": "duplicates, refused raises and wrong params around a campaign of 300",
    "backlog": "unlimited work and no daily cap: how much the budgets allow",
    "over-cap": "one company more than the daily cap, in the evening",
}
"""The profiles of the sandbox, described here so that `--help` does not need the sandbox."""


@click.command(short_help="A simulated day of the real service.")
@click.option("--hours", type=click.FloatRange(0.5, 72), default=24.0, show_default=True, help="Simulated hours.")
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="paced",
    show_default=True,
    help="; ".join(f"{name}: {about}" for name, about in PROFILES.items()) + ".",
)
@click.option("--workers", type=click.IntRange(1, 16), multiple=True, help="Repeatable: one day for each number.")
@click.option("--replicas", type=click.IntRange(1, 8), default=1, show_default=True, help="Instances of the service.")
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of registry, web and chance.")
@click.option(
    "--speed",
    type=click.FloatRange(1, 480),
    default=100,
    show_default=True,
    help="Simulated seconds per real second while there is work; many more while there is none.",
)
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the simulated service, without prefix; repeatable.",
)
@page_size_option
@click.option("--scenario", default="happy", show_default=True, help="Of the provider simulator.")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="Write an SVG of the (last) day.")
@click.option("--log", "log_path", type=click.Path(dir_okay=False, path_type=Path), help="Keep the service's warnings.")
@click.option("--record", "page", type=click.Path(dir_okay=False, path_type=Path), help="Results page to write to.")
@json_option
def simulate(
    *,
    hours: float,
    profile: str,
    workers: tuple[int, ...],
    replicas: int,
    seed: int,
    speed: float,
    given: tuple[str, ...],
    page_size: str,
    scenario: str,
    picture: Path | None,
    log_path: Path | None,
    page: Path | None,
    as_json: bool,
) -> None:
    """Run the service through a day on an embedded PostgreSQL, with simulated providers and a stand-in for the nightly.

    Only time is simulated: the service, the database and the HTTP calls are real. Exits 0 when no budget was exceeded,
    no address was verified twice, and the nightly ended as it does without express.
    """
    try:
        from acra_express_async.sandbox.results import record
        from acra_express_async.sandbox.simulation import DayOptions, as_markdown, day_picture, show, show_several
        from acra_express_async.sandbox.world import PAGE_SIZE_OF
    except ImportError as missing:
        raise AcraExpressError(f"the sandbox is not installed ({missing}): pip install '.[sandbox]'") from missing
    options = DayOptions(
        hours, profile, 2, replicas, seed, speed, scenario, PAGE_SIZE_OF[page_size], given=_settings(given)
    )
    with tempfile.TemporaryDirectory(prefix="acra-express-log-") as folder:
        path = log_path or Path(folder) / "service.log"
        days = [_day(replace(options, workers=count), path) for count in workers or (2,)]
    if picture is not None:
        picture.write_text(day_picture(days[-1]), encoding="utf-8")
    if page is not None:
        shown = "" if picture is None else f"\n\n![the day]({os.path.relpath(picture, page.parent)})"
        record(page, f"acra-express simulate --profile {profile}", as_markdown(days) + shown)
    if as_json:
        click.echo(json_text({"items": [day.as_json() for day in days]}))
    else:
        for day in days:
            show(day)
        if len(days) > 1:
            show_several(days)
    sys.exit(0 if all(day.good for day in days) else 1)


def _settings(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in given]
    for name, sign, _ in pairs:
        if not (name and sign):
            raise click.BadParameter(f"{name!r} is not NAME=VALUE", param_hint="--set")
    return {name: value for name, _, value in pairs}


def _day(options: DayOptions, log_path: Path) -> DayReport:
    from acra_express_async.sandbox.simulation import FastLoop, lived, report

    gearbox = options.gearbox()

    async def live() -> DayReport:
        async with lived(options, gearbox, log_path) as record:
            return await report(record)

    with asyncio.Runner(loop_factory=lambda: FastLoop(gearbox)) as runner:
        return runner.run(live())
