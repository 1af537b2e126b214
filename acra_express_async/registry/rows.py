"""The columns of a registry row, and what a staging job takes over of one."""

from __future__ import annotations

from dataclasses import dataclass

COLUMNS = (
    "uen",
    "issuance_agency_id",
    "entity_name",
    "entity_type_description",
    "business_constitution_description",
    "company_type_description",
    "paf_constitution_description",
    "entity_status_description",
    "registration_incorporation_date",
    "uen_issue_date",
    "address_type",
    "block",
    "street_name",
    "level_no",
    "unit_no",
    "building_name",
    "postal_code",
    "other_address_line1",
    "other_address_line2",
    "account_due_date",
    "annual_return_date",
    "primary_ssic_code",
    "primary_ssic_description",
    "primary_user_described_activity",
    "secondary_ssic_code",
    "secondary_ssic_description",
    "secondary_user_described_activity",
    "no_of_officers",
    *(f"former_entity_name{number}" for number in range(1, 16)),
    *(f"{what}_of_audit_firm{number}" for number in range(1, 6) for what in ("uen", "name")),
)
"""The 53 columns of "Information on Corporate Entities", in its order; `staging_acra_companies` has the same."""


@dataclass(frozen=True, slots=True)
class RegistryRow:
    """One row as a staging job upserts it into `companies`.

    `ssic_code` is digits without leading zeros, or None; `incorporated` is the registry's date as text.
    """

    uen: str
    name: str
    ssic_code: str | None = None
    ssic_description: str | None = None
    incorporated: str | None = None


def ssic_digits(code: object) -> str | None:
    """The digits of an SSIC code without leading zeros: 01111, 1111 and "1111" are the same code."""
    return "".join(c for c in str(code if code is not None else "") if c in "0123456789").lstrip("0") or None
