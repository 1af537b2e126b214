"""Which of several addresses of a site is verified first: by what it is for, where it stands and what the site says."""

from __future__ import annotations

import pytest

from acra_express_async.extract.mail_ranking import emails_of
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.models import Company, CompanyId, Page

SITE = "hocklee.com.sg"
COMPANY = Company(
    CompanyId(1),
    "201912345K",
    "HOCK LEE FURNITURE PTE. LTD.",
    block="61",
    street_name="TAMPINES STREET 92",
    postal_code="528891",
)


def order(*pages: tuple[str, str], company: Company = COMPANY) -> list[str]:
    """The mailbox names of a site in the order in which they would be verified."""
    read = [Page(f"https://{SITE}{path}", "Hock Lee", text) for path, text in pages]
    return [email.address.partition("@")[0] for email in emails_of(read, SITE, company, names_for(company))]


CORPORATE = """# Contact us

## General enquiries
61 Tampines Street 92, Singapore 528891
Tel: +65 6788 1234
Email: [hello@hocklee.com.sg](mailto:hello@hocklee.com.sg)

## Media enquiries
Our communications team answers journalists within a day.
Email: newsdesk@hocklee.com.sg

## Careers
Send your resume to people@hocklee.com.sg

## Data protection
Write to our Data Protection Officer at dpo@hocklee.com.sg
"""
"""A corporate contact page with a section for every purpose."""

SHOPS = """# Our showrooms

### Tampines (HQ)
61 Tampines Street 92 #01-05 Singapore 528891
Tel 6788 1234 | showroom1@hocklee.com.sg

### Jurong
8 Jurong East Street 21 Singapore 609606
Tel 6788 9999 | showroom2@hocklee.com.sg

### Johor Bahru
12 Jalan Dato Sulaiman, 80250 Johor Bahru, Malaysia
Tel +60 7 333 1234 | showroom3@hocklee.com.sg
"""


def test_the_general_section_comes_before_the_special_ones() -> None:
    assert order(("/contact", CORPORATE)) == ["hello", "newsdesk", "people", "dpo"]


def test_the_order_of_sections_on_the_page_does_not_matter() -> None:
    intro, *sections = CORPORATE.split("\n## ")
    turned = "\n## ".join([intro, *reversed(sections)])
    assert order(("/contact", turned)) == ["hello", "newsdesk", "people", "dpo"]


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("Media: hello@hocklee.com.sg | Sales: enquiry@hocklee.com.sg", "enquiry"),
        ("Press enquiries hello@hocklee.com.sg, all other enquiries contact@hocklee.com.sg", "contact"),
        ("Careers: info@hocklee.com.sg · Orders: shop@hocklee.com.sg", "shop"),
        ("For supplier matters write to office@hocklee.com.sg. To order, write to hi@hocklee.com.sg.", "hi"),
        ("| Job applications | mail@hocklee.com.sg |\n| Quotations | desk@hocklee.com.sg |", "desk"),
        ("Complaints: info@hocklee.com.sg\n\nReservations: table@hocklee.com.sg", "table"),
        ("招聘：info@hocklee.com.sg\n\n查询：contact@hocklee.com.sg", "contact"),
        ("Privacy matters\ninfo@hocklee.com.sg\n\nSales\ncontact@hocklee.com.sg", "contact"),
        ("Press press@hocklee.com.sg | Careers jobs@hocklee.com.sg", "press"),
    ],
)
def test_the_words_before_an_address_say_what_it_is_for(line: str, first: str) -> None:
    assert order(("/contact", f"# Contact\n\n{line}"))[0] == first


def test_an_address_counts_by_its_best_place() -> None:
    careers = "# Careers\n\nSend your resume to info@hocklee.com.sg"
    contact = "# Contact\n\nMarketing: promo@hocklee.com.sg\n\nEmail info@hocklee.com.sg"
    assert order(("/careers", careers), ("/contact", contact))[0] == "info"


def test_a_plain_word_for_bookings_comes_before_a_department() -> None:
    text = "# Visit\n\nReserve a table: table@hocklee.com.sg\n\nAccounts: finance@hocklee.com.sg"
    assert order(("/contact", text)) == ["table", "finance"]


def test_the_address_beside_the_registered_address_comes_first() -> None:
    assert order(("/stores", SHOPS)) == ["showroom1", "showroom2", "showroom3"]
    turned = "\n### ".join(reversed(SHOPS.split("\n### ")))
    assert order(("/stores", turned))[0] == "showroom1"


def test_an_office_abroad_comes_after_the_one_at_home() -> None:
    text = "Kuala Lumpur sales.my@hocklee.com.sg\n\nSingapore sales.sg@hocklee.com.sg"
    assert order(("/contact", text)) == ["sales.sg", "sales.my"]
    text = "# Contact\n\n## Malaysia\n\nEmail info@hocklee.com.sg\n\n## Singapore\n\nEmail office@hocklee.com.sg"
    assert order(("/contact", text)) == ["office", "info"]


def test_little_india_and_chinatown_are_not_abroad() -> None:
    text = "# Little India\n\nEmail info@hocklee.com.sg\n\n# Chinatown\n\nEmail office@hocklee.com.sg"
    assert order(("/contact", text)) == ["info", "office"]


def test_the_section_of_the_entity_wins_on_a_group_page() -> None:
    text = """## Hock Lee Logistics Pte Ltd
UEN 199920311Z
12 Penjuru Lane Singapore 609195
Tel 6265 1188 | sales@hocklee.com.sg

## Hock Lee Furniture Pte Ltd
UEN 201912345K
61 Tampines Street 92 Singapore 528891
Tel 6221 7733 | orders.furniture@hocklee.com.sg
"""
    assert order(("/our-companies", text))[0] == "orders.furniture"


def test_a_parent_in_the_footer_takes_nothing_away() -> None:
    home = "# Hock Lee\n\nEmail info@hocklee.com.sg\n\n## About\n\nA member of Brightway Group Pte Ltd (UEN 199920311Z)"
    assert order(("/", home), ("/careers", "Send a CV to jobs@hocklee.com.sg"))[0] == "info"


@pytest.mark.parametrize(
    "text",
    [
        "Please note our old email info@hocklee.com.sg is no longer in use. Write to sofa@hocklee.com.sg",
        "info@hocklee.com.sg (no longer in use), now sofa@hocklee.com.sg",
        "sofa@hocklee.com.sg, formerly info@hocklee.com.sg",
        "Our former address info@hocklee.com.sg has been closed. Email: sofa@hocklee.com.sg",
    ],
)
def test_an_address_out_of_use_comes_last(text: str) -> None:
    assert order(("/contact", text)) == ["sofa", "info"]


def test_the_footer_of_every_page_beats_a_single_mention() -> None:
    footer = "\n\n© 2026 Hock Lee · contact@hocklee.com.sg"
    home = f"# Sofas\n\nFeatured: custom orders at hello@hocklee.com.sg{footer}"
    assert order(("/", home), ("/about", f"# About{footer}"))[0] == "contact"


def test_a_media_firm_is_reached_at_its_own_name() -> None:
    firm = Company(CompanyId(2), "201912345K", "LANTERN PRESS PTE. LTD.")
    text = "Lantern Press Pte Ltd, 61 Neil Road, hello@hocklee.com.sg\n\nDesign: studio@hocklee.com.sg"
    assert order(("/contact", text), company=firm)[0] == "hello"
