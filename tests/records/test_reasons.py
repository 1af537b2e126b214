"""Codes of decisions, notes and refusals in words."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from tools import ROOT

from acra_express_async.extract.identity import Doubt
from acra_express_async.metrics import new_metrics
from acra_express_async.models import OutcomeKind
from acra_express_async.records.reasons import REASONS, REASONS_OF, REFUSALS, in_words

ENDS = re.compile(r"Outcome\(OutcomeKind\.(\w+), (\w+|\"\w+\")[,)]|_outcome\(run, OutcomeKind\.(\w+), (\w+|\"\w+\")\)")
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
    used = _job_failures()
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


def test_each_outcome_has_the_reasons_that_the_code_gives() -> None:
    """Constants of the pipeline are read by their names, the doubts about a site and the failures from their lists."""
    companies = ROOT / "acra_express_async" / "companies"
    source = "\n".join(module.read_text(encoding="utf-8") for module in companies.glob("*.py"))
    constants = dict(re.findall(r'^(\w+) = "(\w+)"$', source, re.MULTILINE))
    given: dict[str, set[str]] = {"NO_WEBSITE": {doubt.value for doubt in Doubt if doubt.value} - {"unreadable"}}
    given["FAILED"] = _job_failures()
    for first, code, second, other in ENDS.findall(source):
        name = (code or other).strip('"')
        given.setdefault(first or second, set()).add(constants.get(name, name))
    plan = (ROOT / "acra_express_async" / "extract" / "reading_plan.py").read_text(encoding="utf-8")
    reasons = plan.partition("def reason_for_none")[2].partition("def ")[0]
    given["NO_WEBSITE"] |= set(re.findall(r'"(no_\w+|ambiguous|site_\w+)"', reasons)) - {"reason"}
    given["NO_WEBSITE"] |= {"forgotten"}  # only in exports
    given["SKIPPED"] |= {"opted_out"}
    for kind, codes in given.items():
        assert codes - {"reason"} == set(REASONS_OF[OutcomeKind[kind]]), kind


def _job_failures() -> set[str]:
    """Why the companies of a job failed as a whole."""
    ends = (ROOT / "acra_express_async" / "jobs" / "attempt_ends.py").read_text(encoding="utf-8")
    return set(re.findall(r'_fail\(.*reason="(\w+)"\)', ends))


def test_each_reason_of_a_failure_is_counted_by_itself() -> None:
    failures = REASONS_OF[OutcomeKind.FAILED]
    metrics = new_metrics(failures=failures)
    for reason in (*failures, "something_new"):
        metrics.company_ended("failed", reason, timedelta(seconds=1))
    counted = {
        reason: metrics.registry.get_sample_value("acra_express_failures_total", {"reason": reason})
        for reason in failures
    }
    assert counted == dict.fromkeys(failures, 1.0) | {"internal_error": 2.0}


def test_readme_names_every_reason_with_its_outcome() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| outcome | reason |")[2].partition("\n\n")[0]
    told = {
        (cells[0].strip(), code)
        for line in table.splitlines()[2:]
        for cells in [line.strip("|").split("|")]
        for code in re.findall(r"`(\w+)`", cells[1])
    }
    known = {(kind.value, code) for kind, codes in REASONS_OF.items() for code in codes}
    assert told == known - {("enriched", "judged")}  # told beside no_website
