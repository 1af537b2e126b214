"""Mailboxes that a company names after itself: its brand or domain, short forms and initials of its name, its place.

A firm may itself be called after a person (TAN WEI MING TRADING). Its short forms and initials are then that person's
as well, so that they count only with a word of the trade in them (teoshplumb for TEO SWEE HOCK PLUMBING); and the name
of a person who trades alone is the person's, whole or in part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from acra_express_async.extract.domains import label_of
from acra_express_async.extract.labels import Fit, label_fit
from acra_express_async.extract.mailbox_roles import PLACES, WARES
from acra_express_async.extract.mailbox_words import ALSO_NAMES
from acra_express_async.extract.names import Name, joined, words_of
from acra_express_async.extract.personal_names import reads_as_a_full_name, reads_as_a_name
from acra_express_async.extract.vocabulary import SHORT_FORMS, STRUCTURE
from acra_express_async.extract.word_lists import ORDINARY
from acra_express_async.models import Company
from acra_express_async.registry.eligibility import is_sole_proprietor

_FITTING = frozenset((Fit.EXACT, Fit.BRAND, Fit.AFFIXED, Fit.GROUP, Fit.WORDS, Fit.SHORTENED, Fit.INITIALS))
_SHORTEST_WORD = 4
_SHORTEST_TRADE = 3
_SHORTEST_CUT = 7
_LETTERS = re.compile(r"[^a-z]")


@dataclass(frozen=True, slots=True)
class OwnWords:
    """What a company calls itself, for the reading of its mailbox names.

    `whole`: brand, name, domain label and initials in one word. `single`: words of the name and of the address that
    read as no person's name. `wares`: such words of activity and classification. `named`: the names whose short forms
    count. `after_a_person`: those of them that are also a person's. `trade`: name, activity and classification.
    """

    whole: frozenset[str]
    single: frozenset[str]
    wares: frozenset[str]
    named: tuple[Name, ...]
    after_a_person: frozenset[Name]
    trade: str

    def name_the_mailbox(self, local: str) -> bool:
        """True when a mailbox name, in lower-case letters only, is a word or a short form of the company's name."""
        return any(
            spelling in self.whole or spelling in self.single or self._is_short_form(spelling, reads_as_a_name(local))
            for spelling in _in_both_numbers(local)
        )

    def describe(self, local: str) -> bool:
        """True when a mailbox name is a word with which the registry describes the trade."""
        return any(spelling in self.wares for spelling in _in_both_numbers(local))

    def call_for(self, local: str) -> bool:
        """True for a word that is a role in this company's trade although it may be a name in others."""
        return any(stem in self.trade for stem in ALSO_NAMES.get(local, ()))

    def _is_short_form(self, local: str, may_be_a_name: bool) -> bool:
        for name in self.named:
            if _is_cut_off(local, name):
                return True
            if name in self.after_a_person:
                if label_fit(local, name).fit in _FITTING and _ends_in_trade(local, name):
                    return True
            elif not may_be_a_name and (label_fit(local, name).fit in _FITTING or joined(name.brand).startswith(local)):
                return True
        return False


def own_words(company: Company, names: tuple[Name, ...], domain: str) -> OwnWords:
    """The words of a company, its registered name first in `names`, whose site is at `domain`."""
    alone = is_sole_proprietor(company.entity_type, None)
    private = frozenset(name for name in names if alone and _is_somebodys(name))
    named = tuple(name for name in names if name not in private)
    whole = {label_of(domain)} if not _says_a_person(label_of(domain), private) else set()
    for name in named:
        whole.update((joined(name.brand), joined(name.core), joined(name.words), *_first_word(name), *_initials(name)))
    place = [*names[0].bracketed, *words_of(company.building_name or ""), *words_of(company.street_name or "")[:1]]
    described = " ".join(filter(None, (company.ssic_description, company.activity)))
    words = [*place, *(word for name in named for word in _words_apart(name))]
    whole.update(_plain(place) | PLACES.intersection(place))
    return OwnWords(
        whole=frozenset(_LETTERS.sub("", word) for word in whole) - {""},
        single=_plain(words),
        wares=_plain(words_of(described)),
        named=tuple(name for name in names if name not in private or name.trades),
        after_a_person=frozenset(name for name in names if _is_personal(name)),
        trade=f"{' '.join(names[0].words)} {described}".casefold(),
    )


def _in_both_numbers(word: str) -> tuple[str, ...]:
    return tuple(w for w in (word, word.removesuffix("s"), f"{word}s") if len(w) >= _SHORTEST_WORD)


def _plain(words: Iterable[str]) -> frozenset[str]:
    return frozenset(w for w in words if len(w) >= _SHORTEST_WORD and w.isalpha() and not reads_as_a_name(w))


def _is_personal(name: Name) -> bool:
    return reads_as_a_full_name(name.brand) or all(reads_as_a_name(word) for word in name.brand)


def _is_somebodys(name: Name) -> bool:
    """True for the name of a person; two Chinese syllables (SOON HUAT) are a firm's."""
    return reads_as_a_full_name(name.brand) or (len(name.brand) == 1 and reads_as_a_name(name.brand[0]))


def _words_apart(name: Name) -> tuple[str, ...]:
    """The words of a name that may stand alone: not the surname in JOHN SMITH CONSULTING, which is the owner's."""
    return tuple(word for word in name.words if not (word in name.brand and reads_as_a_full_name(name.brand)))


def _first_word(name: Name) -> tuple[str, ...]:
    """The first word of a name that goes on without another name: OPAL WATERPROOFING, but not JOHN SMITH."""
    behind = name.core[1:]
    said = all(word in ORDINARY or word in WARES or word in STRUCTURE for word in behind)
    return name.core[:1] if said and not any(reads_as_a_name(word) for word in behind) else ()


def _says_a_person(label: str, private: frozenset[Name]) -> bool:
    return any(joined(name.brand) in label and not _ends_in_trade(label, name) for name in private)


def _initials(name: Name) -> set[str]:
    """Initials of three and more words, and of a brand of two; a person's only as far as they go beyond the person."""
    initials = "".join(word[0] for word in name.words)
    personal = reads_as_a_full_name(name.brand)
    shortest = len(name.brand) + 1 if personal else 3
    found = {initials[:length] for length in range(shortest, len(initials) + 1)}
    return found if personal or len(name.brand) != 2 else found | {initials[:2]}


def _is_cut_off(local: str, name: Name) -> bool:
    """True for the beginning of a firm's name, beyond its first word: chuansia for CHUAN SIANG ENTERPRISE.

    Providers once allowed eight letters. The beginning of a person's name may be the person's.
    """
    beyond = len(local) >= _SHORTEST_CUT and len(name.core) > 1 and len(local) > len(name.core[0])
    return beyond and joined(name.core).startswith(local) and not reads_as_a_full_name(name.brand)


def _ends_in_trade(local: str, name: Name) -> bool:
    """True when a mailbox name ends in the beginning or the short form of a word of the name behind the brand."""
    behind = [word for word in name.words if word not in name.brand]
    endings = {
        *(word[:length] for word in behind for length in range(_SHORTEST_TRADE, len(word) + 1)),
        *(short for word in behind for short in SHORT_FORMS.get(word, ())),
    }
    return any(len(ending) >= _SHORTEST_TRADE and local.endswith(ending) and local != ending for ending in endings)
