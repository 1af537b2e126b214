"""What people write when they judge: domains, addresses and numbers in their stored form, and files of judgements.

A value may come from a browser (an address bar), a mail program or a spreadsheet, which drops the plus sign of a number
and puts an apostrophe before what it would take for a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from acra_express_async.db.records.judgement_rows import Field, NewJudgement, Word
from acra_express_async.errors import RegistryFileError
from acra_express_async.extract.domains import domain_of, host_of, path_of
from acra_express_async.registry.cell_cleaning import uen_in
from acra_express_async.registry.uen_file import separator_of, text_in

COLUMNS = ("uen", "field", "value", "judgement", "note")
FIELDS: Mapping[str, Field] = {
    "site": "site",
    "website": "site",
    "domain": "site",
    "email": "email",
    "mail": "email",
    "address": "email",
    "phone": "phone",
}
"""Names of the field column, and the field that each one means."""
WORDS: Mapping[Field, tuple[Word, ...]] = {
    "site": (Word.ACCEPT, Word.SET, Word.REJECT, Word.NONE),
    "email": (Word.ACCEPT, Word.REJECT, Word.BOUNCED),
    "phone": (Word.ACCEPT, Word.REJECT),
}
MAX_ROWS = 20_000
"""Rows of one file; each is checked against the database before the first one is recorded."""
LONGEST_NOTE = 1_000
LONGEST_WHO = 200


class NotUnderstood(ValueError):
    """A value that is none of its kind; the sentence says what was expected."""


def domain_in(text: str) -> str:
    """The registrable domain of a domain, a host or a whole web address; of a hosted site its own name.

    Raises:
        NotUnderstood: it has none.
    """
    plain = _plain(text)
    domain = "" if "@" in plain else domain_of(plain if "://" in plain else f"https://{plain}")
    if not domain:
        raise NotUnderstood(f"{text.strip()[:60]!r} is not a domain; write example.com.sg")
    return domain


def widened_from(text: str, domain: str) -> str | None:
    """The host or page that a person wrote where the judgement is on all of `domain`; None where both are the same.

    ``shop.lotus.com.sg`` and ``lotus.com.sg/branch`` are parts of the site lotus.com.sg; ``www.lotus.com.sg`` is it.
    """
    plain = _plain(text)
    url = plain if "://" in plain else f"https://{plain}"
    site, _, base = domain.partition("/")
    host, path = host_of(url).removeprefix("www."), path_of(url)
    return None if host == site and not path else "".join((host, f"/{base}" if base and host == site else "", path))


def address_in(text: str) -> str:
    """A mail address in lower case.

    Raises:
        NotUnderstood: it is not one.
    """
    plain = _plain(text).removeprefix("mailto:").lower()
    try:
        validate_email(plain, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise NotUnderstood(f"{text.strip()[:60]!r} is not a mail address") from None
    return plain


def number_in(text: str) -> str:
    """A Singapore number in E.164, also without its plus sign or its country code.

    Raises:
        NotUnderstood: it is not a number of Singapore.
    """
    plain = _plain(text)
    wrong = NotUnderstood(f"{text.strip()[:60]!r} is not a Singapore phone number")
    for spelling in (plain, f"+{plain}"):  # a spreadsheet drops the plus sign
        try:
            number = phonenumbers.parse(spelling, "SG")
        except phonenumbers.NumberParseException as unreadable:
            raise wrong from unreadable
        if number.country_code == phonenumbers.country_code_for_region("SG") and phonenumbers.is_valid_number(number):
            return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    raise wrong


def contact_in(text: str) -> tuple[Field, str]:
    """Whether a contact is an address or a number, and its stored form; raises NotUnderstood."""
    return ("email", address_in(text)) if "@" in text.strip().lstrip("'@") else ("phone", number_in(text))


def who_in(text: str) -> str:
    """Who judges, for the record; raises NotUnderstood when that is blank, too long or more than a line."""
    who = text.strip()
    if not who or len(who) > LONGEST_WHO or not who.isprintable():
        raise NotUnderstood(f"say who judges, in one line of at most {LONGEST_WHO} characters")
    return who


def note_in(text: str | None) -> str | None:
    """A note, or None when it is blank; raises NotUnderstood when it is too long."""
    note = (text or "").strip()
    if len(note) > LONGEST_NOTE:
        raise NotUnderstood(f"a note has at most {LONGEST_NOTE} characters")
    return note or None


@dataclass(slots=True)
class JudgementFile:
    """A file of judgements: each with its line, and what could not be understood, one sentence each with its line.

    `remarks` say of which lines the judgement covers more than was written; `blank` counts rows that a person left
    without a judgement and a note.
    """

    rows: list[tuple[int, NewJudgement]] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    remarks: list[tuple[int, str]] = field(default_factory=list)
    blank: int = 0


def read_judgements(file: BinaryIO, *, by: str, sample_id: int | None = None) -> JudgementFile:
    """Read a CSV with the columns uen, field, value, judgement and perhaps note.

    Two rows that contradict each other are a fault of the second one; a row that repeats another is dropped.

    Raises:
        RegistryFileError: it is not a table with these columns, it has no row, or more than `MAX_ROWS` rows.
    """
    found = JudgementFile()
    said: dict[tuple[str, str, str | None], tuple[int, NewJudgement]] = {}
    for line, cells in _rows_of(text_in(file, "a file of judgements")):
        if len(found.rows) + len(found.faults) >= MAX_ROWS:
            raise RegistryFileError(f"a file of judgements may have {MAX_ROWS} rows at most")
        if not (cells["judgement"] or cells.get("note")):
            found.blank += 1
            continue
        try:
            judgement = _judgement(cells, by, sample_id)
        except NotUnderstood as wrong:
            found.faults.append((line, str(wrong)))
            continue
        decides = judgement.field == "site" and judgement.judgement != "reject"
        keys: list[tuple[str, str, str | None]] = [(judgement.uen, judgement.field, judgement.value)]
        keys += [(judgement.uen, "the website", None)] if decides else []
        before = next((said[key] for key in keys if key in said), None)
        if before is None:
            said |= dict.fromkeys(keys, (line, judgement))
            found.rows.append((line, judgement))
            if (
                judgement.field == "site"
                and judgement.value
                and (part := widened_from(cells["value"], judgement.value))
            ):
                found.remarks.append((line, covers_the_site(part, judgement.value)))
        elif (before[1].judgement, before[1].value) != (judgement.judgement, judgement.value):
            found.faults.append((line, f"it contradicts line {before[0]}"))
    if not (found.rows or found.faults):
        empty = (
            "no row of the file has a judgement" if found.blank else "the file of judgements has no row below its head"
        )
        raise RegistryFileError(empty)
    return found


def covers_the_site(part: str, domain: str) -> str:
    """What a person is told who named a part of a site."""
    return f"{part} is part of the site {domain}; the judgement is on all of {domain}"


def _judgement(cells: Mapping[str, str], by: str, sample_id: int | None) -> NewJudgement:
    uen, wrong = uen_in(cells["uen"])
    if uen is None:
        raise NotUnderstood(str(wrong))
    subject = FIELDS.get(cells["field"].lower())
    if subject is None:
        raise NotUnderstood(f"field {cells['field'][:40]!r} is none of site, email and phone")
    word = next((each for each in WORDS[subject] if each == cells["judgement"].lower()), None)
    if word is None:
        raise NotUnderstood(
            f"judgement {cells['judgement'][:40]!r} of a {subject} is none of {', '.join(WORDS[subject])}"
        )
    value = _value(subject, word, cells["value"])
    return NewJudgement(
        uen=uen,
        field=subject,
        judgement=word,
        value=value,
        by=by,
        note=note_in(cells.get("note")),
        sample_id=sample_id,
    )


def _value(subject: Field, word: Word, cell: str) -> str | None:
    if word is Word.NONE:
        if cell:
            raise NotUnderstood(f"none takes no value; to say that {cell[:60]} is not its website write reject")
        return None
    if subject == "site":
        return None if word is Word.ACCEPT and not cell else domain_in(cell)
    if not cell:
        raise NotUnderstood(f"a judgement on {'an address' if subject == 'email' else 'a phone'} needs its value")
    return address_in(cell) if subject == "email" else number_in(cell)


def _rows_of(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and cells by column of every row that is not blank."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator_of(text))
    columns: list[str] | None = None
    for row in _readable(rows):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if columns is None:
            columns = [cell.lower() for cell in cells]
            missing = [name for name in COLUMNS[:-1] if name not in columns]
            if missing:
                raise RegistryFileError(
                    f"the table has no column {', '.join(missing)}; it needs {', '.join(COLUMNS[:-1])} and perhaps note"
                )
            continue
        filled = [*cells, *[""] * len(columns)]
        yield rows.line_num, dict(zip(columns, filled, strict=False))
    if columns is None:
        raise RegistryFileError("the file of judgements is empty")


def _readable(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from rows
    except csv.Error as wrong:
        raise RegistryFileError(f"the file of judgements cannot be read as CSV: {wrong}") from wrong


def _plain(text: str) -> str:
    return text.strip().removeprefix("'").strip()
