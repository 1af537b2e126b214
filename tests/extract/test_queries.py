"""The queries: what each kind asks, and the bounds that DuckDuckGo and Bing set."""

from __future__ import annotations

import re

import pytest
from extract.builders import UEN, company, hit
from hypothesis import given
from hypothesis import strategies as st

from acra_express_async.extract.queries import (
    EXCLUDED,
    MAX_QUERY_CHARS,
    MOST_EXCLUDED,
    PLAN,
    Variant,
    directories_to_exclude,
    next_query,
    query_of,
    without_exclusions,
)
from acra_express_async.models import Company, SearchPage


def place_query(firm: Company, *answers: SearchPage) -> str:
    return without_exclusions(query_of(Variant.PLACE, firm, answers))


def asked_in_turn(*answers: SearchPage, firm: Company | None = None) -> list[str]:
    """The words of every query of the plan when these are the answers; the last one repeats."""
    asked: list[str] = []
    told: list[SearchPage] = []
    while query := next_query(PLAN, firm or company(former_names=("OLD NAME PTE LTD",)), asked, told):
        asked.append(query)
        told.append(answers[min(len(told), len(answers) - 1)])
    return asked


FOUND, NOTHING = SearchPage("q", (hit("https://www.dnb.com/x"),)), SearchPage("q", ())


def test_the_plan_asks_for_name_place_and_other_name() -> None:
    assert PLAN.variants == (Variant.NAME, Variant.PLACE, Variant.OTHER)
    assert len(EXCLUDED) == MOST_EXCLUDED


def test_a_query_holds_the_name_without_its_legal_form() -> None:
    firm = company('!NANYANG "OPTICAL" CO (PTE) LTD', former_names=("OLD NAME PTE. LTD.", "OLDER PTE. LTD."))
    assert query_of(Variant.NAME, firm, ()) == "NANYANG OPTICAL CO Singapore"
    assert place_query(firm) == "NANYANG OPTICAL CO 415874 contact"
    assert query_of(Variant.OTHER, firm, ()) == "OLD NAME Singapore"
    assert query_of(Variant.NUMBER, firm, ()) == f'"NANYANG OPTICAL CO (PTE) LTD" {UEN}'
    assert query_of(Variant.NAME, company("DECATHLON SINGAPORE PTE. LTD."), ()) == "DECATHLON SINGAPORE"


@pytest.mark.parametrize(
    ("facts", "query"),
    [
        ({"postal_code": None}, "ORCHID HARDWARE KAKI BUKIT AVENUE 4 contact"),
        ({"postal_code": None, "street_name": None}, "ORCHID HARDWARE Singapore contact"),
        ({"shared_postal": 21}, "ORCHID HARDWARE Singapore contact"),
        ({"shared_postal": 20}, "ORCHID HARDWARE 415874 contact"),
    ],
)
def test_the_place_is_what_tells_a_company_apart(facts: dict[str, object], query: str) -> None:
    """An incorporation agent's postal code would find the agent."""
    assert place_query(company(**facts)) == query


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("BRIGHTWAY ENGINEERING AND CONSTRUCTION PTE LTD", "BRIGHTWAY Singapore"),
        ("BRIGHTWAY AWNINGS PTE LTD", ""),
        ("BRIGHTWAY PTE LTD", ""),
        ("GOLDEN STAR ENGINEERING AND CONSTRUCTION PTE LTD", ""),
    ],
)
def test_a_brand_is_asked_for_where_the_name_says_more(name: str, other: str) -> None:
    assert query_of(Variant.OTHER, company(name), ()).casefold() == other.casefold()


def test_the_queries_of_the_plan_are_asked_once_and_in_turn() -> None:
    words = ["ORCHID HARDWARE Singapore", "ORCHID HARDWARE 415874 contact", "OLD NAME Singapore"]
    assert list(map(without_exclusions, asked_in_turn(FOUND))) == words
    assert list(map(without_exclusions, asked_in_turn(NOTHING))) == words, "nothing is known of such a company"
    unplaced = company(postal_code=None, street_name=None)
    assert len(asked_in_turn(FOUND, firm=unplaced)) == 2


def test_exclusions_that_find_nothing_are_left_out() -> None:
    """Several of them found nothing on the page without scripts from 2018 to 2022."""
    asked = asked_in_turn(FOUND, NOTHING, FOUND)
    assert asked[1].startswith("ORCHID HARDWARE 415874 contact -site:dnb.com")
    assert asked[2:] == ["ORCHID HARDWARE 415874 contact", "OLD NAME Singapore"]


def test_directories_that_took_places_are_excluded_first() -> None:
    answer = SearchPage(
        "q",
        (
            hit("https://www.facebook.com/orchid"),
            hit("https://www.yellowpages.com.sg/orchid"),
            hit("https://orchidhardware.sg/"),
        ),
    )
    excluded = directories_to_exclude(company(), [answer], 4)
    assert excluded == ("facebook.com", "yellowpages.com.sg", "sgpbusiness.com", "recordowl.com")
    assert directories_to_exclude(company(), [answer], 0) == ()


def test_a_directory_that_may_be_the_company_is_not_excluded() -> None:
    answer = SearchPage("q", (hit("https://www.lazada.sg/"), hit("https://www.dnb.com/x")))
    excluded = directories_to_exclude(company("LAZADA SINGAPORE PTE. LTD."), [answer], MOST_EXCLUDED)
    assert "lazada.sg" not in excluded
    assert excluded[0] == "dnb.com"
    assert "sgpgrid.com" not in directories_to_exclude(company("SGP GRID PTE. LTD."), [], MOST_EXCLUDED)


@pytest.mark.parametrize("variant", list(Variant))
@pytest.mark.parametrize("word", ["-SITE", "+PLUS", "~LIKE", "\\JUMP", "!BANG", "--", '"QUOTED'])
def test_no_word_of_a_name_becomes_an_operator(variant: Variant, word: str) -> None:
    firm = company(f"{word} ORCHID {word} HARDWARE PTE. LTD.", former_names=(f"{word} OLD NAME PTE LTD",))
    query = without_exclusions(query_of(variant, firm, ()))
    assert not re.search(r"(?:^|\s)[-+~!\\]", query)
    assert query.count('"') in (0, 2)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("ORCHID HARDWARE PTE. LTD. (IN LIQUIDATION)", "ORCHID HARDWARE Singapore"),
        ("ORCHID HARDWARE PTE LTD (IN CREDITORS' VOLUNTARY LIQUIDATION)", "ORCHID HARDWARE Singapore"),
        ("ORCHID HARDWARE (UNDER JUDICIAL MANAGEMENT) PTE. LTD.", "ORCHID HARDWARE Singapore"),
        ("7-ELEVEN (S) PTE LTD", "7-ELEVEN Singapore"),
        ("FACILITY MANAGEMENT (S) PTE LTD", "FACILITY MANAGEMENT Singapore"),
        ("(!G) ORCHID (-SITE) _+PLUS", "G ORCHID SITE PLUS Singapore"),
        ("ORCHID SITE:EXAMPLE.COM", "ORCHID SITE EXAMPLE.COM Singapore"),
        ("TRUE OR FALSE NOT PTE LTD", "TRUE or FALSE not Singapore"),
        ("YAHOO! \u2212HARDWARE \u201cORCHID\u201d | A*STAR", "YAHOO HARDWARE ORCHID A STAR Singapore"),
        ("ORCHID - HARDWARE & CO", "ORCHID HARDWARE CO Singapore"),
        ("A & B HARDWARE", "A B HARDWARE Singapore"),
        ("\uff0dsite\uff1aorchid.sg HARDWARE", "site orchid.sg HARDWARE Singapore"),
    ],
)
def test_what_a_name_says_beside_the_name_is_not_asked_for(name: str, query: str) -> None:
    assert query_of(Variant.NAME, company(name), ()) == query


@given(st.text(alphabet='AOR N!-+~\\":|(*)_:\u2212\uff0d', max_size=60), st.sampled_from(list(Variant)))
def test_no_name_reaches_the_search_as_an_operator(name: str, variant: Variant) -> None:
    firm = company(f"{name} SITE:X OR Y", postal_code=None, street_name=f"{name} ROAD", former_names=(f"{name} OLD",))
    query = without_exclusions(query_of(variant, firm, ()))
    quoted = variant is Variant.NUMBER
    assert query.count('"') == (2 if quoted else 0)
    for word in query.replace('"', "").split():
        assert word[0] not in "!-+~\\|*\u2212"
        assert word not in {"OR", "AND", "NOT"}
        assert not word.upper().startswith("SITE:")


@given(st.text(max_size=600), st.text(max_size=300), st.sampled_from(list(Variant)))
def test_any_name_gives_a_bounded_query(name: str, street: str, variant: Variant) -> None:
    """At most ten words count, and 500 characters are refused."""
    firm = company(name, postal_code=None, street_name=street, former_names=(name[::-1],))
    query = query_of(variant, firm, ())
    assert len(query) <= MAX_QUERY_CHARS
    assert query.count(" -site:") <= MOST_EXCLUDED
    if variant in (Variant.NAME, Variant.OTHER):
        assert len(without_exclusions(query).split()) <= 9
