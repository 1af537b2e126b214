"""Answers of search and reading, kept for a while, so that a resumed company repeats no call.

Pages are kept under a key that also says which part was read and in which form it is kept: the previous version of the
service can run beside this one, and would fail on a field it does not know. Its own rows, kept under the bare URL,
are read as pages without the newer fields.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from acra_express_async.db.session.pool import Database
from acra_express_async.db.session.stored_json import stored_json, stored_text
from acra_express_async.errors import Transient
from acra_express_async.models import CompanyId, Link, Page, SearchHit, SearchPage

SEARCH_AGE = timedelta(days=3)
"""A job that was snoozed over a weekend still finds its searches; results of last week are no longer today's."""

PAGE_AGE = timedelta(days=1)
"""Pages change faster and hold more that is personal."""

MAX_PAGE_BYTES = 256 * 1024
"""A page is bounded by its reserved tokens (some 6 kB); anything near this is hostile and is not kept."""

MAX_QUERY_BYTES = 1000

MOST_CALLS = 2
"""Calls for one page or search of one company that fail to the last try before it is given up; two tries of a read and
three of a search each. The second one is made in a later attempt at the job, half a minute later at the earliest."""

FAILURE_HOLDS = timedelta(days=3)
"""As long as a search is kept: a job that was snoozed over a weekend still knows what it gave up."""

Asked: TypeAlias = tuple[Literal["page", "footer", "search"], str]
"""What was asked for: the kind, and the URL or query."""

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

    async def gave_up(self, company_id: CompanyId, asked: Asked) -> bool:
        """Whether this was asked for this company often enough; see `failed`."""
        async with self._database.session() as connection:
            return bool(
                await connection.fetchval(
                    """
                    SELECT true
                    FROM acra_express.failed_calls f
                    CROSS JOIN LATERAL (
                        SELECT min(o.first_at) AS first_at,
                               bool_or(o.asked_hash <> f.asked_hash AND o.calls >= $4) AS gave_up_another
                        FROM acra_express.failed_calls o
                        WHERE o.company_id = $1 AND o.site_hash = f.site_hash
                          AND o.last_at > (SELECT acra_express.clock()) - $3::interval) AS site
                    WHERE f.company_id = $1 AND f.asked_hash = $2
                      AND f.last_at > (SELECT acra_express.clock()) - $3::interval
                      AND (f.calls >= $4 OR site.gave_up_another)
                      AND (f.about_target OR EXISTS (
                          SELECT FROM acra_express.breakers b
                          WHERE b.provider = f.provider AND b.answered_at >= site.first_at))
                    """,
                    company_id,
                    _key(asked[1], asked[0]),
                    FAILURE_HOLDS,
                    MOST_CALLS,
                )
            )

    async def failed(self, company_id: CompanyId, asked: Asked, error: Transient) -> bool:
        """Note a call that failed to the last try; whether to give it up for this company.

        After `MOST_CALLS` a page with an error of its own is given up, and so is one that only times out while the
        provider has answered somebody since the site's first failure. While nobody gets an answer, the outage is the
        provider's. A further page of a site of which one was given up is called once.
        """
        kind, what = asked
        async with self._database.session() as connection:
            await connection.execute(
                """
                INSERT INTO acra_express.failed_calls AS f
                    (company_id, asked_hash, site_hash, provider, calls, about_target, first_at, last_at)
                SELECT $1, $2, $6, $3, 1, $4, now.at, now.at FROM (SELECT acra_express.clock() AS at) now
                ON CONFLICT (company_id, asked_hash) DO UPDATE SET
                    calls = CASE WHEN f.last_at > excluded.last_at - $5::interval THEN f.calls + 1 ELSE 1 END,
                    first_at = CASE WHEN f.last_at > excluded.last_at - $5::interval THEN f.first_at
                                    ELSE excluded.first_at END,
                    about_target = excluded.about_target, last_at = excluded.last_at
                """,
                company_id,
                _key(what, kind),
                error.provider,
                error.about_target,
                FAILURE_HOLDS,
                _key(what if kind == "search" else _host(what), "site "),
            )
        return await self.gave_up(company_id, asked)

    async def prune(self) -> int:
        """Drop what is too old to be answered; returns how many rows went. Call it at ticks."""
        async with self._database.session() as connection:
            gone = await connection.fetchval(
                """
                WITH pages AS (DELETE FROM acra_express.pages
                               WHERE kept_at <= (SELECT acra_express.clock()) - $1::interval RETURNING 1),
                     searches AS (DELETE FROM acra_express.searches
                                  WHERE searched_at <= (SELECT acra_express.clock()) - $2::interval RETURNING 1),
                     failures AS (DELETE FROM acra_express.failed_calls
                                  WHERE last_at <= (SELECT acra_express.clock()) - $3::interval RETURNING 1)
                SELECT (SELECT count(*) FROM pages) + (SELECT count(*) FROM searches) + (SELECT count(*) FROM failures)
                """,
                PAGE_AGE,
                SEARCH_AGE,
                FAILURE_HOLDS,
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
