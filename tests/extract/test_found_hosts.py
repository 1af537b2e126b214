"""Several answers as one, and what it means that a host turns up often."""

from __future__ import annotations

import pytest
from extract.builders import UEN, company, hit, page

from acra_express_async.extract.candidates import Candidate, candidates_of
from acra_express_async.extract.found_hosts import FEW_OTHERS, MANY_OTHERS, domains_to_count, united
from acra_express_async.extract.identity import Judgement, judge
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.models import Company, SearchPage

FIRM = company()
STRANGER, OWN = "https://firm-pages.com.sg/", "https://orchidhardware.com.sg/"
TEXT = "Orchid Hardware Pte. Ltd., 10 Kaki Bukit Avenue 4, Singapore 415874"


def answer(*urls: str, others: dict[str, int] | None = None) -> SearchPage:
    return SearchPage("q", tuple(hit(url, "Orchid Hardware", "Bolts in Singapore") for url in urls), others or {})


def candidates(*answers: SearchPage, firm: Company = FIRM) -> dict[str, Candidate]:
    return {found.domain: found for found in candidates_of(united(answers), firm, names_for(firm))}


def judged(others: int, text: str = TEXT, url: str = STRANGER) -> Judgement:
    domain = url.removeprefix("https://").rstrip("/")
    site = Candidate(domain, (url,), 0, (), rank=2, others=others)
    return judge(site, [page(url, text)], FIRM, names_for(FIRM))


def points(judgement: Judgement, signal: str) -> int | None:
    return next((item.points for item in judgement.site.evidence if item.signal == signal), None)


def test_answers_unite_to_one_candidate_for_each_site() -> None:
    found = candidates(answer(OWN, STRANGER), answer(f"{OWN}contact", OWN), answer(OWN))
    assert (found["orchidhardware.com.sg"].answers, found["firm-pages.com.sg"].answers) == (3, 1)
    assert found["orchidhardware.com.sg"].urls[:2] == (OWN, f"{OWN}contact")
    assert found["orchidhardware.com.sg"].text.count("Bolts") == 2, "the same result does not speak twice"


def test_the_site_that_several_queries_found_is_read_first() -> None:
    twin = "https://orchidhardware.sg/"
    once = [site.domain for site in candidates(answer(OWN, twin)).values()]
    again = [site.domain for site in candidates(answer(OWN, twin), answer(twin)).values()]
    assert once[0] == "orchidhardware.com.sg"
    assert again[0] == "orchidhardware.sg"


@pytest.mark.parametrize(
    ("others", "expected"), [(0, None), (FEW_OTHERS - 1, None), (FEW_OTHERS, -10), (MANY_OTHERS, -20), (62, -20)]
)
def test_a_host_found_for_many_others_is_rather_a_directory(others: int, expected: int | None) -> None:
    assert points(judged(others), "found_for_others") == expected


def test_a_fitting_name_or_the_uen_lifts_the_doubt() -> None:
    assert points(judged(MANY_OTHERS, url=OWN), "found_for_others") is None
    assert points(judged(MANY_OTHERS, f"© Orchid Hardware Pte. Ltd. UEN {UEN}"), "found_for_others") is None
    told = f"According to the notice: Orchid Hardware Pte. Ltd. ({UEN})"
    assert points(judged(MANY_OTHERS, told), "found_for_others") == -20, "others tell of the UEN too"


def test_turning_up_often_is_no_proof_of_a_site() -> None:
    """All queries contain the name, so a namesake turns up in all of them."""
    often = Candidate("firm-pages.com.sg", (STRANGER,), 0, (), rank=2, answers=3)
    once = Candidate("firm-pages.com.sg", (STRANGER,), 0, (), rank=2)
    sites = [judge(site, [page(STRANGER, "Orchid Hardware")], FIRM, names_for(FIRM)).site for site in (often, once)]
    assert sites[0].points == sites[1].points
    assert ("found_by_queries", 0) in [(item.signal, item.points) for item in sites[0].evidence]


def test_an_unfitting_host_of_many_others_is_read_later() -> None:
    often = {"firm-pages.com.sg": MANY_OTHERS, "orchidhardware.com.sg": MANY_OTHERS}
    plain, crowded = candidates(answer(STRANGER, OWN)), candidates(answer(STRANGER, OWN, others=often))
    assert crowded["firm-pages.com.sg"].points == plain["firm-pages.com.sg"].points - 20
    assert crowded["orchidhardware.com.sg"].points == plain["orchidhardware.com.sg"].points


def test_only_domains_that_are_not_known_already_are_counted() -> None:
    page_one = answer(STRANGER, "https://www.dnb.com/x", "https://www.facebook.com/x", "https://nea.gov.sg/", OWN)
    assert domains_to_count(page_one) == ("firm-pages.com.sg", "orchidhardware.com.sg")
