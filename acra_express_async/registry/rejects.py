"""The rows of a file that were rejected, kept with a remark, or replaced: a CSV file, or the first lines of it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import IO, Any

from acra_express_async.errors import RegistryFileError
from acra_express_async.registry.csv_cells import plain_cell

SHOWN = 20
"""Lines that are kept for a person where no file can be written."""
_HEAD = ("file", "line", "uen", "kind", "reason")


class Rejects:
    """Explains rows, in a file that appears with the first of them.

    Args:
        path: where the file is written; None keeps only the first lines.
        demanded: a person named the path, so the file is made at once.

    Attributes:
        written: the file, once it exists.
        fault: why it could not be written.
        first: the first lines, for a person.
        lines: how many there are.

    Raises:
        RegistryFileError: a demanded file cannot be written.
    """

    def __init__(self, path: Path | None, *, demanded: bool = False) -> None:
        self._path = path
        self._opened: IO[str] | None = None
        self._writer: Any = None
        self.written: Path | None = None
        self.fault: str | None = None
        self.first: list[str] = []
        self.lines = 0
        if demanded and not self._open():
            raise RegistryFileError(f"{path} cannot be written: {self.fault}")

    def say(self, file: str, line: int, uen: str, kind: str, reason: str) -> None:
        """Explain one row."""
        self.lines += 1
        if len(self.first) < SHOWN:
            self.first.append(f"{file}, line {line}: {uen or 'no UEN'}, {kind}: {reason}")
        if self._opened is not None or self._open():
            self._writer.writerow((plain_cell(file), line, plain_cell(uen), kind, plain_cell(reason)))

    def _open(self) -> bool:
        if self._path is None or self.fault is not None:
            return False
        try:
            self._opened = self._path.open("w", encoding="utf-8", newline="")
        except OSError as wrong:
            self.fault = wrong.strerror or str(wrong)
            return False
        self.written = self._path
        self._writer = csv.writer(self._opened)
        self._writer.writerow(_HEAD)
        return True

    def close(self) -> None:
        """Write what is buffered."""
        if self._opened is not None:
            self._opened.close()
