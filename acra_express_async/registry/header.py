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

PROOFS = frozenset(COLUMNS) - {
    *("uen", "entity_name", "address_type", "block", "street_name", "level_no", "unit_no", "building_name"),
    *("postal_code", "other_address_line1", "other_address_line2"),
}
"""Columns that only the registry's files have; one of them tells a registry file from a list of customers."""
_COMMON_NAMES = frozenset(
    {
        *("name", "status", "incorporation_date", "founded_year", "incorporation_year"),
        *("ssic", "ssic_code", "ssic_description", "industry_code", "industry_description"),
    }
)
"""Aliases that lists of any origin use too, so they prove nothing."""

EXPORT_COLUMNS = frozenset({"reason_text", "emails_hidden", "emails_status", "decided_at", "judged_by"})
"""Columns that only our own exports have. Their companies' names, perhaps years old, must not become the registry's."""

SHOWN_NAMES = 6
LONGEST_NAME = 40
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
        RegistryFileError: no column holds the UEN, none holds the name, or none of the others is the registry's own;
            without one, a list of customers would overwrite the registry's names. Or it is an export of ours.
    """
    plain = [_GAPS.sub("_", name.replace("\ufeff", "").strip().lower()) for name in names]
    found: dict[str, int] = {}
    for position, name in enumerate(plain):
        if name in COLUMNS:
            found.setdefault(name, position)
    for position, name in enumerate(plain):
        if name in ALIASES:
            found.setdefault(ALIASES[name], position)
    proofs = {name for name in plain if name not in _COMMON_NAMES and ALIASES.get(name, name) in PROOFS}
    require_no_export(plain)
    missing = [needed for needed in ("uen", "entity_name") if needed not in found]
    missing += [] if proofs else ["one of the registry's own, such as entity_status_description"]
    if missing:
        raise RegistryFileError(f"its header has {_shown(plain)}; missing: {', '.join(missing)}")
    taken = set(found.values())
    return Header(
        cells=tuple(sorted((position, column) for column, position in found.items())),
        width=len(plain),
        unknown=tuple(name or f"column {position + 1}" for position, name in enumerate(plain) if position not in taken),
    )


def require_no_export(names: Sequence[str]) -> None:
    """Refuse the header of `acra-express export`, also of one that a person has cut.

    Raises:
        RegistryFileError: a column tells it; the sentence says what such a file is good for.
    """
    ours = next((name for name in names if name.strip().lower() in EXPORT_COLUMNS), None)
    if ours is not None:
        raise RegistryFileError(
            f"its column {ours.strip()} is one of acra-express export; its companies are enqueued by "
            "acra-express enqueue --uen-file FILE, and judgements on them recorded by acra-express judge FILE"
        )


def _shown(names: Sequence[str]) -> str:
    """The first columns by name, for a sentence."""
    shown = ", ".join(name[:LONGEST_NAME] or "a column without a name" for name in names[:SHOWN_NAMES])
    return (shown or "no column") + (f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else "")


def separator_of(line: str) -> str:
    """Comma, semicolon or tab: the one that occurs most often in the header line."""
    return max(_SEPARATORS, key=line.count)
