"""``cd tests && python -m quality [FILE …]``: the metrics over all cases, by tag, and confidence against precision."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from quality.cases import DEVELOPMENT, OWN, Case, load
from quality.scoring import confidence_table, run, score

from acra_express_async.models import Outcome


async def _results(cases: tuple[Case, ...]) -> list[tuple[Case, Outcome]]:
    return [(case, await run(case)) for case in cases]


def main() -> None:
    """Print everything; without arguments the development set (where present) and our own cases."""
    named = [Path(argument) for argument in sys.argv[1:]]
    paths = named or [path for path in (DEVELOPMENT, *sorted(OWN.glob("*.jsonl"))) if path.exists()]
    results = asyncio.run(_results(load(paths)))
    tally = score(results)
    print(f"{tally.cases} cases, {tally.with_site} with a site")
    for name, value in tally.rows().items():
        print(f"  {name:28} {value:8.3f}")
    print("\npoints      answered  right  precision")
    for band, answered, right in confidence_table(results):
        print(f"  {band:10} {answered:6} {right:6} {right / answered:10.3f}")
    print("\ntag                              cases  prec   recall abst   mail-r top-2  phone-r")
    for tag in sorted({tag for case, _ in results for tag in case.tags}):
        rows = score((case, outcome) for case, outcome in results if tag in case.tags).rows()
        count = sum(tag in case.tags for case, _ in results)
        shown = (
            "domain precision@answered",
            "domain recall",
            "abstention",
            "email recall",
            "top-2 best",
            "phone recall",
        )
        print(f"  {tag:30} {count:5}  " + "  ".join(f"{rows[name]:.2f} " for name in shown))
    print("\nmisses")
    for miss in tally.misses:
        print(f"  {miss}")


if __name__ == "__main__":
    main()
