"""REFRESH_UEN_FILE: the companies that are kept fresh by name; the file may change while the service runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acra_express_async import logs
from acra_express_async.errors import RegistryFileError
from acra_express_async.registry.uen_file import UenList, read_uens

log = logs.logger("refresh")

SETTING = "REFRESH_UEN_FILE"
MOST = 100_000
"""UENs that are looked through at a tick, some 20 ms for 2,000 of them. At 200 companies a day 1,400 can be kept fresh
within the default RECHECK_DAYS."""
NAMED = 3
"""Bad lines that the sentence quotes."""


@dataclass(frozen=True, slots=True)
class _Version:
    """What tells one content of the file from another."""

    modified_ns: int
    size: int
    inode: int


class RefreshFile:
    """The list as it was last readable.

    Args:
        path: the file: one UEN a line, or a CSV with a column `uen`.
        remark: called with one sentence while something is wrong with the file, and with None once it is right.
    """

    def __init__(self, path: Path, remark: Callable[[str | None], None] = lambda _sentence: None) -> None:
        self._path = path
        self._remark = remark
        self._version: _Version | None = None
        self._said: str | None = None
        self.uens: tuple[str, ...] = ()

    def load(self) -> str | None:
        """Read the file at the start; the sentence about lines that were left out, None when there are none.

        Raises:
            RegistryFileError: it cannot be read; the sentence names the setting and the file.
        """
        version, found = self._read()
        self._version, self.uens = version, tuple(found.uens)
        sentence = self._faults(found)
        self._say(sentence)
        return sentence

    async def current(self) -> tuple[str, ...]:
        """The UENs, read again when the file has changed; the last good list while it cannot be read."""
        try:
            if await asyncio.to_thread(self._changed):
                await asyncio.to_thread(self.load)
                log.info("refresh.list_read", companies=len(self.uens), file=str(self._path))
        except RegistryFileError as wrong:
            self._say(f"{wrong}; the last good list of {len(self.uens)} UENs is used")
        return self.uens

    def _changed(self) -> bool:
        return self._version is None or self._stat() != self._version or self._said is not None

    def _stat(self) -> _Version:
        try:
            seen = self._path.stat()
        except OSError as wrong:
            raise self._unreadable(wrong) from wrong
        return _Version(seen.st_mtime_ns, seen.st_size, seen.st_ino)

    def _read(self) -> tuple[_Version, UenList]:
        version = self._stat()
        try:
            with self._path.open("rb") as file:
                found = read_uens(file)
        except OSError as wrong:
            raise self._unreadable(wrong) from wrong
        except RegistryFileError as wrong:
            raise RegistryFileError(f"{SETTING} {self._path}: {wrong}") from wrong
        if not found.uens:
            what = f"no line of it is a UEN ({found.faults[0]})" if found.faults else "it is empty"
            raise RegistryFileError(f"{SETTING} {self._path}: {what}")
        if len(found.uens) > MOST:
            raise RegistryFileError(f"{SETTING} {self._path}: {len(found.uens)} UENs, and {MOST} at most can be kept")
        return version, found

    def _unreadable(self, wrong: OSError) -> RegistryFileError:
        return RegistryFileError(f"{SETTING} {self._path} cannot be read: {wrong.strerror or wrong}")

    def _faults(self, found: UenList) -> str | None:
        if not found.faults:
            return None
        more = f" and {len(found.faults) - NAMED} more" if len(found.faults) > NAMED else ""
        return f"{SETTING} {self._path}: {', '.join(found.faults[:NAMED])}{more}; the other lines are used"

    def _say(self, sentence: str | None) -> None:
        if sentence != self._said and sentence is not None:
            log.warning("refresh.list_faulty", error=sentence)
        self._said = sentence
        self._remark(sentence)
