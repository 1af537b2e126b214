"""What a company is called: the legal name taken apart, and how well a domain label says it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rapidfuzz import fuzz

from acra_express_async.extract.cleaning import clean
from acra_express_async.extract.vocabulary import AFFIXES, COMMON, LEGAL, SHORT_FORMS, STRUCTURE, TRADES

_WORD = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]+")
_BRACKETED = re.compile(r"\([^()]{0,80}\)")
_LEGAL_IN_BRACKETS = re.compile(r"\(\s*(?:s|pte|private|singapore pte|s pte)\.?\s*\)", re.IGNORECASE)
_SHORTEST_INITIALS = 3
_LONGEST_NAME = 300


class Fit(StrEnum):
    """How a domain label relates to a name, strongest first."""

    EXACT = "exact"
    BRAND = "brand"
    AFFIXED = "affixed"
    WORDS = "words"
    SHORTENED = "shortened"
    INITIALS = "initials"
    PART = "part"
    NONE = "none"


_POINTS = {
    Fit.EXACT: 30,
    Fit.BRAND: 24,
    Fit.AFFIXED: 24,
    Fit.WORDS: 20,
    Fit.SHORTENED: 18,
    Fit.INITIALS: 12,
    Fit.PART: 6,
    Fit.NONE: 0,
}
"""quality.md B2: joined tokens 30, all tokens 20, initials 12; the steps between are ours."""


@dataclass(frozen=True, slots=True)
class LabelFit:
    """`dropped` are the trade words that the label leaves out: a page of the firm should show one of them."""

    fit: Fit
    points: int
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Name:
    """A legal name taken apart; all words lower-case.

    `words` without legal form; `core` without bracketed parts and structure words; `brand` the core up to its first
    trade word (at least one word); `bracketed` what stood in brackets (a place, a branch).
    """

    legal: str
    words: tuple[str, ...]
    core: tuple[str, ...]
    brand: tuple[str, ...]
    bracketed: tuple[str, ...]

    @property
    def trades(self) -> tuple[str, ...]:
        """The words of the name that say what the firm does."""
        return tuple(word for word in self.core if word in TRADES and word not in self.brand)

    @property
    def is_common(self) -> bool:
        """True when the brand is one word that many firms carry."""
        return len(self.brand) == 1 and (self.brand[0] in COMMON or self.brand[0].isdigit())


def words_of(text: str) -> tuple[str, ...]:
    """Words of a text, lower-case, accents dropped, ``&`` as and, single letters in a row joined (W.S. is ws)."""
    text = text.casefold()
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = re.sub(r"['’`]", "", text.replace("&", " and ").replace("+", " and "))
    words: list[str] = []
    for match in _WORD.finditer(text):
        dotted = match.start() > 0 and text[match.start() - 1] == "." and len(match.group()) == 1
        if dotted and words and words[-1].isalpha() and len(words[-1]) < 4 and _ends_dotted(text, match.start()):
            words[-1] += match.group()
        else:
            words.append(match.group())
    return tuple(words)


def name_of(legal: str) -> Name:
    """Take a registry name apart."""
    legal = clean(legal[:_LONGEST_NAME])
    plain = _LEGAL_IN_BRACKETS.sub(" ", legal)
    bracketed = tuple(word for part in _BRACKETED.findall(plain) for word in words_of(part) if word not in LEGAL)
    words = _without_legal_form(words_of(plain))
    outside = _without_legal_form(words_of(_BRACKETED.sub(" ", plain))) or words
    core = _core_of(outside)
    brand = _brand_of(core)
    return Name(legal=" ".join(legal.split()), words=words, core=core, brand=brand, bracketed=bracketed)


def label_fit(label: str, name: Name) -> LabelFit:
    """How well a domain label (see domains.label_of) says the name."""
    label = label.replace("-", "")
    best = max(_fits(label, name), key=lambda fit: fit.points, default=LabelFit(Fit.NONE, 0))
    if best.fit not in (Fit.NONE, Fit.INITIALS) and name.is_common and best.dropped:
        return LabelFit(best.fit, best.points // 2, best.dropped)
    return best


def joined(words: Iterable[str]) -> str:
    """Words as a domain would write them."""
    return "".join(words)


def legal_name_stands_in(page_words: str, name: Name) -> bool:
    """True when the whole legal name, its form included, stands in `page_words` (see `padded`)."""
    legal = " ".join(_spelled(words_of(name.legal)))
    return len(name.legal.split()) > 1 and f" {legal} " in page_words


def padded(text: str) -> str:
    """A page's words in one line with a blank on both sides, legal forms in one spelling: for whole-word look-ups."""
    return f" {' '.join(_spelled(words_of(text)))} "


def _spelled(words: Iterable[str]) -> list[str]:
    same = {"private": "pte", "limited": "ltd", "company": "co"}
    return [same.get(word, word) for word in words if word not in ("s", "the")]


def _ends_dotted(text: str, start: int) -> bool:
    # "w.s." or "a.b.c": the word before the dot must itself be one letter long in the text
    return start >= 2 and text[start - 2].isalnum() and (start == 2 or not text[start - 3].isalnum())


def _without_legal_form(words: tuple[str, ...]) -> tuple[str, ...]:
    end = len(words)
    while end > 1 and words[end - 1] in LEGAL:
        end -= 1
    return words[:end]


def _core_of(words: tuple[str, ...]) -> tuple[str, ...]:
    # Structure words that lead a name belong to it (Pacific Rim, Singapore Airlines); "and" holds a pair together.
    lead = next((index for index, word in enumerate(words) if word not in STRUCTURE), len(words))
    kept = [w for i, w in enumerate(words) if i < lead or w == "and" or w not in STRUCTURE]
    while len(kept) > 1 and kept[0] in ("the", "and"):
        kept.pop(0)
    while len(kept) > 1 and kept[-1] == "and":
        kept.pop()
    return tuple(kept)


def _brand_of(core: tuple[str, ...]) -> tuple[str, ...]:
    for index, word in enumerate(core):
        if index and word in TRADES:
            return core[: index - 1] if core[index - 1] == "and" and index > 1 else core[:index]
    return core


def _fits(label: str, name: Name) -> Iterable[LabelFit]:
    for spelling in _spellings(name.words) | _spellings(name.core):
        if label == spelling:
            yield LabelFit(Fit.EXACT, _POINTS[Fit.EXACT])
        elif len(spelling) >= 3 and _is_affixed(label, spelling):
            yield LabelFit(Fit.AFFIXED, _POINTS[Fit.AFFIXED])
    yield from _brand_fits(label, name)
    if _has_all_words(label, name.core):
        yield LabelFit(Fit.WORDS, _POINTS[Fit.WORDS])
    if _is_shortened(label, name.core):
        yield LabelFit(Fit.SHORTENED, _POINTS[Fit.SHORTENED])
    if len(label) >= _SHORTEST_INITIALS and label in _initials(name):
        yield LabelFit(Fit.INITIALS, _POINTS[Fit.INITIALS])
    if any(len(word) >= 4 and word in label for word in name.brand):
        yield LabelFit(Fit.PART, _POINTS[Fit.PART])


def _brand_fits(label: str, name: Name) -> Iterable[LabelFit]:
    """Labels that say the first words and leave trade words out: ``sookee`` for Soo Kee Jewellery."""
    for length in range(len(name.brand), len(name.core)):
        dropped = tuple(word for word in name.core[length:] if word != "and")
        fit = Fit.BRAND if all(word in TRADES for word in dropped) else Fit.WORDS
        for spelling in _spellings(name.core[:length]):
            if label == spelling:
                yield LabelFit(fit, _POINTS[fit], dropped)
            elif len(spelling) >= 4 and _is_affixed(label, spelling):
                yield LabelFit(Fit.WORDS, _POINTS[Fit.WORDS], dropped)


def _spellings(words: tuple[str, ...]) -> set[str]:
    without_and = tuple(word for word in words if word != "and")
    return {joined(words), joined(without_and), joined("n" if w == "and" else w for w in words)} - {""}


def _is_affixed(label: str, spelling: str) -> bool:
    if spelling not in label:
        return False
    before, _, behind = label.partition(spelling)
    return (before == "" or before in AFFIXES) and (behind == "" or behind in AFFIXES)


def _has_all_words(label: str, words: tuple[str, ...]) -> bool:
    wanted = [word for word in words if word != "and"]
    return len(wanted) >= 2 and len(joined(wanted)) >= 6 and all(word in label for word in wanted)


def _is_shortened(label: str, words: tuple[str, ...]) -> bool:
    """True when the label is a row of beginnings (or known short forms) of the first two or more words."""
    wanted = [word for word in words if word != "and"]
    if len(wanted) < 2 or not 5 <= len(label) <= 40:
        return False
    reached = {0: 0}  # characters of the label said -> words used
    for used, word in enumerate(wanted, start=1):
        step: dict[int, int] = {}
        for position, count in reached.items():
            if count != used - 1:
                continue
            for piece in _beginnings(word):
                if label.startswith(piece, position):
                    step[position + len(piece)] = used
        if used >= 2 and len(label) in step:
            return True
        reached = step
    return False


def _beginnings(word: str) -> set[str]:
    return {word[:length] for length in range(3, len(word) + 1)} | {word, *SHORT_FORMS.get(word, ())}


def _initials(name: Name) -> set[str]:
    rows = [name.words, name.core, tuple(w for w in name.words if w != "and"), (*name.words, "limited")]
    shorts = {"".join(word[0] for word in row) for row in rows}
    legal = words_of(name.legal)
    return shorts | {"".join(word[0] for word in legal)}


def resembles(label: str, name: Name) -> bool:
    """True when the label is nearly, but not, what the company would call its site (a typing error or a fake)."""
    spelled = joined(name.core)
    return len(spelled) >= 6 and label != spelled and fuzz.ratio(label, spelled) >= 88
