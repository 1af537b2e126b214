"""The table of budgets: each row names what exists, and all that is derived from it has every row."""

from __future__ import annotations

import dataclasses

import pytest

from acra_express_async.limits import allowances, resolve
from acra_express_async.limits.budget_table import (
    BUDGETS,
    DAY,
    NEEDED,
    READS,
    SEARCHES,
    TOKENS,
    VERIFICATIONS,
    BudgetRow,
    used,
)
from acra_express_async.limits.capacity import DOCUMENTED, Costs, plan
from acra_express_async.metrics import new_metrics
from acra_express_async.models import Provider, Usage
from acra_express_async.settings.tree import load_settings

SETTINGS = load_settings({"ACRA_EXPRESS_POSTGRES_DSN": "postgresql://x@localhost/x"})
ROWS = pytest.mark.parametrize("row", BUDGETS, ids=lambda row: row.name)


@ROWS
def test_a_row_names_a_setting_and_a_share(row: BudgetRow) -> None:
    assert row.figure(SETTINGS) >= row.least
    assert 0 < row.share(SETTINGS) <= 1


@ROWS
def test_a_row_counts_in_usage_and_in_costs(row: BudgetRow) -> None:
    for counted in (Usage, Costs):
        assert row.unit in {each.name for each in dataclasses.fields(counted)}
    assert DOCUMENTED.of(row) > 0


@ROWS
def test_a_job_may_lower_every_budget(row: BudgetRow) -> None:
    throttle = resolve({"providers": {row.provider.value: {row.setting: row.least}}}, SETTINGS)
    assert throttle.limits.providers == {row.key: row.least}


@ROWS
def test_a_new_process_shows_every_budget(row: BudgetRow) -> None:
    labels = {"provider": row.provider.value, "budget": row.name}
    registry = new_metrics(each.key for each in BUDGETS).registry
    assert registry.get_sample_value("acra_express_budget_used", labels) == 0
    assert registry.get_sample_value("acra_express_budget_limit", labels) == 0


def test_every_budget_has_one_allowance() -> None:
    names = [allowance.name for each in allowances(SETTINGS).values() for allowance in each]
    assert sorted(names) == sorted(row.name for row in BUDGETS)


def test_only_budgets_that_companies_need_limit_capacity() -> None:
    bounds = {bound.name for bound in plan(SETTINGS).bounds}
    assert {f"{row.provider} {row.name}" in bounds for row in BUDGETS if not row.optional} == {True}
    assert {f"{row.provider} {row.name}" in bounds for row in BUDGETS if row.optional} == {False}
    assert {Provider.DUCKDUCKGO, Provider.JINA} == NEEDED


SEARCHES_OF_A_DAY = dataclasses.replace(SEARCHES, name="requests_1d", window=DAY)


@pytest.mark.parametrize(
    ("cost", "billed", "free", "usage"),
    [
        ({SEARCHES: 1}, {}, False, Usage(searches=1)),
        ({SEARCHES: 1}, {}, True, Usage(searches=1)),
        ({SEARCHES: 1, SEARCHES_OF_A_DAY: 1}, {}, False, Usage(searches=1)),
        ({READS: 1, TOKENS: 1502}, {TOKENS: 700}, False, Usage(pages=1, tokens=700)),
        ({READS: 1, TOKENS: 1502}, {}, False, Usage(pages=1)),
        ({VERIFICATIONS: 1}, {}, False, Usage(verifications=1)),
        ({VERIFICATIONS: 1}, {}, True, Usage()),
        ({}, {}, False, Usage()),
    ],
)
def test_a_send_is_counted_once_and_as_billed(
    cost: dict[BudgetRow, int], billed: dict[BudgetRow, int], free: bool, usage: Usage
) -> None:
    assert used(cost, billed, free=free) == usage
