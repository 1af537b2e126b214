"""Rows as files: csv for spreadsheets, jsonl for programs; xlsx_file.py has xlsx for people.

A row is what one line of jsonl says: columns by name, in order, with lists as lists.

A spreadsheet evaluates a cell that begins like a formula, and what a page or the registry says may be written by
anybody, so csv cells get a leading apostrophe and xlsx cells are strings by type.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO, Protocol

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBERS = re.compile(r"\+[1-9]\d{1,14}(?:; \+[1-9]\d{1,14})*")
"""One or more E.164 numbers: at most fifteen digits behind the plus."""
SEPARATOR = "; "
"""Joins lists in csv and xlsx; jsonl has arrays."""


class RecordFile(Protocol):
    """A file of one format, written page by page: `close` completes it, `discard` gives it up."""

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None: ...
    def close(self) -> None: ...
    def discard(self) -> None: ...


class TooManyRows(ValueError):
    """The rows do not fit into the sheet of an xlsx file; none were lost, but the file is not complete."""


def cells_of(row: Mapping[str, Any]) -> list[str]:
    """The row as text cells: lists joined, an unknown value as an empty cell."""
    return [_cell(value) for value in row.values()]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return SEPARATOR.join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def escaped(cell: str) -> str:
    """The cell with an apostrophe before it where a spreadsheet would evaluate it; E.164 numbers stay as they are."""
    if cell.startswith(FORMULA_STARTS) and not _NUMBERS.fullmatch(cell):
        return f"'{cell}"
    return cell


class CsvFile:
    """UTF-8 with CRLF, RFC 4180 quoting, a head row.

    Args:
        for_excel: begin with a byte order mark. Without one Excel reads the file in the code page of its computer and
            garbles what is not ASCII; most programs would take the mark for a part of the first column's name.
    """

    def __init__(self, target: BinaryIO, columns: Sequence[str], *, for_excel: bool = False) -> None:
        encoding = "utf-8-sig" if for_excel else "utf-8"
        self._text = io.TextIOWrapper(target, encoding=encoding, newline="", write_through=True)
        self._rows = csv.writer(self._text, lineterminator="\r\n")
        self._rows.writerow(columns)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows."""
        self._rows.writerows([escaped(cell) for cell in cells_of(row)] for row in rows)

    def close(self) -> None:
        """Hand the last bytes over; the target stays open."""
        self._text.detach()

    discard = close


class JsonlFile:
    """One JSON object a line, UTF-8."""

    def __init__(self, target: BinaryIO, columns: Sequence[str]) -> None:  # noqa: ARG002 - every line names its columns
        self._target = target

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows."""
        for row in rows:
            line = json.dumps(row, ensure_ascii=False)
            self._target.write(line.encode("utf-8", "replace") + b"\n")

    def close(self) -> None:
        """Nothing is held back."""

    discard = close
