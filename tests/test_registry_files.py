"""Reading registry files of every header family; each defect is repaired, or reported with its line."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acra_express_async.errors import RegistryFileError
from acra_express_async.records import record
from acra_express_async.registry import (
    COLUMNS,
    Accepted,
    RegistryFile,
    Rejected,
    cell_cleaning,
    is_live,
    is_sole_proprietor,
    may_be_live,
    ssic_digits,
)
from acra_express_async.registry.header import ALIASES, EXPORT_COLUMNS, read_header
from acra_express_async.registry.packing import parts_of
from acra_express_async.registry.ssic_file import read_ssic


def read(tmp_path: Path, content: str | bytes) -> list[Accepted | Rejected]:
    path = tmp_path / "registry.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    source = RegistryFile(path)
    try:
        return list(source)
    finally:
        source.close()


def only(tmp_path: Path, content: str | bytes) -> Accepted:
    [row] = read(tmp_path, content)
    assert isinstance(row, Accepted), row
    return row


def test_the_current_header_has_53_columns() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 53
    assert COLUMNS[28] == "former_entity_name1"
    assert COLUMNS[-2:] == ("uen_of_audit_firm5", "name_of_audit_firm5")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "uen,issuance_agency_desc,uen_status_desc,entity_name,entity_type_desc,uen_issue_date,reg_street_name,reg_postal_code",
            {
                "uen",
                "issuance_agency_id",
                "entity_status_description",
                "entity_name",
                "entity_type_description",
                "uen_issue_date",
                "street_name",
                "postal_code",
            },
        ),
        ("id;UEN_NO;Company Name ;former_entity_name;paid_up_capital_1", {"uen", "entity_name", "former_entity_name1"}),
        (
            "\ufeffentity_uen\tbusiness_name\tregistration_incorporate_date\tuen_of_audit_firm",
            {"uen", "entity_name", "registration_incorporation_date", "uen_of_audit_firm1"},
        ),
    ],
)
def test_every_header_family_is_recognised(tmp_path: Path, header: str, expected: set[str]) -> None:
    path = tmp_path / "r.csv"
    path.write_text(header + "\n", encoding="utf-8")
    source = RegistryFile(path)
    source.close()
    assert set(source.header.columns) == expected


def test_the_exact_column_name_wins_over_an_alias() -> None:
    header = read_header(["name", "", "Entity_Name", "UEN", "capital", "uen_status"])
    assert header.cells == ((2, "entity_name"), (3, "uen"), (5, "entity_status_description"))
    assert header.unknown == ("name", "column 2", "capital")


@pytest.mark.parametrize(
    "content", ["", "uen,name_of_owner\n1,2\n", "entity_name\nX\n", b"\xff\xfeu\x00e\x00n\x00", "a" * 200_000]
)
def test_a_file_that_is_no_registry_file_is_refused(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(RegistryFileError, match=r"registry\.csv is not a registry file"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("header", "had"),
    [
        ("uen,name", "uen, name"),
        (
            "UEN;Entity Name;Owner;Phone;Mail;Since;Note;Status",
            "uen, entity_name, owner, phone, mail, since and 2 more",
        ),
        ("uen,company_name,ssic,status,postal_code", "uen, company_name, ssic, status, postal_code"),
    ],
)
def test_a_list_of_customers_is_no_registry_file(tmp_path: Path, header: str, had: str) -> None:
    """Its names would overwrite the registry's."""
    said = f"registry.csv is not a registry file: its header has {had}; missing: one of the registry's own, such as "
    with pytest.raises(RegistryFileError, match=re.escape(said)):
        read(tmp_path, f"{header}\n197200573N,Uncle's bakery\n")


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (",".join(record.COLUMNS), "reason_text"),
        ("uen;name;entity_status;ssic;Reason_text;decided_at", "reason_text"),
    ],
)
def test_an_export_of_ours_is_no_registry_file(tmp_path: Path, header: str, named: str) -> None:
    said = f"registry.csv is not a registry file: its column {named} is one of acra-express export; its companies are "
    with pytest.raises(RegistryFileError, match=re.escape(said)) as refused:
        read(tmp_path, f"{header}\n197200573N,UNCLE\n")
    assert "acra-express enqueue --uen-file FILE" in str(refused.value)
    with pytest.raises(RegistryFileError, match=f"(?i)is not a list of SSIC codes: its column {named} is"):
        read_ssic(parts_of(tmp_path / "registry.csv")[0])


def test_the_columns_that_tell_an_export_are_its_own() -> None:
    assert frozenset(record.COLUMNS) > EXPORT_COLUMNS
    assert not EXPORT_COLUMNS & {*COLUMNS, *ALIASES}


def test_a_missing_file_is_reported_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RegistryFileError, match="cannot be read: No such file"):
        RegistryFile(tmp_path / "none.csv")


def test_the_oldest_form_with_day_first_dates_is_read(tmp_path: Path) -> None:
    row = only(
        tmp_path,
        "uen;issuance_agency_id;uen_status;entity_name;entity_type;uen_issue_date;reg_street_name;reg_postal_code\n"
        "52930154K;ACRA;R;UNION SERVICES;BN;9/8/2008;ANSON ROAD;79903\n",
    )
    assert row.fields == {
        "uen": "52930154K",
        "issuance_agency_id": "ACRA",
        "entity_status_description": "Registered",
        "entity_name": "UNION SERVICES",
        "entity_type_description": "Business",
        "uen_issue_date": "2008-08-09",
        "street_name": "ANSON ROAD",
        "postal_code": "079903",
    }
    assert row.line == 2


def test_cp1252_crlf_and_quotes_are_read(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        b'\xef\xbb\xbfuen,uen_status,entity_name\r\n198107599C,R,"""CAF\xc9"" (PRIVATE), LIMITED"\r\n\r\n'
        + '197200573N,R,"CAFÉ"\r\n'.encode(),
    )
    assert [(row.line, row.fields["entity_name"]) for row in rows if isinstance(row, Accepted)] == [
        (2, '"CAFÉ" (PRIVATE), LIMITED'),
        (4, "CAFÉ"),
    ]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("R,,X", "the UEN is blank"),
        ("R,na,X", "the UEN is blank"),
        ("R,12345,X", "12345 has none of the three forms of a UEN"),
        ("R,198107599C,", "the name is blank"),
        ("R,198107599C,na", "the name is blank"),
        ("R,198107599C,X,Y", "4 cells where the header has 3"),
        ("R,198107599C", "2 cells where the header has 3"),
    ],
)
def test_a_rejected_row_has_a_reason_and_reading_continues(tmp_path: Path, cells: str, reason: str) -> None:
    rejected, accepted = read(tmp_path, f"uen_status,uen,entity_name\n{cells}\nR,197200573N,GOOD\n")
    assert isinstance(rejected, Rejected)
    assert (rejected.line, rejected.reason) == (2, reason)
    assert isinstance(accepted, Accepted)
    assert accepted.line == 3


def test_an_unclosed_quote_rejects_only_the_lines_it_names(tmp_path: Path) -> None:
    good = "R,197200573N,GOOD\n"
    rows = read(tmp_path, f'uen_status,uen,entity_name\nR,198107599C,"OPEN\n{good}R,198107599C,CLOSE"x,\n{good}')
    assert isinstance(rows[0], Rejected)
    assert rows[0].reason == "4 cells where the header has 3 (lines 2 to 4)"
    assert [row.line for row in rows[1:]] == [5]


def test_an_endless_quoted_cell_is_dropped_and_reading_goes_on(tmp_path: Path) -> None:
    rows = read(
        tmp_path, 'uen_status,uen,entity_name\nR,198107599C,"' + ("x" * 1000 + "\n") * 300 + "R,197200573N,GOOD\n"
    )
    assert isinstance(rows[0], Rejected)
    assert "not readable as CSV" in rows[0].reason
    assert isinstance(rows[-1], Accepted)
    assert rows[-1].line == 302


@pytest.mark.parametrize(
    ("cell", "uen", "remark"),
    [
        ("198503998w", "198503998W", None),
        (" 1985-03998 W\u200b", "198503998W", None),
        ("T05LL2081F", "T05LL2081F", None),
        ("52438110A", "52438110A", "fails its check"),
        ("T05ZZ2081F", "T05ZZ2081F", "fails its check"),
        ("209812345K", "209812345K", "fails its check"),
    ],
)
def test_uens_are_normalised_and_remarked(cell: str, uen: str, remark: str | None) -> None:
    found, said = cell_cleaning.uen_in(cell)
    assert found == uen
    assert (said is None) if remark is None else (remark in (said or ""))


@pytest.mark.parametrize(
    ("cell", "value", "remarked"),
    [
        ("049514", "049514", False),
        ("49514", "049514", False),
        ("49514.0", "049514", False),
        ("1170", "1170", True),
        ("718", "0718", True),
        ("12", None, True),
        ("1234567", None, True),
        ("NA", None, False),
        ("", None, False),
        ("SW1A 1AA", "SW1A 1AA", True),
    ],
)
def test_postal_codes_are_padded_and_remarked(cell: str, value: str | None, remarked: bool) -> None:
    found, remark = cell_cleaning.postal_code_in(cell)
    assert (found, remark is not None) == (value, remarked)


@pytest.mark.parametrize(
    ("cell", "value", "remarked"),
    [
        ("01111", 1111, False),
        ("1111", 1111, False),
        ("47102.0", 47102, False),
        ("na", None, False),
        ("0", None, True),
        ("123456", None, True),
        ("A01", None, True),
    ],
)
def test_ssic_codes_are_padded_and_remarked(cell: str, value: int | None, remarked: bool) -> None:
    found, remark = cell_cleaning.ssic_in(cell)
    assert (found, remark is not None) == (value, remarked)


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("UNION  VISTA SERVICES  ", "UNION VISTA SERVICES"),
        ("STUDIO PTE. LTD. \u200b", "STUDIO PTE. LTD."),
        ("NA", "NA"),
        ("NULL TRADING", "NULL TRADING"),
        ("na", None),
        ("\u200b", None),
        ("ACME PTE.LTD.", "ACME PTE. LTD."),
        ("ACME PTELTD", "ACME PTE LTD"),
        ("ACME PRIVATELIMITED", "ACME PRIVATE LIMITED"),
        ("ACME PTE LTD", "ACME PTE LTD"),
        ("ED@KAI_", "ED@KAI_"),
    ],
)
def test_names_are_cleaned(cell: str, name: str | None) -> None:
    assert cell_cleaning.name_in(cell) == name


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("unit_no", "na", None),
        ("unit_no", "NA", None),
        ("former_entity_name1", "NA", "NA"),
        ("primary_ssic_description", "43301", None),
        ("secondary_ssic_code", "1111", "01111"),
        ("registration_incorporation_date", "2012-11-13", "2012-11-13"),
        ("street_name", "TOH\tGUAN\x00 ROAD", "TOH GUAN ROAD"),
    ],
)
def test_other_cells_are_cleaned(column: str, cell: str, value: str | None) -> None:
    assert cell_cleaning.text_in(column, cell) == value


def test_status_and_proprietor_words_are_recognised() -> None:
    assert all(map(is_live, ("Live", "LIVE COMPANY", "Live (Receiver …)", "Registered")))
    assert not any(map(is_live, ("Struck Off", "In Liquidation", "", "na", None)))
    assert all(map(may_be_live, ("Live Company", "R", "", "na", None)))
    assert not any(map(may_be_live, ("Struck Off", "Cancelled (Non-Renewal)", "Deregistered", "D")))
    assert is_sole_proprietor("Sole Proprietorship/ Partnership", "Sole-Proprietor")
    assert is_sole_proprietor("BUSINESS", "na")
    assert not is_sole_proprietor("Sole Proprietorship/ Partnership", "Partnership")
    assert not is_sole_proprietor("Local Company", None)
    assert [ssic_digits(code) for code in ("01111", 1111, "SSIC 47102", "x", None, "000")] == [
        "1111",
        "1111",
        "47102",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("status", "live"),
    [
        ("Live Company", True),
        ("Live (Receiver or Receiver and Manager appointed)", True),
        ("Registered", True),
        ("R", True),
        ("na", True),
        (None, True),
        ("Struck Off", False),
        ("Cancelled (Non-Renewal)", False),
        ("In Liquidation - Compulsory Winding Up (Insolvency)", False),
        ("Deregistered", False),
        ("D", False),
    ],
)
def test_status_words_decide_whether_a_company_may_be_live(status: str | None, live: bool) -> None:
    assert may_be_live(status) is live


@given(st.binary(max_size=2000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_arbitrary_bytes_are_read_or_explained(tmp_path: Path, noise: bytes) -> None:
    rows = read(tmp_path, b"uen_status,uen,entity_name\n" + noise)
    assert all(row.line >= 2 for row in rows)
    assert sum(isinstance(row, Accepted | Rejected) for row in rows) == len(rows)


def test_reading_takes_flat_memory(tmp_path: Path) -> None:
    """Reading 19,000 more rows of 4 MB allocates less than 2 MB."""
    path = tmp_path / "big.csv"
    line = "R,198107599C," + "X" * 200 + "\n"
    with path.open("w", encoding="utf-8") as out:
        out.write("uen_status,uen,entity_name\n")
        out.writelines(line for _ in range(20_000))
    source = RegistryFile(path)
    rows = iter(source)
    for _ in range(1_000):
        next(rows)
    tracemalloc.start()
    try:
        assert sum(1 for _ in rows) == 19_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        source.close()
    assert peak < 2_000_000
    assert source.size > 4_000_000
