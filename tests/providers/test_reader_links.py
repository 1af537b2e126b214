"""Links in Reader's forms, and contact links that are put back next to their labels."""

from __future__ import annotations

import pytest

from acra_express_async.models import Link
from acra_express_async.providers.reader_links import MOST_LINKS, is_contact_link, links_of, with_contact_targets

BASE = "https://kopi.sg/"


@pytest.mark.parametrize(
    ("told", "links"),
    [
        ({"Contact": "https://kopi.sg/contact"}, [("Contact", "https://kopi.sg/contact")]),
        (
            [["", "tel:67411100"], ["", "https://wa.me/6591234567"]],
            [("", "tel:67411100"), ("", "https://wa.me/6591234567")],
        ),
        (
            {"0": "Home,https://kopi.sg/", "1": ",mailto:info@kopi.sg", "2": "Beans, ground,https://kopi.sg/a,b"},
            [("Home", "https://kopi.sg/"), ("", "mailto:info@kopi.sg"), ("Beans, ground", "https://kopi.sg/a,b")],
        ),
        (
            {"0": "10 Kaki Bukit Ave 4, Singapore 415874,https://maps.google.com/?q=1.3,103.9"},
            [("10 Kaki Bukit Ave 4, Singapore 415874", "https://maps.google.com/?q=1.3,103.9")],
        ),
        ({"0": "Top,javascript:void(0)", "1": "Doc,file:///c"}, []),
        (
            {"1": "https://kopi.sg/page/1", "2": "https://kopi.sg/page/2"},
            [("1", "https://kopi.sg/page/1"), ("2", "https://kopi.sg/page/2")],
        ),
        ({"0": "https://kopi.sg/page/0"}, [("0", "https://kopi.sg/page/0")]),
        ({"0": 7, "1": None}, []),
        ("nonsense", []),
        (None, []),
    ],
    ids=["object", "pairs", "numbered", "commas", "no pages", "page numbers", "page nought", "no text", "text", "none"],
)
def test_all_three_shapes_of_the_summary(told: object, links: list[tuple[str, str]]) -> None:
    assert [(link.label, link.url) for link in links_of(told, "", BASE)] == links


def test_contact_links_are_kept_behind_the_largest_menu() -> None:
    menu = [[f"Item {number}", f"/shop/{number}"] for number in range(2 * MOST_LINKS)]
    found = links_of([*menu, ["", "mailto:info@kopi.sg"]], "", BASE)
    assert len(found) == MOST_LINKS + 1
    assert found[-1] == Link("", "mailto:info@kopi.sg")


@pytest.mark.parametrize(
    ("url", "contact"),
    [
        ("mailto:info@kopi.sg", True),
        ("tel:+6567411100", True),
        ("whatsapp://send?phone=6591234567", True),
        ("https://wa.me/6591234567", True),
        ("https://kopi.sg/cdn-cgi/l/email-protection#2a", True),
        ("https://kopi.sg/contact", False),
        ("https://facebook.com/kopi", False),
    ],
)
def test_which_links_are_facts_by_themselves(url: str, contact: bool) -> None:
    assert is_contact_link(url) is contact


def test_targets_go_back_to_where_their_labels_stand() -> None:
    text = "Email\n\nOur products\n\nContact: Email or **Call us**\n\nWebsite by Pixel Peak"
    links = [
        Link("Our products", f"{BASE}products"),
        Link("Email", "mailto:info@kopi.sg"),
        Link("Call us", "tel:+6567411100"),
        Link("Pixel Peak", "mailto:studio@pixelpeak.agency"),
    ]
    assert with_contact_targets(text, links) == (
        "Email\n\nOur products\n\nContact: [Email](mailto:info@kopi.sg) or **[Call us](tel:+6567411100)**\n\n"
        "Website by [Pixel Peak](mailto:studio@pixelpeak.agency)"
    )


def test_what_was_cut_off_or_has_no_label_stands_at_the_end() -> None:
    links = [
        Link("", "mailto:info@kopi.sg"),
        Link("6741 1100", "tel:67411100"),
        Link("10 Kaki Bukit Ave 4 Singapore 415874", "https://maps.google.com/?q=kopi"),
        Link("sales@kopi.sg", f"{BASE}contact"),
        Link("Terms", f"{BASE}terms"),
    ]
    assert with_contact_targets("We roast coffee", links).split("\n\n") == [
        "We roast coffee",
        "[](mailto:info@kopi.sg)",
        "[6741 1100](tel:67411100)",
        "10 Kaki Bukit Ave 4 Singapore 415874",
        "sales@kopi.sg",
    ]


def test_a_label_is_no_part_of_a_longer_word() -> None:
    assert with_contact_targets("Emails and Email", [Link("Email", "mailto:a@kopi.sg")]) == (
        "Emails and [Email](mailto:a@kopi.sg)"
    )


def test_a_text_that_kept_its_targets_stays_as_it_is() -> None:
    text = "[Email](mailto:a@kopi.sg) Email"
    assert with_contact_targets(text, [Link("Email", "mailto:a@kopi.sg")]) == text
