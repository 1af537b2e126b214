"""A file of judgements to fill in: one row for each member of a sample, in the columns that `judge` reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from acra_express_async.db.records.sample_rows import SampleMember
from acra_express_async.records.files import CsvFile
from acra_express_async.records.judgement_input import COLUMNS

SEEN = ("name", "page", "level")
"""Columns that help a person to judge; `judge` does not read them."""


def write_template(target: BinaryIO, members: Iterable[SampleMember]) -> None:
    """Write the file for a spreadsheet; judgement and note are blank."""
    columns = (*COLUMNS, *SEEN)
    file = CsvFile(target, columns, for_excel=True)
    file.write(dict(zip(columns, _cells(member), strict=True)) for member in members)
    file.close()


def _cells(member: SampleMember) -> tuple[str | None, ...]:
    return member.key.uen, "site", member.domain, None, None, member.name, member.url, str(member.level)
