"""Addresses and numbers in the dresses that real pages put on them, in any sentence; ordinary prose yields nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acra_express_async.extract.emails import emails_in
from acra_express_async.extract.phones import phones_of
from acra_express_async.extract.places import postal_code_of
from acra_express_async.models import Company, CompanyId, Page

URL = "https://brightway.com.sg/contact"
BRACKETS = ["()", "[]", "{}", "<>", "||", "//", '""', "**", "__", "--", "“”"]
SENTENCES = [
    "{}",
    "Email: {}",
    "Please write to {} for a quote.",
    "Contact us at {}, or call +65 6741 1100.",
    "E: {} | T: 6741 1100",
    "电邮：{}",
    "Email us ({})",
    "Sales and support\n{}\nTuas Avenue 3",
]
DRESSED = [
    "info AT brightway DOT com DOT sg",
    "info at brightway dot com dot sg",
    "info()brightway.com.sg",
    "info[]brightway.com.sg",
    "info&commat;brightway&period;com&period;sg",
    "info&#64;brightway&#46;com&#46;sg",
    r"info\@brightway.com.sg",
    "i n f o @ b r i g h t w a y . c o m . s g",
    "info @ brightway . com . sg",
    "info@**brightway**.com.sg",
    "**info**@brightway.com.sg",
    "info@_brightway_.com.sg",
    "www.info@brightway.com.sg",
    "info＠brightway．com．sg",
    "info\u200b@\u200bbrightway.com.sg",
    "info [at-sign] brightway [dot] com [dot] sg",
    "info [@] brightway.com.sg",
    "INFO[AT]BRIGHTWAY[DOT]COM[DOT]SG",
    "[info@brightway.com.sg](mailto:info@brightway.com.sg)",
]
PROSE = [
    "Meet us at dbs.com for more",
    "We are at brightway.com.sg daily",
    "Follow us @brightway.sg",
    "Find us at brightway.com.sg (at Tuas)",
    "sales at low prices dot com",
    "prices [at] 3.50 dollars each",
    "Buy one () get one free.com",
    "A | at | B",
    "see us at level 2 dot. com",
    "Look | at | this.com page | today",
    "the function list().first() and dict{}.items()",
    "open 9/at/noon",
    'he said "at" and "dot" a lot',
    "**Bold** text and _italic_ text at brightway.com.sg",
    "Great deals @ brightway.com.sg",
    "Deals @ brightway.com.sg",
    "Big sales @ brightway.com.sg this weekend",
    "Lunch @ brightway.com.sg or dinner",
    "great deals at brightway dot com dot sg",
]


def addresses(text: str) -> list[str]:
    return [seen.address for seen in emails_in(Page(URL, "", text), own_domain="brightway.com.sg")]


@pytest.mark.parametrize("dressed", DRESSED)
def test_each_dress_is_read_in_every_sentence(dressed: str) -> None:
    found = {sentence: addresses(sentence.format(dressed)) for sentence in SENTENCES}
    assert {sentence: read for sentence, read in found.items() if read != ["info@brightway.com.sg"]} == {}


@given(
    brackets=st.sampled_from(BRACKETS),
    outside=st.sampled_from(["", " "]),
    loud=st.booleans(),
    sentence=st.sampled_from(SENTENCES),
    local=st.sampled_from(["info", "sales", "support_sg", "hello-sg", "contact.us"]),
)
def test_at_and_dot_are_read_in_any_brackets(
    brackets: str, outside: str, loud: bool, sentence: str, local: str
) -> None:
    at, dot = ("AT", "DOT") if loud else ("at", "dot")
    opening, closing = brackets
    text = f"{local}{outside}{opening}{at}{closing}{outside}brightway"
    for label in ("com", "sg"):
        text += f"{outside}{opening}{dot}{closing}{outside}{label}"
    assert addresses(sentence.format(text)) == [f"{local}@brightway.com.sg"]


@pytest.mark.parametrize("prose", PROSE)
def test_ordinary_prose_yields_no_address(prose: str) -> None:
    assert addresses(prose) == []


@pytest.mark.parametrize(
    ("printed", "number"),
    [
        *((f"6741{dash}1100", "+6567411100") for dash in "-‐‑‒–—−"),
        ("+65 (0) 6741 1100", "+6567411100"),
        ("(+65) (0)6741 1100", "+6567411100"),
        ("+65&nbsp;6741&nbsp;1100", "+6567411100"),
        ("＋６５ ６７４１ １１００", "+6567411100"),
        ("https://wa.me/%2B6591234567", "+6591234567"),
        ("https://api.whatsapp.com/send?phone=%2B65%209123%204567", "+6591234567"),
        ("https://wa.me/65%2D9123%2D4567?text=hi", "+6591234567"),
    ],
)
def test_a_number_is_read_in_every_dress(printed: str, number: str) -> None:
    assert [phone.number for phone in phones_of([Page(URL, "", f"Call {printed} today")])] == [number]


@pytest.mark.parametrize(
    "line", ["618803 Singapore", "618803, Singapore", "Singapore (618803)", "S618803", "S(618803)", "SG 618803"]
)
def test_a_postal_code_is_read_before_and_behind_singapore(line: str) -> None:
    company = Company(CompanyId(1), "201912345K", "BRIGHTWAY PTE. LTD.", postal_code="618803")
    assert postal_code_of([Page(URL, "", f"10 Tuas Avenue 3, {line}")], company) == ("618803", URL)
