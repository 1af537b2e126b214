"""``cd tests && python -m quality [FILE …]``: measure the case sets at every page size against their targets.

``--queries`` compares query plans instead (see query_plans.py).

Pages are read by the service's own client from the simulated Jina Reader. ``--verbose`` adds confidence against
precision, the metrics by tag, and every miss at the last size.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TextIO

import click
from quality.cases import DEVELOPMENT, OWN, load
from quality.levels_table import answers_of, levels_table
from quality.query_plans import WORLD, compare, plans_table
from quality.scoring import confidence_table, score
from quality.sizes import Measured, measured, sets_table, targets_table
from quality.through_reader import Results, run_at

from acra_express_async import logs
from acra_express_async.sandbox.world import PAGE_SIZE_OF, PageSize

COMPANIES = 250


def sets_of(files: tuple[Path, ...]) -> dict[str, Path]:
    """The given files, or the development set (where present) and our own sets."""
    named = files or tuple(path for path in (DEVELOPMENT, *sorted(OWN.glob("*.jsonl"))) if path.exists())
    return {path.stem: path for path in named}


def joined(parts: list[Results]) -> Results:
    """The results of several sets as one."""
    readings = {case_id: reading for part in parts for case_id, reading in part.readings.items()}
    return Results(tuple(pair for part in parts for pair in part.pairs), readings)


async def run_all(sets: dict[str, Path], sizes: list[PageSize], seed: int) -> tuple[list[Measured], list[Results]]:
    """Measure every set at every size; postal codes are counted over all sets together."""
    whole = load(sets.values())
    every: list[Measured] = []
    totals: list[Results] = []
    for size in sizes:
        parts = []
        start = 0
        for name, path in sets.items():
            count = sum(bool(line.strip()) for line in path.read_text("utf-8").splitlines())
            parts.append(await run_at(whole[start : start + count], size, seed=seed))
            every.append(measured(name, size, parts[-1]))
            start += count
            click.echo(f"size {size}: {name} done", err=True)
        totals.append(joined(parts))
    return every, totals


def show_details(results: Results, to: TextIO) -> None:
    """Print confidence, tags and misses."""
    pairs = results.pairs
    print("\npoints      answered  right  precision", file=to)
    for band, answered, right in confidence_table(pairs):
        print(f"  {band:10} {answered:6} {right:6} {right / answered:10.3f}", file=to)
    print("\ntag                              cases  prec   recall abst   mail-r best   phone-r", file=to)
    shown = (
        "domain precision@answered",
        "domain recall",
        "abstention",
        "email recall",
        "best verified",
        "phone recall",
    )
    for tag in sorted({tag for case, _ in pairs for tag in case.tags}):
        tagged = [(case, outcome) for case, outcome in pairs if tag in case.tags]
        rows = score(tagged).rows()
        print(f"  {tag:30} {len(tagged):5}  " + "  ".join(f"{rows[name]:.2f} " for name in shown), file=to)
    print("\nmisses", file=to)
    for miss in score(pairs).misses:
        print(f"  {miss}", file=to)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--size",
    "sizes",
    multiple=True,
    type=click.Choice(["0", "1", "4"]),
    help="Page size; repeatable, all sizes by default.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the page layouts at sizes 1 and 4.")
@click.option("--by-set", is_flag=True, help="Also print a line per set and size.")
@click.option("--queries", is_flag=True, help="Compare query plans in a simulated world instead; size 1 by default.")
@click.option("--companies", type=int, default=COMPANIES, show_default=True, help="Companies of --queries.")
@click.option("--verbose", is_flag=True, help="Also print confidence, tags and misses of the last size.")
def main(
    files: tuple[Path, ...],
    sizes: tuple[str, ...],
    seed: int,
    companies: int,
    *,
    by_set: bool,
    queries: bool,
    verbose: bool,
) -> None:
    """Measure the sets in FILES, or all there are."""
    logs.configure(level="WARNING", form="console")
    if queries:
        for size in sizes or ("1",):
            print(
                f"{companies} companies of a world of {WORLD}, pages of size {size}, seed {seed}; * is the service's\n"
            )
            print(plans_table(asyncio.run(compare(companies, seed, PAGE_SIZE_OF[size]))))
        return
    wanted = [PAGE_SIZE_OF[size] for size in sizes or PAGE_SIZE_OF]
    sets = sets_of(files)
    every, totals = asyncio.run(run_all(sets, wanted, seed))
    together = {size: measured("all", size, total) for size, total in zip(wanted, totals, strict=True)}
    print(f"{next(iter(together.values())).cases} cases of {len(sets)} sets, seed {seed}\n")
    print(targets_table(together))
    print("\n" + levels_table([answer for total in totals for answer in answers_of(total.pairs)]))
    if by_set:
        print("\n" + sets_table([*every, *together.values()]))
    if verbose:
        show_details(totals[-1], sys.stdout)


if __name__ == "__main__":
    main()
