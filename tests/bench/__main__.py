"""`bin/bench NAME`: measure, print, and write the section of config/benchmarks.md."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import click
from quality.calls import HEADER, compare

from acra_express_async import logs
from acra_express_async.sandbox.results import record, table
from acra_express_async.sandbox.world import PAGE_SIZE_OF

from . import (
    alone,
    backlog,
    ceiling,
    console_pages,
    limiters,
    loading,
    pickup,
    reading_requests,
    replicas,
    reservation,
    soak,
    tracing,
    watching,
)
from . import pages as reading

PAGE = Path(__file__).resolve().parents[2] / "config" / "benchmarks.md"
PEERS = "BENCH_PEERS"
"""Environment: the interpreter in whose environment the peers are installed; bin/bench sets it."""


@click.group()
def main() -> None:
    """Measure our service, and PgQueuer and Procrastinate where they can be compared."""
    logs.configure(level="WARNING", form="console")


def _tell(name: str, header: Sequence[str], rows: Sequence[Sequence[str]], note: str) -> None:
    text = table(header, rows) + f"\n\n{note}"
    click.echo(text)
    record(PAGE, f"bin/bench {name}", text)


size_option = click.option(
    "--size", type=click.Choice(list(PAGE_SIZE_OF)), default="1", show_default=True, help="Size of the simulated pages."
)
rounds_option = click.option("--rounds", type=click.IntRange(5), default=5, show_default=True)


@main.command("pickup")
@rounds_option
@click.option("--jobs", type=click.IntRange(10), default=100, show_default=True, help="In each round.")
def pickup_(rounds: int, jobs: int) -> None:
    """Time from the commit of an insert to the start of its handler, with idle workers."""
    rows = asyncio.run(pickup.pickup(os.environ[PEERS], rounds, jobs))
    header = ("queue", "p50 ms", "p95 ms", "p99 ms", "p50 / better peer", "p95 / better peer")
    note = f"Durable commits, {rounds} interleaved rounds of {jobs} jobs, medians over rounds. Goal: p50 at most 0.6."
    _tell("pickup", header, rows, note)


@main.command("drain")
@rounds_option
@click.option("--jobs", type=click.IntRange(10), default=1000, show_default=True)
def drain_(rounds: int, jobs: int) -> None:
    """No-op jobs per second through the real poller, queue and workers; there is no target."""
    rows = asyncio.run(pickup.drain(os.environ[PEERS], rounds, jobs))
    note = f"A backlog of {jobs}, durable commits, {rounds} interleaved rounds, medians; PgQueuer in batches of 10."
    _tell("drain", ("queue", "jobs/s", "/ better peer"), rows, note)


@main.command("backlog")
@click.option("--rows", type=click.IntRange(1000), help="Measure only a table of this size, without dead versions.")
@click.option("--dead", type=click.IntRange(0), default=0, show_default=True, help="Dead versions, with --rows.")
@click.option("--ours", type=click.IntRange(0), default=0, show_default=True, help="How many of these are ours.")
def backlog_(rows: int | None, dead: int, ours: int) -> None:
    """Time of a claim, an idle poll and a look at what is due next, by the size of the table and its dead versions."""
    shapes = backlog.SHAPES if rows is None else (backlog.Shape(rows, dead, ours),)
    figures = asyncio.run(backlog.backlog(shapes))
    note = (
        f"{backlog.TIMED} executions after {backlog.WARM_UP} of the same statement, alternating. Dead versions were"
        " made while another session kept its snapshot, so no vacuum removes them. A look is the claim without marks"
        " that a process makes once a minute, when idle too. Goal: at most 1 ms median, 5 ms p99."
    )
    name = "backlog" if rows is None else f"backlog --rows {rows} --dead {dead} --ours {ours}"
    _tell(name, backlog.HEADER, figures, note)


@main.command("limiters")
def limiters_() -> None:
    """Plain AsyncLimiters compared with our throttle and ledger: violations, worst window, used share."""
    rows = limiters.limiters()
    note = (
        f"{limiters.HOURS:g} simulated hours at full speed with 200 requests an hour and two workers per process;"
        " shares and violations of the last two hours. Ours survives restarts and is shared, because it is kept in the"
        " database; its first minute is limited to what DuckDuckGo is known to accept."
    )
    _tell("limiters", limiters.HEADER, rows, note)


@main.command("reservation")
@rounds_option
@click.option("--times", type=click.IntRange(20), default=200, show_default=True, help="In each round.")
def reservation_(rounds: int, times: int) -> None:
    """Time of a reservation with 10^5 rows in the ledger, of a plain one-row INSERT, and of pruning."""
    rows = asyncio.run(reservation.reservation(rounds, times))
    note = (
        f"Durable commits over loopback TCP, {rounds} interleaved rounds of {times}, medians over rounds. Goal: one"
        " statement, under 1 ms median; the INSERT shows what the machine's disk adds to both."
    )
    _tell("reservation", reservation.HEADER, rows, note)


@main.command("ceiling")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--companies", type=click.IntRange(20), default=150, show_default=True, help="In each measurement.")
@click.option("--size", type=click.Choice(list(PAGE_SIZE_OF)), default="0", show_default=True, help="Of the pages.")
@click.option("--profile", is_flag=True, help="Print where the service spends its CPU; records nothing.")
def ceiling_(rounds: int, companies: int, size: str, profile: bool) -> None:
    """The service's own limit: companies a second when providers answer at once and allowances hold nothing back."""
    if profile:
        shares = asyncio.run(ceiling.profile(companies, size, workers=2))
        click.echo(table(("function", "itself", "with what it calls"), shares))
        return
    rows = asyncio.run(ceiling.ceiling(rounds, companies, size))
    note = (
        f"{rounds} interleaved rounds of {companies} companies, pages of size {size}, durable commits, medians; CPU and"
        " transactions per company, staging, heartbeats and snapshots included. The simulator runs in a separate"
        f" process; all share the machine's {os.cpu_count()} cores, so the sum of the CPU columns bounds the pace."
    )
    _tell("ceiling", ceiling.HEADER, rows, note)


@main.command("start")
@rounds_option
def start_(rounds: int) -> None:
    """Time from exec to ready on a migrated database."""
    rows = asyncio.run(alone.start(rounds))
    _tell("start", ("median s", "worst s", "rounds"), rows, "Goal: 2 s.")


@main.command("replicas")
@rounds_option
@click.option("--operations", type=click.IntRange(80), default=800, show_default=True, help="In each measurement.")
def replicas_(rounds: int, operations: int) -> None:
    """Claims and reservations per second by number of replicas, with and without PgBouncer."""
    rows = asyncio.run(replicas.replicas(rounds, operations))
    way = ("claims/s", "x one", "reservations/s", "x one")
    note = (
        f"Durable commits, {rounds} interleaved rounds of {operations}, medians; two workers per replica and "
        f"only the database calls; all reservations are page reads, so they compete for one allowance row. PgBouncer "
        f"in transaction mode with {replicas.SERVERS} server connections for all; direct replicas have two each."
    )
    _tell("replicas", ("replicas", *way, *(f"{each} (PgBouncer)" for each in way)), rows, note)


@main.command("console")
@click.option("--companies", type=click.IntRange(10_000), default=1_000_000, show_default=True)
def console_(companies: int) -> None:
    """Time of each page of the console on a database of a million companies, and of a probe beside them."""
    rows = asyncio.run(console_pages.console_pages(companies))
    note = (
        f"{companies:,} companies with two decisions each, {console_pages.TIMED} requests of each page over loopback, "
        f"one after the other. Goal: p95 below {console_pages.GOAL} ms."
    )
    _tell("console", console_pages.HEADER, rows, note)


@main.command("idle")
@click.option("--seconds", type=click.IntRange(10), default=300, show_default=True)
def idle_(seconds: int) -> None:
    """CPU, transactions and memory of an idle service, beside idle workers of the peers."""
    rows = asyncio.run(alone.idle(os.environ[PEERS], seconds))
    note = (
        f"Extrapolated from {seconds} s, all at the same time; LISTEN, snapshots, alerts and the web app of the service"
        " included. Goal: at most 1,200 transactions and 5 CPU seconds an hour."
    )
    _tell("idle", ("queue", "CPU s an hour", "transactions an hour", "resident MB"), rows, note)


@main.command("company")
@rounds_option
@click.option("--companies", type=click.IntRange(20), default=60, show_default=True, help="In each round.")
def company_(rounds: int, companies: int) -> None:
    """Transactions, round trips, server milliseconds and WAL bytes of a company."""
    rows = asyncio.run(alone.company(rounds, companies))
    note = (
        f"{rounds} rounds, medians; providers that answer at once. Included: claims, staging in batches of 5, and the"
        " sessions that the work opens. Left out: heartbeats, the loops that only watch (snapshot, alerts, web), what a"
        " start costs that finds nothing to do, and the statements that measure. Transactions, server time"
        " (`active_time`, durable commits included) and WAL are the server's own counters (`pg_stat_database`,"
        " `pg_current_wal_lsn`), round trips the statements that were sent. The first row is the sample, the second its"
        " typical companies, with one search, two reads and one verification: such a company takes nine transactions,"
        " and each batch of five another six. Goal: at most 12."
    )
    _tell(
        "company",
        ("companies", "searches", "pages", "verifications", "transactions", "round trips", "server ms", "WAL kB"),
        rows,
        note,
    )


@main.command("memory")
@click.option("--companies", type=click.IntRange(10), default=100, show_default=True)
def memory_(companies: int) -> None:
    """Resident memory with two workers."""
    rows = asyncio.run(alone.memory(companies))
    _tell("memory", ("MB when ready", "MB afterwards", "companies"), rows, "Goal: under 120 MB with two workers.")


@main.command("soak")
@click.option("--companies", type=click.IntRange(240), default=10_000, show_default=True)
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
@click.option("--speed", type=float, default=60.0, show_default=True, help="Simulated seconds per real second.")
def soak_(companies: int, workers: int, speed: float) -> None:
    """Resident memory of the service alone over a simulated day: its growth from hour 1 to hour 24."""
    rows = asyncio.run(soak.soak(companies, workers, speed, click.echo))
    note = (
        f"{workers} workers, a simulated day at {speed:g} x real time (longer where the machine is slower than the"
        f" work), providers that answer at once in another process; {soak.ends_of_hours(companies)[0]:,} companies in"
        " hour 1. Goal: growth from hour 1 to hour 24 under 2 MB, and under 120 MB."
    )
    _tell("soak", soak.HEADER, rows, note)


@main.command("traces")
@rounds_option
@click.option("--companies", type=click.IntRange(20), default=60, show_default=True, help="In each measurement.")
def traces_(rounds: int, companies: int) -> None:
    """What traces cost, off and on, as ratios of `ceiling`; and the trace of one company as text."""
    rows, drawn = asyncio.run(tracing.tracing(rounds, companies))
    note = (
        f"{rounds} interleaved rounds of {companies} companies with two workers, to a collector that answers; ratios"
        f" within a round as median (least to most). One company as the collector got it:\n\n```\n{drawn}\n```"
    )
    _tell("traces", tracing.HEADER, rows, note)


@main.command("scrape")
@click.option("--scrapes", type=click.IntRange(50), default=300, show_default=True, help="Of each service.")
def scrape_(scrapes: int) -> None:
    """Time of a /metrics scrape with 100 and with 100,000 jobs in the table."""
    rows = asyncio.run(watching.scrape(scrapes))
    note = (
        f"{scrapes} scrapes of each service, alternating, over one connection; all jobs are due and claiming is "
        "paused. Goal: under 20 ms for any size of the table; under 600 series."
    )
    _tell(
        "scrape",
        ("due jobs", "best ms", "p50 ms", "p50 / the empty one", "CPU ms", "series", "snapshot ms"),
        rows,
        note,
    )


@main.command("load")
def load_() -> None:
    """Peak memory of `acra-express load-registry` at 50,000 and at 500,000 rows."""
    rows = asyncio.run(loading.load())
    note = "VmHWM of the command's process, each file into an empty registry. Goal: flat."
    _tell("load", ("rows", "file MB", "peak MB", "/ smallest", "rows/s"), rows, note)


@main.command("calls")
@click.option("--companies", type=click.IntRange(10), default=400, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@size_option
def calls_(companies: int, seed: int, size: str) -> None:
    """Searches, pages, verifications and quality per company: a plan without savings compared with ours."""
    arms = asyncio.run(compare(companies, seed, PAGE_SIZE_OF[size]))
    note = (
        f"{arms[0].companies} live companies of the simulator's world, seed {seed}, pages of size {size}, both plans "
        "over the same companies. "
        "Naive: two searches for each, pages up to the budget, both addresses verified; the same decisions."
    )
    _tell(f"calls --size {size}", HEADER, [*(arm.row() for arm in arms), arms[1].beside(arms[0])], note)


@main.command("requests")
@click.option("--companies", type=click.IntRange(10), default=150, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@size_option
def requests_(companies: int, seed: int, size: str) -> None:
    """Contact facts found and tokens billed by each way to ask Jina Reader for a page."""
    rows = reading_requests.requests(companies, seed, PAGE_SIZE_OF[size])
    note = (
        f"Home and contact pages of the readable sites of {companies} companies, seed {seed}, pages of size {size}; "
        f"share of the true mails, phones and postal codes on them. Large pages have over {reading_requests.LARGE:,} "
        f"tokens; they, the second reads and the waiting are counted at a limit of {reading_requests.LARGE:,}."
    )
    _tell(f"requests --size {size}", reading_requests.HEADER, rows, note)


@main.command("pages")
@size_option
def pages_(size: str) -> None:
    """CPU and memory of reading hostile pages by their length, and of a company page of a size."""
    note = (
        f"Every extractor over {reading.LENGTH:,} characters and {reading.FACTOR} times as many; linear work is"
        f" a ratio of {reading.FACTOR}, quadratic work {reading.FACTOR**2}."
        f" Peak: memory for {reading.MEGABYTE:,} characters."
    )
    header = ("made of", "ms", "ms of 8 x", "ratio", "peak MB")
    _tell("pages", header, reading.pages(PAGE_SIZE_OF[size]), note)


if __name__ == "__main__":
    main()
