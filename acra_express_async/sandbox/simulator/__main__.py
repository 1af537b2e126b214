"""``python -m acra_express_async.sandbox.simulator``: a separate process that runs until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import click

from acra_express_async.models import Provider
from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.simulator import SCENARIOS, Options, Simulator, SimulatorClock
from acra_express_async.sandbox.world import PAGE_SIZE_OF, World


@click.command()
@click.option("--port", type=int, default=0, show_default="a free one", help="Port on loopback.")
@click.option("--registry", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Registry CSV.")
@click.option("--world", "stored", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="World as JSON.")
@click.option("--companies", type=click.IntRange(min=1), default=200, show_default=True, help="Without a registry.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--page-size",
    type=click.Choice(["0", "1", "4"]),
    default="0",
    show_default=True,
    help="Of the simulated websites: 0 short pages, 1 as real ones, 4 with menus and footers four times as large.",
)
@click.option("--scenario", type=click.Choice(list(SCENARIOS)), default="happy", show_default=True)
@click.option("--allowance-scale", type=float, default=1.0, show_default=True, help="Multiplies every limit.")
@click.option("--latency-scale", type=float, default=1.0, show_default=True)
@click.option("--speed", type=float, default=1.0, show_default=True, help="Of the clock; 0: moved by /__sim/clock.")
@click.option("--budget-layer/--no-budget-layer", default=True, show_default=True, help="Refuse what exceeds budgets.")
@click.option("--real-layer/--no-real-layer", default=False, show_default=True, help="The providers' own limits too.")
@click.option("--token-rule", type=click.Choice(["strict", "admit"]), default="strict", show_default=True)
def main(
    port: int,
    registry: Path | None,
    stored: Path | None,
    companies: int,
    seed: int,
    page_size: str,
    scenario: str,
    speed: float,
    **behaviour: Any,
) -> None:
    """Simulate the four providers; the first line printed is JSON with their addresses and keys."""
    size = PAGE_SIZE_OF[page_size]
    if stored is not None:
        world = World.from_json(stored)
    elif registry is not None:
        world = World.from_csv(registry, seed=seed, page_size=size)
    else:
        world = World(registry_sample.rows(companies, seed), seed=seed, page_size=size)
    options = Options(port=port, seed=seed, **behaviour)  # the remaining flags are named after its fields
    asyncio.run(_serve(Simulator(world, options, clock=SimulatorClock(speed=speed), scenario=scenario)))


async def _serve(simulator: Simulator) -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    async with simulator:
        addresses = {provider.value: simulator.base_url(provider) for provider in Provider}
        keys = {"jina_key": simulator.options.jina_key, "zerobounce_key": simulator.options.zerobounce_key}
        line = {"root": simulator.root, **addresses, "webhook_url": simulator.webhook_url, **keys}
        print(json.dumps(line), flush=True)
        await ending.wait()


if __name__ == "__main__":
    main()
