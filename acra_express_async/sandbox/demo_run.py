"""`acra-express demo`: enrich companies end to end on one machine that has nothing but Python installed.

Runs an embedded PostgreSQL, the provider simulator over loopback HTTP, and the real service in a separate process.
Service and simulator both multiply their allowances by 60 and divide latencies by 20; no limit is switched off.
"""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from acra_express_async.db.session.pool import Connection
from acra_express_async.errors import AcraExpressError
from acra_express_async.sandbox import demo_report, registry_sample
from acra_express_async.sandbox.postgres import EmbeddedPostgres
from acra_express_async.sandbox.simulator import Options, Simulator
from acra_express_async.sandbox.testbed import (
    DATABASE,
    ServiceProcess,
    arguments_of,
    build_database,
    command,
    live_uens,
    load,
)
from acra_express_async.sandbox.world import PageSize, World

ALLOWANCE_SCALE = 60
LATENCY_SCALE = 1 / 20
GENERATED_COMPANIES = 20
KEPT_ROWS = 800
"""Registry rows of a demo with `--keep`: a dozen companies of every trade to try commands on."""
APPROVER = "ops"
"""The approver who may raise throttles in the demo."""
LOOK_SECONDS = 0.2
ENDED = {
    False: "every company is done",
    True: "the demo is over; what was enqueued in it and still waits is gone with its database",
}
"""The last line of a demo, by `keep`."""
PATIENCE_SECONDS = 600.0
"""Without progress for this long, the demo gives up and shows the end of the service's log."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """`companies`: at most this many (20, or all live ones of `csv`); `csv`: a real registry file; `keep`: stay up."""

    companies: int | None = None
    csv: Path | None = None
    keep: bool = False
    seed: int = 7
    page_size: PageSize = 0


def settings_for(simulator: Simulator, dsn: str, *, cap: int, sole_proprietors: bool) -> dict[str, str]:
    """The service's environment: the simulator as every provider, allowances multiplied by `ALLOWANCE_SCALE`."""
    options = simulator.options
    figures = {
        "POSTGRES_DSN": dsn,
        "DAILY_CAP": max(300, cap),
        "INCLUDE_SOLE_PROPRIETORS": str(sole_proprietors).lower(),
        "DUCKDUCKGO__BASE_URL": simulator.base_url("duckduckgo"),
        "DUCKDUCKGO__REQUESTS_PER_HOUR": 200 * ALLOWANCE_SCALE,
        "DUCKDUCKGO__SPACING_SECONDS": 3 / ALLOWANCE_SCALE,
        "JINA__BASE_URL": simulator.base_url("jina"),
        "JINA__API_KEY": options.jina_key,
        "JINA__CALLS_PER_HOUR": 120 * ALLOWANCE_SCALE,
        "JINA__TOKENS_PER_MINUTE": 5000 * ALLOWANCE_SCALE,
        "ZEROBOUNCE__BASE_URL": simulator.base_url("zerobounce"),
        "ZEROBOUNCE__API_KEY": options.zerobounce_key,
        "ZEROBOUNCE__VERIFICATIONS_PER_DAY": 500 * ALLOWANCE_SCALE,
        "SLACK__WEBHOOK_URL": simulator.webhook_url,
    }
    return {f"ACRA_EXPRESS_{name}": str(value) for name, value in figures.items()}


async def run(options: DemoOptions, console: Console) -> int:
    """Run the demo; return 0 when every company is done and no budget was exceeded. SIGTERM ends it like Ctrl-C."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="acra-express-demo-") as folder, EmbeddedPostgres() as postgres:
        home = Path(folder)
        console.print("[bold]acra-express demo[/bold]: embedded PostgreSQL, simulated providers, the real service")
        console.print(
            f"[dim]allowances of service and simulator x{ALLOWANCE_SCALE}, latencies / {1 / LATENCY_SCALE:g}; "
            "every limit is active[/dim]"
        )
        owner = await build_database(postgres)
        try:
            file, uens = await _registry(options, owner, home, console)
            world = World.from_csv(file, seed=options.seed, page_size=options.page_size)
            scales = Options(allowance_scale=ALLOWANCE_SCALE, latency_scale=LATENCY_SCALE, seed=options.seed)
            async with Simulator(world, scales) as simulator:
                environ = settings_for(
                    simulator, postgres.dsn(DATABASE), cap=len(uens), sole_proprietors=options.csv is not None
                )
                environ["ACRA_EXPRESS_OVERRIDE_APPROVERS"] = APPROVER
                service = ServiceProcess(environ, home / "service.log")
                return await _perform(options, owner, uens, simulator, service, world, console)
        finally:
            await owner.close()


async def _registry(options: DemoOptions, owner: Connection, home: Path, console: Console) -> tuple[Path, list[str]]:
    file, wanted = options.csv, options.companies
    if file is None:
        file, wanted = home / "registry.csv", wanted or GENERATED_COMPANIES
        registry_sample.write_csv(file, max(wanted * 3, KEPT_ROWS if options.keep else 0), options.seed)
    loaded = await load(owner, file, home / "rejects.csv")
    uens = await live_uens(owner, wanted)
    console.print(
        f"registry: {loaded.loaded} rows loaded, {loaded.rejected} rejected; {len(uens)} live companies to enrich"
    )
    return file, uens


async def _perform(
    options: DemoOptions,
    owner: Connection,
    uens: list[str],
    simulator: Simulator,
    service: ServiceProcess,
    world: World,
    console: Console,
) -> int:
    await service.start()
    try:
        code, said, wrong = await command(service.environ, "enqueue", *arguments_of(uens))
        if code != 0:
            raise AcraExpressError(f"enqueue failed: {wrong.strip()}")
        console.print(f"service on http://127.0.0.1:{service.port} (pid {service.process.pid}); {said.strip()}")
        done = await _follow(owner, len(uens), service, console)
        found = await demo_report.results(owner)
        state = simulator.state()
        demo_report.show(console, found, demo_report.agreement(found, world.truth), state)
        if options.keep and done:
            await _stay(service, simulator, console)
    finally:
        exit_code = await service.stop()
    failed = [result for result in found if result.kind == "failed"]
    good = done and not failed and state["violations"] == 0 and exit_code == 0
    said = f"[bold green]{ENDED[options.keep]}[/bold green]"
    if not good:
        said = "[bold red]the demo failed; the end of the service log follows[/bold red]"
    console.print(f"service stopped with exit code {exit_code}; {said}")
    if not good:
        console.print(service.log_path.read_text(errors="replace")[-4000:], markup=False)
    return 0 if good else 1


async def _follow(owner: Connection, wanted: int, service: ServiceProcess, console: Console) -> bool:
    """Show progress until all companies have an outcome; False when the service ended or progress stalled."""
    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
    )
    quiet = 0.0
    with bar:
        task = bar.add_task("", total=wanted)
        ended = 0
        while ended < wanted and service.process.returncode is None and quiet < PATIENCE_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            row = await owner.fetchrow(
                """
                SELECT count(*) OVER () AS ended, c.name FROM acra_express.outcomes o
                LEFT JOIN companies c USING (company_id) ORDER BY o.ended_at DESC LIMIT 1
                """
            )
            now = int(row["ended"]) if row else 0
            quiet = 0.0 if now > ended else quiet + LOOK_SECONDS
            ended = now
            bar.update(task, completed=ended, description=row["name"] if row else "waiting for the first company")
    return ended >= wanted


async def _stay(service: ServiceProcess, simulator: Simulator, console: Console) -> None:
    """Keep everything up until Ctrl-C or SIGTERM; the operator may stop the service and start it again."""
    environment = service.log_path.with_name("environment")
    environment.write_text(_exports(service, simulator), encoding="utf-8")
    fault = '{"provider": "duckduckgo", "knob": "status", "value": 303}'
    console.print("\n[bold]everything stays up[/bold]; stop it with Ctrl-C.", highlight=False)
    console.print(
        f"""status page  http://127.0.0.1:{service.port}/
log          {service.log_path}

First, in another terminal (sets up this demo's settings and puts its acra-express on the PATH):

. {environment}

acra-express enqueue --term bakery --limit 10    # says what will happen; then: jobs show ID
acra-express status --watch                      # leave with Ctrl-C
acra-express enqueue --term cafes --batch-size 10 --authorized-by {APPROVER}
acra-express pause; acra-express resume

Make companies fail, find out why, and read the Slack messages:

curl -s -X POST $SIMULATOR/__sim/faults -d '{fault}'
acra-express enqueue --term clinics --limit 3    # then: jobs show ID, explain UEN
curl -s $SIMULATOR/__sim/slack
curl -s -X DELETE $SIMULATOR/__sim/faults        # remove all faults; GET lists every knob
curl -s -X POST $SIMULATOR/__sim/reset           # also ends a block by ddg_block_now; then the breaker's
acra-express breakers list                       # cool-down must end: at "next probe" the service probes by itself

kill -TERM {service.process.pid}                 # drains; `acra-express run` starts a new one""",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    await ending.wait()


def _exports(service: ServiceProcess, simulator: Simulator) -> str:
    """Shell lines that export the service's settings, the simulator's address and the PATH of this installation."""
    lines = [
        f"export {name}={shlex.quote(value)}"
        for name, value in service.environ.items()
        if name.startswith("ACRA_EXPRESS_")
    ]
    lines += [
        f"export SIMULATOR={simulator.root}",
        f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"',
    ]
    return "\n".join(lines) + "\n"
