"""A list of UENs in a file: one a line, or a CSV with a column `uen`. What is wrong is named by its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from acra_express_async.errors import RegistryFileError
from acra_express_async.registry.cell_cleaning import uen_in
from acra_express_async.registry.packing import HEAD_BYTES, not_text

MAX_BYTES = 64 * 1024 * 1024
"""A UEN takes ten bytes, so a list of the whole registry (2 million) takes 20 MB."""


@dataclass(slots=True)
class UenList:
    """The UENs of a file in its order, each once.

    Attributes:
        repeated: lines that name a UEN again.
        faults: what could not be understood, one sentence each, with its line.
    """

    uens: dict[str, None] = field(default_factory=dict)
    repeated: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_uens(file: BinaryIO) -> UenList:
    """Read a whole list.

    Raises:
        RegistryFileError: it is not text, too large, or a table without a column `uen`.
    """
    found = UenList()
    try:
        for line, cell in _cells(text_in(file, "a list of UENs")):
            uen, _ = uen_in(cell)
            if uen is None:
                found.faults.append(f"line {line}: {cell.strip()[:40]!r} is not a UEN")
            elif uen in found.uens:
                found.repeated.append(line)
            else:
                found.uens[uen] = None
    except csv.Error as wrong:
        raise RegistryFileError(f"the list of UENs cannot be read as CSV: {wrong}") from wrong
    return found


def text_in(file: BinaryIO, what: str) -> str:
    """The text of a file that a person or a spreadsheet wrote: UTF-8 or UTF-16, else Windows' Western code page.

    Raises:
        RegistryFileError: it is not text, or too large; the sentence says `what` it should be.
    """
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise RegistryFileError(f"{what} may have {MAX_BYTES // 2**20} MB at most")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    if data.strip() and (fault := not_text(data[:HEAD_BYTES])) is not None:
        raise RegistryFileError(f"{what} must be a text file; this is {fault}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def separator_of(text: str) -> str:
    """The separator of a table's columns, by its first line; spreadsheets of some countries write semicolons."""
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)


def _cells(text: str) -> Iterator[tuple[int, str]]:
    """Line number and cell of every line that is not blank; the head of a table is not one of them."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator_of(text))
    column: int | None = None
    for number, row in enumerate(rows):
        cells = [cell.strip() for cell in row]
        if column is None:
            names = [cell.lower() for cell in cells]
            column = names.index("uen") if "uen" in names else 0
            if "uen" in names:
                continue
            if len(cells) > 1:
                raise RegistryFileError(
                    f"the table has no column named 'uen'; its columns are {', '.join(cells)[:200]}"
                )
        if any(cells):
            yield rows.line_num if number else 1, cells[column] if column < len(cells) else ""
