"""The fictional registry: valid UENs, the correct header, repeatable rows."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from sandbox.shared_data import shared
from stdnum.sg import uen

from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.trades import GENERAL, trade_of


def test_every_uen_is_valid_and_unique(rows: list[dict[str, str]]) -> None:
    numbers = [row["uen"] for row in rows]
    assert all(map(uen.is_valid, numbers))
    assert len(set(numbers)) == len(numbers)
    assert len({row["entity_name"] for row in rows}) == len(rows)
    assert {number[3:5] for number in numbers if number[0] == "T"} == {"LL"}


def test_the_year_in_a_uen_is_the_year_of_incorporation(rows: list[dict[str, str]]) -> None:
    companies = [row for row in rows if row["entity_type_description"] == "Local Company"]
    assert companies
    assert all(row["uen"][:4] == row["registration_incorporation_date"][:4] for row in companies)


def test_the_header_equals_that_of_the_registry() -> None:
    with shared("acra_real_sample.csv").open(encoding="utf-8-sig", newline="") as source:
        assert tuple(next(csv.reader(source))) == registry_sample.COLUMNS


def test_a_written_file_reads_back_as_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "registry.csv"
    registry_sample.write_csv(path, 40, seed=9)
    with path.open(encoding="utf-8", newline="") as source:
        assert list(csv.DictReader(source)) == list(registry_sample.rows(40, seed=9))


def test_a_longer_sample_begins_with_the_shorter_one() -> None:
    assert list(registry_sample.rows(50, seed=3))[:20] == list(registry_sample.rows(20, seed=3))
    assert list(registry_sample.rows(20, seed=3)) != list(registry_sample.rows(20, seed=4))


def test_rows_vary_as_the_real_ones_do(rows: list[dict[str, str]]) -> None:
    statuses = Counter(row["entity_status_description"].casefold().startswith("live") for row in rows)
    assert statuses[True] > statuses[False] > 0
    assert any(row["former_entity_name1"] != "na" for row in rows)
    assert any(row["postal_code"] == "na" for row in rows)
    postals = Counter(row["postal_code"] for row in rows if row["postal_code"] != "na")
    assert all(re.fullmatch(r"\d{6}", postal) for postal in postals)
    assert max(postals.values()) > 20, "one address is shared by so many that it proves nothing"
    suffixes = {re.sub(r"^.*?((?:\([A-Z]+\) )?(?:PTE|PRIVATE|LLP).*)?$", r"\1", row["entity_name"]) for row in rows}
    assert {"PTE. LTD.", "PTE LTD", "LLP", ""} <= suffixes


@pytest.mark.parametrize("term", ["bakery", "software", "renovation"])
def test_the_reference_list_answers_usual_terms(term: str) -> None:
    entries = registry_sample.ssic_ref()
    assert any(term in f"{title} {description}".casefold() for _, title, description in entries)
    assert all(re.fullmatch(r"\d{5}", code) for code, _, _ in entries)
    assert len({code for code, _, _ in entries}) == len(entries)


def test_a_code_maps_to_the_nearest_trade() -> None:
    assert trade_of("62011").thing == "software"
    assert trade_of("62019").thing == "software"
    assert trade_of(None) is trade_of("na") is GENERAL
    assert trade_of("1111") is GENERAL, "01111 after its zero was lost: no trade of the table is near"
