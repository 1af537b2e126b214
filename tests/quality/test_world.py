"""The simulator's world as a second test of quality and cost."""

from __future__ import annotations

from collections import Counter

from quality.calls import compare
from quality.scoring import run_in
from quality.world import count, webs

COMPANIES = 120


async def test_the_simulated_world_is_answered_without_errors() -> None:
    tally: Counter[str] = Counter()
    async with webs(COMPANIES, seed=7) as found:
        for truth, web in found:
            count(tally, truth, await run_in(web))
    assert tally["answered"] > COMPANIES / 4
    assert tally["answered"] == tally["right"]
    assert tally["found"] >= 0.97 * tally["expected"]
    assert (tally["trapped"], tally["forbidden"], tally["strangers"], tally["strange_phones"]) == (0, 0, 0, 0)
    assert tally["mails_found"] >= 0.97 * tally["mails"]
    assert tally["phones_found"] >= 0.97 * tally["phones"]


async def test_fewer_calls_cost_no_quality() -> None:
    """The same decisions with and without the savings of the reading plan; the fake web counts the calls."""
    naive, ours = await compare(60, seed=11)
    assert ours.searches < 0.85 * naive.searches
    assert ours.pages < 0.9 * naive.pages
    assert ours.verifications < naive.verifications
    for fact in ("right", "found", "usable"):
        assert ours.tally[fact] >= naive.tally[fact], fact
    assert ours.tally["answered"] == ours.tally["right"]
