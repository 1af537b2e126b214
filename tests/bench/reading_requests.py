"""Which request to Jina Reader finds most contact facts for its tokens, on the pages of the simulated world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from quality.cases import company_of

from acra_express_async.extract.mail_ranking import emails_of
from acra_express_async.extract.phones import phones_of
from acra_express_async.extract.places import postal_code_of
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.models import Company, Link, Page
from acra_express_async.providers.jina import FOOTER_SELECTOR
from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.markup.reader import links_summary
from acra_express_async.sandbox.markup.reader_page import RenderOptions
from acra_express_async.sandbox.simulator.reader_options import ReaderOptions
from acra_express_async.sandbox.simulator.reader_visit import Visit, visit
from acra_express_async.sandbox.world import PageSize, Truth, WebPage, World

LIMITS = (1_000, 1_500, 2_000, 2_400)
LARGE = 1_500
"""Tokens above which a page counts as large."""
SECOND_READ = 1_000
"""Limit of a second read, of the footers of a page that was cut."""
HEADER = (
    "request",
    *(f"found at {limit:,}" for limit in LIMITS),
    "on large pages",
    *(f"tokens at {limit:,}" for limit in LIMITS),
    "second reads",
    "waited in vain",
)


@dataclass(frozen=True)
class Request:
    """One way to ask for a page; `footers_of_cut` reads the footers alone where the page was cut."""

    wanted: RenderOptions
    all_links: bool = True
    footers_of_cut: bool = False


AS_TEXT = RenderOptions(images="none", links="text")
REQUESTS: Mapping[str, Request] = {
    "link addresses in the text, summary true": Request(RenderOptions(images="none"), all_links=False),
    "links as text, summary all": Request(AS_TEXT),
    "footers, main, body; links as text": Request(replace(AS_TEXT, target=(FOOTER_SELECTOR, "main", "body"))),
    "links as text, then the footers of cut pages": Request(AS_TEXT, footers_of_cut=True),
}


@dataclass(frozen=True)
class Subject:
    """A page, the company it belongs to, and the facts that are on it."""

    page: WebPage
    company: Company
    domain: str
    facts: frozenset[str]
    tokens: int


@dataclass
class Sum:
    """Results of one request at one limit."""

    found: int = 0
    found_on_large: int = 0
    tokens: int = 0
    second_reads: int = 0
    waits: int = 0


def requests(companies: int, seed: int, size: PageSize) -> list[tuple[str, ...]]:
    """Rows of the table: share of facts found and mean tokens at each limit, and what the request costs in waiting."""
    subjects = list(subjects_of(companies, seed, size))
    return [_row(name, request, subjects) for name, request in REQUESTS.items()]


def _row(name: str, request: Request, subjects: Sequence[Subject]) -> tuple[str, ...]:
    sums = [rate(request, subjects, limit) for limit in LIMITS]
    every = sum(len(subject.facts) for subject in subjects)
    large = sum(len(subject.facts) for subject in subjects if subject.tokens > LARGE)
    usual = sums[LIMITS.index(LARGE)]
    return (
        name,
        *(f"{each.found / every:.3f}" for each in sums),
        f"{usual.found_on_large / max(1, large):.3f}",
        *(f"{each.tokens / len(subjects):.0f}" for each in sums),
        str(usual.second_reads),
        str(usual.waits),
    )


def rate(request: Request, subjects: Sequence[Subject], limit: int) -> Sum:
    """Read every subject with one request at one limit."""
    total = Sum()
    for subject in subjects:
        first = _visit(subject.page, request.wanted, limit)
        pages = [_page(subject.page, first, all_links=request.all_links)]
        total.tokens += first.tokens
        total.waits += first.seconds > 0
        if request.footers_of_cut and first.tokens >= limit:
            footer = _visit(subject.page, replace(request.wanted, target=(FOOTER_SELECTOR,)), SECOND_READ)
            pages.append(_page(subject.page, footer, all_links=True))
            total.tokens += footer.tokens
            total.second_reads += 1
        found = len(_facts(pages, subject.company, subject.domain) & subject.facts)
        total.found += found
        total.found_on_large += found * (subject.tokens > LARGE)
    return total


def _visit(page: WebPage, wanted: RenderOptions, limit: int | None) -> Visit:
    return visit(
        page,
        ReaderOptions(
            page.url, json=True, errors_as_json=True, wanted=wanted, max_tokens=limit, wait_for=wanted.target
        ),
    )


def _page(page: WebPage, found: Visit, *, all_links: bool) -> Page:
    if found.reading is None:
        return Page(page.url, "", "", usable=False)
    pairs = list(found.reading.links)
    if not all_links:
        unique = links_summary(pairs, "unique")
        pairs = list(unique.items()) if isinstance(unique, dict) else []
    links = tuple(Link(label, url) for label, url in pairs if url.startswith(("http", "mailto:", "tel:")))
    return Page(page.url, found.reading.title, found.reading.text, links, found.tokens)


def _facts(pages: Sequence[Page], company: Company, domain: str) -> frozenset[str]:
    usable = [page for page in pages if page.usable]
    postal = postal_code_of(usable, company)
    return frozenset(
        [
            *(mail.address for mail in emails_of(usable, domain, company, names_for(company))),
            *(phone.number for phone in phones_of(usable)),
            *([postal[0]] if postal else []),
        ]
    )


def _true(truth: Truth) -> frozenset[str]:
    postal = [truth.postal_code] if truth.postal_code else []
    return frozenset([*(mail.email for mail in truth.emails), *truth.phones, *postal])


def subjects_of(companies: int, seed: int, size: PageSize) -> Iterator[Subject]:
    """The home and contact pages of every readable site, with the true facts that are on each."""
    rows = list(registry_sample.rows(companies, seed=seed))
    world = World(rows, seed=seed, page_size=size)
    counts = Counter(row["postal_code"] for row in rows)
    for number, row in enumerate(rows, start=1):
        truth = world.truth(row["uen"])
        if truth.domain is None:
            continue
        company = company_of(number, row, counts, None)
        home = world.page(f"https://{truth.domain}/")
        contacts = (url for label, url in home.links() if label.startswith(("Contact", "联系")) and "#" not in url)
        for page in (home, *(world.page(url) for url in list(contacts)[:1])):
            whole = _visit(page, RenderOptions(images="none"), None)
            facts = _facts([_page(page, whole, all_links=True)], company, truth.domain) & _true(truth)
            if page.http_status == 200:
                yield Subject(page, company, truth.domain, facts, whole.tokens)
