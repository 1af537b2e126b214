"""Generated registry files of any size, and the peak memory of the process that loads one."""

from __future__ import annotations

import csv
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from peak_memory import peak_of

from acra_express_async.registry import COLUMNS
from acra_express_async.sandbox.registry_sample import MISSING

_WEIGHTS = (10, 8, 6, 4, 9, 7, 5, 3, 1)
_LETTERS = "ZKCMDNERGWH"
_FIRST_YEAR, _A_YEAR = 1990, 20_000


@dataclass(frozen=True, slots=True)
class Load:
    """The cost of one load; `megabytes` is the peak resident memory (VmHWM) of the process."""

    rows: int
    file_megabytes: float
    loaded: int
    updated: int
    unchanged: int
    megabytes: float


def write_month(path: Path, rows: int) -> None:
    """Write a file with the 53-column header; each UEN occurs once with a valid check letter, three in ten are live."""
    with path.open("w", encoding="utf-8", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(COLUMNS)
        writer.writerows(_cells(number) for number in range(rows))


def _cells(number: int) -> list[str]:
    digits = f"{_FIRST_YEAR + number // _A_YEAR}{number % _A_YEAR:05d}"
    letter = _LETTERS[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=True)) % 11]
    told = {
        "uen": digits + letter,
        "issuance_agency_id": "ACRA",
        "entity_name": f'MADE UP COMPANY {number}, "SINGAPORE" PTE. LTD.',
        "entity_type_description": "Local Company",
        "entity_status_description": "Live Company" if number % 10 < 3 else "Struck Off",
        "registration_incorporation_date": "2012-03-05",
        "block": str(number % 900 + 1),
        "street_name": "UBI AVENUE 3",
        "postal_code": f"{400_000 + number % 9000:06d}",
        "primary_ssic_code": f"{10_000 + number % 600 * 100}",
        "primary_user_described_activity": "WHOLESALE OF THINGS THAT WERE MADE UP FOR A MEASUREMENT",
    }
    return [told.get(column, MISSING) for column in COLUMNS]


async def load_month(dsn: str, rows: int) -> Load:
    """Write a file of `rows` rows and load it with ``acra-express load-registry`` in a separate process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "month.csv"
        write_month(path, rows)
        out, megabytes = await peak_of(dsn, "load-registry", str(path), "--json")
        answer = json.loads(out)
        size = path.stat().st_size / 1e6
        return Load(rows, size, answer["loaded"], answer["updated"], answer["unchanged"], megabytes)
