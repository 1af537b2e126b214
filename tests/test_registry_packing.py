"""Registry files as people have them: packed, in other encodings, from old systems, or not registry files at all."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from acra_express_async.errors import RegistryFileError
from acra_express_async.registry import Accepted, RegistryFile
from acra_express_async.registry.packing import Part, parts_of, parts_of_stream
from acra_express_async.registry.rejects import SHOWN, Rejects
from acra_express_async.registry.ssic_file import SsicTable, read_ssic

TEXT = "uen,entity_name,no_of_officers\n197200573N,CAFÉ “A” 新 PTE. LTD.,2\n198107599C,B,1\n"
NAMES = ["CAFÉ “A” 新 PTE. LTD.", "B"]


def names(part: Path | Part) -> list[object]:
    source = RegistryFile(part)
    try:
        return [row.fields["entity_name"] for row in source if isinstance(row, Accepted)]
    finally:
        source.close()


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode("utf-8"),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("\n", "\r").encode("utf-16"),
        ("sep=;\n" + TEXT.replace(",", ";")).encode(),
        ("\ufeffsep=;\r\n" + TEXT.replace(",", ";").replace("\n", "\r\n")).encode("utf-16-le"),
        ('"sep=\t"\n' + TEXT.replace(",", "\t")).encode(),
        gzip.compress(TEXT.encode(), mtime=0),
        gzip.compress(TEXT.encode("utf-16"), mtime=0),
    ],
)
def test_every_text_form_gives_the_same_rows(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "registry.csv"
    path.write_bytes(content)
    assert names(path) == NAMES


def test_lines_are_counted_below_a_separator_line(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("sep=;\nuen;entity_name;uen_status\n12;BAD;R\n197200573N;GOOD;R\n", encoding="utf-8")
    source = RegistryFile(path)
    assert [row.line for row in source] == [3, 4]
    source.close()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7\n...", "it is a PDF"),
        (b"", "it is empty"),
        (b"\xef\xbb\xbf \r\n\r\n", "it is empty"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 100, "it is an Excel workbook in the old format"),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "it is a web page"),
        (b"\n  <html><head></head>", "it is a web page"),
        (b'{"code": 429, "name": "TOO_MANY_REQUESTS"}', "it is JSON"),
        (b"<?xml version='1.0'?><rows/>", "it is XML"),
        (b"\x7fELF\0\0\0\0" * 20, "it is binary, not text"),
        (gzip.compress(b"%PDF-1.7", mtime=0), "it is a PDF"),
        (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n",
            "missing: uen, entity_name, one of the registry",
        ),
    ],
)
def test_what_is_no_registry_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "download.csv"
    path.write_bytes(content)
    with pytest.raises(RegistryFileError, match=rf"download\.csv is not a registry file: .*{said}"):
        RegistryFile(path)


def test_a_workbook_is_named_and_not_read_as_a_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "acra.xlsx", {"[Content_Types].xml": "", "xl/workbook.xml": ""})
    with pytest.raises(RegistryFileError, match=r"it is an Excel workbook \(xlsx\); save it as CSV"):
        parts_of(path)


def test_every_csv_of_an_archive_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "acra.zip", {"acra/B.csv": TEXT, "acra/A.csv": TEXT, "__MACOSX/A.csv": "x", "README": "x"})
    parts = parts_of(path)
    assert [part.name.rpartition(": ")[2] for part in parts] == ["acra/A.csv", "acra/B.csv"]
    assert [part.rejects for part in parts] == [tmp_path / "acra.A.rejects.csv", tmp_path / "acra.B.rejects.csv"]
    assert [names(part) for part in parts] == [NAMES, NAMES]


@pytest.mark.parametrize(
    ("members", "said"), [({"README": "x", "a.pdf": "x"}, "holds only README, a.pdf, and no CSV"), ({}, "empty zip")]
)
def test_an_archive_without_a_csv_is_named(tmp_path: Path, members: dict[str, str], said: str) -> None:
    path = zipped(tmp_path / "acra.zip", members)
    with pytest.raises(RegistryFileError, match=said):
        [RegistryFile(part) for part in parts_of(path)]


def test_a_damaged_archive_says_up_to_which_line_it_is_read(tmp_path: Path) -> None:
    rows = "".join(f"{number:08d}{os.urandom(60).hex()}\n" for number in range(5000))
    path = tmp_path / "half.csv.gz"
    data = gzip.compress(f"uen,entity_name,no_of_officers\n{rows}".encode())
    path.write_bytes(data[: len(data) // 2])
    source = RegistryFile(path)
    with pytest.raises(RegistryFileError, match=r"half\.csv\.gz is damaged after line \d{3,}: "):
        list(source)
    source.close()
    broken = tmp_path / "broken.zip"
    broken.write_bytes(zipped(tmp_path / "whole.zip", {"a.csv": TEXT}).read_bytes()[:-30])
    with pytest.raises(RegistryFileError, match="is a damaged zip archive"):
        parts_of(broken)


def test_a_directory_gives_its_files_without_old_rejects(tmp_path: Path) -> None:
    for letter in "BA":
        (tmp_path / f"ACRA{letter}.csv").write_text(TEXT, encoding="utf-8")
    (tmp_path / "ACRAA.rejects.csv").write_text("file,line\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    zipped(tmp_path / "C.zip", {"ACRAC.csv": TEXT})
    assert [Path(part.name).name for part in parts_of(tmp_path)] == ["ACRAA.csv", "ACRAB.csv", "C.zip: ACRAC.csv"]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(RegistryFileError, match="empty holds no file that ends in"):
        parts_of(empty)


class Dribble(io.RawIOBase):
    """A pipe that gives one byte at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 1))


def test_a_pipe_is_read_packed_or_plain(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"A.csv": TEXT, "B.csv": TEXT}).read_bytes()
    for content, count in ((TEXT.encode(), 1), (gzip.compress(TEXT.encode()), 1), (archive, 2)):
        with ExitStack() as kept:
            parts = parts_of_stream(Dribble(content), "standard input", kept)  # type: ignore[arg-type]
            assert [names(part) for part in parts] == [NAMES] * count
            assert {part.rejects for part in parts} == {None}


def test_rejects_without_a_place_keep_their_first_lines(tmp_path: Path) -> None:
    rejects = Rejects(tmp_path / "no such folder" / "r.csv")
    for line in range(100):
        rejects.say("a.csv", line, "", "rejected", "the UEN is blank")
    assert (rejects.written, rejects.fault, rejects.lines) == (None, "No such file or directory", 100)
    assert rejects.first[1] == "a.csv, line 1: no UEN, rejected: the UEN is blank"
    assert len(rejects.first) == SHOWN
    with pytest.raises(RegistryFileError, match="cannot be written: Is a directory"):
        Rejects(tmp_path, demanded=True)


def ssic(tmp_path: Path, text: str) -> SsicTable:
    path = tmp_path / "ssic2020-classification-structure.csv"
    path.write_text(text, encoding="utf-8")
    return read_ssic(parts_of(path)[0])


def test_five_digit_codes_of_a_hierarchy_are_taken(tmp_path: Path) -> None:
    table = ssic(
        tmp_path,
        "ssic_code,title,level,section,version\nA,AGRICULTURE,section,A,SSIC 2025A\n01,CROPS,division,A,SSIC 2025A\n"
        '0111,Food Crops,class,A,SSIC 2025A\n01111,"Leafy, and fruit vegetables",subclass,A,SSIC 2025A\n',
    )
    assert (table.version, table.headings, table.faults) == ("SSIC 2025A", 3, [])
    assert [(one.code, one.title) for one in table.titles.values()] == [("01111", "Leafy, and fruit vegetables")]


def test_an_export_of_the_published_workbook_is_read(tmp_path: Path) -> None:
    table = ssic(
        tmp_path,
        "SINGAPORE STANDARD INDUSTRIAL CLASSIFICATION,,\n,,\n"
        "SSIC 2020,SSIC 2020 Title,Detailed Definitions\n1111,Leafy vegetables,growing\n56111,Restaurants,\n"
        "9999x,odd,\n56112,,\n,,\n",
    )
    assert (table.version, table.headings) == ("SSIC 2020", 0)
    assert [(one.code, one.description) for one in table.titles.values()] == [("01111", "growing"), ("56111", None)]
    assert table.faults == ["line 6: '9999x' is not an SSIC code", "line 7: the title is blank"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("uen,name\n1,2\n", "no header names a code and a title"), ("code,title\n01,X\n", "no SSIC code of five digits")],
)
def test_a_file_without_ssic_codes_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RegistryFileError, match=said):
        ssic(tmp_path, text)
