"""Answers of search and reading, kept for a while, so that a resumed company repeats no call.

Pages are kept under a key that also says which part was read and in which form it is kept: the previous version of the
service can run beside this one, and would fail on a field it does not know. Its own rows, kept under the bare URL,
are read as pages without the newer fields.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from acra_express_async.db.session.pool import Database
from acra_express_async.db.session.stored_json import stored_json, stored_text
from acra_express_async.models import Link, Page, SearchHit, SearchPage

SEARCH_AGE = timedelta(days=3)
"""A job that was snoozed over a weekend still finds its searches; results of last week are no longer today's."""

PAGE_AGE = timedelta(days=1)
"""Pages change faster and hold more that is personal."""

MAX_PAGE_BYTES = 256 * 1024
"""A page is bounded by its reserved tokens (some 6 kB); anything near this is hostile and is not kept."""

MAX_QUERY_BYTES = 1000

_PAGE, _FOOTER = "page 2 ", "footer 2 "
"""What was read and the form in which it is kept; no URL begins with them."""


class Memory:
    """Searches by query, pages by URL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, query: str) -> SearchPage | None:
        """The kept answer to this very query, unless it is too old."""
        async with self._database.session() as connection:
            kept = await connection.fetchval(
                """
                SELECT hits::text FROM acra_express.searches
                WHERE query = $1 AND searched_at > (SELECT acra_express.clock()) - $2::interval
                """,
                stored_text(query),
                SEARCH_AGE,
            )
        if kept is None:
            return None
        hits = tuple(SearchHit(rank, title, url, snippet) for rank, title, url, snippet in json.loads(kept))
        return SearchPage(query=query, hits=hits)

    async def keep_search(self, page: SearchPage) -> None:
        """Keep an answer, an honest "no results" too."""
        hits = stored_json([[hit.rank, hit.title, hit.url, hit.snippet] for hit in page.hits])
        query = stored_text(page.query)
        if len(query.encode()) > MAX_QUERY_BYTES or len(hits.encode()) > MAX_PAGE_BYTES:
            return
        async with self._database.session() as connection:
            await connection.execute(
                """
                INSERT INTO acra_express.searches (query, hits, searched_at)
                VALUES ($1, $2::text::jsonb, acra_express.clock())
                ON CONFLICT (query) DO UPDATE SET hits = excluded.hits, searched_at = excluded.searched_at
                """,
                query,
                hits,
            )

    async def page(self, url: str) -> Page | None:
        """The kept page of this URL, unless it is older than a day."""
        return await self._kept(_key(url, _PAGE), _key(url))

    async def footer(self, url: str) -> Page | None:
        """The kept footer of this URL, unless it is older than a day."""
        return await self._kept(_key(url, _FOOTER))

    async def keep_page(self, page: Page) -> None:
        """Keep a page as it was read, unusable ones too: reading them again would cost the same and say the same."""
        await self._keep(page, _PAGE)

    async def keep_footer(self, page: Page) -> None:
        """Keep what was read of a page's footer, also that there is none."""
        await self._keep(page, _FOOTER)

    async def _kept(self, *keys: bytes) -> Page | None:
        """The page under the first of these keys that holds one."""
        async with self._database.session() as connection:
            kept = await connection.fetchval(
                """
                SELECT page::text FROM acra_express.pages
                WHERE url_hash = ANY ($1::bytea[]) AND kept_at > (SELECT acra_express.clock()) - $2::interval
                ORDER BY array_position($1::bytea[], url_hash) LIMIT 1
                """,
                keys,
                PAGE_AGE,
            )
        return None if kept is None else _page_of(json.loads(kept))

    async def _keep(self, page: Page, form: str) -> None:
        text = stored_json(_fields_of(page))
        if len(text.encode()) > MAX_PAGE_BYTES:
            return
        async with self._database.session() as connection:
            await connection.execute(
                """
                INSERT INTO acra_express.pages (url_hash, url, domain, page, kept_at)
                VALUES ($1, $2, $3, $4::text::jsonb, acra_express.clock())
                ON CONFLICT (url_hash) DO UPDATE SET page = excluded.page, kept_at = excluded.kept_at
                """,
                _key(page.url, form),
                stored_text(page.url),
                _host(page.url),
                text,
            )

    async def prune(self) -> int:
        """Drop what is too old to be answered; returns how many rows went. Call it at ticks."""
        async with self._database.session() as connection:
            gone = await connection.fetchval(
                """
                WITH pages AS (DELETE FROM acra_express.pages
                               WHERE kept_at <= (SELECT acra_express.clock()) - $1::interval RETURNING 1),
                     searches AS (DELETE FROM acra_express.searches
                                  WHERE searched_at <= (SELECT acra_express.clock()) - $2::interval RETURNING 1)
                SELECT (SELECT count(*) FROM pages) + (SELECT count(*) FROM searches)
                """,
                PAGE_AGE,
                SEARCH_AGE,
            )
        return int(gone)


def _key(url: str, form: str = "") -> bytes:
    return hashlib.sha256(f"{form}{url}".encode("utf-8", "surrogatepass")).digest()


def _host(url: str) -> str:
    try:
        return stored_text(urlsplit(url).hostname or "")
    except ValueError:  # a bracket that opens no IPv6 address
        return ""


def _fields_of(page: Page) -> dict[str, Any]:
    return {
        "url": page.url,
        "title": page.title,
        "text": page.text,
        "links": [[link.label, link.url] for link in page.links],
        "tokens": page.tokens,
        "http_status": page.http_status,
        "warning": page.warning,
        "usable": page.usable,
        "unusable_reason": page.unusable_reason,
        "read_at": None if page.read_at is None else page.read_at.isoformat(),
        "description": page.description,
        "cut_at": page.cut_at,
    }


def _page_of(fields: dict[str, Any]) -> Page:
    links = tuple(Link(label, url) for label, url in fields.pop("links"))
    read_at = fields.pop("read_at")
    return Page(links=links, read_at=None if read_at is None else datetime.fromisoformat(read_at), **fields)
