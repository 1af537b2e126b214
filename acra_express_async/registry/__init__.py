"""The company registry (ACRA, on data.gov.sg): its columns, its wording and its dirt. Pure: no SQL, no settings.

`registry_file` and `header` read a CSV export of any known family, `cell_cleaning` repairs single cells, `eligibility`
says which rows are live companies and which are persons, `rows` lists the columns. The current release has 53 columns
and about 2.08 million rows, of which some 30 % are live. A missing value is the literal ``na``, and recent releases
have lost leading zeros of postal codes and SSIC codes. Sole proprietors are often people at their home address, so they
are left out unless a setting includes them.
"""

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
