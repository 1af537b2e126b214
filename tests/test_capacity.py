"""The arithmetic of `plan`: the bottleneck, nights, and the effect of a third worker."""

from __future__ import annotations

from datetime import timedelta

import pytest

from acra_express_async.limits.capacity import Costs, plan, verified_share
from acra_express_async.settings.tree import Settings, load_settings


def settings(**figures: str) -> Settings:
    return load_settings({"POSTGRES_DSN": "x"} | {f"ACRA_EXPRESS_{name}": value for name, value in figures.items()})


def test_defaults_are_bound_by_the_daily_cap_and_hourly_reading() -> None:
    answer = plan(settings())
    assert (answer.bottleneck.name, answer.per_day) == ("daily cap", 300)
    assert (answer.slowest.name, answer.per_hour) == ("jina calls_1h", pytest.approx(120 / 1.24))
    assert answer.third_worker_gains == 0


def test_three_pages_a_company_allow_forty_an_hour() -> None:
    answer = plan(settings(), Costs(searches=1, pages=3, tokens=4500, verifications=2, seconds=40))
    assert answer.per_hour == pytest.approx(40)
    assert answer.time_for(20) == timedelta(minutes=30)


def test_a_third_worker_helps_only_with_slow_providers() -> None:
    answer = plan(settings(), Costs(searches=1, pages=1, tokens=500, verifications=0, seconds=120))
    assert answer.slowest.name == "2 workers"
    assert answer.third_worker_gains == pytest.approx(0.5)


def test_work_beyond_a_day_includes_the_night() -> None:
    answer = plan(settings(DAILY_CAP="100"))
    hundred = timedelta(hours=1) * (100 / (120 / 1.24))
    assert answer.time_for(100) == hundred
    assert answer.time_for(250) == timedelta(days=2) + hundred / 2


def test_a_share_limits_the_pace_of_express() -> None:
    answer = plan(settings(JINA__SHARE="0.5", DAILY_CAP="100000"))
    assert answer.per_hour == pytest.approx(60 / 1.24)


def test_verifications_do_not_limit_companies_but_are_reported() -> None:
    answer = plan(settings(DAILY_CAP="1000"), Costs(verifications=1.0))
    assert answer.per_day == 1000
    assert verified_share(settings(), answer.costs, answer.per_day) == pytest.approx(0.3)
