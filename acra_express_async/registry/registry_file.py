"""A registry file, read line by line in constant memory: accepted rows with remarks, rejected rows with a reason."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from acra_express_async.errors import RegistryFileError
from acra_express_async.registry import cell_cleaning
from acra_express_async.registry.header import Header, read_header, separator_of
from acra_express_async.registry.packing import Opened, Part, parts_of

MAX_LINE_BYTES = 1024 * 1024
"""A row has a few hundred bytes; a file without line ends must not be read into memory as one line."""
_SEPARATOR_LINE = re.compile(r'^"?sep=([,;\t|])"?\s*$', re.IGNORECASE)


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
    """One CSV file, separated by comma, semicolon or tab, with line ends of any system, plain or packed.

    It is UTF-8 with or without BOM (single lines may be cp1252) or UTF-16. A first line ``sep=;``, as Excel writes it,
    names the separator.

    Raises:
        RegistryFileError: it cannot be opened, is empty or no text, or `read_header` refuses its header.
    """

    def __init__(self, file: Path | Part) -> None:
        part = file if isinstance(file, Part) else _only_part(file)
        self.name, self.size = part.name, part.size
        self._opened = Opened(part)
        self._lines = self._decoded_lines()
        self._header_lines = 1
        try:
            first = next(self._lines, "").removeprefix("\ufeff")
            said = _SEPARATOR_LINE.match(first)
            if said is not None:
                self._header_lines, first = 2, next(self._lines, "")
            self._separator = said[1] if said is not None else separator_of(first)
            self.header: Header = read_header(next(csv.reader([first], delimiter=self._separator), []))
        except (RegistryFileError, csv.Error) as wrong:
            self._opened.close()
            raise RegistryFileError(f"{self.name} is not a registry file: {wrong}") from wrong

    def close(self) -> None:
        self._opened.close()

    @property
    def position(self) -> int:
        """Bytes read so far, for a progress bar over `size`."""
        return self._opened.delivered

    def __iter__(self) -> Iterator[Accepted | Rejected]:
        """The rows.

        Raises:
            RegistryFileError: the archive is damaged; the sentence names the line up to which it could be read.
        """
        reader = csv.reader(self._lines, delimiter=self._separator)
        started = self._header_lines
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as wrong:
                upto = reader.line_num + self._header_lines
                yield Rejected(started + 1, "", f"not readable as CSV up to line {upto}: {wrong}")
                started = upto
                continue
            except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as wrong:
                raise RegistryFileError(f"{self.name} is damaged after line {started}: {wrong}") from wrong
            line, started = started + 1, reader.line_num + self._header_lines
            if any(cell.strip() for cell in cells):
                yield self._row(line, started, cells)

    def _decoded_lines(self) -> Iterator[str]:
        """Lines with their ends. A file without any LF comes from an old Mac: its lines end with CR."""
        opened = self._opened
        old_mac = b"\n" not in opened.head and b"\r" in opened.head
        if opened.encoding != "utf-8":
            end = "\r" if old_mac else "\n"
            text = io.TextIOWrapper(opened.stream, opened.encoding, errors="replace", newline=end)
            return iter(lambda: text.readline(MAX_LINE_BYTES), "")
        raw = _lines_ended_by_cr(opened.stream) if old_mac else _lines_of(opened.stream)
        return map(_decoded, raw)

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


def _only_part(path: Path) -> Part:
    parts = parts_of(path)
    if len(parts) > 1:
        raise RegistryFileError(f"{path} holds {len(parts)} files")
    return parts[0]


def _lines_of(stream: io.BufferedReader) -> Iterator[bytes]:
    return iter(lambda: stream.readline(MAX_LINE_BYTES), b"")


def _lines_ended_by_cr(stream: io.BufferedReader) -> Iterator[bytes]:
    waiting = b""
    while data := stream.read1():
        *lines, waiting = (waiting + data).split(b"\r")
        yield from (line + b"\r" for line in lines)
        if len(waiting) > MAX_LINE_BYTES:
            yield waiting
            waiting = b""
    if waiting:
        yield waiting


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")
