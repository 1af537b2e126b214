"""What people write when they judge: values in every spelling, and files whose bad lines are named."""

from __future__ import annotations

import io

import pytest

from acra_express_async.db.records.judgement_rows import Word
from acra_express_async.errors import RegistryFileError
from acra_express_async.records.judgement_input import (
    NotUnderstood,
    contact_in,
    domain_in,
    read_judgements,
    widened_from,
)

HEAD = "uen,field,value,judgement,note\n"
UEN = "201912345K"


def read(text: str) -> list[tuple[int, str]]:
    """Line and sentence of each fault."""
    return read_judgements(io.BytesIO(text.encode()), by="mei").faults


@pytest.mark.parametrize(
    ("written", "domain", "part"),
    [
        ("lotus.com.sg", "lotus.com.sg", None),
        ("https://www.Lotus.com.sg/", "lotus.com.sg", None),
        ("http://lotus.com.sg:8080/?a=1#top", "lotus.com.sg", None),
        ("shop.lotus.com.sg", "lotus.com.sg", "shop.lotus.com.sg"),
        ("https://lotus.com.sg/branch/", "lotus.com.sg", "lotus.com.sg/branch"),
        ("lotus.wixsite.com", "lotus.wixsite.com", None),
        ("sites.google.com/view/lotus", "sites.google.com/view/lotus", None),
        ("sites.google.com/view/lotus/contact", "sites.google.com/view/lotus", "sites.google.com/view/lotus/contact"),
    ],
)
def test_a_part_of_a_site_is_told_from_the_site(written: str, domain: str, part: str | None) -> None:
    assert domain_in(written) == domain
    assert widened_from(written, domain) == part


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("'+65 6111 2222", ("phone", "+6561112222")),
        ("6561112222", ("phone", "+6561112222")),
        ("mailto:Info@Lotus.com.sg", ("email", "info@lotus.com.sg")),
    ],
)
def test_contacts_are_read_as_spreadsheets_write_them(written: str, understood: tuple[str, str]) -> None:
    assert contact_in(written) == understood


@pytest.mark.parametrize("written", ["lotus", "info@lotus.com.sg", "", "https://"])
def test_what_is_no_domain_is_refused(written: str) -> None:
    with pytest.raises(NotUnderstood, match="is not a domain"):
        domain_in(written)


def test_every_bad_line_is_named_with_its_fault() -> None:
    lines = [
        f"{UEN},site,lotus.com.sg,accept,",
        "nonsense,site,lotus.com.sg,accept,",
        f"{UEN},fax,+6561112222,accept,",
        f"{UEN},phone,+6561112222,bounced,",
        f"{UEN},email,,reject,",
        f"{UEN},site,lotus.com.sg,none,",
        "",
        f'{UEN},email,info@lotus.com.sg,reject,"two\nlines"',
        f"{UEN},site,rose.sg,set,",
        f"{UEN},email,info@lotus.com.sg,reject,again",
        f"{UEN},email,info@lotus.com.sg,accept,",
    ]
    assert read(HEAD + "\n".join(lines)) == [
        (3, "NONSENSE has none of the three forms of a UEN"),
        (4, "field 'fax' is none of site, email and phone"),
        (5, "judgement 'bounced' of a phone is none of accept, reject"),
        (6, "a judgement on an address needs its value"),
        (7, "none takes no value; to say that lotus.com.sg is not its website write reject"),
        (11, "it contradicts line 2"),
        (13, "it contradicts line 10"),
    ]


def test_a_file_of_a_spreadsheet_is_understood() -> None:
    """Semicolons, a byte order mark, other columns, upper case, and a plus sign that was dropped."""
    rows = ["Note;UEN;Name;Field;Value;Judgement", f"seen;{UEN.lower()};LOTUS;Website;;None"]
    rows += [f";{UEN};;PHONE;6561112222;Reject"]
    text = "\ufeff" + "\r\n".join(rows)
    found = read_judgements(io.BytesIO(text.encode()), by="mei", sample_id=3)
    assert found.faults == found.remarks == []
    assert [(line, said.field, said.judgement, said.value, said.note) for line, said in found.rows] == [
        (2, "site", Word.NONE, None, "seen"),
        (3, "phone", Word.REJECT, "+6561112222", None),
    ]
    assert {said.sample_id for _, said in found.rows} == {3}


def test_a_widened_judgement_is_remarked_with_its_line() -> None:
    found = read_judgements(io.BytesIO(f"{HEAD}{UEN},site,shop.lotus.com.sg,reject,\n".encode()), by="mei")
    assert [said.value for _, said in found.rows] == ["lotus.com.sg"]
    told = "shop.lotus.com.sg is part of the site lotus.com.sg; the judgement is on all of lotus.com.sg"
    assert found.remarks == [(2, told)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the file of judgements is empty"),
        ("\n \n", "the file of judgements is empty"),
        (HEAD, "the file of judgements has no row below its head"),
        (HEAD + ",,,,\n", "the file of judgements has no row below its head"),
        ("uen,value\n1,2\n", "the table has no column field, judgement"),
    ],
)
def test_a_file_without_judgements_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(RegistryFileError, match=sentence):
        read(text)


def test_rows_that_are_left_blank_are_counted() -> None:
    text = f"{HEAD}{UEN},site,lotus.com.sg,accept,\n199000001A,site,rose.sg,,\n199000002B,site,oak.sg,,sure\n"
    found = read_judgements(io.BytesIO(text.encode()), by="mei")
    assert ([said.uen for _, said in found.rows], found.blank) == ([UEN], 1)
    assert [line for line, _ in found.faults] == [4], "a note without a judgement was forgotten"
    with pytest.raises(RegistryFileError, match="no row of the file has a judgement"):
        read(f"{HEAD}{UEN},site,lotus.com.sg,,\n")
