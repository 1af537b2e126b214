from __future__ import annotations

import pytest

from acra_express_async.extract.labels import Fit, label_fit
from acra_express_async.extract.lookalikes import imitates
from acra_express_async.extract.names import legal_name_stands_in, name_of, padded, together, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("W.S. RAM SINGH CO", ("ws", "ram", "singh", "co")),
        ("Café & Co", ("cafe", "and", "co")),
        ("MUTHU'S SPICES", ("muthus", "spices")),
        ("ED@KAI", ("ed", "kai")),
        ("天天香 BAKERY", ("天天香", "bakery")),
        ("E-MART_", ("e", "mart")),
    ],
)
def test_splits_text_into_normalised_words(text: str, words: tuple[str, ...]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("legal", "core", "brand"),
    [
        ("NANYANG OPTICAL CO (PTE) LTD", ("nanyang", "optical"), ("nanyang",)),
        ("PINNACLE FAMILY CLINIC (WOODLANDS) PTE. LTD.", ("pinnacle", "family", "clinic"), ("pinnacle",)),
        ("PACIFIC RIM BUNKERING 3 PTE. LTD.", ("pacific", "rim", "bunkering", "3"), ("pacific", "rim")),
        ("SINGAPORE AIRLINES LIMITED", ("singapore", "airlines"), ("singapore", "airlines")),
        ("ZEN & ONE DESIGN STUDIO PTE. LTD.", ("zen", "and", "one", "design", "studio"), ("zen", "and", "one")),
        ("X (PRIVATE) LIMITED", ("x",), ("x",)),
        ("LTD", ("ltd",), ("ltd",)),
    ],
)
def test_splits_a_name_into_core_and_brand(legal: str, core: tuple[str, ...], brand: tuple[str, ...]) -> None:
    name = name_of(legal)
    assert (name.core, name.brand) == (core, brand)


@pytest.mark.parametrize(
    ("legal", "label", "fit"),
    [
        ("KEPPEL LTD.", "keppel", Fit.EXACT),
        ("KEPPEL LTD.", "keppelhealthreview", Fit.PART),
        ("CHARLES & KEITH (SINGAPORE) PTE. LTD.", "charleskeith", Fit.EXACT),
        ("CHARLIE & DAISY PTE. LTD.", "charliendaisy", Fit.EXACT),
        ("SOO KEE JEWELLERY PTE LTD", "sookee", Fit.BRAND),
        ("UNITED OVERSEAS BANK LIMITED", "uob", Fit.INITIALS),
        ("OVERSEA-CHINESE BANKING CORPORATION LIMITED", "ocbc", Fit.INITIALS),
        ("SINGAPORE TECHNOLOGIES ENGINEERING LTD", "stengg", Fit.SHORTENED),
        ("TAT SENG ENGINEERING & CONSTRUCTION PTE LTD", "tatsengengrg", Fit.SHORTENED),
        ("CLOVER DENTAL LABORATORY PTE LTD", "cloverdentallab", Fit.AFFIXED),
        ("PSA CORPORATION LIMITED", "singaporepsa", Fit.AFFIXED),
        ("TEONG HIN SHIPPING AGENCIES PTE LTD", "teonghingroup", Fit.GROUP),
        ("SINGAPORE KITE ACADEMY PTE. LTD.", "kiteacademy", Fit.AFFIXED),
        ("SINGAPORE LAND PTE. LTD.", "land", Fit.PART),
        ("ACADEMY OF CULINARY DREAMS PTE. LTD.", "culinarydreams", Fit.BRAND),
        ("TAN, LIM & MENON LLP", "tlmlaw", Fit.INITIALS),
        ("TAN, LIM & MENON LLP", "tlmoor", Fit.NONE),
        ("PACIFIC INTERNATIONAL LINES (PRIVATE) LIMITED", "pilship", Fit.INITIALS),
        ("KIM SENG HENG ENGINEERING CONSTRUCTION (PTE) LTD", "ksh", Fit.INITIALS),
        ("KIAN TECK MARINE ENGINEERING PTE LTD", "kianteckengrg", Fit.SHORTENED),
        ("CWT PTE. LIMITED", "cwtlimited", Fit.AFFIXED),
        ("SOUTHEAST ASIA MARINE SURVEYORS PTE LTD", "seamarinesurveyors", Fit.SHORTENED),
        ("APEX PTE. LTD.", "apex", Fit.COMMON),
        ("EVERBRIGHT ENGINEERING PTE. LTD.", "everbright", Fit.COMMON),
        ("FOXGLOVE PTE. LTD.", "twelvecups", Fit.NONE),
    ],
)
def test_classifies_how_a_domain_label_fits_a_name(legal: str, label: str, fit: Fit) -> None:
    assert label_fit(label, name_of(legal)).fit is fit


def test_a_domain_that_drops_the_trade_needs_it_on_the_page() -> None:
    fit = label_fit("sookee", name_of("SOO KEE JEWELLERY PTE LTD"))
    assert fit.beside(padded("Soo Kee"), padded("Soo Kee jewellers since 1991")).fit is Fit.BRAND
    assert fit.beside(padded("Soo Kee"), padded("Soo Kee noodles")).fit is Fit.COMMON


def test_a_domain_that_drops_a_distinctive_word_needs_the_title() -> None:
    fit = label_fit("quill", name_of("QUILL HARBOUR PTE LTD"))
    assert fit.beside(padded("Quill Harbour"), padded("Quill Harbour")).fit is Fit.BRAND
    assert fit.beside(padded("Quill"), padded("Quill at the harbour")).fit is Fit.WORDS
    assert fit.beside(padded("Quill"), padded("Quill pens")).fit is Fit.SOME


def test_a_number_at_the_end_of_a_name_is_never_confirmed() -> None:
    fit = label_fit("northwindholdings", name_of("NORTHWIND HOLDINGS 18 PTE. LTD."))
    assert fit.beside(padded("Northwind 18"), padded("Northwind 18")).fit is Fit.SOME


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        ("© 2024 Nanyang Optical Company (Private) Limited", True),
        ("NANYANG OPTICAL CO. (PTE.) LTD.", True),
        ("Nanyang Optical Co", False),
        ("Nanyang Optical Instruments Pte Ltd", False),
    ],
)
def test_finds_the_legal_name_in_any_spelling_of_its_form(text: str, stands: bool) -> None:
    assert legal_name_stands_in(padded(text), name_of("NANYANG OPTICAL CO (PTE) LTD")) is stands


def test_a_business_without_legal_form_has_no_legal_name() -> None:
    assert not legal_name_stands_in(padded("House of Kebaya"), name_of("HOUSE OF KEBAYA"))


@pytest.mark.parametrize(
    ("domain", "fake"),
    [
        ("p0sbank.com", True),
        ("posbank-login.com", True),
        ("xn--psbank-wqf.com", True),
        ("posbank.com", False),
        ("posbank.com.sg", False),
        ("posbank-cards.com", False),
    ],
)
def test_recognises_imitations_of_a_domain(domain: str, fake: bool) -> None:
    assert imitates(domain, name_of("POSBANK LTD")) is fake


@pytest.mark.parametrize(
    "state", ["IN LIQUIDATION", "IN CREDITORS' VOLUNTARY LIQUIDATION", "UNDER JUDICIAL MANAGEMENT"]
)
def test_a_remark_on_the_state_is_no_part_of_a_name(state: str) -> None:
    name = name_of(f"ORCHID HARDWARE PTE. LTD. ({state})")
    assert (name.legal, name.words, name.bracketed) == ("ORCHID HARDWARE PTE. LTD.", ("orchid", "hardware"), ())
    assert name_of("FACILITY (MANAGEMENT) SERVICES PTE. LTD.").words == ("facility", "services")


TEXTS = ["", " ", "Café & Co\nW.S. Ram", "天天香 Bakery, 12 Tuas Ave", "E-Mart's\n\n# The Firm Private Limited", "…"]


@pytest.mark.parametrize("last", TEXTS)
def test_words_of_texts_together_are_those_of_their_lines(last: str) -> None:
    assert together(map(padded, [*TEXTS, last])) == padded("\n".join([*TEXTS, last]))
