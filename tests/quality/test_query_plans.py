"""The query plans in the simulated world: the service's own finds more than others at the searches it may spend."""

from __future__ import annotations

import asyncio

import pytest
from quality.query_plans import BROKEN, CHOSEN, PLANS, PlanResult, compare, plans_table, wilson

COMPANIES = 90
BEFORE, ONE = "name, UEN, former name; stop (before)", "name"
UNEXCLUDED = "name, place, other; stop when proven"
COMPARED = (BEFORE, ONE, UNEXCLUDED, CHOSEN, BROKEN)
MOST_SEARCHES = 2.0
"""200 searches an hour are then enough for 100 companies, and pages limit the pace."""
LEAST_PER_HOUR = 66.0
LEAST_AMONG, LEAST_RIGHT = 0.74, 0.34
"""Floors of the service's plan: sites among the candidates, and companies answered rightly."""


pytestmark = pytest.mark.timeout(900)  # a minute on a quiet machine, and the first test pays for the fixture


@pytest.fixture(scope="module")
def results() -> dict[str, PlanResult]:
    """The plans over the same companies."""
    found = asyncio.run(compare(COMPANIES, 5, plans={name: PLANS[name] for name in COMPARED}))
    return {each.name: each for each in found}


def test_the_plan_finds_more_sites_than_any_other(results: dict[str, PlanResult]) -> None:
    ours = results[CHOSEN]
    assert ours.share_among() >= LEAST_AMONG
    assert ours.share_among() > max(results[name].share_among() for name in (BEFORE, ONE, UNEXCLUDED))
    assert ours.ends["right"] >= LEAST_RIGHT * ours.companies
    assert ours.ends["right"] > results[BEFORE].ends["right"]
    assert ours.ends["missed"] < results[BEFORE].ends["missed"]


def test_the_plan_keeps_to_its_searches(results: dict[str, PlanResult]) -> None:
    assert results[CHOSEN].searches() <= MOST_SEARCHES
    assert results[CHOSEN].per_hour() >= LEAST_PER_HOUR


def test_more_candidates_bring_no_wrong_answers(results: dict[str, PlanResult]) -> None:
    ours = results[CHOSEN]
    answered = ours.ends["right"] + ours.ends["wrong"]
    assert ours.ends["wrong"] <= 0.05 * answered, "names that collide with an unproven site are the rest"


def test_the_plan_survives_exclusions_that_find_nothing(results: dict[str, PlanResult]) -> None:
    """A query that found nothing is asked again without them; searches then still do not limit the pace."""
    broken, unexcluded = results[BROKEN], results[UNEXCLUDED]
    assert broken.share_among() >= unexcluded.share_among() - 0.02
    assert broken.ends["right"] >= unexcluded.ends["right"] - 1
    assert 200 / broken.searches() >= LEAST_PER_HOUR


def test_every_company_ends_in_one_of_four_ways(results: dict[str, PlanResult]) -> None:
    for each in results.values():
        assert sum(each.ends.values()) == each.companies == COMPANIES
    assert plans_table(results.values()).count(f"{CHOSEN} *") == 1


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilson_intervals_equal_published_ones(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == pytest.approx((low, high), abs=0.0001)
