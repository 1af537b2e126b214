"""Marketplaces, delivery and job platforms: the own site of the company that runs one, and of nobody else."""

from __future__ import annotations

import pytest
from extract.builders import OTHER_UEN, UEN, company, hit, page

from acra_express_async.extract.candidates import candidates_in
from acra_express_async.extract.directories import is_entry, is_listed
from acra_express_async.extract.identity import Doubt, Judgement, judge
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.models import Company, Page

OPERATORS = {
    "DELIVERY HERO (SINGAPORE) PTE. LTD.": "foodpanda.sg",
    "LAZADA SINGAPORE PTE. LTD.": "lazada.sg",
    "SHOPEE SINGAPORE PRIVATE LIMITED": "shopee.sg",
    "ROOFOODS SINGAPORE PTE. LTD.": "deliveroo.com.sg",
    "GRABTAXI HOLDINGS PTE. LTD.": "grab.com",
    "CAROUSELL PTE. LTD.": "carousell.sg",
    "GIOSIS PTE. LTD.": "qoo10.sg",
    "ALLPROPERTY MEDIA PTE. LTD.": "propertyguru.com.sg",
    "99 PTE. LTD.": "99.co",
    "CHOPE GROUP PTE. LTD.": "chope.co",
}
REGISTERED = "10 Kaki Bukit Avenue 4 Singapore 415874"


def judged(firm: Company, *pages: Page, snippet: str = "") -> Judgement | None:
    """The judgement of these pages of one host, whose first page was the search result; None for no candidate."""
    names = names_for(firm)
    found = candidates_in([hit(pages[0].url, pages[0].title, snippet or f"{firm.name} Singapore")], firm, names)
    return judge(found[0], pages, firm, names) if found else None


def believed(firm: Company, *pages: Page, snippet: str = "") -> bool:
    judgement = judged(firm, *pages, snippet=snippet)
    return judgement is not None and judgement.believed


@pytest.mark.parametrize("name", OPERATORS)
def test_the_platform_is_its_operators_site(name: str) -> None:
    domain = OPERATORS[name]
    assert is_listed(domain)
    home = page(f"https://www.{domain}/", f"Order, sell, find.\n\n{name} UEN {UEN}. Singapore", domain)
    assert believed(company(name), home)


@pytest.mark.parametrize("name", OPERATORS)
def test_the_imprint_and_the_address_prove_an_operator(name: str) -> None:
    domain = OPERATORS[name]
    home = page(f"https://www.{domain}/", "Order, sell, find.", domain)
    imprint = page(f"https://www.{domain}/contact-us", f"This website is operated by {name}\n\n{REGISTERED}", "Contact")
    assert believed(company(name), home, imprint)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("path", ["shop/bolts-r-us", "u/boltsrus/about", "restaurant/bolts/contact", "company/bolts"])
def test_a_sellers_page_is_nobodys_site(name: str, path: str) -> None:
    firm = company()
    entry = page(f"https://www.{OPERATORS[name]}/{path}", f"Orchid Hardware Pte. Ltd. UEN {UEN}, {REGISTERED}", "Bolts")
    assert not believed(firm, entry)
    home = page(f"https://www.{OPERATORS[name]}/", "Order, sell, find.", "Home")
    assert not believed(firm, home, entry)


@pytest.mark.parametrize(
    "home",
    [
        f"Newly registered: Orchid Hardware Pte. Ltd. (UEN {UEN}). Lotus Tools Pte. Ltd. (UEN {OTHER_UEN})",
        f"Search companies. Similar companies: Orchid Hardware Pte. Ltd. UEN {UEN}",
        f"© 2026 Lists Pte. Ltd. Featured: Orchid Hardware Pte. Ltd. UEN {UEN}. Write a review",
        "Orchid Hardware Pte. Ltd. sells here since 2019. Singapore 415874",
    ],
)
def test_who_is_mentioned_on_a_home_page_does_not_run_it(home: str) -> None:
    for domain in ("recordowl.com", "carousell.sg", "sgpbusiness.com"):
        assert not believed(company(), page(f"https://www.{domain}/", home, "Home"))


def test_a_platform_whose_result_names_the_operator_is_read_on() -> None:
    """The home page of a shop rarely says who runs it; its terms do."""
    firm = company("DELIVERY HERO (SINGAPORE) PTE. LTD.")
    judgement = judged(firm, page("https://www.foodpanda.sg/", "Order dinner.", "foodpanda"))
    assert judgement is not None
    assert (judgement.doubt, judgement.hopeful) == (Doubt.DIRECTORY, True)


def test_a_page_of_the_operator_may_be_the_search_result() -> None:
    firm = company("DELIVERY HERO (SINGAPORE) PTE. LTD.")
    terms = page(
        "https://www.foodpanda.sg/contents/terms-and-conditions", f"operated by {firm.name} UEN {UEN}", "Terms"
    )
    assert believed(firm, terms)


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("shop/lotus", True),
        ("@lotus", True),
        ("company/lotus-pte-ltd", True),
        ("u/lotus/contact", True),
        ("company/about-us", False),
        ("contact", False),
        ("legal/terms", False),
        ("business/contact-us", False),
    ],
)
def test_an_entry_is_told_by_its_folder(path: str, *, entry: bool) -> None:
    assert is_entry(f"https://carousell.sg/{path}") is entry
