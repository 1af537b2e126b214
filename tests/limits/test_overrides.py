"""`params.throttle`: lower values always apply, higher ones need approval, none may exceed the allowance."""

from __future__ import annotations

from typing import Any

import pytest

from acra_express_async.errors import JobError
from acra_express_async.limits import JobThrottle, resolve
from acra_express_async.models import Provider
from acra_express_async.settings.tree import load_settings

SETTINGS = load_settings(
    {"ACRA_EXPRESS_POSTGRES_DSN": "postgresql://x@localhost/x", "ACRA_EXPRESS_OVERRIDE_APPROVERS": "mei, arjun"}
)
CALLS, TOKENS = (Provider.JINA, "calls_1h"), (Provider.JINA, "tokens_1m")
VERIFICATIONS = (Provider.ZEROBOUNCE, "verifications_1d")


def judged(**throttle: Any) -> JobThrottle:
    return resolve(throttle, SETTINGS, key="campaign:1")


@pytest.mark.parametrize("nothing", [None, {}, {"providers": {}}, {"providers": {"jina": {}}}])
def test_a_job_without_overrides_uses_the_configured_values(nothing: object) -> None:
    throttle = resolve(nothing, SETTINGS)
    assert (throttle.batch_size, throttle.daily_cap) == (5, 300)
    assert throttle.limits.providers == {}
    assert (throttle.raised, throttle.refused, throttle.authorized_by) == ((), (), None)


def test_a_lower_override_always_applies() -> None:
    throttle = judged(
        batch_size=2,
        daily_cap=0,
        providers={
            "jina": {"calls_per_hour": 60, "tokens_per_minute": 2500},
            "duckduckgo": {"requests_per_hour": 100},
            "zerobounce": {"verifications_per_day": 0},
        },
    )
    assert (throttle.batch_size, throttle.daily_cap) == (2, 0)
    assert throttle.limits.key == "campaign:1"
    assert throttle.limits.providers == {
        CALLS: 60,
        TOKENS: 2500,
        (Provider.DUCKDUCKGO, "requests_1h"): 100,
        VERIFICATIONS: 0,
    }
    assert throttle.raised == throttle.refused == ()


@pytest.mark.parametrize("who", [None, "somebody", ""])
def test_an_unapproved_raise_is_recorded_and_not_applied(who: str | None) -> None:
    approval = {} if who is None else {"authorized_by": who}
    providers = {"zerobounce": {"verifications_per_day": 400}}
    throttle = judged(batch_size=20, daily_cap=900, providers=providers, **approval)
    assert (throttle.batch_size, throttle.daily_cap, throttle.limits.providers) == (5, 300, {})
    assert throttle.raised == ()
    assert [str(refused) for refused in throttle.refused] == [
        "throttle.batch_size: asked 20, configured 5, granted 5",
        "throttle.daily_cap: asked 900, configured 300, granted 300",
        "throttle.providers.zerobounce.verifications_per_day: asked 400, configured 300, granted 300",
    ]


def test_an_approved_raise_applies_and_is_recorded() -> None:
    throttle = judged(
        batch_size=20, daily_cap=900, providers={"zerobounce": {"verifications_per_day": 400}}, authorized_by="mei"
    )
    assert (throttle.batch_size, throttle.daily_cap, throttle.limits.providers) == (20, 900, {VERIFICATIONS: 400})
    assert len(throttle.raised) == 3
    assert throttle.refused == ()
    assert throttle.authorized_by == "mei"


def test_no_approval_raises_above_the_allowance() -> None:
    throttle = judged(
        providers={"zerobounce": {"verifications_per_day": 5000}, "jina": {"calls_per_hour": 121}}, authorized_by="mei"
    )
    assert throttle.limits.providers == {VERIFICATIONS: 500}
    assert [raised.granted for raised in throttle.raised] == [500]
    assert [(refused.asked, refused.granted) for refused in throttle.refused] == [(5000, 500), (121, 120)]


@pytest.mark.parametrize(
    ("throttle", "words"),
    [
        ([], "throttle must be an object"),
        ("fast", "throttle must be an object"),
        ({1: 2}, "throttle must be an object"),
        ({"speed": 1}, "unknown key throttle.speed"),
        ({"batch_size": "5"}, "throttle.batch_size must be a whole number"),
        ({"batch_size": True}, "throttle.batch_size must be a whole number"),
        ({"batch_size": 2.0}, "throttle.batch_size must be a whole number"),
        ({"batch_size": None}, "throttle.batch_size must be a whole number"),
        ({"batch_size": 0}, "throttle.batch_size must be at least 1"),
        ({"batch_size": 101, "authorized_by": "mei"}, "throttle.batch_size must be at most 100"),
        ({"daily_cap": -1}, "throttle.daily_cap must be at least 0"),
        ({"daily_cap": 10**9}, "throttle.daily_cap must be at most"),
        ({"authorized_by": 5}, "throttle.authorized_by must be a string"),
        ({"authorized_by": None}, "throttle.authorized_by must be a string"),
        ({"providers": None}, "throttle.providers must be an object"),
        ({"providers": {"slack": {}}}, "unknown key throttle.providers.slack"),
        ({"providers": {"bing": {}}}, "unknown key throttle.providers.bing"),
        ({"providers": {"jina": 5}}, "throttle.providers.jina must be an object"),
        ({"providers": {"jina": {"requests_per_hour": 5}}}, "unknown key throttle.providers.jina.requests_per_hour"),
        ({"providers": {"jina": {"calls_per_hour": 0}}}, "throttle.providers.jina.calls_per_hour must be at least 1"),
        ({"providers": {"jina": {"tokens_per_minute": 501}}}, "tokens_per_minute must be at least 502"),
        ({"providers": {"jina": {"calls_per_hour": None}}}, "calls_per_hour must be a whole number"),
    ],
)
def test_an_invalid_override_fails_the_job_and_names_the_key(throttle: object, words: str) -> None:
    with pytest.raises(JobError) as wrong:
        resolve(throttle, SETTINGS)
    assert words in str(wrong.value)
