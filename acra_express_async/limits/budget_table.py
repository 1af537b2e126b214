"""The table of budgets: one row for each rolling window in which express keeps what it takes from a provider.

Everything else about budgets is derived from it: the allowances, the keys of `params.throttle`, the labels of the
metrics, capacity, forecast and status page. A new budget is a row here, its figure in settings/tree.py, and the cost
that the calls of its provider state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from acra_express_async.models import Provider, Usage
from acra_express_async.settings.tree import Settings

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LATEST_BILL = timedelta(seconds=100)
"""How long after a read was sent Reader may still bill it: what is in front of it gives up after so long (524), and a
caller that leaves sooner does not end the read."""
SMALLEST_PAGE = 502
"""Jina Reader cuts a page to no less than 500 tokens and may be off by two: with less, no page could ever be read."""
RESERVED_USE = 0.9
"""The part of a window that can be used when the answer states the amount: each reservation, which is larger than the
bill, is in flight for some seconds of the minute."""

Unit = Literal["searches", "pages", "tokens", "verifications"]
"""What is counted: a field of `Usage` and of `Costs`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """One row.

    Args:
        provider: whose calls are charged; its group of settings holds `setting` and the share.
        name: label `budget` of the metrics.
        window: the rolling window.
        setting: the name of its figure, in the provider's settings and in `params.throttle`.
        unit: what is counted.
        paced: every call costs one, and a throttle spreads the calls over the window.
        billed_within: how long after the send the provider may still bill a call whose answer states the amount; such
            a charge is settled by the answer. None where a call costs what it says before it is sent.
        only_if_served: a send that the provider refuses does not count as spent for the company.
        elsewhere: what the platform's other tenants spend counts too.
        optional: a company can be finished without it.
        least: the smallest figure that a job may ask for.
    """

    provider: Provider
    name: str
    window: timedelta
    setting: str
    unit: Unit
    paced: bool = False
    billed_within: timedelta | None = None
    only_if_served: bool = False
    elsewhere: bool = False
    optional: bool = False
    least: int = 1

    @property
    def key(self) -> tuple[Provider, str]:
        """How the budget is named in limits of jobs and in the ledger."""
        return self.provider, self.name

    @property
    def settles(self) -> bool:
        """The answer states the amount, and what was reserved beyond it is given back."""
        return self.billed_within is not None

    @property
    def usable(self) -> float:
        """The part of the allowance that can be used in practice."""
        return RESERVED_USE if self.settles else 1.0

    def figure(self, settings: Settings) -> int:
        """The allowance per window."""
        figure: int = getattr(settings.of(self.provider), self.setting)
        return figure

    def share(self, settings: Settings) -> float:
        """The part of the allowance that express takes by itself."""
        share: float = getattr(settings.of(self.provider), "share")  # noqa: B009 - not every provider has one
        return share


SEARCHES = BudgetRow(
    provider=Provider.DUCKDUCKGO,
    name="requests_1h",
    window=HOUR,
    setting="requests_per_hour",
    unit="searches",
    paced=True,
)
READS = BudgetRow(
    provider=Provider.JINA, name="calls_1h", window=HOUR, setting="calls_per_hour", unit="pages", paced=True
)
TOKENS = BudgetRow(
    provider=Provider.JINA,
    name="tokens_1m",
    window=MINUTE,
    setting="tokens_per_minute",
    unit="tokens",
    billed_within=LATEST_BILL,
    least=SMALLEST_PAGE,
)
VERIFICATIONS = BudgetRow(
    provider=Provider.ZEROBOUNCE,
    name="verifications_1d",
    window=DAY,
    setting="verifications_per_day",
    unit="verifications",
    only_if_served=True,
    elsewhere=True,
    optional=True,
    least=0,
)
BUDGETS = (SEARCHES, READS, TOKENS, VERIFICATIONS)


def budget_of(provider: Provider, name: str) -> BudgetRow:
    """The row of an allowance."""
    return _BY_KEY[provider, name]


def budgets_of(provider: Provider) -> Iterator[BudgetRow]:
    """All rows of a provider; none for one that has no budget."""
    return (row for row in BUDGETS if row.provider is provider)


_BY_KEY = {row.key: row for row in BUDGETS}
BUDGETED = tuple(dict.fromkeys(row.provider for row in BUDGETS))
"""The providers that have budgets: each of them has a breaker too, and can be probed."""
NEEDED = frozenset(row.provider for row in BUDGETS if not row.optional)
"""Providers without which no company can be worked on."""


def used(cost: Mapping[BudgetRow, int], billed: Mapping[BudgetRow, int], *, free: bool) -> Usage:
    """What one send took of its company's budgets.

    Several budgets may count the same thing over different windows, and the company has used it once.

    Args:
        cost: what was charged before the send.
        billed: what the answer states; where it may state the amount, only that counts.
        free: the provider refused the send and charges nothing.
    """
    amounts: dict[str, Any] = {}
    for row, charged in cost.items():
        amount = billed.get(row, 0) if row.settles else 0 if free and row.only_if_served else charged
        amounts[row.unit] = max(amount, amounts.get(row.unit, 0))
    return Usage(**amounts)
