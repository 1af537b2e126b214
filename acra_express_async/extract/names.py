"""Split a legal name into its parts and compare it with page text and domain labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz

from acra_express_async.extract.cleaning import clean
from acra_express_async.extract.kept_answers import kept, kept_short
from acra_express_async.extract.vocabulary import COMMON, LEGAL, STRUCTURE, TRADES

_WORD = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]+")
_DOTTED = re.compile(r"\.(?:[a-z0-9](?![a-z0-9])|[\u3400-\u9fff](?![\u3400-\u9fff]))")
"""A word of one character behind a dot: only where one stands may letters have to be joined."""
_ACCENTED = re.compile(r"[^\x00-\x7f]+")
_APOSTROPHE = re.compile(r"['’`]")
_ONE_SPELLING = {"private": "pte", "limited": "ltd", "company": "co"}
_BRACKETED = re.compile(r"\([^()]{0,80}\)")
_LEGAL_IN_BRACKETS = re.compile(r"\(\s*(?:s|pte|private|singapore pte|s pte)\.?\s*\)", re.IGNORECASE)
_STATE_IN_BRACKETS = re.compile(
    r"\(\s*(?:in|under|the)?\s*(?:(?:creditors?|members?|compulsory|voluntary|court|provisional|judicial)['’]?s?\s+){0,3}"
    r"(?:liquidation|winding[ -]?up|receivership|management|struck[ -]off|dissolved|dormant|deregistered)\s*\)",
    re.IGNORECASE,
)
"""What the registry adds to the name of a company that is being wound up; it is no part of its name."""
_LONGEST_NAME = 300


@dataclass(frozen=True, slots=True)
class Name:
    """The parts of a legal name; all words are lower-case.

    `words`: without the legal form. `core`: also without bracketed parts and structure words. `brand`: the core up to
    its first trade word, at least one word. `bracketed`: the words in brackets (a place, a branch).
    """

    legal: str
    words: tuple[str, ...]
    core: tuple[str, ...]
    brand: tuple[str, ...]
    bracketed: tuple[str, ...]

    @property
    def trades(self) -> tuple[str, ...]:
        """The words of the name that describe the trade."""
        return tuple(word for word in self.core if word in TRADES and word not in self.brand)

    @property
    def without_country(self) -> tuple[str, ...]:
        """The words after a leading "Singapore" if they still identify a company; empty otherwise."""
        rest = self.words[1:]
        telling = self.words[0] == "singapore" and len(rest) >= 2 and not all(word in COMMON for word in rest)
        return rest if telling else ()

    @property
    def is_common(self) -> bool:
        """True when the brand consists of words that many firms use, so that it identifies no one alone."""
        return all(word in COMMON or word.isdigit() for word in self.brand)


def words_of(text: str) -> tuple[str, ...]:
    """Words of a text: lower-case, no accents, ``&`` as "and", single letters in a row joined (W.S. becomes ws)."""
    text = text.casefold()
    if not text.isascii():
        text = _ACCENTED.sub(_without_accents, text)
    text = _APOSTROPHE.sub("", text.replace("co-op", "coop").replace("&", " and ").replace("+", " and "))
    if not _DOTTED.search(text):
        return tuple(_WORD.findall(text))
    words: list[str] = []
    for match in _WORD.finditer(text):
        dotted = match.start() > 0 and text[match.start() - 1] == "." and len(match.group()) == 1
        if dotted and words and words[-1].isalpha() and len(words[-1]) < 4 and _ends_dotted(text, match.start()):
            words[-1] += match.group()
        else:
            words.append(match.group())
    return tuple(words)


def _without_accents(match: re.Match[str]) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", match.group()) if not unicodedata.combining(c))


def name_of(legal: str) -> Name:
    """Split a registered name into its parts."""
    legal = _STATE_IN_BRACKETS.sub(" ", clean(legal[:_LONGEST_NAME])).strip() or clean(legal[:_LONGEST_NAME])
    plain = _LEGAL_IN_BRACKETS.sub(" ", legal)
    bracketed = tuple(word for part in _BRACKETED.findall(plain) for word in words_of(part) if word not in LEGAL)
    words = _without_legal_form(words_of(plain))
    outside = _without_legal_form(words_of(_BRACKETED.sub(" ", plain))) or words
    core = _core_of(outside)
    brand = _brand_of(core)
    return Name(legal=" ".join(legal.split()), words=words, core=core, brand=brand, bracketed=bracketed)


def without_remarks(legal: str) -> str:
    """A registered name without the remark on its state and without a bracketed word of its legal form: "(S)"."""
    text = legal[:_LONGEST_NAME]
    return _LEGAL_IN_BRACKETS.sub(" ", _STATE_IN_BRACKETS.sub(" ", text)) or text


def joined(words: Iterable[str]) -> str:
    """The words as a domain would spell them."""
    return "".join(words)


def legal_name_stands_in(page_words: str, name: Name) -> bool:
    """True when `page_words` (see `padded`) contain the legal name including its legal form.

    Always False for a business without a legal form: its words alone may be used by others.
    """
    legal = _legal_in_words(name.legal)
    return bool(legal) and legal in page_words


@kept_short
def _legal_in_words(legal: str) -> str:
    """A legal name in the form of `padded`; '' without a legal form or without a word before it."""
    words = _spelled(words_of(legal))
    return f" {' '.join(words)} " if len(words) > 1 and words[-1] in LEGAL else ""


@kept
def padded(text: str) -> str:
    """The words of a page for whole-word search: one space between and around them, legal forms in one spelling."""
    return f" {' '.join(_spelled(words_of(text)))} "


def together(pieces: Iterable[str]) -> str:
    """The words of several texts, each with a space at both ends (see `padded`), as those of one text of their lines.

    Words do not reach over the end of a line, so a text needs to be read only once whatever it is put together with.
    """
    return f" {' '.join(words for piece in pieces if (words := piece.strip()))} "


def _spelled(words: Iterable[str]) -> list[str]:
    return [_ONE_SPELLING.get(word, word) for word in words if word not in ("s", "the")]


def _ends_dotted(text: str, start: int) -> bool:
    # "w.s." or "a.b.c": the word before the dot must be a single letter in the text
    return start >= 2 and text[start - 2].isalnum() and (start == 2 or not text[start - 3].isalnum())


def _without_legal_form(words: tuple[str, ...]) -> tuple[str, ...]:
    end = len(words)
    while end > 1 and words[end - 1] in LEGAL:
        end -= 1
    return words[:end]


def _core_of(words: tuple[str, ...]) -> tuple[str, ...]:
    # Leading structure words belong to the name (Pacific Rim, Singapore Airlines); "and" keeps a pair together.
    lead = next((index for index, word in enumerate(words) if word not in STRUCTURE), len(words))
    kept = [w for i, w in enumerate(words) if i < lead or w == "and" or w not in STRUCTURE]
    while len(kept) > 1 and kept[0] in ("the", "and"):
        kept.pop(0)
    while len(kept) > 1 and kept[-1] == "and":
        kept.pop()
    return tuple(kept)


def _brand_of(core: tuple[str, ...]) -> tuple[str, ...]:
    for index, word in enumerate(core):
        if index and word in TRADES and any(earlier not in STRUCTURE for earlier in core[:index]):
            return core[: index - 1] if core[index - 1] == "and" and index > 1 else core[:index]
    return core


def resembles(label: str, name: Name) -> bool:
    """True when the label almost matches a spelling of the name (a typing error or a fake)."""
    spelled = joined(name.core)
    return len(spelled) >= 6 and label != spelled and fuzz.ratio(label, spelled) >= 88
