"""How a registry file is packed: plain, gz, or a zip archive of several; what is no text file is named."""

from __future__ import annotations

import gzip
import io
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from acra_express_async.errors import RegistryFileError

REGISTRY = "a registry file"
NAMED_FAULTS = 10
"""Files that one sentence names."""
HEAD_BYTES = 64 * 1024
"""How much is looked at to recognise a file, and how much is read at a time."""

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_SIGNATURES = (
    (b"%PDF", "a PDF"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook in the old format (xls); save it as CSV"),
    (_ZIP, "a zip archive inside another file; unpack it first"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"BZh", "a bzip2 file; unpack it first"),
    (b"\xfd7zXZ", "an xz file; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd file; unpack it first"),
    (b"PAR1", "a Parquet file"),
)
_MARKUP = (
    (re.compile(rb"\s*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE), "a web page (HTML) instead of the file"),
    (re.compile(rb"\s*<\?xml"), "XML"),
    (re.compile(rb"\s*[{\[]"), "JSON; the CSV is behind the link that it holds"),
)
_OFFICE = (("xl/", "an Excel workbook (xlsx); save it as CSV"), ("word/", "a Word document (docx)"))
_UTF8_BOM, _UTF16_BOMS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_SURE = 8
"""Characters of a header line with a NUL byte each, at every second place: UTF-16 without a byte order mark."""


@dataclass(frozen=True, slots=True)
class Part:
    """One CSV file that can be opened: a file, a member of a zip archive, or standard input.

    Attributes:
        name: for people.
        rejects: where its rejects stand by default; None where there is no place beside it.
        size: bytes that `Opened.delivered` counts up to; None when that is not known.
    """

    name: str
    open: Callable[[], BinaryIO]
    rejects: Path | None = None
    size: int | None = None

    @property
    def is_former_rejects(self) -> bool:
        """It holds what an earlier load rejected, judged by its name."""
        return _is_rejects(self.name.rpartition(": ")[2])


class _Counted(io.RawIOBase):
    """A stream whose beginning was read already; counts what it delivers."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest
        self.delivered = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        self.delivered += len(data)
        return len(data)


class Opened:
    """The bytes of a text file, unpacked.

    Attributes:
        head: its beginning.
        encoding: utf-8, or one of Python's names of UTF-16.

    Args:
        what: what the file should be, for the sentence that says what it is instead.

    Raises:
        RegistryFileError: it cannot be opened, or it is no text file; the sentence names what it is.
    """

    def __init__(self, part: Part, what: str = REGISTRY) -> None:
        try:
            self._file = part.open()
        except OSError as wrong:
            raise RegistryFileError(f"{part.name} cannot be read: {wrong.strerror or wrong}") from wrong
        except (zipfile.BadZipFile, NotImplementedError) as wrong:
            raise RegistryFileError(f"{part.name} is a damaged or unusual zip archive: {wrong}") from wrong
        try:
            self.stream, self.head = self._unpacked(self._file)
        except (OSError, EOFError, ValueError) as wrong:
            self._file.close()
            raise RegistryFileError(f"{part.name} cannot be read: {wrong}") from wrong
        if (fault := not_text(self.head)) is not None:
            self._file.close()
            raise RegistryFileError(f"{part.name} is not {what}: it is {fault}")
        self.encoding = _encoding(self.head)

    def _unpacked(self, file: BinaryIO) -> tuple[io.BufferedReader, bytes]:
        head = _read(file, HEAD_BYTES)
        self._counted = _Counted(head, file)
        stream = _buffered(self._counted)
        if not head.startswith(_GZIP):
            return stream, head
        inner = cast("BinaryIO", gzip.GzipFile(fileobj=stream))
        head = _read(inner, HEAD_BYTES)
        return _buffered(_Counted(head, inner)), head

    @property
    def delivered(self) -> int:
        """Bytes of the file that were read so far."""
        return self._counted.delivered

    def close(self) -> None:
        self._file.close()


def parts_of(path: Path, what: str = REGISTRY) -> list[Part]:
    """The CSV files in a file or directory, in the order of their names; of a directory without former rejects.

    Raises:
        RegistryFileError: it cannot be read, is a workbook, or has no CSV file in it; of a directory, every such file
            is named.
    """
    if path.is_dir():
        return _in_directory(path, what)
    try:
        with path.open("rb") as file:
            zipped = file.read(len(_ZIP)) == _ZIP
        size = path.stat().st_size
    except OSError as wrong:
        raise RegistryFileError(f"{path} cannot be read: {wrong.strerror}") from wrong
    if zipped:
        return _in_archive(path, what)
    return [Part(str(path), lambda: path.open("rb"), path.with_name(f"{_stem(path.name)}.rejects.csv"), size)]


def parts_of_stream(stream: BinaryIO, name: str, kept: ExitStack, what: str = REGISTRY) -> list[Part]:
    """The CSV files in a stream that cannot be rewound; an archive is written to a temporary file until `kept` closes.

    Raises:
        RegistryFileError: see `parts_of`.
    """
    head = _read(stream, len(_ZIP))
    if head != _ZIP:
        return [Part(name, lambda: _buffered(_Counted(head, stream)))]
    file = kept.enter_context(tempfile.NamedTemporaryFile(suffix=".zip"))  # noqa: SIM115 - `kept` closes it
    file.write(head)
    shutil.copyfileobj(stream, file)
    file.flush()
    return [
        replace(part, name=f"{name}: {part.name.partition(': ')[2]}", rejects=None)
        for part in _in_archive(Path(file.name), what)
    ]


def in_one_sentence(faults: Sequence[str]) -> RegistryFileError:
    """All that is wrong with several files, as one error."""
    more = f"; and {len(faults) - NAMED_FAULTS} more files" if len(faults) > NAMED_FAULTS else ""
    return RegistryFileError("; ".join(faults[:NAMED_FAULTS]) + more)


def _in_directory(path: Path, what: str) -> list[Part]:
    known = (".csv", ".csv.gz", ".zip", ".gz")
    files = [each for each in sorted(path.iterdir()) if each.is_file() and each.name.lower().endswith(known)]
    parts: list[Part] = []
    faults: list[str] = []
    for each in files:
        try:
            parts += parts_of(each, what) if not _is_rejects(each.name) else []
        except RegistryFileError as wrong:
            faults.append(str(wrong))
    if faults:
        raise in_one_sentence(faults)
    if not parts:
        raise RegistryFileError(f"{path} holds no file that ends in {', '.join(known)}")
    return parts


def _in_archive(path: Path, what: str) -> list[Part]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
    except (zipfile.BadZipFile, OSError) as wrong:
        raise RegistryFileError(f"{path} is a damaged zip archive: {wrong}") from wrong
    names = [member.filename for member in members]
    if "[Content_Types].xml" in names:
        said = next((said for folder, said in _OFFICE if any(name.startswith(folder) for name in names)), "")
        raise RegistryFileError(f"{path} is not {what}: it is {said or 'an Office document'}")
    wanted = [each for each in members if each.filename.lower().endswith((".csv", ".txt", ".csv.gz"))]
    wanted = [each for each in wanted if not each.filename.startswith("__MACOSX/")]  # resource forks of a Mac
    if not wanted:
        held = f"only {', '.join(names[:3])}" if names else "nothing"
        raise RegistryFileError(f"{path} holds {held}, and no CSV file")
    if any(member.flag_bits & 1 for member in wanted):
        raise RegistryFileError(f"{path} is encrypted; unpack it first")
    alone = sum(not _is_rejects(member.filename) for member in wanted) == 1
    return [_member(path, member, alone=alone) for member in sorted(wanted, key=lambda one: one.filename)]


def _member(path: Path, member: zipfile.ZipInfo, *, alone: bool) -> Part:
    own = "" if alone else f".{_stem(Path(member.filename).name)}"
    rejects = path.with_name(f"{_stem(path.name)}{own}.rejects.csv")

    def opened() -> BinaryIO:
        return _Member(zipfile.ZipFile(path), member)

    return Part(f"{path}: {member.filename}", opened, rejects, member.file_size)


class _Member(io.BufferedReader):
    """A member of an archive, which closes the archive too."""

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        self._archive = archive
        super().__init__(archive.open(member))  # type: ignore[arg-type]

    def close(self) -> None:
        super().close()
        self._archive.close()


def _buffered(raw: io.RawIOBase) -> io.BufferedReader:
    return cast("io.BufferedReader", io.BufferedReader(raw, HEAD_BYTES))


def _read(stream: BinaryIO, size: int) -> bytes:
    """Up to `size` bytes; a pipe may give fewer at a time."""
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


def _is_rejects(name: str) -> bool:
    return ".rejects." in Path(name).name


def _stem(name: str) -> str:
    for ending in (".gz", ".zip", ".csv", ".txt"):
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
    return name or "registry"


def not_text(head: bytes) -> str | None:
    """What the file is instead of text; None when it is text."""
    if not head.removeprefix(_UTF8_BOM).strip():
        return "empty"
    for signature, said in _SIGNATURES:
        if head.startswith(signature):
            return said
    for pattern, said in _MARKUP:
        if pattern.match(head.removeprefix(_UTF8_BOM)):
            return said
    binary = b"\0" in head.partition(b"\n")[0] and _encoding(head) == "utf-8"  # a stray NUL in a row is only dirt
    return "binary, not text" if binary else None


def _encoding(head: bytes) -> str:
    if head.startswith(_UTF16_BOMS):
        return "utf-16"
    for name, first in (("utf-16-le", 1), ("utf-16-be", 0)):
        nuls = head[first : 2 * _SURE : 2]
        if len(nuls) == _SURE and nuls.count(0) == _SURE:
            return name
    return "utf-8"
