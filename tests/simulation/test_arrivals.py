"""What each profile enqueues when."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from acra_express_async.cli.simulate import PROFILES as NAMED
from acra_express_async.errors import JobError
from acra_express_async.params import StagingParams
from acra_express_async.sandbox.simulation.arrivals import PROFILES, Market, adversarial, burst, over_cap, paced

MARKET = Market(uens=[f"U{number}" for number in range(500)], codes=["10711", "25999"], batch=5, cap=300)


def test_paced_enqueues_the_whole_cap_without_repetition() -> None:
    plan = paced(24, MARKET)
    asked = [uen for one in plan for uen in one.params["uens"]]
    assert len(asked) == len(set(asked)) == 300
    assert {len(one.params["uens"]) for one in plan} == {5}


def test_paced_enqueues_each_quarter_hour_and_not_at_night() -> None:
    plan = paced(24, MARKET)
    assert plan[0].at == timedelta(hours=7)
    assert {later.at - one.at for one, later in pairwise(plan)} == {timedelta(minutes=15)}
    assert plan[-1].at + timedelta(minutes=15) <= timedelta(hours=24)


def test_a_short_simulation_starts_at_once_and_ends_quietly() -> None:
    plan = paced(1, MARKET)
    assert [one.at for one in plan] == [timedelta(minutes=minutes) for minutes in (0, 15, 30)]


def test_burst_is_one_campaign_by_trade_at_nine() -> None:
    [one] = burst(24, MARKET)
    assert one.at == timedelta(hours=9)
    assert one.params["limit"] == 300
    assert one.params["ssic_codes"] == ["10711", "25999"]


def test_over_cap_enqueues_one_company_too_many() -> None:
    [one] = over_cap(5, MARKET)
    assert len(one.params["uens"]) == MARKET.cap + 1


def test_adversarial_repeats_companies_and_sends_bad_params() -> None:
    plan = adversarial(24, MARKET)
    right, wrong = 0, 0
    for one in plan:
        try:
            StagingParams.parse(one.params)
            right += 1
        except JobError:
            wrong += 1
    assert wrong >= 10
    asked = [uen for one in plan for uen in one.params.get("uens", [])]
    assert len(asked) > len(set(asked)) > 100
    assert right > wrong


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_enqueues_nothing_at_night(name: str) -> None:
    plan = PROFILES[name].arrivals(24, MARKET)
    assert all(one.at >= timedelta(hours=7) for one in plan if name in {"paced", "burst", "adversarial"})


def test_simulate_offers_every_profile() -> None:
    assert list(NAMED) == list(PROFILES)
