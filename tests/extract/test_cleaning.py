from __future__ import annotations

import unicodedata

import pytest

from acra_express_async.extract.cleaning import MAX_CHARS, clean, one_line


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("ｉｎｆｏ＠ｘ．ｃｏｍ", "info@x.com"),
        ("a&amp;#64;b", "a@b"),
        ("sales\\_team\\@x.com", "sales_team@x.com"),
        ("he\u200bllo\u00ad", "hello"),
        ("a\u00a0b", "a b"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\x00b", "a b"),
        ("x\ud800y", "x\ufffdy"),
    ],
)
def test_escapes_and_invisible_characters_are_undone(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_stacked_combining_marks_are_cut_before_normalising() -> None:
    marks = sum(unicodedata.combining(c) > 0 for c in clean("a" + "\u0301\u0316" * 5000))
    assert marks <= 4


def test_head_and_tail_of_a_long_text_are_kept() -> None:
    text = "head " + "x" * (2 * MAX_CHARS) + " tail@x.com"
    cleaned = clean(text)
    assert len(cleaned) <= MAX_CHARS
    assert cleaned.startswith("head")
    assert cleaned.endswith("tail@x.com")


def test_text_for_display_keeps_full_width_punctuation() -> None:
    assert clean("成立于2015年，为居民", form="NFC") == "成立于2015年，为居民"


def test_white_space_collapses_to_single_spaces() -> None:
    assert one_line(" a \n\t b ") == "a b"
