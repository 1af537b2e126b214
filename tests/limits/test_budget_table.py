"""The table of budgets: each row names what exists, and all that is derived from it has every row."""

from __future__ import annotations

import dataclasses

import pytest

from acra_express_async.limits import allowances, resolve
from acra_express_async.limits.budget_table import BUDGETS, NEEDED, BudgetRow
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
