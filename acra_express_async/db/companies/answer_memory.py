"""Answers of search and reading, kept for a while, so that a resumed company repeats no call.

Pages are kept under a key that also says which part was read and in which form it is kept: the previous version of the
service can run beside this one, and would fail on a field it does not know. Its own rows, kept under the bare URL,
are read as pages without the newer fields.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

from acra_express_async.db.companies.optouts import domain_and_parents
from acra_express_async.db.limits.settlements import Settlements
from acra_express_async.db.session.pool import Database
from acra_express_async.db.session.stored_json import stored_json, stored_text
from acra_express_async.errors import Transient
from acra_express_async.limits.scope import Lookup
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

FORTNIGHT = timedelta(days=14)
MARKS = 63
"""Each company sets one mark of a domain, by its ID; a bigint has room for so many."""
MOST_DOMAINS = 200_000
"""Some 20 MB. Two searches for each of 300 companies a day bring at most 84,000 domains in a fortnight."""

Asked: TypeAlias = tuple[Literal["page", "footer", "search"], str]
"""What was asked for: the kind, and the URL or query."""

_PAGE, _FOOTER = "page 2 ", "footer 2 "
"""What was read and the form in which it is kept; no URL begins with them."""


AnswerT = TypeVar("AnswerT", SearchPage, Page)


@dataclass(frozen=True, slots=True)
class Known(Generic[AnswerT]):
    """What is known before a call for a company.

    Attributes:
        kept: the answer that an earlier call gave.
        gave_up: this was asked for this company often enough; see `Memory.failed`.
        company_opted_out, site_opted_out: the company, or the site that was to be read, has opted out.
    """

    kept: AnswerT | None = None
    gave_up: bool = False
    company_opted_out: bool = False
    site_opted_out: bool = False

    @property
    def anything(self) -> bool:
        """Whether anything is known."""
        return self != type(self)()


class Memory:
    """Searches by query, pages by URL.

    Args:
        settlements: ride along with each answer that is kept.
    """

    def __init__(self, database: Database, settlements: Settlements | None = None) -> None:
        self._database = database
        self._settlements = settlements or Settlements()

    def search_look(self, query: str, company_id: CompanyId, uen: str) -> Lookup:
        """What to look up before a search for this company: the kept answer to this query, unless it is too old."""
        return Lookup(_look(company_id, uen, _key(query, "search"), SEARCH_AGE) | {"query": stored_text(query)})

    def page_look(
        self, kind: Literal["page", "footer"], url: str, company_id: CompanyId, uen: str, domain: str
    ) -> Lookup:
        """What to look up before a page, or its footer, is read for this company: what is kept, unless it is older than
        a day.

        Args:
            domain: the site that is asked, which may have opted out.
        """
        keys = [_key(url, _FOOTER)] if kind == "footer" else [_key(url, _PAGE), _key(url)]
        return Lookup(
            _look(company_id, uen, _key(url, kind), PAGE_AGE)
            | {
                "domains": [stored_text(part) for part in domain_and_parents(domain)],
                "pages": [key.hex() for key in keys],
            }
        )

    async def known_search(self, query: str, look: Lookup) -> Known[SearchPage]:
        """What is known now, without a charge."""
        return self.search_in(query, await self._known(look))

    async def known_page(self, look: Lookup) -> Known[Page]:
        """What is known now, without a charge."""
        return self.page_in(await self._known(look))

    async def _known(self, look: Lookup) -> Mapping[str, Any]:
        async with self._database.session() as connection:
            known = await connection.fetchval("SELECT acra_express.known_of_call($1)", look.asked)
        return known or {}

    def search_in(self, query: str, known: Mapping[str, Any]) -> Known[SearchPage]:
        """What a look found, as it was looked up here or before a charge (`CalledOff.known`)."""
        kept = None
        if known.get("hits") is not None:
            hits = tuple(SearchHit(rank, title, url, snippet) for rank, title, url, snippet in known["hits"])
            kept = SearchPage(query=query, hits=hits, others=known.get("others") or {})
        return _known_of(known, kept)

    def page_in(self, known: Mapping[str, Any]) -> Known[Page]:
        """What a look found, as it was looked up here or before a charge (`CalledOff.known`)."""
        return _known_of(known, None if known.get("page") is None else _page_of(known["page"]))

    async def keep_search(self, page: SearchPage, company_id: CompanyId, domains: Iterable[str] = ()) -> SearchPage:
        """Keep an answer, an honest "no results" too, and note that these domains turned up for the company.

        Returns:
            The page with `others`: for about how many other companies, at most 62, each of the domains turned up in
            the last two to four weeks. One statement does all of it, in the transaction that a search costs anyway.
        """
        hits = stored_json([[hit.rank, hit.title, hit.url, hit.snippet] for hit in page.hits])
        query = stored_text(page.query)
        if len(query.encode()) > MAX_QUERY_BYTES or len(hits.encode()) > MAX_PAGE_BYTES:
            await self._settle()
            return page
        with self._settlements.carried() as settlements:
            async with self._database.session() as connection:
                others = await connection.fetchval(
                    _KEEP_SEARCH,
                    query,
                    hits,
                    sorted({stored_text(domain[:253]) for domain in domains}),
                    1 << company_id % MARKS,
                    FORTNIGHT.total_seconds(),
                    settlements,
                )
        return replace(page, others=json.loads(others or "{}"))

    async def keep_page(self, page: Page) -> None:
        """Keep a page as it was read, unusable ones too: reading them again would cost the same and say the same."""
        await self._keep(page, _PAGE)

    async def keep_footer(self, page: Page) -> None:
        """Keep what was read of a page's footer, also that there is none."""
        await self._keep(page, _FOOTER)

    async def _keep(self, page: Page, form: str) -> None:
        text = stored_json(_fields_of(page))
        if len(text.encode()) > MAX_PAGE_BYTES:
            await self._settle()
            return
        with self._settlements.carried() as settlements:
            async with self._database.session() as connection:
                await connection.execute(
                    """
                    INSERT INTO acra_express.pages (url_hash, url, domain, page, kept_at)
                    SELECT $1, $2, $3, $4::text::jsonb, acra_express.clock()
                    FROM (SELECT acra_express.settle_all($5) AS charges) settled WHERE settled.charges >= 0
                    ON CONFLICT (url_hash) DO UPDATE SET page = excluded.page, kept_at = excluded.kept_at
                    """,
                    _key(page.url, form),
                    stored_text(page.url),
                    _host(page.url),
                    text,
                    settlements,
                )

    async def _settle(self) -> None:
        """The answer is not kept, but it was paid for."""
        with self._settlements.carried() as settlements:
            async with self._database.session() as connection:
                await connection.fetchval("SELECT acra_express.settle_all($1)", settlements)

    async def failed(self, company_id: CompanyId, asked: Asked, error: Transient) -> bool:
        """Note a call that failed to the last try; whether to give it up for this company (see `Known.gave_up`).

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
            return bool(await connection.fetchval(_GAVE_UP, company_id, _key(what, kind), FAILURE_HOLDS, MOST_CALLS))

    async def prune(self) -> int:
        """Drop what is too old to be answered; returns how many rows went. Call it at ticks.

        A domain that turned up for one company only says nothing once its fortnight has ended, and such domains go
        first where there are more than `MOST_DOMAINS`.
        """
        async with self._database.session() as connection:
            gone = await connection.fetchval(
                """
                WITH pages AS (DELETE FROM acra_express.pages
                               WHERE kept_at <= (SELECT acra_express.clock()) - $1::interval RETURNING 1),
                     searches AS (DELETE FROM acra_express.searches
                                  WHERE searched_at <= (SELECT acra_express.clock()) - $2::interval RETURNING 1),
                     failures AS (DELETE FROM acra_express.failed_calls
                                  WHERE last_at <= (SELECT acra_express.clock()) - $3::interval RETURNING 1),
                     period AS MATERIALIZED (
                         SELECT floor(extract(epoch FROM acra_express.clock()) / $4::float8)::int AS now),
                     rare AS (SELECT d.domain FROM acra_express.search_domains d, period p
                              WHERE d.period < p.now OR (d.marks | d.earlier) & ((d.marks | d.earlier) - 1) = 0
                              ORDER BY d.period, d.domain
                              LIMIT greatest(0, (SELECT count(*) FROM acra_express.search_domains) - $5)),
                     domains AS (DELETE FROM acra_express.search_domains d USING period p
                                 WHERE d.period < p.now - 1
                                    OR d.period < p.now AND (d.marks | d.earlier) & ((d.marks | d.earlier) - 1) = 0
                                    OR d.domain IN (SELECT r.domain FROM rare r) RETURNING 1)
                SELECT (SELECT count(*) FROM pages) + (SELECT count(*) FROM searches)
                     + (SELECT count(*) FROM failures) + (SELECT count(*) FROM domains)
                """,
                PAGE_AGE,
                SEARCH_AGE,
                FAILURE_HOLDS,
                FORTNIGHT.total_seconds(),
                MOST_DOMAINS,
            )
        return int(gone)


# The same rule as in `known_of_call` (migration 0037), for a call that has just failed.
_GAVE_UP = """
    SELECT EXISTS (
        SELECT FROM acra_express.failed_calls f
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
              WHERE b.provider = f.provider AND b.answered_at >= site.first_at))) AS gave_up
"""

_KEEP_SEARCH = """
    WITH settled AS MATERIALIZED (SELECT acra_express.settle_all($6) AS charges),
    noted AS (
        INSERT INTO acra_express.search_domains AS d (domain, period, marks)
        SELECT found.domain, floor(extract(epoch FROM acra_express.clock()) / $5::float8)::int, $4::bigint
        FROM unnest($3::text[]) WITH ORDINALITY AS found(domain, place) ORDER BY found.place
        ON CONFLICT (domain) DO UPDATE SET
            earlier = CASE excluded.period - d.period WHEN 0 THEN d.earlier WHEN 1 THEN d.marks ELSE 0 END,
            marks = excluded.marks | CASE d.period WHEN excluded.period THEN d.marks ELSE 0 END,
            period = excluded.period
        RETURNING d.domain, (d.marks | d.earlier) & ~$4::bigint AS others),
    counted AS (
        SELECT n.domain, length(replace(n.others::bit(64)::text, '0', '')) AS companies FROM noted n
        WHERE n.others <> 0),
    kept AS (
        INSERT INTO acra_express.searches (query, hits, searched_at, others)
        SELECT $1, $2::text::jsonb, acra_express.clock(),
               (SELECT jsonb_object_agg(c.domain, c.companies) FROM counted c)
        ON CONFLICT (query) DO UPDATE
        SET hits = excluded.hits, searched_at = excluded.searched_at, others = excluded.others
        RETURNING others)
    SELECT k.others::text FROM kept k CROSS JOIN settled s WHERE s.charges >= 0
"""
# All replicas note the domains of an answer in alphabetical order, so that two of them never wait for each other.


def _key(url: str, form: str = "") -> bytes:
    return hashlib.sha256(f"{form}{url}".encode("utf-8", "surrogatepass")).digest()


def _look(company_id: CompanyId, uen: str, asked: bytes, age: timedelta) -> dict[str, Any]:
    return {
        "company_id": int(company_id),
        "uen": stored_text(uen.strip().upper()),
        "asked": asked.hex(),
        "most_calls": MOST_CALLS,
        "failure_age": FAILURE_HOLDS.total_seconds(),
        "age": age.total_seconds(),
    }


def _known_of(known: Mapping[str, Any], kept: AnswerT | None) -> Known[AnswerT]:
    return Known(
        kept,
        gave_up=known.get("gave_up", False),
        company_opted_out=known.get("company_opted_out", False),
        site_opted_out=known.get("site_opted_out", False),
    )


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


def _page_of(kept: Mapping[str, Any]) -> Page:
    links = tuple(Link(label, url) for label, url in kept["links"])
    read_at = None if kept["read_at"] is None else datetime.fromisoformat(kept["read_at"])
    return Page(**{**kept, "links": links, "read_at": read_at})
