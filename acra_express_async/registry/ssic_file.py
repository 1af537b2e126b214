"""A file of the Singapore Standard Industrial Classification: codes of five digits and their titles."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from acra_express_async.errors import RegistryFileError
from acra_express_async.registry.cell_cleaning import plain
from acra_express_async.registry.header import require_no_export, separator_of
from acra_express_async.registry.packing import Opened, Part

SSIC = "a list of SSIC codes"
MAX_BYTES = 16 * 1024 * 1024
"""The classification has about 1,100 codes of five digits; with its definitions it takes less than a megabyte."""
HEAD_ROWS = 20
"""How many lines of titles and notes may stand above the header, as in exports of the published workbook."""
MOST_FAULTS = 20

_CODE = re.compile(r"^(ssic|code|ssic[ _]?code|ssic[ _]?\d{4}[a-z]?([ _]code)?)$", re.IGNORECASE)
_TITLE = re.compile(r"^((ssic[ _]?)?(\d{4}[a-z]?[ _])?title|ssic[ _]?description)$", re.IGNORECASE)
_DESCRIPTION = re.compile(r"^(description|(detailed[ _])?definitions?|notes)$", re.IGNORECASE)
_EDITION = re.compile(r"ssic[ _]?(\d{4}[a-z]?)", re.IGNORECASE)
_NO_DIGITS = re.compile(r"^[A-Za-z]$")


@dataclass(frozen=True, slots=True)
class SsicTitle:
    """One code, five digits, with its title."""

    code: str
    title: str
    description: str | None = None


@dataclass(slots=True)
class SsicTable:
    """A file's codes.

    Attributes:
        version: the edition, such as ``SSIC 2025``; the file's name where it does not say.
        digest: SHA-256 of the file, in hex.
        headings: rows of sections, divisions, groups and classes, whose codes have fewer digits.
        faults: rows that were not understood, one sentence each with its line, at most 20.
    """

    version: str
    digest: str
    titles: dict[str, SsicTitle] = field(default_factory=dict)
    headings: int = 0
    faults: list[str] = field(default_factory=list)


def read_ssic(part: Part) -> SsicTable:
    """Read the file.

    Raises:
        RegistryFileError: it cannot be read, is no text, has no column for code or title, or no code of five digits.
    """
    opened = Opened(part, SSIC)
    try:
        data = opened.stream.read(MAX_BYTES + 1)
    except (OSError, EOFError) as wrong:
        raise RegistryFileError(f"{part.name} is damaged: {wrong}") from wrong
    finally:
        opened.close()
    if len(data) > MAX_BYTES:
        raise RegistryFileError(f"{part.name} is too large for a list of SSIC codes")
    text = data.decode("utf-8-sig" if opened.encoding == "utf-8" else opened.encoding, errors="replace")
    rows, columns = _table(text, part.name)
    table = SsicTable(version="", digest=hashlib.sha256(data).hexdigest())
    found = [(line, [plain(cell) for cell in row]) for line, row in rows]
    lowest = min((len(code) for _, row in found if (code := _digits(_cell(row, columns.code)))), default=0)
    for line, row in found:
        _take(table, columns, line, row, headings=lowest < 4)
    if not table.titles:
        raise RegistryFileError(f"{part.name} has no SSIC code of five digits")
    said = next((_cell(row, columns.version) for _, row in found if _cell(row, columns.version)), "")
    table.version = said or columns.edition or part.name.rpartition("/")[2]
    return table


@dataclass(frozen=True, slots=True)
class _Columns:
    code: int
    title: int
    description: int | None
    version: int | None
    edition: str


def _table(text: str, name: str) -> tuple[Iterator[tuple[int, Sequence[str]]], _Columns]:
    """The rows below the header with their lines, and which column is which."""
    head = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator_of(head))
    seen = []
    for names in islice(reader, HEAD_ROWS):
        cells = [plain(cell) for cell in names]
        try:
            require_no_export(cells)
        except RegistryFileError as ours:
            raise RegistryFileError(f"{name} is not a list of SSIC codes: {ours}") from ours
        code, title = _first(_CODE, cells), _first(_TITLE, cells)
        if code is not None and title is not None:
            edition = next((f"SSIC {said[1]}" for cell in cells if (said := _EDITION.match(cell))), "")
            columns = _Columns(
                code, title, _first(_DESCRIPTION, cells), _first(re.compile("^version$", re.IGNORECASE), cells), edition
            )
            return ((reader.line_num, row) for row in reader), columns
        seen += [cell for cell in cells if cell]
    raise RegistryFileError(
        f"{name} is not a list of SSIC codes: no header names a code and a title; it begins with: {', '.join(seen[:6])}"
    )


def _take(table: SsicTable, columns: _Columns, line: int, row: Sequence[str], *, headings: bool) -> None:
    """Add one row. Where no code has fewer than four digits, one of four is a code whose leading zero was lost."""
    cell, title = _cell(row, columns.code), _cell(row, columns.title)
    if not any(row):
        return
    code = _digits(cell)
    if _NO_DIGITS.match(cell) or (code and headings and len(code) < 5):
        table.headings += 1
    elif code is None or not 4 <= len(code) <= 5 or not title:
        if len(table.faults) < MOST_FAULTS:
            what = "the title is blank" if code else f"{cell[:20]!r} is not an SSIC code"
            table.faults.append(f"line {line}: {what}")
    else:
        table.titles[code.zfill(5)] = SsicTitle(code.zfill(5), title, _cell(row, columns.description) or None)


def _first(pattern: re.Pattern[str], cells: Sequence[str]) -> int | None:
    return next((place for place, cell in enumerate(cells) if pattern.match(cell)), None)


def _cell(row: Sequence[str], column: int | None) -> str:
    return row[column] if column is not None and column < len(row) else ""


def _digits(cell: str) -> str | None:
    return cell if cell.isascii() and cell.isdigit() else None
