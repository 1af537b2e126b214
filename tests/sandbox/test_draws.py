"""Seeded draws: they depend only on their key and follow their distribution."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from acra_express_async.sandbox.draws import draw, lognormal, unit, weighted


@given(st.lists(st.text(max_size=5), min_size=2, max_size=4), st.lists(st.text(max_size=5), min_size=2, max_size=4))
def test_draws_depend_on_the_key_alone(first: list[str], second: list[str]) -> None:
    assert unit(*first) == unit(*first)
    assert draw(*first).random() == draw(*first).random()
    if "\x1f".join(first) != "\x1f".join(second):
        assert unit(*first) != unit(*second)


def test_draws_follow_their_shares() -> None:
    picks = Counter(weighted({"a": 3, "b": 1}, "pick", number) for number in range(4_000))
    assert 0.70 < picks["a"] / 4_000 < 0.80
    times = sorted(lognormal(2.0, 8.0, 30.0, "time", number) for number in range(4_000))
    assert abs(times[2_000] - 2.0) < 0.2
    assert abs(times[3_800] - 8.0) < 1.0
    assert times[-1] <= 30.0
