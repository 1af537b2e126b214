"""Compare the words of a page with the trade that the registry states."""

from __future__ import annotations

import re

from acra_express_async.extract.names import Name
from acra_express_async.extract.vocabulary import TRADES
from acra_express_async.models import Company

_WORD = re.compile(r"[a-z]{4,}")
_EMPTY = frozenset(
    """other others services service activities activity general retail wholesale sale sales manufacture
    manufacturing operation except including excluding related with without from firms engaged company companies
    holding holdings business businesses goods products product n.e.c elsewhere classified specialised
    specialized store stores shop shops variety dominant item items fixed base like such that their this which
    where kind kinds type types supply support local foreign mainly wide range western private public""".split()
)

_ANYWHERE = frozenset(
    """accessories accessory appliances catalogue centre centers center centres component components equipment
    installation installations item maintenance material materials part parts repair repairs solution solutions
    spare supplies system systems tool tools""".split()
)
"""Words that stand in the menus of sites of every trade: a page that has one says nothing by it."""


def telling_trades(name: Name) -> tuple[str, ...]:
    """The trade words of a name that a site of another trade would not have."""
    return tuple(word for word in name.trades if word not in _ANYWHERE)


def trade_words(company: Company, name: Name) -> tuple[str, ...]:
    """Stems of the words with which registry and name describe the trade; empty when there are none."""
    described = " ".join(filter(None, (company.ssic_description, company.activity))).casefold()
    words = [word for word in _WORD.findall(described) if word not in _EMPTY | _ANYWHERE and word != "na"]
    return tuple(dict.fromkeys(_stem(word) for word in [*telling_trades(name), *words]))


def speaks_of(page_words: str, trade: tuple[str, ...]) -> str:
    """The first trade stem that begins a word of the page (see names.padded), or ''."""
    return next((stem for stem in trade if f" {stem}" in page_words), "")


def trade_behind(head_words: str, brand: tuple[str, ...]) -> str:
    """The trade word that follows the brand in the titles of a site ("Hock Lee Furniture"), or ''."""
    words = head_words.split()
    length = len(brand)
    for start in range(len(words) - length):
        if tuple(words[start : start + length]) == brand and words[start + length] in TRADES:
            return words[start + length]
    return ""


def _stem(word: str) -> str:
    for ending in ("ations", "ation", "ings", "ing", "ies", "ers", "ery", "ors", "es", "er", "or", "s", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word
