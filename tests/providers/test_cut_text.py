"""Facts at the end of a cut text are ignored, because they may be incomplete."""

from __future__ import annotations

import pytest

from acra_express_async.providers.cut_text import is_cut, without_cut_end


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Write to info@brightway.com", "Write to"),
        ("Mail sales@x.com.sg or info@brightway.com", "Mail sales@x.com.sg or"),
        ("Mail info @ brightway . com .", "Mail"),
        ("Mail info @ brightway . com . s", "Mail"),
        ("Mail info at brightway dot com dot", "Mail"),
        ("Mail info at brightway dot com dot sg", "Mail"),
        ("Mail info (at) brightway (dot) com (do", "Mail"),
        ("i n f o @ b r i g h t . c o m . s", ""),
        ("Mail info@x.com.sg Tel: 6741 11", "Mail info@x.com.sg Tel:"),
        ("Tel +65 6741 1100, 6741 11", "Tel +65 6741 1100,"),
        ("Card 6011 1234 5678 90", "Card"),
        ("UEN 33012345 X", "UEN"),
        ("UEN 201506781", "UEN"),
        ("Singapore 415874", "Singapore"),
        ("Visit www.brightway.com", "Visit"),
        ("Tel 6741 1100\n\nWe sell bol", "Tel 6741 1100\n\nWe sell"),
        ("电话 6741 1100 邮箱info@x.com", "电话 6741 1100 邮箱"),
        ("我们在新加坡", "我们在新加"),
        ("word", ""),
        ("", ""),
    ],
)
def test_the_end_of_a_cut_text_is_no_fact(text: str, kept: str) -> None:
    assert without_cut_end(text) == kept


def test_only_the_end_is_touched() -> None:
    text = "Mail info@x.com.sg. Tel 6741 1100.\n" * 500
    assert without_cut_end(f"{text}and more wor") == f"{text}and more"


@pytest.mark.parametrize(("tokens", "cut"), [(1497, False), (1498, True), (1500, True), (1502, True), (None, False)])
def test_a_bill_at_the_limit_means_a_cut(tokens: int | None, cut: bool) -> None:
    assert is_cut(tokens, 1500) is cut
