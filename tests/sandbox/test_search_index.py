"""The simulated search engine: what the parts of a query do, and how results are ranked."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acra_express_async.sandbox.world.crawl import Document
from acra_express_async.sandbox.world.search_index import MOST_OF_A_HOST, PAGE_SIZE, NoFullTextSearch, SearchIndex
from acra_express_async.sandbox.world.search_query import TERMS_USED, SearchQuery, parsed

OWN, CONTACT = "https://www.copperheron.com.sg/", "https://www.copperheron.com.sg/contact"
ENTRY, OTHER = "https://www.sgpbusiness.com/company/copper-heron", "https://copperpots.sg/"
PAGES = (
    Document(OWN, "Copper Heron", "Joe's dental clinic in Singapore for families since 2004, by appointment only."),
    Document(CONTACT, "Contact Copper Heron", "Copper Heron Dental Pte. Ltd. 12 Ubi Road 1, Singapore 408611"),
    Document(ENTRY, "COPPER HERON DENTAL PTE. LTD.", "UEN 201736405N Postal code 408611", 1.5),
    Document(OTHER, "Copper pots", "Pots and pans of copper for the heron in every kitchen. Not dental."),
    Document("https://en.wikipedia.org/wiki/Heron", "Heron - Wikipedia", "A heron is a bird."),
)
INDEX = SearchIndex(PAGES)


def urls(query: str, index: SearchIndex = INDEX) -> list[str]:
    return [listing.url for listing in index.search(query)]


def test_pages_with_more_of_the_words_come_first() -> None:
    found = urls("copper heron dental Singapore")
    assert set(found[:3]) == {ENTRY, CONTACT, OWN}
    assert "https://en.wikipedia.org/wiki/Heron" not in found, "one word of three is too little"


def test_a_directory_outranks_a_site_by_its_standing() -> None:
    assert urls("copper heron dental")[0] == ENTRY


def test_postal_code_and_contact_move_the_contact_page_up() -> None:
    assert urls("copper heron 408611 contact -site:sgpbusiness.com")[0] == CONTACT


@pytest.mark.parametrize("host", ["sgpbusiness.com", "www.sgpbusiness.com", "SGPBUSINESS.com"])
def test_an_excluded_host_is_left_out(host: str) -> None:
    assert ENTRY not in urls(f"copper heron dental -site:{host}")
    assert urls(f"copper heron dental site:{host}") == [ENTRY]


def test_a_quoted_phrase_must_occur_unless_none_does() -> None:
    assert set(urls('"copper heron" dental')) == {ENTRY, CONTACT, OWN}
    assert urls('"heron copper" dental') == urls("heron copper dental"), "related results, as the help page says"


def test_an_unwanted_word_moves_a_page_down() -> None:
    assert urls("copper -heron")[0] == OTHER or urls("copper -kitchen")[-1] == OTHER
    assert urls("copper -kitchen")[-1] == OTHER


def test_only_the_first_ten_words_count() -> None:
    padding = " ".join(f"word{number}" for number in range(TERMS_USED))
    assert urls(f"{padding} copper heron") == []
    assert parsed(f"{padding} copper").terms == tuple(padding.split())


def test_the_parts_of_a_query_are_told_apart() -> None:
    asked = parsed('Tan\'s "copper heron" -pots -site:www.dnb.com site:x.sg Singapore -"two words"')
    assert asked == SearchQuery(
        ("tans", "copper", "heron"),
        (("copper", "heron"),),
        frozenset({"pots", "two", "words"}),
        ("x.sg",),
        ("dnb.com",),
    )


def test_a_name_of_frequent_words_is_searched_for() -> None:
    assert parsed("A & A Singapore").terms == ("a", "and")
    assert parsed("On The Table Pte Ltd").terms == ("table",)


def test_words_that_every_page_has_find_nothing() -> None:
    for query in ("", "   ", "Singapore Pte Ltd", "contact website", '""', "-site:x.sg", "-heron"):
        assert urls(query) == []


def test_a_host_takes_few_places_and_a_page_has_ten() -> None:
    many = [Document(f"https://list.sg/{n}", f"Copper {n}", "copper", 2.0) for n in range(20)]
    many += [Document(f"https://firm{n}.sg/", f"Copper {n}", "copper") for n in range(20)]
    found = urls("copper", SearchIndex(many))
    assert len(found) == PAGE_SIZE
    assert sum("list.sg" in url for url in found) == MOST_OF_A_HOST


def test_equal_pages_keep_the_order_of_the_index() -> None:
    twins = [Document(f"https://firm{n}.sg/", "Copper", "copper") for n in range(8)]
    orders = {tuple(urls("copper", SearchIndex(twins))) for _ in range(3)}
    assert orders == {tuple(f"https://firm{n}.sg/" for n in range(8))}


def test_a_snippet_shows_where_the_words_stand() -> None:
    long = Document(OWN, "Home", "filler " * 80 + "Copper Heron at 12 Ubi Road " + "filler " * 80)
    assert "Copper Heron at 12 Ubi Road" in SearchIndex([long]).search("copper heron")[0].snippet


def test_an_sqlite_without_fts5_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Without:
        def execute(self, *_: Any) -> None:
            raise sqlite3.OperationalError("no such module: fts5")

    monkeypatch.setattr(sqlite3, "connect", lambda *_, **__: Without())
    with pytest.raises(NoFullTextSearch, match="needs SQLite with FTS5"):
        SearchIndex(PAGES)


@given(st.text(max_size=80))
def test_any_text_is_a_query(text: str) -> None:
    assert INDEX.search(text) == INDEX.search(text)


@pytest.mark.parametrize(
    "query", ['copper" OR "a', "copper AND NOT", "copper*", "title:copper", "NEAR(copper heron)", "{"]
)
def test_syntax_of_sqlite_means_nothing(query: str) -> None:
    INDEX.search(query)
