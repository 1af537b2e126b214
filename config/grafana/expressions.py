"""Panels and their expressions.

Shared figures are equal on all replicas (max), counters of processes add up (sum).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HERE = 'job=~"$job",instance=~"$instance"'
ENDED = 'outcome=~"enriched|no_website|failed"'
LASTING = 'budget!="tokens_1m"'
"""Windows of an hour or a day; a rolling minute is full by design whenever pages are read."""

Steps = Sequence[tuple[float, str]]
Queries = Sequence[tuple[str, str]]
Words = Sequence[tuple[str, str, str]]
"""Value, word and colour."""


@dataclass(frozen=True)
class Panel:
    """One panel; `queries` are (legend, expression), `steps` (value, colour) above the colour `base`.

    `words` replaces values, and `empty` is what a panel says while there is no data.
    """

    title: str
    about: str
    unit: str
    queries: Queries
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    steps: Steps = ()
    stacked: bool = False
    base: str = "green"
    shows: str = "value"
    words: Words = ()
    empty: str = "no data"


def m(name: str, *matchers: str, **equal: str) -> str:
    """One of our series, limited to the chosen job and instances."""
    more = [*matchers, *(f'{label}="{value}"' for label, value in equal.items())]
    return f"acra_express_{name}{{{','.join([HERE, *more])}}}"


def rate(name: str, by: str) -> str:
    """The increase of a counter per second, by label."""
    return f"sum by ({by}) (rate({m(name)}[$__rate_interval]))"


def quantile(q: float, name: str, by: str = "", *matchers: str, window: str = "30m") -> str:
    """A quantile of a histogram."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({m(name + '_bucket', *matchers)}[{window}])))"


def stat(
    title: str,
    about: str,
    unit: str,
    expression: str,
    steps: Steps = (),
    base: str = "green",
    words: Words = (),
    empty: str = "no data",
) -> Panel:
    """One figure with a colour."""
    return Panel(title, about, unit, [("", expression)], "stat", 4, 4, steps, base=base, words=words, empty=empty)


RED_AT_1 = ((1, "red"),)
YES_IS_ORANGE = (("0", "no", "green"), ("1", "yes", "orange"))
RATIO = (
    f"(sum(increase({m('companies_processed_total', outcome='failed')}[30m])) or vector(0))"
    f" / clamp_min(sum(increase({m('companies_processed_total', ENDED)}[30m])), 1)"
)
SPARE = f"({m('budget_limit')} - {m('budget_used')})"
PACE = f"clamp_min(deriv({m('budget_used')}[15m]), 0.000001)"
TIME_TO_EMPTY = f"clamp_max(max by (provider, budget) ({SPARE} / {PACE}), 86400)"
"""Seconds until each rolling window is used up, if spending goes on as in the last 15 minutes."""
