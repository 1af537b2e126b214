"""A registry file, read line by line in constant memory: accepted rows with remarks, rejected rows with a reason."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from acra_express_async.errors import RegistryFileError
from acra_express_async.registry import cell_cleaning
from acra_express_async.registry.header import Header, read_header, separator_of

MAX_LINE_BYTES = 1024 * 1024
"""A row has a few hundred bytes; a file without line ends must not be read into memory as one line."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row to load: the columns that the file has, cleaned; `remarks` name what was kept although it is wrong."""

    line: int
    uen: str
    fields: dict[str, str | int | None]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be loaded, and the reason."""

    line: int
    uen: str
    reason: str


class RegistryFile:
    """One CSV file: UTF-8 with or without BOM (single lines may be cp1252), separated by comma, semicolon or tab.

    Raises:
        RegistryFileError: it cannot be opened, is empty, or its header has no UEN or no name.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file: BinaryIO = path.open("rb")
            self.size = path.stat().st_size
        except OSError as wrong:
            raise RegistryFileError(f"{path} cannot be read: {wrong.strerror}") from wrong
        first = self._decoded(self._file.readline(MAX_LINE_BYTES)).removeprefix("\ufeff")
        try:
            self._separator = separator_of(first)
            self.header: Header = read_header(next(csv.reader([first], delimiter=self._separator), []))
        except (RegistryFileError, csv.Error) as wrong:
            self._file.close()
            raise RegistryFileError(f"{path} is not a registry file: {wrong}") from wrong

    def close(self) -> None:
        self._file.close()

    @property
    def position(self) -> int:
        """Bytes read so far, for a progress bar over `size`."""
        return self._file.tell()

    def __iter__(self) -> Iterator[Accepted | Rejected]:
        reader = csv.reader(self._lines(), delimiter=self._separator)
        started = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as wrong:
                yield Rejected(started + 1, "", f"not readable as CSV up to line {reader.line_num + 1}: {wrong}")
                started = reader.line_num + 1
                continue
            line, started = started + 1, reader.line_num + 1
            if any(cell.strip() for cell in cells):
                yield self._row(line, started, cells)

    def _lines(self) -> Iterator[str]:
        while raw := self._file.readline(MAX_LINE_BYTES):
            yield self._decoded(raw)

    @staticmethod
    def _decoded(raw: bytes) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("cp1252", errors="replace")

    def _row(self, line: int, last_line: int, cells: list[str]) -> Accepted | Rejected:
        named = {column: cells[position] for position, column in self.header.cells if position < len(cells)}
        if len(cells) != self.header.width:
            where = f" (lines {line} to {last_line})" if last_line > line else ""
            return Rejected(
                line,
                cell_cleaning.plain(named.get("uen", ""))[:20],
                f"{len(cells)} cells where the header has {self.header.width}{where}",
            )
        uen, remark = cell_cleaning.uen_in(named["uen"])
        if uen is None:
            return Rejected(line, cell_cleaning.plain(named["uen"])[:20], remark or "")
        name = cell_cleaning.name_in(named["entity_name"])
        if name is None:
            return Rejected(line, uen, "the name is blank")
        remarks = [remark] if remark else []
        fields: dict[str, str | int | None] = {}
        for column, cell in named.items():
            fields[column] = _value(column, cell, remarks)
        fields |= {"uen": uen, "entity_name": name}
        return Accepted(line, uen, fields, tuple(remarks))


def _value(column: str, cell: str, remarks: list[str]) -> str | int | None:
    value: str | int | None
    remark = None
    if column == "postal_code":
        value, remark = cell_cleaning.postal_code_in(cell)
    elif column == "primary_ssic_code":
        value, remark = cell_cleaning.ssic_in(cell)
    elif column == "no_of_officers":
        value = cell_cleaning.number_in(cell)
    else:
        value = cell_cleaning.text_in(column, cell)
    if remark:
        remarks.append(remark)
    return value
