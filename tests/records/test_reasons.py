"""Codes of decisions, notes and refusals in words."""

from __future__ import annotations

import re

import pytest
from tools import ROOT

from acra_express_async.metrics import FAILURE_REASONS
from acra_express_async.records.reasons import REASONS, REFUSALS, in_words

CODE = re.compile(
    r"Outcome\(OutcomeKind\.\w+, \"(\w+)\"|run\.notes\.append\(f?\"(\w+)|_outcome\(run, OutcomeKind\.\w+, \"(\w+)\""
)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("search_refused:redirect", "the search did not take the query: it answered with a redirect"),
        ("page_refused:http_451", "a page was not read: it answered with status 451"),
        ("verification_failed:no_credits", "an address was not verified: the account is empty"),
        ("provider_error", "a provider's answers could not be used"),
        ("something_new", "something new"),
        ("", ""),
    ],
)
def test_a_code_is_told_in_words(code: str, words: str) -> None:
    assert in_words(code) == words


def test_every_code_that_we_store_has_words() -> None:
    used = {*FAILURE_REASONS} - {"cancelled"}
    for module in (ROOT / "acra_express_async" / "companies").glob("*.py"):
        for found in CODE.findall(module.read_text(encoding="utf-8")):
            used |= {code for code in found if code}
    assert used <= set(REASONS)
    assert len(used) > 12


def test_every_refusal_of_a_provider_has_words() -> None:
    used = set()
    for module in (ROOT / "acra_express_async" / "providers").glob("*.py"):
        used |= set(re.findall(r'reason="(\w+)"', module.read_text(encoding="utf-8")))
    assert {code for code in used if not code.startswith("http_")} <= set(REFUSALS)
