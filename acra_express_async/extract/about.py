"""A sentence or two in which a site says what the company does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from acra_express_async.extract.cleaning import clean
from acra_express_async.extract.domains import path_of
from acra_express_async.extract.names import Name
from acra_express_async.models import Page

MAX_CHARS = 600
_LINK = re.compile(r"!?\[(?P<label>[^\[\]\n]{0,200})\]\([^()\n]{0,1000}\)")
_MARKS = re.compile(r"[*_`#>|~]+")
_SENTENCE = re.compile(r"[^.!?。！？\n]{10,400}(?:\.(?=\s|$)|[!?。！？])")
_NOT_ABOUT = re.compile(
    r"cookie|copyright|©|all rights reserved|subscribe|newsletter|add to cart|sign in|log ?in|javascript|"
    r"privacy policy|"
    r"terms (?:of|and)|skip to|your (?:cart|email|browser)|free shipping|click here|read more|use of this site|"
    r"trading hours|opening hours|uen|reg\. ?no|@|\+65|tel:|fax|https?:|loading|captcha|licen[cs]e no|report bugs",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|provid\w+|offer\w*|speciali[sz]\w+|suppl(?:y|ies)|serv(?:e|es|ing|ed)|"
    r"deliver\w*|"
    r"manufactur\w+|distribut\w+|design\w*|creat\w+|help\w*|found\w*|establish\w*|mak(?:e|es|ing)|made|brings?|"
    r"operat\w+|"
    r"works?|aims?|believes?|bring\w*|focus\w*|run(?:s)?|build\w*|craft\w*|trusted|lead\w*|carr(?:y|ies)|sell\w*)\b",
    re.IGNORECASE,
)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_ABOUT_PAGE = re.compile(r"about|story|profile|who-we-are|company")


def about_of(pages: Sequence[Page], names: tuple[Name, ...]) -> str | None:
    """Up to three sentences of the site's own about or home page, None when nothing there reads like one.

    A sentence needs a verb and five words (or fourteen Chinese characters); menus, imprints, notices and contact lines
    are none. Nothing is put together from fragments.
    """
    ordered = sorted(enumerate(pages), key=lambda item: (not _ABOUT_PAGE.search(path_of(item[1].url)), item[0]))
    for _, page in ordered:
        sentences = list(_sentences_of(page))
        if not sentences:
            continue
        first = next((i for i, sentence in enumerate(sentences) if _speaks_of_us(sentence, names)), 0)
        text = ""
        for sentence in sentences[first : first + 3]:
            if len(text) + len(sentence) + 1 > MAX_CHARS:
                break
            text = f"{text} {sentence}".strip()
        if text:
            return text
    return None


def _sentences_of(page: Page) -> Iterator[str]:
    count = 0
    for line in clean(page.text)[:60_000].split("\n"):
        plain = " ".join(_MARKS.sub(" ", _LINK.sub(lambda m: "" if m.group()[0] == "!" else m["label"], line)).split())
        if line.lstrip()[:1] in "|*-+" and len(plain) < 60:
            continue
        for match in _SENTENCE.finditer(plain):
            sentence = match.group().strip()
            if _reads_as_sentence(sentence):
                yield sentence
                count += 1
                if count >= 40:
                    return


def _reads_as_sentence(sentence: str) -> bool:
    if _NOT_ABOUT.search(sentence):
        return False
    if len(_CHINESE.findall(sentence)) >= 14:
        return True
    words = sentence.split()
    letters = sum(character.isalpha() or character == " " for character in sentence)
    return (
        len(words) >= 5 and letters >= 0.85 * len(sentence) and bool(_VERB.search(sentence)) and not sentence.isupper()
    )


def _speaks_of_us(sentence: str, names: tuple[Name, ...]) -> bool:
    lower = sentence.casefold()
    return bool(re.match(r"(?:we|our|at)\b", lower)) or any(" ".join(name.brand) in lower for name in names)
