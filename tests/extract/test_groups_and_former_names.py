"""Names beside the registered one: initials, former names, and a group that names its company."""

from __future__ import annotations

import pytest
from extract.builders import UEN, company, hit, page

from acra_express_async.extract.candidates import Candidate, candidates_in
from acra_express_async.extract.identity import Doubt, Judgement, judge
from acra_express_async.extract.labels import Fit, label_fit
from acra_express_async.extract.names import name_of
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.models import Company

INITIALS = {
    "SOCIETY FOR THE PREVENTION OF CRUELTY TO ANIMALS (SINGAPORE)": "spca",
    "THE INSTITUTE OF BANKING AND FINANCE SINGAPORE": "ibf",
    "THE INSTITUTION OF ENGINEERS, SINGAPORE": "ies",
    "INSTITUTE OF SINGAPORE CHARTERED ACCOUNTANTS": "isca",
    "THE ASSOCIATION OF BANKS IN SINGAPORE": "abs",
    "NATIONAL UNIVERSITY OF SINGAPORE": "nus",
    "ACADEMY OF CULINARY ARTS AND SCIENCES SINGAPORE PTE. LTD.": "acas",
    "CENTRE FOR STRATEGIC LEADERSHIP (SINGAPORE) PTE. LTD.": "csl",
    "BANK OF EAST ASIA SINGAPORE": "bea",
    "INSTITUTE FOR ADVANCED MANUFACTURING OF SINGAPORE LLP": "iam",
    "PLAYERS AND COACHES ASSOCIATION OF SINGAPORE": "pca",
    "GUILD OF PROFESSIONAL PHOTOGRAPHERS IN SINGAPORE": "gpp",
    "SINGAPORE SCHOOL OF SCUBA DIVING PTE. LTD.": "ssd",
    "SINGAPORE CONTRACTORS ASSOCIATION LIMITED": "scal",
}


@pytest.mark.parametrize("name", INITIALS)
def test_initials_drop_small_words_and_the_country(name: str) -> None:
    assert label_fit(INITIALS[name], name_of(name)).fit is Fit.INITIALS


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("SINGAPORE TYRE PTE. LTD.", "ty"),
        ("INSTITUTE OF SINGAPORE", "is"),
        ("BRIGHTWAY MARINE SINGAPORE PTE. LTD.", "bm"),
        ("THE HOUSE OF TAN SINGAPORE", "ht"),
    ],
)
def test_two_letters_are_no_initials(name: str, label: str) -> None:
    assert label_fit(label, name_of(name)).fit in (Fit.NONE, Fit.PART)


OTHERS = (
    "Lotus Holdings Pte. Ltd. (UEN 193200032W)\nLotus Marine Pte. Ltd. (UEN 199201623M)\n"
    "Kueh Foods Pte. Ltd. (UEN 201912345K)"
)
OURS = f"Orchid Hardware Pte. Ltd. (UEN {UEN})"
FIRM = company()


def on_group_page(text: str, url: str = "https://www.lotusgroup.com.sg/our-companies") -> Judgement:
    """The judgement of a page below a domain that does not bear the name."""
    names = names_for(FIRM)
    candidate = Candidate("lotusgroup.com.sg", (url,), 25, ())
    return judge(candidate, [page(url, text, "Lotus Group")], FIRM, names)


@pytest.mark.parametrize(
    "text",
    [
        f"# Our companies\n\n{OTHERS}\n{OURS}\n\nTel +65 6741 1100",
        f"# Lotus Group\n\nOur subsidiaries\n\n{OURS}\n10 Kaki Bukit Avenue 4\n\n{OTHERS}\n\nOur customers thank us.",
        f"# Group of companies\n\n| Company |\n|---|\n| {OURS} |\n| Lotus Holdings Pte. Ltd. |",
    ],
)
def test_a_group_that_names_the_company_with_its_uen(text: str) -> None:
    judgement = on_group_page(text)
    assert judgement.believed
    assert judgement.proven
    assert any(item.signal == "group" for item in judgement.site.evidence)


@pytest.mark.parametrize(
    "text",
    [
        f"# Our companies\n\n{OTHERS}\nOrchid Hardware Pte. Ltd.",
        f"# Our portfolio companies\n\n{OTHERS}\n{OURS}\n\nPart of the Lotus family of founders",
        f"# Members\n\nOur group of companies\n\n{OTHERS}\n{OURS}",
        f"# Our companies\n\nKueh Foods Pte. Ltd. (UEN 201912345K)\n{OURS}\n{OTHERS}".replace("Lotus", "Rose"),
        f"# Our group of companies\n\n{OTHERS}\n{OURS}\n\nClaim your listing",
        f"# Clients\n\n{OURS}\n\nLotus Holdings Pte. Ltd., member of Lotus Group",
    ],
)
def test_a_list_of_companies_is_no_group(text: str) -> None:
    judgement = on_group_page(text)
    assert not any(item.signal == "group" for item in judgement.site.evidence)
    assert not judgement.believed


RENAMED = company(
    "BRIGHTWAY MARINE PTE. LTD.", former_names=("LOTUS ENGINEERING PTE. LTD.",), ssic_description="Repair"
)
LOTUS = "https://lotusengineering.com.sg/"


def under_former_name(text: str, firm: Company = RENAMED) -> Judgement:
    """The judgement of a page on the domain of a former name."""
    names = names_for(firm)
    [candidate] = candidates_in([hit(LOTUS, "Lotus Engineering")], firm, names)
    return judge(candidate, [page(LOTUS, text, "Lotus Engineering")], firm, names)


@pytest.mark.parametrize(
    "text",
    [
        "# Lotus Engineering\n\nTel +65 6741 1100",
        "© Lotus Engineering Pte. Ltd. 10 Kaki Bukit Avenue 4, Singapore 415874",
        "Lotus Engineering Pte. Ltd. is now Brightway Marine. Tel +65 6741 1100",
        f"Lotus Engineering Pte. Ltd. UEN {UEN}",
    ],
)
def test_the_domain_of_a_former_name_is_still_the_firms(text: str) -> None:
    assert under_former_name(text).believed


def test_another_company_may_bear_the_former_name_now() -> None:
    theirs = "# Lotus Engineering\n\n© 2026 Lotus Engineering Pte. Ltd. 1 Tuas Link, Singapore 638589, +65 6862 1100"
    assert under_former_name(theirs).doubt is Doubt.NO_PROOF
    assert under_former_name(f"{theirs} UEN 193200032W").doubt is Doubt.OTHER_COMPANY
    present = company("LOTUS ENGINEERING PTE. LTD.", postal_code="638500", street_name="PIONEER ROAD")
    assert under_former_name(theirs, present).believed


def test_a_result_below_a_former_names_domain_is_no_listing() -> None:
    hits = [hit(f"{LOTUS}brightway-marine-pte-ltd", "Lotus Engineering is now Brightway Marine")]
    [candidate] = candidates_in(hits, RENAMED, names_for(RENAMED))
    assert candidate.domain == "lotusengineering.com.sg"
