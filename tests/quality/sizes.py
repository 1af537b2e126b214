"""Targets and measured values for every case set at every page size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quality.cases import Case
from quality.scoring import Tally, score
from quality.through_reader import Results

from acra_express_async.sandbox.results import table
from acra_express_async.sandbox.world import PageSize

SEARCHES_PER_HOUR, CALLS_PER_HOUR, TOKENS_PER_HOUR = 200, 120, 5_000 * 60
"""The service's allowances in a rolling hour; tokens at an even pace."""


@dataclass(frozen=True)
class Target:
    """A metric of `Measured.figures` and its target at sizes 0, 1 and 4; `most` marks an upper bound."""

    metric: str
    at: tuple[float, float, float]
    most: bool = False

    def missed(self, size: PageSize, value: float) -> bool:
        """Whether the value misses the target."""
        bound = self.at[(0, 1, 4).index(size)]
        return value > bound if self.most else value < bound


TARGETS = (
    Target("domain precision@answered", (0.98, 0.98, 0.97)),
    Target("domain recall", (0.94, 0.94, 0.90)),
    Target("abstention", (0.95, 0.95, 0.95)),
    Target("wrong traps", (1, 1, 1), most=True),
    Target("forbidden emails", (0, 0, 0), most=True),
    Target("contacts on nulls", (0, 0, 0), most=True),
    Target("uen read and found", (1.0, 1.0, 1.0)),
    Target("email precision", (0.97, 0.97, 0.97)),
    Target("email recall", (0.93, 0.93, 0.90)),
    Target("best verified", (0.93, 0.93, 0.90)),
    Target("phone precision", (0.99, 0.99, 0.99)),
    Target("phone recall", (0.95, 0.95, 0.90)),
    Target("postal code", (0.95, 0.95, 0.90)),
)
"""Targets for case sets that the code was not tuned on."""

REPORTED = (
    "uen read of those on the site",
    "searches a company",
    "calls a company",
    "tokens a company",
    "companies an hour",
)
"""Metrics that are reported without a target."""


@dataclass(frozen=True)
class Measured:
    """The results of one case set at one page size."""

    name: str
    size: PageSize
    tally: Tally
    calls: int
    tokens: int
    uens_read: int
    uens_found: int
    with_uen: int

    @property
    def cases(self) -> int:
        """Number of companies."""
        return self.tally.cases

    def figures(self) -> dict[str, float]:
        """Every metric by name; costs are means per company."""
        rows = self.tally.rows()
        calls, tokens = self.calls / self.cases, self.tokens / self.cases
        searches = rows["searches a company"]
        return rows | {
            "uen read and found": self.uens_found / self.uens_read if self.uens_read else 1.0,
            "uen read of those on the site": self.uens_read / self.with_uen if self.with_uen else 1.0,
            "calls a company": calls,
            "tokens a company": tokens,
            "companies an hour": companies_an_hour(searches=searches, calls=calls, tokens=tokens),
        }


def companies_an_hour(*, searches: float, calls: float, tokens: float) -> float:
    """The pace that the first allowance to run out permits, given mean use per company."""
    bounds = ((SEARCHES_PER_HOUR, searches), (CALLS_PER_HOUR, calls), (TOKENS_PER_HOUR, tokens))
    return min((allowance / mean for allowance, mean in bounds if mean), default=float("inf"))


def measured(name: str, size: PageSize, results: Results) -> Measured:
    """Score the results of a case set."""
    shown = {case.case_id for case, _ in results.pairs if results.readings[case.case_id].shows_uen(case)}
    found = {case.case_id for case, outcome in results.pairs if _is_right(case, outcome.site and outcome.site.domain)}
    costs = [reading.cost for reading in results.readings.values()]
    return Measured(
        name,
        size,
        score(results.pairs),
        calls=sum(cost.calls for cost in costs),
        tokens=sum(cost.tokens for cost in costs),
        uens_read=len(shown),
        uens_found=len(shown & found),
        with_uen=sum(bool(case.expected.get("uen_on_site")) for case, _ in results.pairs),
    )


def _is_right(case: Case, answer: str | None) -> bool:
    return answer is not None and answer in (case.expected["domain"], *case.expected["domain_aliases"])


def targets_table(by_size: Mapping[PageSize, Measured]) -> str:
    """One line per metric with value and target at each size; missed targets are marked."""
    header = ["metric", *(f"size {size}" for size in by_size)]
    rows = []
    for target in TARGETS:
        cells = [target.metric]
        for size, one in by_size.items():
            value, bound = one.figures()[target.metric], target.at[(0, 1, 4).index(size)]
            sign = "at most" if target.most else "of"
            cells.append(f"{value:.3g} {sign} {bound:g}" + (" MISSED" if target.missed(size, value) else ""))
        rows.append(cells)
    rows += [[metric, *(f"{one.figures()[metric]:.4g}" for one in by_size.values())] for metric in REPORTED]
    return table(header, rows)


COLUMNS: Mapping[str, str] = {
    "prec": "domain precision@answered",
    "recall": "domain recall",
    "abst": "abstention",
    "traps": "wrong traps",
    "uen": "uen read and found",
    "mail-p": "email precision",
    "mail-r": "email recall",
    "best": "best verified",
    "phone-p": "phone precision",
    "phone-r": "phone recall",
    "postal": "postal code",
    "calls": "calls a company",
    "tokens": "tokens a company",
    "an hour": "companies an hour",
}


def sets_table(every: Sequence[Measured]) -> str:
    """One line per case set and size."""
    rows = []
    for one in every:
        figures = one.figures()
        cells = [
            f"{figures[metric]:.4g}" if figures[metric] >= 10 else f"{figures[metric]:.2f}"
            for metric in COLUMNS.values()
        ]
        rows.append([one.name, str(one.size), str(one.cases), *cells])
    return table(["set", "size", "cases", *COLUMNS], rows)
