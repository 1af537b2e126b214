"""What is remembered of texts that several functions read: the same answers, and never without bounds."""

from __future__ import annotations

from acra_express_async.extract.kept_answers import LONGEST, LONGEST_SHORT, SHORT_TEXTS, TEXTS, kept, kept_short


def test_a_text_is_read_once_and_a_huge_one_each_time() -> None:
    read: list[str] = []
    length_of = kept(lambda text: read.append(text) or len(text))
    for text in ("ab", "ab", "c" * LONGEST, "c" * LONGEST, "d" * (LONGEST + 1), "d" * (LONGEST + 1)):
        assert length_of(text) == len(text)
    assert [len(text) for text in read] == [2, LONGEST, LONGEST + 1, LONGEST + 1]


def test_the_oldest_of_many_texts_is_forgotten() -> None:
    read: list[str] = []
    asked = kept(lambda text: read.append(text) or text)
    for number in (*range(TEXTS + 1), TEXTS, 0):
        asked(str(number))
    assert read == [*map(str, range(TEXTS + 1)), "0"]


def test_short_texts_are_kept_with_what_is_asked_beside() -> None:
    asked: list[tuple[str, str, bool]] = []

    def answer(text: str, domain: str = "", *, at_root: bool = False) -> str:
        asked.append((text, domain, at_root))
        return text + domain

    ask = kept_short(answer)
    long = "x" * (LONGEST_SHORT + 1)
    for _ in range(2):
        assert (ask("a"), ask("a", "b"), ask("a", at_root=True), ask(long)) == ("a", "ab", "a", long)
    assert asked == [("a", "", False), ("a", "b", False), ("a", "", True), (long, "", False), (long, "", False)]


def test_only_the_latest_short_texts_are_kept() -> None:
    read: list[str] = []
    ask = kept_short(lambda text: read.append(text) or text)
    for number in (*range(SHORT_TEXTS + 1), 0):
        ask(str(number))
    assert read[-1] == "0"
    assert len(read) == SHORT_TEXTS + 2
