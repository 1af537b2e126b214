"""`acra-express load-registry` and `load-ssic` as processes, on the files that people have."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
import zipfile
from pathlib import Path
from string import ascii_uppercase

from process import acra_express

from acra_express_async.db.session.pool import Connection

HEAD = "uen,entity_name,entity_status_description,postal_code\n"


def row(number: int, *, postal: str = "49514") -> str:
    return f"2019{number:05d}K,FIRM {number},Live Company,{postal}\n"


async def test_the_27_files_of_the_registry_are_loaded(fresh_dsn: str, owner: Connection, tmp_path: Path) -> None:
    for number, letter in enumerate([*ascii_uppercase, "Others"]):
        text = HEAD + row(2 * number) + row(2 * number + 1, postal="1170")  # an old postal code: kept with a remark
        (tmp_path / f"ACRAInformationonCorporateEntities{letter}.csv").write_text(text, encoding="utf-8")
    code, out, err = await acra_express("load-registry", "--json", str(tmp_path), POSTGRES_DSN=fresh_dsn)
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert (answer["loaded"], answer["updated"], answer["rejected"], len(answer["items"])) == (54, 0, 0, 27)
    assert answer["remarks"] >= 27
    assert await owner.fetchval("SELECT count(*) FROM staging_acra_companies") == 54
    assert len(found(tmp_path, "*.rejects.csv")) == 27
    one = tmp_path / "all.txt"
    files = found(tmp_path, "ACRA*s[AB].csv")
    code, out, _ = await acra_express("load-registry", *files, "--rejects", str(one), POSTGRES_DSN=fresh_dsn)
    assert code == 0
    assert "2 files: 0 loaded, 0 updated, 4 unchanged, 0 rejected, 4 remarks" in out
    with one.open(encoding="utf-8") as told:
        assert {Path(line["file"]).name for line in csv.DictReader(told)} == {Path(file).name for file in files}


async def test_nothing_is_loaded_when_one_file_is_something_else(
    fresh_dsn: str, owner: Connection, tmp_path: Path
) -> None:
    (tmp_path / "A.csv").write_text(HEAD + row(1), encoding="utf-8")
    (tmp_path / "B.csv").write_bytes(b"%PDF-1.7")
    (tmp_path / "C.zip").write_bytes(b"PK\x03\x04 cut off")
    (tmp_path / "D.csv").write_text("name,age\nx,1\n", encoding="utf-8")
    code, _, err = await acra_express("load-registry", str(tmp_path), POSTGRES_DSN=fresh_dsn)
    assert (code, err.count("\n")) == (1, 1)
    (tmp_path / "C.zip").unlink()
    code, _, err = await acra_express("load-registry", str(tmp_path), POSTGRES_DSN=fresh_dsn)
    assert code == 1
    assert err.startswith(f"acra-express: {tmp_path / 'B.csv'} is not a registry file: it is a PDF; ")
    assert f"; {tmp_path / 'D.csv'} is not a registry file: " in err, "every wrong file is named"
    assert await owner.fetchval("SELECT count(*) FROM staging_acra_companies") == 0


async def test_rejects_of_an_earlier_load_are_left_out(fresh_dsn: str, owner: Connection, tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(HEAD + row(1) + "12,BAD,Live,1\n", encoding="utf-8")
    assert (await acra_express("load-registry", str(tmp_path), POSTGRES_DSN=fresh_dsn))[0] == 0
    rejects = tmp_path / "A.rejects.csv"
    with zipfile.ZipFile(tmp_path / "month.zip", "w") as archive:
        archive.write(tmp_path / "A.csv", "A.csv")
        archive.write(rejects, "A.rejects.csv")
    for files in (found(tmp_path, "A*.csv"), [str(tmp_path / "month.zip")]):
        code, out, err = await acra_express("load-registry", *files, POSTGRES_DSN=fresh_dsn)
        assert (code, out.startswith("0 loaded, 0 updated, 1 unchanged, 1 rejected")) == (0, True), err
        assert err.endswith("A.rejects.csv holds rejects of an earlier load: left out\n")
    assert (tmp_path / "month.rejects.csv").is_file()
    code, _, err = await acra_express("load-registry", str(rejects), "--json", POSTGRES_DSN=fresh_dsn)
    assert (code, json.loads(err)["error"]) == (
        1,
        f"there is nothing to load: {rejects} holds rejects of an earlier load",
    )


async def test_standard_input_shows_its_first_rejects(fresh_dsn: str, owner: Connection) -> None:
    text = HEAD + row(1) + "".join(f"{number},BAD,Live,1\n" for number in range(30))
    code, out, err = await piped(fresh_dsn, text.encode(), "load-registry", "-")
    assert (code, out.splitlines()[0][:46]) == (0, "1 loaded, 0 updated, 30 rejected, 1 remarks")
    lines = err.splitlines()
    assert lines[0].startswith("standard input: there is no place for a file; rejects and remarks, the first 20 of 31")
    assert len(lines) == 21
    assert await owner.fetchval("SELECT count(*) FROM staging_acra_companies") == 1


async def test_ssic_titles_are_loaded_and_found_by_terms(fresh_dsn: str, owner: Connection, tmp_path: Path) -> None:
    file = tmp_path / "ssic.csv"
    file.write_text("SSIC 2025,SSIC 2025 Title\nC,MANUFACTURING\n10712,Bakery products\n", encoding="utf-8")
    code, out, err = await acra_express("load-ssic", "--json", str(file), POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert (answer["loaded"], answer["headings"], answer["version"]) == (1, 1, "SSIC 2025")
    assert await owner.fetchval("SELECT code FROM ssic_ref WHERE fts @@ websearch_to_tsquery('bakery')") == "10712"
    code, out, _ = await acra_express("load-ssic", str(file), POSTGRES_DSN=fresh_dsn)
    assert (code, out[:42]) == (0, "0 codes loaded, 0 updated, 1 unchanged (SS")
    file.write_text("code,title\n10713,Noodles\n", encoding="utf-8")
    code, out, _ = await acra_express("load-ssic", str(file), POSTGRES_DSN=fresh_dsn)
    assert (code, out[:15]) == (0, "1 code loaded, ")
    file.write_bytes(b"%PDF-1.7")
    code, _, err = await acra_express("load-ssic", str(file), POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (1, f"acra-express: {file} is not a list of SSIC codes: it is a PDF\n")


def found(folder: Path, pattern: str) -> list[str]:
    return sorted(str(path) for path in folder.glob(pattern))


async def piped(dsn: str, data: bytes, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "acra_express_async",
        *arguments,
        env={"POSTGRES_DSN": dsn, "PATH": ""},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(data)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
