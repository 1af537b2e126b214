from __future__ import annotations

import pytest

from acra_express_async.extract.phones import phones_of
from acra_express_async.models import Link, Page


def numbers(text: str, *links: str) -> list[tuple[str, str]]:
    page = Page("https://x.com.sg/contact", "", text, tuple(Link("", url) for url in links))
    return [(phone.number.removeprefix("+65"), phone.kind) for phone in phones_of([page])]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("6741 1100", [("67411100", "phone")]),
        ("TEL:65621133", [("65621133", "phone")]),
        ("+65 6562 1133", [("65621133", "phone")]),
        ("(65) 6741-1100", [("67411100", "phone")]),
        ("0065 6741 1100", [("67411100", "phone")]),
        ("+65.9741.0227", [("97410227", "mobile")]),
        ("☏ +65 9 7 3 3 5 5 1 0", [("97335510", "mobile")]),
        ("WhatsApp 9 0 2 2 8 1 1 0", [("90228110", "whatsapp")]),
        ("6741 1100 / 6741 1101", [("67411100", "phone"), ("67411101", "phone")]),
        ("6741 1100 6741 1101", [("67411100", "phone"), ("67411101", "phone")]),
        ("67411100(3 lines)", [("67411100", "phone")]),
        ("Tower 5 6741 1100", [("67411100", "phone")]),
        ("Singapore 608586 65621133", [("65621133", "phone")]),
        ("Tel67411100Fax67411108", [("67411100", "phone"), ("67411108", "fax")]),
        ("T: 6741 1100 F: 6741 1108", [("67411100", "phone"), ("67411108", "fax")]),
        ("Tel/Fax: 6741 1100", [("67411100", "phone")]),
        ("电话67411100传真67411108", [("67411100", "phone"), ("67411108", "fax")]),
        ("1800 363 3333", [("18003633333", "toll_free")]),
        ("https://wa.me/6586113130?text=hi", [("86113130", "whatsapp")]),
        ("https://api.whatsapp.com/send?phone=6586113130", [("86113130", "whatsapp")]),
        ("[call](tel:+65%206741%201100)", [("67411100", "phone")]),
        ("６７４１ １１００", [("67411100", "phone")]),
    ],
)
def test_finds_printed_phone_numbers(text: str, found: list[tuple[str, str]]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "+49 30 555 0180",
        "+60 3-5550 1200",
        "+852 6123 4567",
        "(852) 6123 4567",
        "03-8888 1234",
        "510-555-0119",
        "01622 555010",
        "+86 6741 1100",
        "S$6,888.00 S$68881234",
        "Copyright 2009 - 2026",
        "Trading hours 0900 - 1800",
        "ISO 9001:2015 | ISO 9001 2015",
        "UEN 193200032W",
        "GST Reg No. M2-8123456-7",
        "Licence No. 91234567",
        "Account No. 6123 4567",
        "Order no. 61234567, SKU 88123456",
        "Lat 1.30042, Lng 103.84561",
        "#01-45 S(059432)",
        "612345678901",
        "5123 4567",
    ],
)
def test_rejects_digits_that_are_no_singapore_number(text: str) -> None:
    assert numbers(text) == []


def test_a_word_before_a_number_rejects_it_only_as_a_label() -> None:
    assert numbers("WhatsApp to order: +65 9123 7781") == [("91237781", "whatsapp")]
    assert numbers("DID: 6741 0228") == [("67410228", "phone")]


def test_table_columns_label_their_numbers() -> None:
    text = "| Office | Tel | Fax |\n|---|---|---|\n| HQ | 6741 1100 | 6741 1108 |"
    assert numbers(text) == [("67411100", "phone"), ("67411108", "fax")]


def test_phone_of_the_registered_address_leads_and_fax_is_last() -> None:
    text = "Bedok S460210 6300 1100\nFax 6300 1999\nYishun S760925 6313 1113"
    pages = [Page("https://x.com.sg/", "", text)]
    assert [p.number for p in phones_of(pages, near=["760925"])] == ["+6563131113", "+6563001100", "+6563001999"]


def test_finds_numbers_in_tel_and_whatsapp_links() -> None:
    assert numbers("", "tel:+6567411100", "https://wa.me/6586113130") == [
        ("67411100", "phone"),
        ("86113130", "whatsapp"),
    ]


def test_a_fax_is_one_also_as_the_target_of_a_link() -> None:
    text = "Tel: [6741 1100](tel:+6567411100) Fax: [6741 1101](tel:+6567411101) [Fax 6741 1102](tel:67411102)"
    links = tuple(Link("", f"tel:+656741110{number}") for number in range(2))
    found = {phone.number: phone.kind for phone in phones_of([Page("https://x.sg/contact", "", text, links)])}
    assert found == {"+6567411100": "phone", "+6567411101": "fax", "+6567411102": "fax"}
