"""The "about" text: one to three sentences in which a site says what the company does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from acra_express_async.extract.cleaning import clean
from acra_express_async.extract.names import Name, words_of
from acra_express_async.extract.page_kinds import PageKind, is_home_page, kind_of_url
from acra_express_async.models import Page

MAX_CHARS = 600
"""Room for two or three sentences."""

_MAX_TEXT = 60_000
_MAX_SENTENCES = 40
_LINK = re.compile(r"!?\[(?P<label>[^\[\]\n]{0,200})\]\([^()\n]{0,1000}\)")
_MARKS = re.compile(r"[*_`#>|~]+")
_END = re.compile(
    r"(?<=[.!?])(?<!Pte\.)(?<!PTE\.)(?<!Ltd\.)(?<!LTD\.)(?<!\bCo\.)(?<!\bNo\.)(?<!\bSt\.)(?<!\bMr\.)(?<!\bMs\.)"
    r"(?<!\bDr\.)(?<!\bInc\.)(?<!e\.g\.)(?<!i\.e\.)\s+(?=[\"“A-Z0-9])|(?<=[。！？])"
)
_NOT_ABOUT = re.compile(
    r"cookie|copyright|©|all rights reserved|subscribe|newsletter|add to cart|sign in|log ?in|javascript|privacy|"
    r"terms (?:of|and)|skip to|your (?:cart|e-?mail|browser|details)|free (?:\w+ )?(?:shipping|returns|delivery)|"
    r"read more|click here|use of this site|(?:trading|opening|business) hours|\buen\b|reg\.? ?no|@|\+65|\btel\b|"
    r"\bfax\b|https?:|loading|captcha|licen[cs]e no|report bugs|coming soon|under construction|no longer|has moved|"
    r"moved to|operated by|data protection|contact (?:us|our)|call us|"
    r"visit us|write to us|enquir|hotline|whatsapp|follow us|"
    r"powered by|please|page \d+ of|[·|•]",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|provid\w+|offer\w*|speciali[sz]\w+|supplies|serv(?:e|es|ing|ed)|"
    r"delivers?|manufactures?|distributes?|creates?|helps?|founded|established|mak(?:e|es|ing)|made|brings?|operates?|aims?|"
    r"believes?|builds?|crafts?|trusted|carr(?:y|ies)|sells?|teach(?:es)?|imports?|exports?|installs?|grows?|cooks?|bakes?|"
    r"brews?|since|for over|started|began)\b|"
    r"\b(?:we|they|who|which)\s(?:\w+\s){0,2}(?:supply|design|print|plan|train|rent|repair|work|run|lead|focus|cater|care)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:18|19|20)\d\d\b")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_PLACEHOLDER = re.compile(
    r"just another wordpress|my wordpress|lorem ipsum|default description|sample (?:page|site)|"
    r"your (?:site|website|page)|website (?:created|built|made) with|home ?page of|welcome to my",
    re.IGNORECASE,
)
_TORN = re.compile(r"(?:\.{2,}|…|\[…\])\s*$")
_WHOLE = re.compile(r"[.!?。！？\"”)]\s*$")
_LONGEST_WHOLE = 140
"""A description of this many characters without a full stop was probably cut by the site's software."""


def about_of(pages: Sequence[Page], names: tuple[Name, ...]) -> str | None:
    """Return up to three sentences in which the site describes the company, or None when none qualifies.

    First the description in the head of the home or about page, written by the owner to stand alone, where it reads as
    a sentence; then the text of the about or home page; last a description without a verb that says something, or such
    a statement on the home or about page that ends with a full stop ("Fast casual donburi and wok dishes.").
    A sentence has at least five words and a verb (or a founding year), or at least fourteen Chinese characters. Menus,
    imprints, notices and contact lines do not count, and fragments are never joined into a sentence.
    """
    described = [text for page in sorted(pages, key=_as_description) if (text := _description_of(page))]
    for text in described:
        if told := _first_of([sentence for sentence in _END.split(text) if _reads_as_sentence(sentence)]):
            return told
    for page in sorted(pages, key=lambda page: kind_of_url(page.url) is not PageKind.ABOUT):
        sentences = list(_sentences_of(page))
        first = next((i for i, sentence in enumerate(sentences) if _speaks_of_us(sentence, names)), 0)
        if told := _first_of(sentences[first:]):
            return told
    stated = (text for page in pages if _is_of_owner(page) for text in _sentences_of(page, verb=False))
    return next((text for text in (*described, *stated) if _says_something(text)), None)


def _as_description(page: Page) -> int:
    """Sort key of descriptions: that of the home page first, then that of the about page."""
    return 0 if is_home_page(page.url) else 1 if kind_of_url(page.url) is PageKind.ABOUT else 2


def _description_of(page: Page) -> str:
    """The description of the page on one line, without an incomplete last sentence; '' for a placeholder."""
    text = " ".join(clean(page.description, form="NFC").split())
    if _PLACEHOLDER.search(text):
        return ""
    if _TORN.search(text) or (len(text) >= _LONGEST_WHOLE and not _WHOLE.search(text)):
        text = " ".join(_END.split(text)[:-1])
    return text


def _first_of(sentences: Sequence[str]) -> str:
    """Up to three sentences, as many as fit."""
    text = ""
    for sentence in sentences[:3]:
        longer = f"{text} {sentence.strip()}".strip()
        if len(longer) > MAX_CHARS:
            break
        text = longer
    return text


def _says_something(text: str) -> bool:
    """True for a description of at least five words that is not a list of keywords."""
    words = text.split()
    return (
        len(words) >= 5
        and len(text) <= MAX_CHARS
        and (text[0].isupper() or text[0].isdigit())
        and not text.isupper()
        and 3 * text.count(",") <= len(words)
        and _NOT_ABOUT.search(text) is None
    )


def _is_of_owner(page: Page) -> bool:
    return is_home_page(page.url) or kind_of_url(page.url) is PageKind.ABOUT


def _sentences_of(page: Page, *, verb: bool = True) -> Iterator[str]:
    """The sentences of a page; without `verb` also statements that have none but end with a full stop."""
    count = 0
    for line in clean(page.text, form="NFC")[:_MAX_TEXT].split("\n"):
        plain = " ".join(_MARKS.sub(" ", _LINK.sub(_label_of, line)).split())
        if line.lstrip()[:1] in ("|", "*", "-", "+") and len(plain) < 60:
            continue
        for sentence in _END.split(plain):
            if _reads_as_sentence(sentence, verb=verb):
                yield sentence.strip()
                count += 1
                if count >= _MAX_SENTENCES:
                    return


def _label_of(match: re.Match[str]) -> str:
    return "" if match.group().startswith("!") else match["label"]


def _reads_as_sentence(sentence: str, *, verb: bool = True) -> bool:
    if not 12 <= len(sentence) <= 400 or _NOT_ABOUT.search(sentence):
        return False
    if len(_CHINESE.findall(sentence)) >= 14:
        return True
    if not (sentence[0].isupper() or sentence[0] in '"“0123456789') or sentence.isupper():
        return False
    letters = sum(character.isalpha() or character == " " for character in _YEAR.sub("year", sentence))
    if len(sentence.split()) < 5 or letters < 0.85 * len(sentence):
        return False
    return _VERB.search(sentence) is not None or (not verb and sentence.rstrip().endswith("."))


def _speaks_of_us(sentence: str, names: tuple[Name, ...]) -> bool:
    words = f" {' '.join(words_of(sentence))} "
    return bool(re.match(r"(?:we|our|at)\b", sentence, re.IGNORECASE)) or any(
        f" {' '.join(name.brand)} " in words for name in names
    )
