"""A fictional registry in the format of data.gov.sg's file: 53 columns, valid UENs, invented names.

Row i of a seed is always the same, so a longer sample begins with the shorter one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from stdnum.sg import uen as stdnum_uen

from acra_express_async.registry import COLUMNS
from acra_express_async.sandbox.draws import draw, one_of, unit, weighted
from acra_express_async.sandbox.trades import Trade, trades

MISSING = "na"
"""The registry's marker for a missing value."""

FIRST_WORDS = tuple(
    """
    COPPER PAPER VELORA TIDEWATER JADE SAFFRON QUILLON NORTHERLY MARBLE LUMERA OSPREY CINDER BRIGHTWELL AMBERLINE
    KESTREL TEMBUSU RAINTREE SILVERGRASS ORIOLE PERIWINKLE XINYUE HUALANG KAMPARI SERUNAI MELATI BUNGARA VANDERLOOM
    ZEPHYRA OCTAVIAN FERNWAY COBALT MONSOON LANTANA ARKADIN TELUKA SUNBIRD HARBOURNE INDIGO PANDAN MERIDIA CASSIA
    DOVETAIL
    """.split()
)
SECOND_WORDS = tuple(
    """
    HERON LANTERN OTTER FERN COMPASS ANCHOR PAVILION CRANE TERRACE BRIDGE MOSAIC ORCHARD SPARROW GARDEN MERCHANT
    HARVEST CIRCLE LOOM VALLEY PRISM JUNCTION SUMMIT FABLE PETAL CURRENT WILLOW STUDIO QUARTER LEGEND ATLAS EMBER
    VISTA CORAL HORIZON NECTAR THREAD
    """.split()
)
STREETS = (
    ("UBI ROAD 1", "UBI TECHPARK LOFTS"),
    ("KAKI BUKIT AVENUE 4", "PREMIUM COURTYARD"),
    ("TOH GUAN ROAD EAST", "ENTERPRISE COURT"),
    ("ANSON ROAD", "HARBOUR TOWER"),
    ("CECIL STREET", "THE SAMPLE CENTRE"),
    ("NORTH BRIDGE ROAD", "HIGH STREET ARCADE"),
    ("SIN MING LANE", "MIDVIEW PLAZA"),
    ("WOODLANDS INDUSTRIAL PARK E5", ""),
    ("TAMPINES STREET 92", ""),
    ("EUNOS AVENUE 3", ""),
    ("ALEXANDRA ROAD", "DEPOT LOFTS"),
    ("JALAN BESAR", ""),
    ("PAYA LEBAR ROAD", "PAYA SAMPLE SQUARE"),
    ("BUKIT BATOK CRESCENT", "PRESTIGE COURT"),
    ("GEYLANG LORONG 23", ""),
    ("CHANGI SOUTH AVENUE 2", ""),
    ("UPPER THOMSON ROAD", ""),
    ("DEFU LANE 10", ""),
)
SHARED_ADDRESS = ("10", "ANSON ROAD", "26", "INTERNATIONAL SAMPLE PLAZA", "079903")
"""One in eight companies has its corporate secretary's address: that postal code proves nothing."""

STATUSES = {
    "Live Company": 0.80,
    "Struck Off": 0.09,
    "Gazetted To Be Struck Off": 0.02,
    "Ceased Registration": 0.03,
    "Cancelled (Non-Renewal)": 0.02,
    "In Liquidation - Creditors' Voluntary Winding Up": 0.01,
    "Dissolved - Members' Voluntary Winding Up": 0.01,
    "Amalgamated": 0.01,
    MISSING: 0.01,
}
FORMS = {
    " PTE. LTD.": 0.72,
    " PTE LTD": 0.08,
    " (S) PTE. LTD.": 0.04,
    " (ASIA) PTE. LTD.": 0.03,
    " PRIVATE LIMITED": 0.04,
    " LLP": 0.05,
    "": 0.04,
}


def rows(count: int, seed: int = 1) -> Iterator[dict[str, str]]:
    """`count` registry rows keyed by `COLUMNS`; no UEN and no name occurs twice."""
    used: set[str] = set()
    for index in range(count):
        yield _row(index, seed, used)


def write_csv(path: Path, count: int, seed: int = 1) -> None:
    """Write `rows(count, seed)` as UTF-8 CSV with the registry's header."""
    with path.open("w", encoding="utf-8", newline="") as sink:
        writer = csv.DictWriter(sink, COLUMNS)
        writer.writeheader()
        writer.writerows(rows(count, seed))


def ssic_ref() -> tuple[tuple[str, str, str], ...]:
    """(code, title, description) of every trade, five digits each: a small `ssic_ref` for term search."""
    return tuple((trade.code, trade.title, trade.description) for trade in trades())


def uen(form: str, serial: int, year: int) -> str:
    """A UEN with a valid check letter.

    Args:
        form: ``business`` (sole proprietors), ``llp`` or ``company``.
        serial: running number; a business uses six digits of it, an LLP four, a company five.
        year: year of registration; the number of a business does not contain it.
    """
    if form == "business":
        number = f"53{serial % 1_000_000:06d}"
        return number + str(stdnum_uen.calc_business_check_digit(number))
    if form == "llp":
        number = f"T{year % 100:02d}LL{serial % 10_000:04d}"
        return number + str(stdnum_uen.calc_other_check_digit(number))
    number = f"{year}{serial % 100_000:05d}"
    return number + str(stdnum_uen.calc_local_company_check_digit(number))


def _unused_uen(form: str, index: int, seed: int, year: int, used: set[str]) -> str:
    serial = index * 7919 + seed * 104_729  # 7919 is coprime to the powers of ten: neighbours get distant numbers
    number = uen(form, serial, year)
    while number in used:
        serial += 1
        number = uen(form, serial, year)
    used.add(number)
    return number


def _name(index: int, seed: int, trade: Trade) -> str:
    dice = draw(seed, "name", index)
    first, second = dice.choice(FIRST_WORDS), dice.choice(SECOND_WORDS)
    word = dice.choice(trade.name_words)
    return weighted(
        {f"{first} {second} {word}": 6, f"{first} {word}": 2, f"{first} & {second} {word}": 1, f"{first} {second}": 1},
        seed,
        "name shape",
        index,
    )


def _unused_name(index: int, seed: int, trade: Trade, used: set[str]) -> str:
    attempt = index
    name = _name(attempt, seed, trade)
    while name in used:  # draw again, far beyond the row numbers of any sample
        attempt += 10_000_019
        name = _name(attempt, seed, trade)
    used.add(name)
    return name


def _row(index: int, seed: int, used: set[str]) -> dict[str, str]:
    trade = one_of(trades(), seed, "trade", index)
    suffix = weighted(FORMS, seed, "form", index)
    core = _unused_name(index, seed, trade, used)
    company = suffix not in ("", " LLP")
    status = weighted(STATUSES, seed, "status", index)
    if not company and status == "Live Company":
        status = "Live"
    row = dict.fromkeys(COLUMNS, MISSING)
    born = date(2004, 1, 5) + timedelta(days=int(unit(seed, "born", index) * 7500))
    form = "company" if company else "llp" if suffix == " LLP" else "business"
    row |= {
        "uen": _unused_uen(form, index, seed, born.year, used),
        "issuance_agency_id": "ACRA",
        "entity_name": core + suffix,
        "entity_status_description": status,
        "registration_incorporation_date": born.isoformat(),
        "uen_issue_date": max(born, date(2008, 9, 9)).isoformat(),
        "primary_ssic_code": trade.code,
        "primary_ssic_description": trade.title.upper(),
        "no_of_officers": str(1 + index % 4),
    }
    row |= _form(company, suffix) | _address(index, seed)
    if unit(seed, "activity", index) < 0.3:
        row["primary_user_described_activity"] = one_of(trade.offers, seed, "offer", index).upper()
    if company and unit(seed, "former", index) < 0.1:
        row["former_entity_name1"] = _unused_name(index + 1_000_003, seed, trade, used) + " PTE. LTD."
    return row


def _form(company: bool, suffix: str) -> dict[str, str]:
    if company:
        kind = {"company_type_description": "Exempt Private Company Limited by Shares"}
        return {"entity_type_description": "Local Company"} | kind
    if suffix == " LLP":
        return {"entity_type_description": "Limited Liability Partnership"}
    constitution = {"business_constitution_description": "Sole-Proprietor"}
    return {"entity_type_description": "Sole Proprietorship/ Partnership"} | constitution


def _address(index: int, seed: int) -> dict[str, str]:
    dice = draw(seed, "address", index)
    if dice.random() < 0.04:
        return {}  # the registry omits some addresses entirely
    level, unit_no = f"{dice.randint(1, 18):02d}", f"{dice.randint(1, 60):02d}"
    if dice.random() < 0.125:
        block, street, level, building, postal = SHARED_ADDRESS
    else:
        number = dice.randrange(len(STREETS))
        street, building = STREETS[number]
        block = str(dice.randint(1, 220))
        postal = f"{(number * 4 + 9) % 72 + 10:02d}{int(block):03d}{dice.randint(0, 9)}"
    return {
        "address_type": "LOCAL",
        "block": block,
        "street_name": street,
        "level_no": level,
        "unit_no": unit_no,
        "building_name": building or MISSING,
        "postal_code": postal,
    }
