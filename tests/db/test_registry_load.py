"""Loading registry files into the platform's staging table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from acra_express_async.db.registry import registry_rows
from acra_express_async.db.registry.registry_rows import LoadReport, load_registry
from acra_express_async.db.session.pool import Connection
from acra_express_async.errors import RegistryFileError
from acra_express_async.registry.csv_cells import plain_cell

from .builders import one

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def cells_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


async def load(owner: Connection, tmp_path: Path, text: str) -> LoadReport:
    path = tmp_path / "file.csv"
    path.write_text(text, encoding="utf-8")
    return await load_registry(owner, path, rejects_path=tmp_path / "file.rejects.csv")


async def test_rows_are_loaded_and_rejects_are_counted_and_explained(owner: Connection, tmp_path: Path) -> None:
    report = await load(
        owner,
        tmp_path,
        "uen,entity_name,primary_ssic_code,postal_code,owner\n"
        "197200573N,FIRST,01111,49514,x\n"
        "12,BAD,1,1,x\n"
        "197201769M,OLD POSTAL,62011,1170,x\n"
        "197200573N,LAST WINS,62011,049514,x\n",
    )
    assert (report.loaded, report.updated, report.unchanged, report.rejected, report.remarks) == (2, 1, 0, 1, 1)
    assert report.unknown_columns == ("owner",)
    row = await one(owner, "SELECT * FROM staging_acra_companies WHERE uen = '197200573N'")
    assert (row["entity_name"], row["primary_ssic_code"], row["postal_code"]) == ("LAST WINS", 62011, "049514")
    assert report.rejects_path is not None
    told = {(line["line"], line["kind"]) for line in cells_of(report.rejects_path)}
    assert told == {("2", "replaced"), ("3", "rejected"), ("4", "remark")}


async def test_loading_again_writes_nothing(owner: Connection, tmp_path: Path) -> None:
    text = "uen,entity_name,no_of_officers\n197200573N,A,3\n198107599C,B,na\n"
    first = await load(owner, tmp_path, text)
    before = await owner.fetch("SELECT ctid, xmin::text FROM staging_acra_companies ORDER BY uen")
    again = await load(owner, tmp_path, text)
    assert (first.loaded, again.loaded, again.updated, again.unchanged) == (2, 0, 0, 2)
    assert await owner.fetch("SELECT ctid, xmin::text FROM staging_acra_companies ORDER BY uen") == before


async def test_a_file_with_fewer_columns_clears_no_values(owner: Connection, tmp_path: Path) -> None:
    await load(owner, tmp_path, "uen,entity_name,primary_ssic_code,unit_no\n197200573N,A,62011,04\n")
    await load(owner, tmp_path, "uen,uen_status_desc,entity_name,unit_no\n197200573N,Deregistered,B,na\n")
    row = await one(owner, "SELECT * FROM staging_acra_companies")
    assert (row["entity_name"], row["entity_status_description"]) == ("B", "Deregistered")
    assert (row["primary_ssic_code"], row["unit_no"]) == (62011, None)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"], ids=ascii)
async def test_no_cell_of_the_rejects_file_is_a_formula(owner: Connection, tmp_path: Path, start: str) -> None:
    formula = f'{start}HYPERLINK("http://evil.example"; "x")'
    path = tmp_path / "file.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("uen", "entity_name", "no_of_officers"), (formula, "A", "1"), ("197200573N", "B", "1")]
        )
    report = await load_registry(owner, path, rejects_path=tmp_path / "rejects.csv")
    assert (report.loaded, report.rejected) == (1, 1)
    [told] = cells_of(tmp_path / "rejects.csv")
    for cell in told.values():
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), told
    assert "HYPERLINK" in told["uen"]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+65", "'+65"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        ("", ""),
        (" =1", " =1"),
    ],
)
def test_a_cell_that_a_spreadsheet_calculates_is_quoted(text: str, cell: str) -> None:
    assert plain_cell(text) == cell


async def test_duplicates_across_batches_are_explained_too(
    owner: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_rows, "BATCH_ROWS", 2)
    seen: list[int] = []
    path = tmp_path / "file.csv"
    rows = [f"197200573N,V{n},1\n198107599C,W{n},1\n" for n in range(3)]
    path.write_text("uen,entity_name,no_of_officers\n" + "".join(rows), encoding="utf-8")
    report = await load_registry(owner, path, rejects_path=tmp_path / "r.csv", progress=seen.append)
    assert (report.loaded, report.updated, report.unchanged) == (2, 4, 0)
    assert await owner.fetchval("SELECT entity_name FROM staging_acra_companies WHERE uen = '197200573N'") == "V2"
    told = {line["line"]: line["reason"] for line in cells_of(tmp_path / "r.csv")}
    assert told == {str(n): f"line {n + 2} has the same UEN and replaces this one" for n in range(2, 6)}
    assert seen == sorted(seen)
    assert seen[-1] == path.stat().st_size


async def test_postal_codes_are_counted_after_a_load(owner: Connection, tmp_path: Path) -> None:
    rows = "".join(f"19720{n:04d}N,A,1,{'49514' if n % 2 else '049514'}\n" for n in range(5))
    await load(owner, tmp_path, f"uen,entity_name,no_of_officers,postal_code\n{rows}197209999X,B,1,123456\n")
    counts = await owner.fetch("SELECT postal_code, companies FROM acra_express.postal_counts")
    assert [tuple(row) for row in counts] == [("049514", 5)]
    await owner.execute("DELETE FROM staging_acra_companies WHERE uen < '197200002'")
    await load(owner, tmp_path, "uen,entity_name,no_of_officers,postal_code\n197209998X,B,1,123456\n")
    counts = await owner.fetch("SELECT postal_code, companies FROM acra_express.postal_counts ORDER BY 1")
    assert [tuple(row) for row in counts] == [("049514", 3), ("123456", 2)]


async def test_a_load_works_before_our_schema_exists(owner: Connection, tmp_path: Path) -> None:
    await owner.execute("DROP SCHEMA acra_express CASCADE")
    assert (await load(owner, tmp_path, "uen,entity_name,no_of_officers\n197200573N,A,1\n")).loaded == 1


async def test_a_file_of_another_kind_loads_nothing(owner: Connection, tmp_path: Path) -> None:
    with pytest.raises(RegistryFileError):
        await load(owner, tmp_path, "a,b\n1,2\n")
    assert await owner.fetchval("SELECT count(*) FROM staging_acra_companies") == 0


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data files are not beside this checkout")
async def test_every_documented_defect_is_repaired_or_explained(owner: Connection, tmp_path: Path) -> None:
    report = await load_registry(owner, DATA / "acra_SYNTHETIC_2000.csv", rejects_path=tmp_path / "rejects.csv")
    assert (report.loaded, report.updated, report.rejected) == (2000, 5, 0)
    told = {(int(line["line"]), line["uen"]): line["reason"] for line in cells_of(tmp_path / "rejects.csv")}
    rows = {row["uen"]: row for row in await owner.fetch("SELECT * FROM staging_acra_companies")}
    raw = cells_of(DATA / "acra_SYNTHETIC_2000.csv")
    repaired = {
        "double_space": lambda row, _: "  " not in row["entity_name"],
        "trailing_spaces": lambda row, _: row["entity_name"] == row["entity_name"].strip(),
        "zero_width": lambda row, _: row["entity_name"].isascii(),
        "quotes_in_name": lambda row, cell: row["entity_name"] == cell["entity_name"],
        "comma_in_name": lambda row, cell: row["entity_name"] == cell["entity_name"],
        "name_looks_null": lambda row, cell: row["entity_name"] == cell["entity_name"],
        "glued_suffix": lambda row, _: "PTE.LTD" not in row["entity_name"],
        "uen_lowercase": lambda row, _: row["uen"].isupper(),
        "postal_na": lambda row, _: row["postal_code"] is None,
        "postal_lost_leading_zero": lambda row, cell: row["postal_code"] == "0" + cell["postal_code"],
        "ssic_desc_is_number": lambda row, _: row["primary_ssic_description"] is None,
        "uen_bad_check_letter": None,
        "legacy_4digit_postal": None,
        "duplicate_uen": None,
    }
    for dirt in json.loads((DATA / "acra_SYNTHETIC_dirt.json").read_text(encoding="utf-8")):
        uen, line = dirt["uen"].upper(), dirt["row"] + 1
        check = repaired[dirt["dirt"]]
        if check is not None:
            assert check(rows[uen], raw[dirt["row"] - 1]), dirt
        elif dirt["dirt"] == "duplicate_uen":
            assert any(key[1] == uen and abs(key[0] - line) <= 1 for key in told), dirt
        else:
            assert (line, uen) in told, dirt


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data files are not beside this checkout")
@pytest.mark.parametrize(("name", "rows"), [("acra_real_sample.csv", 81), ("acra_altheader_DERIVED.csv", 39)])
async def test_real_rows_load_under_both_headers(owner: Connection, tmp_path: Path, name: str, rows: int) -> None:
    report = await load_registry(owner, DATA / name, rejects_path=tmp_path / "rejects.csv")
    assert (report.loaded, report.rejected, report.unknown_columns) == (rows, 0, ())


async def test_a_file_without_rows_makes_the_registry_no_younger(owner: Connection, tmp_path: Path) -> None:
    """Otherwise a header alone would silence the warning about an old registry."""
    path = tmp_path / "header.csv"
    path.write_text("uen,entity_name,no_of_officers\n", encoding="utf-8")
    before = await owner.fetchval("SELECT loaded_at FROM acra_express.registry_state")
    report = await load_registry(owner, path, rejects_path=tmp_path / "rejects.csv")
    assert report.taken == 0
    assert await owner.fetchval("SELECT loaded_at FROM acra_express.registry_state") == before
