"""Rows as an Excel file; apart from the other formats, because the service writes none and the library takes memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

import xlsxwriter

from acra_express_async.records.files import TooManyRows, cells_of

XLSX_ROWS = 1_048_576
"""Rows of one sheet, its head included."""
XLSX_CELL = 32_767
"""Characters of one cell; what is longer ends in an ellipsis."""


class XlsxFile:
    """One sheet; every cell is a string, formulas and links are off.

    XlsxWriter keeps one row in memory (`constant_memory`) and assembles the file at the end, so it is written to a
    temporary file first and copied to the target by `close`.
    """

    def __init__(self, target: BinaryIO, columns: Sequence[str]) -> None:
        self._target = target
        self._whole = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(self._whole, options)
        self._sheet = self._book.add_worksheet("records")
        self._row = 0
        self._append(columns)
        self._sheet.freeze_panes(1, 0)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows.

        Raises:
            TooManyRows: the sheet is full.
        """
        for row in rows:
            self._append(cells_of(row))

    def _append(self, cells: Iterable[str]) -> None:
        if self._row >= XLSX_ROWS:
            raise TooManyRows(f"a sheet holds {XLSX_ROWS - 1:,} rows; choose csv or jsonl, or a smaller selection")
        for column, cell in enumerate(cells):
            text = cell if len(cell) <= XLSX_CELL else cell[: XLSX_CELL - 1] + "…"
            self._sheet.write_string(self._row, column, text)
        self._row += 1

    def close(self) -> None:
        """Assemble the file and copy it to the target."""
        with self._whole:
            self._book.close()
            self._whole.seek(0)
            shutil.copyfileobj(self._whole, self._target)

    def discard(self) -> None:
        """Release the temporary files; XlsxWriter can only do so by assembling what it has."""
        with self._whole:
            self._book.close()
