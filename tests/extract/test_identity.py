from __future__ import annotations

import pytest
from extract.builders import OTHER_UEN, UEN, company, page, unreadable

from acra_express_async.extract.candidates import Candidate
from acra_express_async.extract.identity import Doubt, Judgement, judge
from acra_express_async.extract.places import postal_codes_in, states_street, street_words, where_in
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.models import Company, Page

HOME = "https://www.orchidhardware.com/"


def judged(
    text: str,
    *,
    domain: str = "orchidhardware.com",
    path: str = "",
    firm: Company | None = None,
    title: str = "Orchid Hardware",
    results: str = "",
    listed: bool = False,
) -> Judgement:
    firm = firm or company()
    url = f"https://www.{domain}/{path}"
    candidate = Candidate(domain, (url,), 30, (), rank=2, text=results, listed=listed)
    return judge(candidate, [page(url, text, title)], firm, names_for(firm))


def signals(judgement: Judgement) -> dict[str, int]:
    return {item.signal: item.points for item in judgement.site.evidence}


def test_the_registered_uen_proves_a_site_of_any_name() -> None:
    result = judged(f"Bolt & Nut. Co. Reg. No. {UEN[:4]}-{UEN[4:9]}-{UEN[9]}", domain="boltnut.sg", title="Bolt & Nut")
    assert result.believed
    assert result.proven
    assert signals(result)["uen"] == 60


def test_every_evidence_carries_its_url() -> None:
    result = judged(f"Reg {UEN} Singapore 415874")
    assert result.site.points == sum(item.points for item in result.site.evidence)
    assert all(item.url for item in result.site.evidence)


def test_postal_code_and_name_together_are_a_proof() -> None:
    result = judged("10 Kaki Bukit Ave 4 S(415874)")
    assert result.believed
    assert result.proven


def test_the_street_counts_if_the_postal_code_is_missing() -> None:
    assert signals(judged("10 Kaki Bukit Ave 4"))["street"] == 15


def test_a_widely_shared_postal_code_counts_little() -> None:
    crowded = judged("10 Kaki Bukit Ave 4 S415874", firm=company(shared_postal=400), domain="agents.sg", title="Agents")
    assert not crowded.believed
    assert signals(crowded)["postal_code_shared"] == 5
    seller = judged(
        "Registered address and nominee director. 10 Kaki Bukit Ave 4 S415874", domain="agents.sg", title="A"
    )
    assert not seller.believed


def test_the_whole_name_as_domain_needs_a_sign_of_singapore() -> None:
    result = judged("Call +65 6741 1100")
    assert result.believed
    assert not result.proven


def test_an_imitating_domain_is_rejected() -> None:
    assert judged(f"UEN {UEN}", domain="0rchidhardware.com").doubt is Doubt.IMITATION
    pressing = judged(f"UEN {UEN}. Verify your account. Enter your PIN.", domain="secure-pay.com", title="Pay")
    assert pressing.doubt is Doubt.IMITATION


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        (f"Call +65 6741 1100. UEN {OTHER_UEN}", Doubt.OTHER_COMPANY),
        ("Berkeley, California 510-555-0119", Doubt.ELSEWHERE),
        ("Call +60 3-5550 1200 | Kuala Lumpur", Doubt.ELSEWHERE),
        ("Offices: London · Singapore · Dubai", Doubt.NO_PROOF),
        ("We ship worldwide including Singapore", Doubt.NO_PROOF),
        ("This domain may be for sale", Doubt.PARKED),
        ("slot gacor dan togel", Doubt.HIJACKED),
        ("GST Reg No. M2-0098765-4 S$6,888.00 bizSAFE STAR", Doubt.NO_PROOF),
    ],
)
def test_contrary_evidence_rejects_a_site_of_the_same_name(text: str, doubt: Doubt) -> None:
    assert judged(text).doubt is doubt


def test_an_imprint_in_another_name_rejects_the_site() -> None:
    text = "Tel +65 6741 1100\n© 2025 Orchid Florist Pte Ltd"
    assert judged(text, domain="orchid.sg", title="Orchid").doubt is Doubt.OTHER_COMPANY


def test_a_sister_at_the_same_address_is_not_believed() -> None:
    text = "10 Kaki Bukit Ave 4 Singapore 415874 +65 6741 1100"
    result = judged(text, domain="orchidflorist.sg", title="Orchid Florist")
    assert not result.believed


def test_name_and_address_on_a_third_party_site_prove_nothing() -> None:
    text = f"Client: Orchid Hardware Pte Ltd, 10 Kaki Bukit Avenue 4 Singapore 415874, UEN {UEN}"
    assert not judged(text, domain="pixelpeak.sg", path="work/orchid-hardware", title="Pixel Peak").believed
    assert not judged(text, domain="newsdaily.com", path="2024/05/orchid", title="News").believed


def test_an_imprint_proves_a_site_with_another_brand() -> None:
    text = "Operated by Orchid Hardware Pte Ltd, 10 Kaki Bukit Avenue 4 Singapore 415874"
    result = judged(text, domain="boltnut.sg", path="contact", title="Bolt & Nut")
    assert result.believed
    assert "imprint" in signals(result)


def visited(domain: str, home: Page, contact: Page, firm: Company) -> Judgement:
    return judge(Candidate(domain, (home.url,), 0, (), rank=2), [home, contact], firm, names_for(firm))


def test_owner_and_address_may_be_on_two_pages() -> None:
    home = page("https://boltnut.sg/", "Bolts.\n\n© 2026 Orchid Hardware Pte Ltd", "Bolt & Nut")
    contact = page("https://boltnut.sg/contact", "10 Kaki Bukit Ave 4 S415874", "Contact")
    assert visited("boltnut.sg", home, contact, company()).believed
    assert not visited("boltnut.sg", home, contact, company(shared_postal=400)).believed
    stranger = page("https://boltnut.sg/", "Our client: Orchid Hardware Pte Ltd", "Bolt & Nut")
    assert not visited("boltnut.sg", stranger, contact, company()).believed


def test_a_home_page_titled_with_the_legal_name_proves_it() -> None:
    contact = page("https://steel88.com/contact", "10 Kaki Bukit Ave 4 S415874", "Contact")
    titled = page("https://steel88.com/", "Gates and grilles", "Welcome to Orchid Hardware Pte Ltd")
    listed = page("https://steel88.com/", "Gates and grilles", "Orchid Hardware Pte Ltd - Steel Lists")
    assert visited("steel88.com", titled, contact, company()).believed
    assert not visited("steel88.com", listed, contact, company()).believed


def test_a_list_of_places_does_not_belong_to_its_tenants() -> None:
    text = "Orchid Hardware Pte Ltd\n10 Kaki Bukit Avenue 4 Singapore 415874\n\nLily Mart\n1 Ubi Link Singapore 408553"
    assert not judged(text, domain="parcels.sg", path="locations", title="Collection points").believed


def test_the_whole_name_supports_an_abbreviating_sg_domain() -> None:
    firm = company("KIAN TECK MARINE ENGINEERING PTE LTD")
    text = "Office: 30 Gul Way Singapore 629200"
    whole = judged(text, domain="ktme.com.sg", firm=firm, title="Kian Teck Marine Engineering")
    assert whole.believed
    assert not whole.proven
    brand = judged(text, domain="ktme.com.sg", firm=firm, title="Kian Teck")
    assert not brand.believed
    away = judged("Batam +62 778 412 345", domain="ktme.com", firm=firm, title="Kian Teck Marine Engineering")
    assert not away.believed


def test_a_name_mentioned_in_passing_is_no_heading() -> None:
    firm = company("MARINA SOUTH PIER SERVICES PTE. LTD.")
    text = "Marine pupils. 50 Nanyang Ave Singapore 639798. Tel 6777 0001"
    told = "MSPS - Marine Pupils\nOur trip to Marina South Pier Services"
    passing = judged(text, domain="msps.org.sg", firm=firm, title="MSPS", results=told)
    assert not passing.believed
    titled = judged(text, domain="msps.org.sg", firm=firm, title="MSPS", results="Marina South Pier Services - MSPS\nx")
    assert "full_name_in_head" in signals(titled)


def test_a_heading_without_markup_is_recognised() -> None:
    firm = company("KIAN TECK MARINE ENGINEERING PTE LTD")
    text = "Kian Teck Marine Engineering\n\nOffice 6861 2290"
    assert judged(text, domain="ktme.com.sg", firm=firm, title="KTME").believed
    assert judged(
        "Kian Teck Marine Engineering. Pumps since 1969. Office 6861 2290", domain="ktme.com.sg", firm=firm, title="K"
    ).believed
    assert not judged(f"We supply {text}", domain="ktme.com.sg", firm=firm, title="KTME").believed


def test_an_unlabelled_number_is_local_only_under_sg() -> None:
    assert signals(judged("Reserve 6735 9090", domain="orchidhardware.sg"))["local_phone"] == 5
    assert "local_phone" not in signals(judged("Reserve 6735 9090"))


def test_directories_are_known_by_list_and_by_shape() -> None:
    listing = f"UEN {UEN}. Claim this listing. Similar companies nearby. Buy report."
    assert judged(listing, domain="anylist.net", path="view?id=3", title="Orchid Hardware").doubt is Doubt.DIRECTORY
    known = judged("Orchid Hardware", listed=True)
    assert known.doubt is Doubt.DIRECTORY
    assert known.hopeful
    assert judged(f"UEN {UEN}", listed=True).believed


@pytest.mark.parametrize("path", ["", "contact-us", "about"])
def test_a_marketplace_is_the_site_of_its_operator(path: str) -> None:
    operated = f"Mealbarrow Singapore. Order dinner. Orchid Hardware Pte Ltd (UEN {UEN})"
    result = judged(operated, domain="mealbarrow.sg", path=path, title="Mealbarrow", listed=True)
    assert result.believed, result


@pytest.mark.parametrize(
    ("domain", "path", "more"),
    [
        ("mealbarrow.sg", "vendor/orchid-hardware", ""),
        ("mealbarrow.sg", "", " 201012345D 201112346W 201212347M 201312348G 201412349C"),
        ("beacons.ai", "", ""),
    ],
    ids=["an entry", "numbers of many companies", "a host of profiles"],
)
def test_what_a_marketplace_prints_of_others_is_no_proof(domain: str, path: str, more: str) -> None:
    entry = f"Orchid Hardware Pte Ltd (UEN {UEN}){more}"
    assert judged(entry, domain=domain, path=path, title="Mealbarrow", listed=True).doubt is Doubt.DIRECTORY


def test_an_imprint_behind_a_column_of_links_is_the_owners() -> None:
    column = "#### Portfolio\n\n*   Consultation\n*   Maintenance"
    imprint = f"Orchid Hardware Pte Ltd UEN {UEN}"
    assert judged(f"{column}\n\n{imprint}", domain="mealbarrow.sg", title="Mealbarrow", listed=True).believed
    listed = f"{column}\n*   {imprint}"
    assert not judged(listed, domain="mealbarrow.sg", title="Mealbarrow", listed=True).believed


def test_search_results_may_prove_an_unreadable_site() -> None:
    firm = company()
    blocked = [unreadable(HOME, "captcha")]
    silent = Candidate("orchidhardware.com", (HOME,), 40, ())
    telling = Candidate("orchidhardware.com", (HOME,), 40, (), text=f"© Orchid Hardware. UEN {UEN}")
    assert judge(silent, blocked, firm, names_for(firm)).doubt is Doubt.UNREADABLE
    assert judge(telling, blocked, firm, names_for(firm)).believed
    challenge = [Page(HOME, "Just a moment...", "Verifying you are human")]
    assert judge(silent, challenge, firm, names_for(firm)).doubt is Doubt.UNREADABLE


def test_a_former_name_counts_as_a_name() -> None:
    firm = company("NIMBUS IMAGING PTE. LTD.", former_names=("ORCHID HARDWARE PTE. LTD.",))
    assert judged("10 Kaki Bukit Ave 4 S415874", firm=firm).believed


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Singapore 049514", ("049514",)),
        ("S(059432) S427784 (S) 415979", ("059432", "427784", "415979")),
        ("新加坡邮区050532", ("050532",)),
        ("S 415 874", ("415874",)),
        ("7A Keong Saik Rd #02-01, 089117", ("089117",)),
        ("Postal code: 608586", ("608586",)),
        ("Singapore 999999 and 123456", ()),
        ("S$123456", ()),
        ("Tel 608586", ()),
    ],
)
def test_finds_postal_codes_printed_as_such(text: str, codes: tuple[str, ...]) -> None:
    assert postal_codes_in(text) == codes


@pytest.mark.parametrize("text", ["60/62 Joo Chiat Place", "Blk 60 Joo Chiat Pl", "60 JOO CHIAT PLACE"])
def test_finds_a_street_in_any_spelling(text: str) -> None:
    assert states_street(street_words(text), "60", "JOO CHIAT PLACE")
    assert not states_street(street_words(text), "6", "JOO CHIAT PLACE")


def test_finds_signs_of_singapore_and_of_other_countries() -> None:
    assert where_in("Tel +65 6741 1100").singapore
    assert where_in("Made in Singapore\nTel: 6741 1100").singapore
    assert not where_in("Tel: 6741 1100").singapore
    assert where_in("Tel: 6741 1100").local_phone
    assert where_in("Henan lenses").elsewhere
    assert not where_in("Offices in London and New York").elsewhere


def test_words_of_every_menu_are_no_trade() -> None:
    firm = company("HOCK LEE TRADING PTE. LTD.", ssic_description="WHOLESALE OF MARINE EQUIPMENT AND ACCESSORIES")
    menu = "Hock Lee Furniture. Sofas. Accessories. Spare parts. Equipment. Service centre"
    assert "trade" not in signals(judged(menu, domain="hocklee.com.sg", firm=firm, title="Hock Lee"))
    assert "trade" in signals(judged(f"{menu}. Marine ropes", domain="hocklee.com.sg", firm=firm, title="Hock Lee"))


def test_a_trade_is_not_missed_on_a_page_that_was_cut() -> None:
    firm = company("ORCHID SEAFOOD PTE. LTD.")
    text = "Orchid is glad to see you on its new pages. " * 30
    url = "https://www.orchid.sg/"
    candidate = Candidate("orchid.sg", (url,), 30, ())
    whole, cut = Page(url, "Orchid", text), Page(url, "Orchid", text, cut_at=1500)
    assert "other_trade" in signals(judge(candidate, [whole], firm, names_for(firm)))
    assert "other_trade" not in signals(judge(candidate, [cut], firm, names_for(firm)))
