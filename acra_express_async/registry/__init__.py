"""The company registry (ACRA, data.gov.sg): its columns, its words and its dirt. Pure: no SQL, no settings."""

from acra_express_async.registry.eligibility import is_live, is_sole_proprietor, may_be_live
from acra_express_async.registry.registry_file import Accepted, RegistryFile, Rejected
from acra_express_async.registry.rows import COLUMNS, RegistryRow, ssic_digits

__all__ = [
    "COLUMNS",
    "Accepted",
    "RegistryFile",
    "RegistryRow",
    "Rejected",
    "is_live",
    "is_sole_proprietor",
    "may_be_live",
    "ssic_digits",
]
