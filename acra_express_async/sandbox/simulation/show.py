"""Print a simulated day as tables in a terminal, or as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from acra_express_async.sandbox.results import table as markdown_table
from acra_express_async.sandbox.simulation.day_report import DayReport, Kept, Spread


def show(day: DayReport, console: Console | None = None) -> None:
    """Print everything about one day, in reading order."""
    console = console or Console()
    options = day.options
    console.print(
        f"[bold]{options['hours']:g} simulated hours[/bold], profile {options['profile']}, "
        f"{options['workers']} workers, {options['replicas']} replica(s), seed {options['seed']}, "
        f"pages of size {options['page_size']}: "
        f"took {day.real_seconds:g} s ({options['speed']:g} x real time) and {day.cpu_seconds:g} s of CPU"
    )
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(day.outcomes.items()))
    again = f", {day.repeated} of them twice" if day.repeated else ""
    console.print(f"companies: {day.companies}{again} ({kinds}); outcomes {day.digest}")
    console.print(f"that is {day.times_nightly:g} x what the nightly does in a day (assumed to be at least 100)")
    table = Table("from", "p50", "p95", "p99", "max", title="time until the company was committed")
    table.add_row("enqueue of its batch", *_row(day.latency))
    table.add_row("enqueue of its campaign", *_row(day.campaign_age))
    console.print(table)
    spent = day.spent
    console.print(
        f"time of the average company: {spent.queue:g} s behind other work, {spent.throttles_and_budgets:g} s for "
        f"throttles and budgets, {spent.providers:g} s at providers, {spent.own:g} s for database and our own work"
        " (multiplied by the fast clock)"
    )
    console.print(
        f"pace: {day.pace.done:g} companies an hour after the first hour; while work waits, `plan` predicts "
        f"{day.pace.planned:g} with the costs of this day, {day.pace.documented:g} with the documented ones"
    )
    costs = day.pace.costs
    console.print(
        f"cost of a company: {costs.searches:.2f} searches, {costs.pages:.2f} pages, {costs.tokens:.0f} tokens, "
        f"{costs.verifications:.2f} verifications, {costs.seconds:.1f} worker seconds"
    )
    budgets = Table("budget", "allowance", "worst window", "window", title="budgets as counted by the simulator")
    for use in day.budgets:
        budgets.add_row(use.budget, f"{use.allowance:g}", f"{use.worst:g}", f"{use.window_seconds:g} s")
    console.print(budgets)
    if day.promises:
        console.print(_promises(day.promises))
    colour = "green" if day.good else "red"
    console.print(
        f"[{colour}]budget violations: {day.violations}; addresses verified twice: {day.verified_twice}; "
        f"exit codes: {day.exit_codes}[/{colour}]"
    )
    if day.nightly is not None:
        said = "unaffected by express" if day.nightly["unharmed"] else "[red]AFFECTED by express[/red]"
        console.print(f"nightly: {said}; with express {day.nightly['with_us']}; alone {day.nightly['without_us']}")
    console.print(
        f"this machine delayed the process for {day.stalled_share:.1%} of the time, at most "
        f"{day.worst_stall_seconds:g} s at once; each second of delay is {options['speed']:g} s in the figures above"
    )
    console.print(f"memory from hour 1 to the end: {day.memory_growth_mb:+g} MB (service and simulator together)\n")


def _promises(promises: Sequence[Kept]) -> Table:
    table = Table("campaign", "companies", "promised", "real", "off", title="ends as `enqueue` predicted them")
    for kept in promises:
        real = "not yet" if kept.real_seconds is None else _time(kept.real_seconds)
        off = "" if kept.off is None else f"{kept.off:+.0%}"
        table.add_row(str(kept.campaign_id), str(kept.companies), _time(kept.promised_seconds), real, off)
    return table


def show_several(days: Sequence[DayReport], console: Console | None = None) -> None:
    """Print the days side by side, to show what one more worker adds."""
    table = Table(
        "workers", "companies", "p50", "p95", "campaign p95", "violations", title="effect of the number of workers"
    )
    for day in days:
        table.add_row(
            str(day.options["workers"]),
            str(day.companies),
            _time(day.latency.p50),
            _time(day.latency.p95),
            _time(day.campaign_age.p95),
            str(day.violations),
        )
    (console or Console()).print(table)


def as_markdown(days: Sequence[DayReport]) -> str:
    """The days as a section for config/benchmarks.md."""
    header = (
        "workers",
        "replicas",
        "companies",
        "x nightly",
        "p50",
        "p95",
        "p99",
        "max",
        "campaign p95",
        "violations",
        "nightly",
        "outcomes",
    )
    rows = [
        (
            str(day.options["workers"]),
            str(day.options["replicas"]),
            str(day.companies),
            f"{day.times_nightly:g}",
            *_row(day.latency),
            _time(day.campaign_age.p95),
            str(day.violations),
            "not simulated" if day.nightly is None else "unharmed" if day.nightly["unharmed"] else "HARMED",
            day.digest,
        )
        for day in days
    ]
    last = days[-1]
    speed, spent = f"{last.options['speed']:g}", last.spent
    worst = ", ".join(f"{use.budget} {use.worst:g} of {use.allowance:g}" for use in last.budgets)
    how = (
        f"{last.options['hours']:g} simulated hours at {speed} x real, seed {last.options['seed']}, pages of size "
        f"{last.options['page_size']}; took "
        f"{last.real_seconds:g} s and {last.cpu_seconds:g} s of CPU. The machine delayed the process for "
        f"{last.stalled_share:.1%} of the time, at most {last.worst_stall_seconds:g} s at once; each second of it "
        f"is {speed} s in the latencies."
    )
    where = (
        f"The average company: {spent.queue:g} s behind other work, {spent.throttles_and_budgets:g} s for throttles "
        f"and budgets, {spent.providers:g} s at providers, {spent.own:g} s for database and our own work (multiplied)."
    )
    windows = f"Worst rolling windows by the simulator's ledger: {worst}."
    return "\n\n".join((markdown_table(header, rows), how, windows, where))


def _row(spread: Spread) -> tuple[str, ...]:
    return _time(spread.p50), _time(spread.p95), _time(spread.p99), _time(spread.max)


def _time(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
