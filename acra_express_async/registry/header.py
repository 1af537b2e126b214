"""Header lines of registry files: four families and files derived from them, mapped by name, never by position."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from acra_express_async.errors import RegistryFileError
from acra_express_async.registry.rows import COLUMNS

ALIASES = {
    "uen_no": "uen",
    "uen_number": "uen",
    "entity_uen": "uen",
    "company_name": "entity_name",
    "business_name": "entity_name",
    "name": "entity_name",
    "issuance_agency_desc": "issuance_agency_id",
    "uen_status_desc": "entity_status_description",
    "uen_status": "entity_status_description",
    "entity_status": "entity_status_description",
    "entity_status_de": "entity_status_description",
    "status": "entity_status_description",
    "entity_type_desc": "entity_type_description",
    "entity_type": "entity_type_description",
    "registration_incorporate_date": "registration_incorporation_date",
    "incorporation_date": "registration_incorporation_date",
    "founded_year": "registration_incorporation_date",
    "incorporation_year": "registration_incorporation_date",
    "reg_street_name": "street_name",
    "reg_postal_code": "postal_code",
    "ssic_code": "primary_ssic_code",
    "industry_code": "primary_ssic_code",
    "ssic": "primary_ssic_code",
    "ssic_description": "primary_ssic_description",
    "industry_description": "primary_ssic_description",
    "former_entity_name": "former_entity_name1",
    "uen_of_audit_firm": "uen_of_audit_firm1",
    "name_of_audit_firm": "name_of_audit_firm1",
}
"""Other names of a column, in data.gov.sg's smaller files, in derived files and in the platform's own readers."""

_SEPARATORS = ",;\t"
_GAPS = re.compile(r"[\s\-]+")


@dataclass(frozen=True, slots=True)
class Header:
    """Which cell holds which column: `cells` maps a position to a column; `unknown` are names that are not imported."""

    cells: tuple[tuple[int, str], ...]
    width: int
    unknown: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column for _, column in self.cells)


def read_header(names: Sequence[str]) -> Header:
    """Map a header line. A column's own name takes precedence over an alias, and the first alias over later ones.

    Raises:
        RegistryFileError: no column holds the UEN, or none holds the name.
    """
    plain = [_GAPS.sub("_", name.replace("\ufeff", "").strip().lower()) for name in names]
    found: dict[str, int] = {}
    for position, name in enumerate(plain):
        if name in COLUMNS:
            found.setdefault(name, position)
    for position, name in enumerate(plain):
        if name in ALIASES:
            found.setdefault(ALIASES[name], position)
    for needed in ("uen", "entity_name"):
        if needed not in found:
            raise RegistryFileError(f"the header has no column for {needed}; it begins with: {', '.join(plain[:6])}")
    taken = set(found.values())
    return Header(
        cells=tuple(sorted((position, column) for column, position in found.items())),
        width=len(plain),
        unknown=tuple(name or f"column {position + 1}" for position, name in enumerate(plain) if position not in taken),
    )


def separator_of(line: str) -> str:
    """Comma, semicolon or tab: the one that occurs most often in the header line."""
    return max(_SEPARATORS, key=line.count)
