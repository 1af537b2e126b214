"""The formats of an export by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO

from acra_express_async.records.files import CsvFile, JsonlFile, RecordFile
from acra_express_async.records.xlsx_file import XlsxFile

FORMATS: dict[str, Callable[[BinaryIO, Sequence[str]], RecordFile]] = {
    "csv": CsvFile,
    "jsonl": JsonlFile,
    "xlsx": XlsxFile,
}
"""The names of `--format`."""
