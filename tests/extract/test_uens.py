from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.sg import uen as reference

from acra_express_async.extract.uens import (
    has_right_check_letter,
    states_uen,
    strangers_in,
    uens_in,
    without_uens,
)

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


@given(
    st.from_regex(r"(?:19[5-9][0-9]|200[0-9]|201[0-9])[0-9]{5}[A-Z]", fullmatch=True)
    | st.from_regex(r"[0-9]{8}[A-Z]", fullmatch=True)
    | st.from_regex(r"[RST][01][0-9](?:LL|LP|FC|PF|SS)[0-9]{4}[A-Z]", fullmatch=True)
)
def test_check_letters_agree_with_stdnum(uen: str) -> None:
    assert has_right_check_letter(uen) == reference.is_valid(uen)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Co. Reg. No. 193200032W", ("193200032W",)),
        ("UEN: 1972-01770-G and again 197201770G", ("197201770G",)),
        ("RCB No 196800351n", ("196800351N",)),
        ("193200032X has a wrong letter", ()),
        ("order 52892162B", ()),
        ("UEN 52892162B", ("52892162B",)),
        ("T 67411100 F 67411108", ()),
    ],
)
def test_finds_uens_in_text(text: str, found: tuple[str, ...]) -> None:
    assert uens_in(text) == found


def test_finds_the_registered_uen_in_any_spelling() -> None:
    assert states_uen("Reg No: 1932-00032-W.", "193200032W")
    assert states_uen("193200032w", "193200032W")
    assert not states_uen("1932000321W", "193200032W")
    assert not states_uen("anything", "short")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("UEN 196800351N", ("196800351N",)),
        ("Our client 196800351N", ("196800351N",)),
        ("UEN 199702345A", ("199702345A",)),  # wrong check letter, but labelled
        ("Co. Reg. No: 199702345A", ("199702345A",)),
        ("Licence Reg. No. 199702345A", ()),
        ("batch 199702345A", ()),
        ("UEN 193200032X", ()),  # ours, mistyped
        ("UEN 193200302W", ()),  # ours, two digits swapped
        ("UEN 193200032W", ()),
    ],
)
def test_finds_uens_of_other_companies(text: str, found: tuple[str, ...]) -> None:
    assert strangers_in(text, "193200032W") == found


def test_blanking_uens_keeps_positions_and_phone_numbers() -> None:
    text = "UEN 193200032W Tel 67411100 F: 67411108"
    assert without_uens(text) == "UEN            Tel 67411100 F: 67411108"
