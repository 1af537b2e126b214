"""Records as files, read again by a reader of each format."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from db.builders import AT

from acra_express_async.records import xlsx_file
from acra_express_async.records.files import CsvFile, TooManyRows, escaped
from acra_express_async.records.formats import FORMATS
from acra_express_async.records.levels import Level
from acra_express_async.records.record import COLUMNS, Record, as_object

SINGAPORE = ZoneInfo("Asia/Singapore")
LOTUS = Record(
    uen="201912345K",
    name='=HYPERLINK("https://evil.example","LOTUS")',
    entity_status="Live Company",
    ssic="01111",
    ssic_title="Growing of leafy and fruit vegetables",
    outcome="enriched",
    reason="",
    reason_text="",
    website="lotus.com.sg",
    level=Level.CERTAIN,
    points=130,
    evidence=("uen (https://lotus.com.sg/)", "postal_code (https://lotus.com.sg/contact)"),
    emails=("info@lotus.com.sg", "sales@lotus.com.sg"),
    emails_kind=("role", "role"),
    emails_status=("valid", "unverified"),
    emails_hidden=1,
    phones=("+6561112222", "+6562223333"),
    postal_code="068898",
    address="10 ANSON ROAD, #10-01",
    linkedin="https://www.linkedin.com/company/lotus",
    socials=("https://www.facebook.com/lotus",),
    about="Lotus, the 莲花 of Tuas, repairs pumps;\nships and factories.",
    decided_at=AT,
    campaign_id=17,
    campaign_name="-cafes",
    job_id=18,
    judged_by=None,
    judged_at=None,
)


def written(form: str, *records: Record) -> bytes:
    target = io.BytesIO()
    file = FORMATS[form](target, COLUMNS)
    for record in records:
        file.write([as_object(record, SINGAPORE)])
    file.close()
    return target.getvalue()


def as_table(form: str, *records: Record) -> list[dict[str, str]]:
    data = written(form, *records)
    if form == "csv":
        return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert sheet is not None
    head, *rows = ([cell.value or "" for cell in row] for row in sheet.iter_rows())
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_table_joins_lists_and_keeps_leading_zeros(form: str) -> None:
    [row] = as_table(form, LOTUS)
    assert tuple(row) == COLUMNS
    assert row["emails"] == "info@lotus.com.sg; sales@lotus.com.sg"
    assert row["emails_status"] == "valid; unverified"
    assert (row["ssic"], row["postal_code"], row["points"]) == ("01111", "068898", "130")
    assert row["decided_at"] == "2026-03-01T12:00:00+08:00"
    assert row["about"] == LOTUS.about
    assert (row["judged_by"], row["judged_at"]) == ("", "")


def test_jsonl_has_arrays_and_nulls() -> None:
    [line] = written("jsonl", LOTUS).decode().splitlines()
    found: dict[str, Any] = json.loads(line)
    assert tuple(found) == COLUMNS
    assert found["phones"] == ["+6561112222", "+6562223333"]
    assert found["judged_by"] is None
    assert found["campaign_id"] == 17


def test_csv_is_utf_8_with_crlf_and_escapes_formulas() -> None:
    data = written("csv", LOTUS)
    assert data.startswith(b"uen,name,")
    assert data.count(b"\r\n") == 2
    assert "莲花".encode() in data
    [row] = as_table("csv", LOTUS)
    assert row["name"] == "'" + str(LOTUS.name)
    assert row["campaign_name"] == "'-cafes"
    assert row["phones"] == "+6561112222; +6562223333"


def test_xlsx_evaluates_nothing() -> None:
    book = openpyxl.load_workbook(io.BytesIO(written("xlsx", LOTUS)))
    sheet = book.active
    assert sheet is not None
    cells = [cell for row in sheet.iter_rows(min_row=2) for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not any(cell.hyperlink for cell in cells)
    assert LOTUS.name in {cell.value for cell in cells}


@pytest.mark.parametrize("cell", ["=1+1", "+1 or so", "-x", "@sum", "\tx", "\rx", "+65 6111 2222", "+6561112222; =x"])
def test_a_cell_that_would_be_evaluated_is_escaped(cell: str) -> None:
    assert escaped(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "x=1", "+6561112222", "+6561112222; +18005551234", "1-2"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert escaped(cell) == cell


def test_a_sheet_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_file, "XLSX_ROWS", 3)
    file = FORMATS["xlsx"](io.BytesIO(), COLUMNS)
    with pytest.raises(TooManyRows, match="2 rows"):
        file.write([as_object(LOTUS, SINGAPORE)] * 3)
    file.discard()


def test_a_text_too_long_for_a_cell_ends_in_an_ellipsis() -> None:
    [row] = as_table("xlsx", replace(LOTUS, about="x" * 40_000))
    assert len(row["about"]) == 32_767
    assert row["about"].endswith("…")


def test_csv_for_excel_begins_with_a_byte_order_mark() -> None:
    plain, marked = io.BytesIO(), io.BytesIO()
    for target, for_excel in ((plain, False), (marked, True)):
        file = CsvFile(target, COLUMNS, for_excel=for_excel)
        file.write([as_object(LOTUS, SINGAPORE)])
        file.close()
    assert marked.getvalue() == b"\xef\xbb\xbf" + plain.getvalue()
