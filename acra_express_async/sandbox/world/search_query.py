"""What a query means to the simulated search engine, in DuckDuckGo's syntax.

By DuckDuckGo's help page on search syntax: words; ``"a phrase"``, with related results where nothing matches it;
``-word`` for fewer such results; ``site:example.com`` and ``-site:example.com``. By Bing's, the source of most of its
results, only the first ten terms count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from acra_express_async.sandbox.world.firms import LEGAL_WORDS, words

TERMS_USED = 10
"""``Only the first 10 terms are used to get search results`` (help.bing.microsoft.com, advanced search options)."""

STOP_WORDS = LEGAL_WORDS | frozenset("a an and at by for from in of on or s sg singapore the to".split())
"""Words on nearly every page of the world: they select nothing."""

_EVERYWHERE = LEGAL_WORDS | {"s", "sg", "singapore"}
"""Words that select nothing even where a query has no others."""

_PIECES = re.compile(r'(?P<sign>[-+~]?)(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')
_SITE = re.compile(r"site:(?:https?://)?(?:www\.)?(?P<host>[\w.-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """`terms` in order, each once, without stop words; `phrases` as words; `unwanted` words; hosts without "www."."""

    terms: tuple[str, ...] = ()
    phrases: tuple[tuple[str, ...], ...] = ()
    unwanted: frozenset[str] = frozenset()
    only: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


def parsed(query: str) -> SearchQuery:
    """The parts of a query; text that makes no sense to the engine is left out."""
    asked: list[str] = []
    phrases: list[tuple[str, ...]] = []
    unwanted: set[str] = set()
    hosts: dict[bool, list[str]] = {False: [], True: []}
    for piece in _PIECES.finditer(query):
        minus = piece["sign"] == "-"
        site = _SITE.fullmatch(piece["word"] or "")
        if site is not None:
            hosts[minus].append(site["host"].lower().strip("."))
            continue
        found = words(piece["phrase"] or piece["word"] or "")
        if minus:
            unwanted.update(found)
            continue
        asked += found
        if piece["phrase"] is not None and len(found) > 1:
            phrases.append(tuple(found))
    used = dict.fromkeys(asked[:TERMS_USED])
    # An engine drops frequent words only beside rarer ones: "A & A" and "IT" find something.
    terms = tuple(word for word in used if word not in STOP_WORDS) or tuple(
        word for word in used if word not in _EVERYWHERE
    )
    return SearchQuery(terms, tuple(phrases), frozenset(unwanted), tuple(hosts[False]), tuple(hosts[True]))
