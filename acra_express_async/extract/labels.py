"""How well the label of a domain matches a company's name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from acra_express_async.extract.domains import is_offshore, is_singaporean
from acra_express_async.extract.kept_answers import kept_short
from acra_express_async.extract.names import Name, joined, words_of
from acra_express_async.extract.vocabulary import AFFIXES, COMMON, GROUP_AFFIXES, SHORT_FORMS, STRUCTURE, TRADES
from acra_express_async.models import Evidence


class Fit(StrEnum):
    """How a domain label relates to a name."""

    EXACT = "exact"
    BRAND = "brand"
    AFFIXED = "affixed"
    GROUP = "group"
    WORDS = "words"
    SHORTENED = "shortened"
    INITIALS = "initials"
    COMMON = "common"
    SOME = "some"
    PART = "part"
    NONE = "none"


POINTS = {
    Fit.EXACT: 30,
    Fit.BRAND: 30,
    Fit.AFFIXED: 24,
    Fit.GROUP: 20,
    Fit.WORDS: 20,
    Fit.SHORTENED: 18,
    Fit.COMMON: 15,
    Fit.INITIALS: 12,
    Fit.SOME: 10,
    Fit.PART: 6,
    Fit.NONE: 0,
}
"""All words joined 30, all words 20, initials 12, half for one generic word; the steps between are interpolated."""

FITTING = frozenset(f"domain_{fit}" for fit in Fit if fit not in (Fit.PART, Fit.NONE))
"""Signals of a label that matches enough of the name to identify it."""

WHOLE = frozenset(f"domain_{fit}" for fit in (Fit.EXACT, Fit.BRAND, Fit.AFFIXED))
"""Signals of a label that matches the whole name."""

_SHORTEST_INITIALS = 3
_SMALL = frozenset(("and", "at", "of", "the", "in", "on", "for", "by", "to", "de", "la"))


@dataclass(frozen=True, slots=True)
class LabelFit:
    """How a label fits; `dropped` are the words of the name that it omits and that a page of the firm should show."""

    fit: Fit
    dropped: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """The points of the fit, see `POINTS`."""
        return POINTS[self.fit]

    def beside(self, heads: str, words: str) -> LabelFit:
        """The fit after reading a page: unless it shows the omitted words, the label matches only a part of the name.

        Args:
            heads: titles, headings and imprint lines in the form of names.padded.
            words: the whole text in the same form.
        """
        if not self.dropped:
            return self
        trades = [word for word in self.dropped if word in TRADES]
        others = [word for word in self.dropped if word not in TRADES]
        if any(not _is_shown(word, heads) for word in others):
            shown_somewhere = all(_is_shown(word, words) for word in self.dropped)
            return replace(self, fit=Fit.WORDS if shown_somewhere else Fit.SOME)
        if trades and not any(_is_shown(word, words) for word in trades):
            return replace(self, fit=Fit.COMMON)
        return self


@kept_short
def label_fit(label: str, name: Name) -> LabelFit:
    """The best fit of a domain label (see domains.label_of), before any page was read."""
    return max(_fits(label.replace("-", ""), name), key=lambda fit: (fit.points, -len(fit.dropped)))


def address_evidence(domain: str, url: str, fit: LabelFit) -> tuple[Evidence, ...]:
    """Evidence from the domain of a site, for or against it."""
    evidence = []
    if fit.fit is not Fit.NONE:
        evidence.append(Evidence(f"domain_{fit.fit}", fit.points, url, domain))
    if is_singaporean(domain):
        evidence.append(Evidence("sg_domain", 10, url, domain))
    elif is_offshore(domain):
        evidence.append(Evidence("offshore_domain", -25, url, domain))
    return tuple(evidence)


def _is_shown(word: str, words: str) -> bool:
    # A number at the end of a name (Holdings 18) appears on any page by accident.
    return not word.isdigit() and f" {word[:5]}" in words


def _fits(label: str, name: Name) -> Iterable[LabelFit]:
    yield LabelFit(Fit.NONE)
    if not name.words:
        return  # a name of signs only
    alone = Fit.COMMON if name.is_common and not name.trades else Fit.EXACT
    for spelling in _spellings(name.words) | _spellings(name.core):
        if label == spelling:
            yield LabelFit(alone)
        elif affix := _affix(label, spelling):
            yield LabelFit(Fit.GROUP if affix in GROUP_AFFIXES or alone is Fit.COMMON else Fit.AFFIXED)
    yield from _headless_fits(label, name)
    yield from _shorter_fits(label, name)
    if _has_all_words(label, name.core):
        yield LabelFit(Fit.WORDS)
    for words in (name.core, name.words):
        yield from _shortened_fits(label, words, common=name.is_common)
    if _says_initials(label, name):
        yield LabelFit(Fit.INITIALS)
    if len(label) >= 6 and label in name.core[1:] and label not in COMMON:
        yield LabelFit(Fit.BRAND, tuple(word for word in name.core if word != label))
    brand = joined(name.brand)
    if any(len(word) >= 4 and word in label for word in name.brand) or (len(label) >= 4 and brand.startswith(label)):
        yield LabelFit(Fit.PART)


def _headless_fits(label: str, name: Name) -> Iterable[LabelFit]:
    """Labels that omit the country or trade at the start of a name: ``kiteacademy`` for Singapore Kite Academy."""
    if label in _spellings(name.without_country):
        yield LabelFit(Fit.AFFIXED)
    head, *behind = name.words
    while behind and behind[0] in _SMALL:
        behind.pop(0)
    telling = len(behind) >= 2 and not all(word in COMMON for word in behind)
    if head in TRADES and telling and label in _spellings(tuple(behind)):
        yield LabelFit(Fit.BRAND, (head,))


def _shorter_fits(label: str, name: Name) -> Iterable[LabelFit]:
    """Labels made of the first word and some of the others in order: ``sookee`` for Soo Kee Jewellery."""
    for said in _beginnings_of(name.core):
        dropped = tuple(word for index, word in enumerate(name.core) if index not in said and word != "and")
        if not dropped:
            continue
        for spelling in _spellings(tuple(name.core[index] for index in said)):
            if label == spelling:
                common = name.is_common and len(said) == len(name.brand)
                yield LabelFit(Fit.COMMON if common else Fit.BRAND, dropped)
            elif len(spelling) >= 4 and (affix := _affix(label, spelling)):
                yield LabelFit(Fit.GROUP if affix in GROUP_AFFIXES else Fit.AFFIXED, dropped)


def _beginnings_of(core: tuple[str, ...]) -> Iterable[tuple[int, ...]]:
    """The words that a short form may use: the first few, or the first few and the last."""
    for length in range(1, len(core)):
        yield tuple(range(length))
        if length < len(core) - 1:
            yield (*range(length), len(core) - 1)


def _spellings(words: tuple[str, ...]) -> set[str]:
    without_and = tuple(word for word in words if word != "and")
    return {joined(words), joined(without_and), joined("n" if w == "and" else w for w in words)} - {""}


def _affix(label: str, spelling: str) -> str:
    """The usual affix before or after the name in a label; '' for any other addition."""
    if len(spelling) < 3 or spelling not in label:
        return ""
    before, _, behind = label.partition(spelling)
    known = all(piece == "" or piece in AFFIXES for piece in (before, behind))
    return (behind or before) if known else ""


def _has_all_words(label: str, words: tuple[str, ...]) -> bool:
    wanted = [word for word in words if word != "and"]
    return len(wanted) >= 2 and len(joined(wanted)) >= 6 and all(word in label for word in wanted)


def _shortened_fits(label: str, words: tuple[str, ...], *, common: bool) -> Iterable[LabelFit]:
    """Labels that join prefixes, short forms or initials of the first two or more words (``stengg``).

    One word of trade or structure in the middle may be missing (``kianteckengrg`` for Kian Teck Marine Engineering).
    """
    wanted = [word for word in words if word not in _SMALL]
    if not 5 <= len(label) <= 40:
        return
    yield from _rows_of_beginnings(label, wanted, common=common)
    for index in range(1, len(wanted) - 1):
        if wanted[index] in TRADES or wanted[index] in STRUCTURE:
            for fit in _rows_of_beginnings(label, [*wanted[:index], *wanted[index + 1 :]], common=common):
                yield LabelFit(Fit.SHORTENED, (*fit.dropped, wanted[index]))


def _rows_of_beginnings(label: str, wanted: list[str], *, common: bool) -> Iterable[LabelFit]:
    if len(wanted) < 2:
        return
    reached = {(0, False, True)}  # characters matched so far; more than initials used; no initial used
    for used, word in enumerate(wanted, start=1):
        pieces = _beginnings(word)
        reached = {
            (at + len(piece), told or len(piece) >= 3, plain and len(piece) >= 2)
            for at, told, plain in reached
            for piece in pieces
            if label.startswith(piece, at)
        }
        dropped = tuple(word for word in wanted[used:] if word not in STRUCTURE)
        if used >= 2 and (len(label), True, True) in reached and not dropped and not common:
            yield LabelFit(Fit.AFFIXED)
        elif used >= 2 and any(at == len(label) and told for at, told, _ in reached):
            yield LabelFit(Fit.SHORTENED, dropped)


def _beginnings(word: str) -> set[str]:
    return {word[0], word, *(word[:length] for length in range(3, len(word))), *SHORT_FORMS.get(word, ())}


def _says_initials(label: str, name: Name) -> bool:
    """True for initials, alone or with a usual affix or a word of trade: ``tlmlaw``, ``pilship``."""
    for initials in _initials(name):
        if len(initials) < _SHORTEST_INITIALS:
            continue
        if label == initials or _affix(label, initials):
            return True
        rest = label.removeprefix(initials)
        if rest != label and len(rest) >= 3 and any(trade == rest or trade.startswith(rest) for trade in TRADES):
            return True
    return False


def _initials(name: Name) -> set[str]:
    without_and = tuple(word for word in name.words if word != "and")
    without_small = tuple(word for word in name.words if word not in _SMALL)
    without_country = tuple(word for word in without_small if word != "singapore")
    brand = name.brand if len(name.brand) >= _SHORTEST_INITIALS else ()
    rows = (name.words, name.core, without_and, without_small, without_country, words_of(name.legal), brand)
    return {"".join(word[0] for word in row) for row in rows}
