"""What labels and paths announce: words at their boundaries and in context."""

from __future__ import annotations

import pytest

from acra_express_async.extract.page_kinds import (
    PageKind,
    is_contact_page,
    kind_of_url,
    kind_of_words,
    lists_places,
    speaks_for_its_owner,
)

ANNOUNCED = {
    PageKind.CONTACT: """Contact|CONTACT US »|contact-us-2|contactus|Contact Orchid|Contacts|Get in touch|Let's talk|
        Let’s chat!|Connect|Connect with us|Find us|Reach us|Reach out|联系|联系我们|聯絡我們|Enquire now|
        Make an enquiry|Talk to us|Say hello|WhatsApp us|How to find us|Where we are|Directions|
        Customer service|Hubungi Kami|Contact & location|Visit us""",
    PageKind.PLACES: """Our offices|Offices|Locations|Store locator|Find a store|Our outlets|Branches|Head office|
        Showroom|Singapore office locations|门店|Visit our showroom""",
    PageKind.ABOUT: """About|ABOUT US|aboutus|Our story|Who we are|Company profile|关于我们|公司简介|Our company|
        Company|Profile|Corporate information|Meet the team|About the company|About us 2""",
    PageKind.LEGAL: "Privacy policy|Terms of use|Terms & Conditions|PDPA|Data protection policy|Legal notice",
}


@pytest.mark.parametrize(
    ("words", "kind"),
    [(words.strip(), kind) for kind, all_words in ANNOUNCED.items() for words in all_words.split("|")],
)
def test_words_that_announce_a_page(words: str, kind: PageKind) -> None:
    assert kind_of_words(words) is kind


@pytest.mark.parametrize(
    "words",
    """Contact Lenses|contactless|Contactless payment|contact-lenses|Contact cement|Electrical contacts|
        Contactors|About contact lenses|Office furniture|office-furniture|Home office|Virtual office|
        Serviced offices|Office cleaning|Office renovation|Company secretary|company-secretary|
        Corporate secretarial services|Company registration|Corporate gifts|Company incorporation|Store|
        Online store|Outlet sale|Power outlets|Relocation|Allocation|Connectivity|Connectors|Legal services|
        Insurance policies|Conditions we treat|Aluminium profiles|Contact centre software|Home|Products""".split("|"),
)
def test_goods_and_services_announce_nothing(words: str) -> None:
    assert kind_of_words(words.strip()) is None


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://x.sg/en/contact.aspx", PageKind.CONTACT),
        ("https://x.sg/%E8%81%94%E7%B3%BB%E6%88%91%E4%BB%AC", PageKind.CONTACT),
        ("https://x.sg/index.php/contact-us", PageKind.CONTACT),
        ("https://x.sg/services/contact-us", PageKind.CONTACT),
        ("https://x.sg/products/contact-lenses", None),
        ("https://x.sg/blog/about-us", None),
        ("https://x.sg/services/company-profile", None),
        ("https://x.sg/our-offices", PageKind.PLACES),
        ("https://orchidhardware.sg/about-orchid", PageKind.ABOUT),
        ("https://orchidhardware.sg/about-lasik", None),
        ("https://x.sg/", None),
    ],
)
def test_paths_announce_with_their_last_part(url: str, kind: PageKind | None) -> None:
    assert kind_of_url(url) is kind


def test_what_follows_from_the_kind_of_a_page() -> None:
    assert is_contact_page("https://x.sg/reach-us")
    assert is_contact_page("https://x.sg/page/12", "Contact us | Orchid")
    assert not is_contact_page("https://x.sg/contact-lenses", "Contact lenses | Orchid Optical")
    assert speaks_for_its_owner("https://x.sg/lets-talk")
    assert not speaks_for_its_owner("https://x.sg/company-secretary")
    assert lists_places("https://x.sg/store-locator")
    assert not lists_places("https://x.sg/store/office-furniture")
