"""The memory of searches and pages, which avoids paying for them again."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from server_defaults import under_any_defaults

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.answer_memory import MAX_PAGE_BYTES, Asked, Memory
from acra_express_async.db.companies.optouts import record_opt_out
from acra_express_async.db.limits.breaker_rows import BreakerRows
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import Transient
from acra_express_async.models import CompanyId, Link, Page, Provider, SearchHit, SearchPage

from .builders import advance, count

pytestmark = under_any_defaults

UEN, SITE = "201912345K", "lotus.com.sg"
PAGE = Page(
    url="https://lotus.com.sg/contact",
    title="Contact",
    text="Call us",
    links=(Link("Home", "https://lotus.com.sg/"),),
    tokens=120,
    http_status=200,
    warning="cached",
    usable=False,
    unusable_reason="empty",
    read_at=datetime(2026, 3, 1, tzinfo=UTC),
    description="We repair pumps.",
    cut_at=1500,
)

SEARCH = SearchPage("lotus pumps singapore", (SearchHit(1, "Lotus", "https://lotus.com.sg/", "Pumps"),))


async def search(memory: Memory, query: str) -> SearchPage | None:
    return (await memory.known_search(query, memory.search_look(query, CompanyId(1), UEN))).kept


async def page(memory: Memory, url: str) -> Page | None:
    return (await memory.known_page(memory.page_look("page", url, CompanyId(1), UEN, SITE))).kept


async def footer_of(memory: Memory, url: str) -> Page | None:
    return (await memory.known_page(memory.page_look("footer", url, CompanyId(1), UEN, SITE))).kept


async def gave_up(memory: Memory, company: int, asked: Asked) -> bool:
    kind, what = asked
    if kind == "search":
        return (await memory.known_search(what, memory.search_look(what, CompanyId(company), UEN))).gave_up
    return (await memory.known_page(memory.page_look(kind, what, CompanyId(company), UEN, SITE))).gave_up


@pytest.fixture
def memory(database: Database) -> Memory:
    return Memory(database)


async def test_kept_pages_and_searches_come_back_unchanged(memory: Memory) -> None:
    assert await page(memory, PAGE.url) is None
    assert await search(memory, SEARCH.query) is None
    await memory.keep_page(PAGE)
    await memory.keep_search(SEARCH, CompanyId(1))
    await memory.keep_search(SearchPage("nothing found", ()), CompanyId(1))
    assert await page(memory, PAGE.url) == PAGE
    assert await search(memory, SEARCH.query) == SEARCH
    assert await search(memory, "nothing found") == SearchPage("nothing found", ())


async def test_a_search_tells_for_how_many_others_a_domain_was(memory: Memory, owner: Connection) -> None:
    for number in range(1, 5):
        page = SearchPage(f"query {number}", ())
        told = await memory.keep_search(page, CompanyId(number), ["list.sg", f"firm{number}.sg"])
        assert dict(told.others) == ({"list.sg": number - 1} if number > 1 else {})
    again = await memory.keep_search(SearchPage("query 5", ()), CompanyId(2), ["list.sg", "firm2.sg"])
    assert dict(again.others) == {"list.sg": 3}, "a company that is searched for again counts once"
    kept = await search(memory, "query 4")
    assert kept is not None
    assert dict(kept.others) == {"list.sg": 3}, "a resumed company is told the same"
    columns = await owner.fetch("SELECT * FROM acra_express.search_domains WHERE domain = 'list.sg'")
    assert set(columns[0].keys()) == {"domain", "period", "marks", "earlier"}, "no company is named"


async def test_domains_are_forgotten_after_two_fortnights(memory: Memory, owner: Connection) -> None:
    for number in (1, 2):
        await memory.keep_search(SearchPage(f"query {number}", ()), CompanyId(number), ["list.sg", f"firm{number}.sg"])
    await advance(owner, 24 * 14)
    told = await memory.keep_search(SearchPage("next fortnight", ()), CompanyId(3), ["list.sg"])
    assert dict(told.others) == {"list.sg": 2}
    await memory.prune()
    assert await domains(owner) == ["list.sg"], "the others turned up for one company only"
    await advance(owner, 24 * 42)
    told = await memory.keep_search(SearchPage("much later", ()), CompanyId(4), ["list.sg"])
    assert dict(told.others) == {}
    await advance(owner, 24 * 70)
    await memory.prune()
    assert await domains(owner) == []


async def test_the_domains_kept_are_bounded(memory: Memory, owner: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acra_express_async.db.companies.answer_memory.MOST_DOMAINS", 3)
    for number in range(1, 9):
        page = SearchPage(f"query {number}", ())
        await memory.keep_search(page, CompanyId(number), ["list.sg", "index.sg", f"firm{number}.sg"])
    await memory.prune()
    kept = await domains(owner)
    assert len(kept) == 3
    assert {"list.sg", "index.sg"} < set(kept)


async def test_two_answers_at_once_never_wait_for_each_other(memory: Memory) -> None:
    names = [f"site{number}.sg" for number in range(40)]
    await asyncio.gather(
        *(
            memory.keep_search(SearchPage(f"query {number}", ()), CompanyId(number), names[:: 1 if number % 2 else -1])
            for number in range(1, 21)
        )
    )
    told = await memory.keep_search(SearchPage("last", ()), CompanyId(60), names)
    assert set(told.others.values()) == {20}


async def domains(owner: Connection) -> list[str]:
    return [row["domain"] for row in await owner.fetch("SELECT domain FROM acra_express.search_domains ORDER BY 1")]


async def test_a_page_and_its_footer_are_kept_apart(memory: Memory) -> None:
    footer = replace(PAGE, text="UEN 201912345K", description="", cut_at=None)
    await memory.keep_page(PAGE)
    assert await footer_of(memory, PAGE.url) is None
    await memory.keep_footer(footer)
    assert await page(memory, PAGE.url) == PAGE
    assert await footer_of(memory, PAGE.url) == footer


async def test_rows_of_the_previous_version_stay_readable(memory: Memory, owner: Connection) -> None:
    """And it cannot read ours, in which it would meet fields that it does not know."""
    old = {
        "url": PAGE.url,
        "title": "Contact",
        "text": "Call us",
        "links": [["Home", "https://lotus.com.sg/"]],
        "tokens": 120,
        "http_status": 200,
        "warning": None,
        "usable": True,
        "unusable_reason": None,
        "read_at": None,
    }
    key = hashlib.sha256(PAGE.url.encode()).digest()
    await owner.execute(
        "INSERT INTO acra_express.pages (url_hash, url, domain, page, kept_at)"
        " VALUES ($1, $2, 'lotus.com.sg', $3, acra_express.clock())",
        key,
        PAGE.url,
        old,
    )
    kept = await page(memory, PAGE.url)
    assert kept is not None
    assert (kept.text, kept.links, kept.cut_at) == ("Call us", (Link("Home", "https://lotus.com.sg/"),), None)
    await memory.keep_page(PAGE)
    assert await page(memory, PAGE.url) == PAGE
    assert await owner.fetchval("SELECT page ->> 'text' FROM acra_express.pages WHERE url_hash = $1", key) == "Call us"
    assert await owner.fetchval("SELECT page ? 'cut_at' FROM acra_express.pages WHERE url_hash = $1", key) is False


async def test_pages_expire_after_a_day_and_searches_after_three(memory: Memory, owner: Connection) -> None:
    await memory.keep_page(PAGE)
    await memory.keep_search(SEARCH, CompanyId(1))
    await advance(owner, 25)
    assert await page(memory, PAGE.url) is None
    assert await search(memory, SEARCH.query) == SEARCH
    assert await memory.prune() == 1
    await advance(owner, 73)
    assert await search(memory, SEARCH.query) is None
    assert await memory.prune() == 1
    assert await memory.prune() == 0


async def test_oversized_pages_and_queries_are_not_kept(memory: Memory, owner: Connection) -> None:
    await memory.keep_page(Page(url="https://x.sg/", title="", text="é" * MAX_PAGE_BYTES))
    await memory.keep_search(SearchPage("q" * 1001, ()), CompanyId(1))
    assert await count(owner, "acra_express.pages") == 0
    assert await count(owner, "acra_express.searches") == 0


@pytest.mark.parametrize("url", ["https://x.sg/\x00", "https://x.sg/\ud800", "http://[broken", "x" * 9000])
async def test_hostile_urls_and_texts_are_stored_safely(memory: Memory, url: str) -> None:
    await memory.keep_page(Page(url=url, title="\x00", text="a\ud800 \\u0000"))
    kept = await page(memory, url)
    assert kept is not None
    assert (kept.title, kept.text) == ("", "a? \\u0000")
    await memory.keep_search(SearchPage("q\x00\ud800", ()), CompanyId(1))
    assert await search(memory, "q\x00\ud800") is not None


CRASHED = Transient("browser crashed", provider="jina", reason="http_503", about_target=True)
TIMEOUT = Transient("late", provider="jina", reason="timeout")
ASKED: Asked = ("page", "https://kopi.sg/contact")


async def test_a_page_with_an_error_of_its_own_is_given_up(database: Database) -> None:
    memory = Memory(database)
    assert not await gave_up(memory, 1, ASKED)
    assert not await memory.failed(CompanyId(1), ASKED, CRASHED)
    assert await memory.failed(CompanyId(1), ASKED, CRASHED)
    assert await gave_up(Memory(database), 1, ASKED), "another replica knows too"
    assert not await gave_up(memory, 2, ASKED), "each company tries by itself"
    assert not await gave_up(memory, 1, ("footer", ASKED[1]))


async def test_a_second_page_of_a_bad_site_is_called_once(database: Database) -> None:
    memory = Memory(database)
    other: Asked = ("page", "https://kopi.sg/about")
    for _ in range(2):
        await memory.failed(CompanyId(1), ASKED, CRASHED)
    assert not await gave_up(memory, 1, other)
    assert await memory.failed(CompanyId(1), other, CRASHED)
    assert not await memory.failed(CompanyId(1), ("page", "https://teh.sg/"), CRASHED)


async def test_a_page_is_not_given_up_while_nobody_gets_an_answer(database: Database) -> None:
    memory, breakers = Memory(database), BreakerRows(database)
    for _ in range(10):
        assert not await memory.failed(CompanyId(1), ASKED, TIMEOUT)
    await breakers.answered(Provider.JINA)
    assert await gave_up(memory, 1, ASKED), "others are answered: it is the page"


async def test_what_was_given_up_is_tried_again_after_days(database: Database, owner: Connection) -> None:
    memory = Memory(database)
    for _ in range(2):
        await memory.failed(CompanyId(1), ASKED, CRASHED)
    await advance(owner, 24 * 3 + 1)
    assert not await gave_up(memory, 1, ASKED)
    assert not await memory.failed(CompanyId(1), ASKED, CRASHED), "the count begins anew"
    await advance(owner, 24 * 7)
    assert await memory.prune() == 1


async def test_opt_outs_show_before_each_search_and_read(
    memory: Memory, owner: Connection, hashes: AddressHash
) -> None:
    company = CompanyId(1)
    search_look = memory.search_look("query", company, UEN.lower())
    assert not (await memory.known_search("query", search_look)).company_opted_out
    await record_opt_out(owner, "company", UEN, hashes)
    assert (await memory.known_search("query", search_look)).company_opted_out
    url = "https://shop.lotus.com.sg/"
    seen = await memory.known_page(memory.page_look("page", url, company, UEN, "shop.lotus.com.sg"))
    assert (seen.company_opted_out, seen.site_opted_out) == (True, False)
    await record_opt_out(owner, "domain", "lotus.com.sg", hashes)
    seen = await memory.known_page(memory.page_look("page", url, company, "199912345K", "shop.lotus.com.sg"))
    assert (seen.company_opted_out, seen.site_opted_out) == (False, True)
