"""The simulated search engine: an SQLite FTS5 index of the world's pages, ranked by BM25.

Words, phrases and excluded hosts matter, names collide, and directories rank high. The same documents and query always
give the same results, in the same order.
"""

from __future__ import annotations

import re
import sqlite3
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from acra_express_async.sandbox.markup.fragments import Listing
from acra_express_async.sandbox.world.crawl import Document
from acra_express_async.sandbox.world.firms import words
from acra_express_async.sandbox.world.search_query import SearchQuery, parsed

PAGE_SIZE = 10
MOST_OF_A_HOST = 2
"""Results of one host on a page."""

QUORUM = 0.5
"""Share of a query's telling words that a page must contain at least."""

_RANKED = 150
"""Pages that are compared in full; the rest rank below them by text alone."""

_RANKING = """
    SELECT rowid, host, weight, title, body, bm25(pages, 4.0, 1.0) AS score FROM pages
    WHERE pages MATCH ? ORDER BY score, rowid LIMIT ?
"""
"""A word in the title counts like four in the body."""

_OPTIONAL = frozenset("contact official website site home homepage email phone company uen".split())
"""Words that move a page up but find none: every site has them."""


_APOSTROPHES = re.compile(r"[’'`]")  # the tokenizer would split words there that firms.words keeps together


class NoFullTextSearch(RuntimeError):
    """This Python's SQLite was built without FTS5."""

    def __init__(self) -> None:
        super().__init__(
            f"the simulator's search needs SQLite with FTS5, and this Python's SQLite {sqlite3.sqlite_version} was "
            "built without it: use a Python whose sqlite3 module has FTS5, as those of python.org, Debian and uv do"
        )


class SearchIndex:
    """An index of `documents`, built once; `search` only reads it.

    Raises:
        NoFullTextSearch: FTS5 is missing.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        # one connection that any thread may use in turn: the simulator may run beside the test's event loop
        self._store = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            self._store.execute(
                "CREATE VIRTUAL TABLE pages USING fts5(title, body, url UNINDEXED, host UNINDEXED, weight UNINDEXED,"
                " dated UNINDEXED, tokenize = 'unicode61 remove_diacritics 0')"
            )
        except sqlite3.OperationalError as missing:
            raise NoFullTextSearch from missing
        weakref.finalize(self, self._store.close)  # from Python 3.13 on, a connection that is not closed is a warning
        self._store.executemany(
            "INSERT INTO pages (title, body, url, host, weight, dated) VALUES (?, ?, ?, ?, ?, ?)", _rows(documents)
        )

    def search(self, query: str) -> tuple[Listing, ...]:
        """Results for `query`, at most ten; empty when nothing is found."""
        asked = parsed(query)
        telling = [term for term in asked.terms if term not in _OPTIONAL]
        if not telling:
            return ()
        found = self._ranked(asked, telling, asked.phrases) or self._ranked(asked, telling, ())
        chosen: list[int] = []
        per_host: Counter[str] = Counter()
        for rowid, host in found:
            per_host[host] += 1
            if per_host[host] <= MOST_OF_A_HOST:
                chosen.append(rowid)
            if len(chosen) == PAGE_SIZE:
                break
        return self._listings(chosen, asked.terms)

    def _ranked(
        self, asked: SearchQuery, telling: list[str], phrases: tuple[tuple[str, ...], ...]
    ) -> list[tuple[int, str]]:
        """(row, host) of the pages that match, the best first."""
        wanted = [f"({_any_of(telling)})", *(_quoted(" ".join(phrase)) for phrase in phrases)]
        extra = [term for term in asked.terms if term in _OPTIONAL]
        match = " AND ".join([*wanted, f"({_any_of([*telling, *extra])})"] if extra else wanted)
        rows = self._store.execute(_RANKING, (match, _RANKED))
        scored = []
        for rowid, host, weight, title, body, rank in rows:
            if not _is_wanted(host, asked):
                continue
            has = set(words(f"{title} {body}"))
            share = sum(term in has for term in telling) / len(telling)
            if share < QUORUM:
                continue
            demoted = 0.3 if has & asked.unwanted else 1.0
            scored.append((-round(-rank * weight * share**2 * demoted, 6), rowid, host))
        return [(rowid, host) for _, rowid, host in sorted(scored)]

    def _listings(self, rowids: list[int], terms: tuple[str, ...]) -> tuple[Listing, ...]:
        """The chosen rows as results; the snippet is the passage with most of the query's words."""
        listings = []
        for rowid in rowids:
            row = self._store.execute(
                "SELECT title, url, dated, snippet(pages, 1, '', '', '…', 28) FROM pages"
                " WHERE pages MATCH ? AND rowid = ?",
                (_any_of(list(terms)), rowid),
            ).fetchone()
            title, url, dated, snippet = row
            listings.append(Listing(title, url, snippet, dated))
        return tuple(listings)


def _rows(documents: Iterable[Document]) -> Iterator[tuple[str, str, str, str, float, str]]:
    for page in documents:
        host = (urlsplit(page.url).hostname or "").removeprefix("www.")
        title, body = (_APOSTROPHES.sub("", text) for text in (page.title, page.body))
        yield title, body, page.url, host, page.weight, page.date


def _is_wanted(host: str, asked: SearchQuery) -> bool:
    if any(_is_under(host, other) for other in asked.excluded):
        return False
    return not asked.only or any(_is_under(host, other) for other in asked.only)


def _is_under(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _any_of(terms: list[str]) -> str:
    return " OR ".join(map(_quoted, terms))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', " ") + '"'
