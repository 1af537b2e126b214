"""The pipeline of one company: the calls it makes, what it does when one fails, and what it never repeats."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from acra_express_async.companies import pipeline as pipeline_module
from acra_express_async.companies.pipeline import Effort, Pipeline
from acra_express_async.companies.verification import Verification
from acra_express_async.db.companies.answer_memory import Known
from acra_express_async.db.companies.verification_rows import Intent, LookedUp
from acra_express_async.errors import (
    Blocked,
    BudgetExhausted,
    CalledOff,
    Draining,
    LeaseLost,
    Permanent,
    ProviderError,
    RateLimited,
    StandBack,
    Transient,
)
from acra_express_async.extract.queries import EXCLUDED, PLAN, QueryPlan, Variant
from acra_express_async.extract.reading_plan import Progress
from acra_express_async.limits.scope import Lookup, Scope
from acra_express_async.models import (
    Company,
    CompanyId,
    EmailKind,
    JobLimits,
    OutcomeKind,
    Page,
    Reading,
    SearchHit,
    SearchPage,
    Usage,
    VerificationResult,
)

UEN = "201506781N"
HOME = "https://orchidhardware.sg/"
CONTACT = "https://orchidhardware.sg/contact-us"
COMPANY = Company(CompanyId(7), UEN, "ORCHID HARDWARE PTE. LTD.", entity_status="Live Company", postal_code="415874")
PLACE_QUERY = " -site:".join(("ORCHID HARDWARE 415874 contact", *EXCLUDED))
HITS = (SearchHit(1, "Orchid Hardware", HOME, "Bolts in Singapore"),)
PAGES = {
    HOME: Page(HOME, "Orchid Hardware", f"We sell bolts to shipyards. UEN {UEN} [Contact]({CONTACT})", tokens=100),
    CONTACT: Page(
        CONTACT,
        "Contact",
        "info@orchidhardware.sg sales@orchidhardware.sg farah@orchidhardware.sg 6741 1100 Singapore 415874",
        tokens=60,
    ),
}


class FreeScope:
    limits = JobLimits()
    look = None

    def check(self) -> None: ...

    def spent(self, cost: Usage) -> None: ...


@dataclass
class World:
    """Providers, memory, verifications and opt-outs in one fake; `calls` lists the calls in order."""

    hits: tuple[SearchHit, ...] = HITS
    pages: dict[str, Page] = field(default_factory=lambda: dict(PAGES))
    statuses: dict[str, str] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    opted_out: set[str] = field(default_factory=set)
    configured: bool = True
    calls: list[str] = field(default_factory=list)
    searches: dict[str, SearchPage] = field(default_factory=dict)
    by_query: dict[str, tuple[SearchHit, ...]] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    footers: dict[str, Page] = field(default_factory=dict)
    kept: dict[str, Page] = field(default_factory=dict)
    kept_footers: dict[str, Page] = field(default_factory=dict)
    failed_calls: dict[tuple[str, str], int] = field(default_factory=dict)
    settled: dict[str, VerificationResult] = field(default_factory=dict)
    intents: set[str] = field(default_factory=set)
    now: float = 0.0

    def _call(self, what: str) -> None:
        self.calls.append(what)
        self.now += 1.0
        if what in self.failures:
            raise self.failures[what]

    def _looked(self, scope: Scope, what: str) -> dict[str, Any]:
        """What the charge looks up first; an open breaker refuses the call before that."""
        if isinstance(self.failures.get(what), Blocked):
            self._call(what)
        assert scope.look is not None, "nothing is charged without a look"
        asked = scope.look.asked
        known = {} if "answer" not in asked else asked["answer"]()
        if known:
            raise CalledOff(known)
        return asked

    async def verify(self, address: str, scope: Scope) -> VerificationResult:
        self._looked(scope, f"verify {address}")
        failure = self.failures.get(f"verify {address}")
        if not isinstance(failure, BudgetExhausted):  # then the charge is refused, and with it the intent
            if address in self.intents:
                raise CalledOff({"pending": True})
            self.intents.add(address)
        self._call(f"verify {address}")
        return VerificationResult(address, self.statuses.get(address, "valid"))

    async def read(self, url: str, scope: Scope, *, max_tokens: int | None = None) -> Page:
        self._looked(scope, f"read {url}")
        self._call(f"read {url}")
        assert max_tokens == 1500
        return self.pages.get(url) or Page(url, "", "", usable=False, unusable_reason="http_404")

    async def read_footer(self, url: str, scope: Scope, *, max_tokens: int | None = None, labels: bool = True) -> Page:
        self._looked(scope, f"footer {url}")
        self._call(f"footer {url}")
        assert max_tokens == 1000
        return self.footers.get(url) or Page(url, "", "", usable=False, unusable_reason="empty")

    async def look_up(self, addresses: Sequence[str]) -> LookedUp:
        return self._known_of(addresses)

    def _known_of(self, addresses: Sequence[str]) -> LookedUp:
        known = {each: self.settled[each] for each in addresses if each in self.settled}
        return LookedUp(
            {address: verdict for address, verdict in known.items() if verdict.status != "unknown"},
            frozenset(address for address in addresses if address in self.opted_out),
        )

    def looked_up(self, known: dict[str, Any]) -> LookedUp:
        found: LookedUp = known["addresses"]
        return found

    def intent(self, address: str, among: Sequence[str] = ()) -> Intent:
        def answer() -> dict[str, Any]:
            found = self._known_of(among or [address])
            return {"addresses": found} if found.results or found.opted_out else {}

        return Intent(address, "name", Lookup({"answer": answer}))

    async def store(self, result: VerificationResult) -> None:
        self.settled[result.address] = result

    async def withdraw(self, intent: Intent) -> None:
        assert intent.name == "name"
        self.intents.discard(intent.address)

    async def domain(self, domain: str) -> bool:
        return domain in self.opted_out

    def search_look(self, query: str, company_id: CompanyId, uen: str) -> Lookup:
        def answer() -> dict[str, Any]:
            kept, gave_up = self.searches.get(query), self._gave_up(("search", query))
            known = Known(kept, gave_up=gave_up, company_opted_out=uen in self.opted_out)
            return {} if known == Known() else {"known": known}

        return Lookup({"answer": answer})

    async def known_search(self, query: str, look: Lookup) -> Known[SearchPage]:
        return self.search_in(query, look.asked["answer"]())

    def search_in(self, query: str, known: dict[str, Any]) -> Known[SearchPage]:
        found: Known[SearchPage] = known.get("known", Known())
        return found

    async def keep_search(self, page: SearchPage, company_id: CompanyId, domains: Iterable[str]) -> SearchPage:
        noted = replace(page, others={domain: self.others[domain] for domain in domains if domain in self.others})
        self.searches[page.query] = noted
        return noted

    def page_look(self, kind: str, url: str, company_id: CompanyId, uen: str, domain: str) -> Lookup:
        def answer() -> dict[str, Any]:
            known = Known(
                (self.kept_footers if kind == "footer" else self.kept).get(url),
                gave_up=self._gave_up((kind, url)),
                company_opted_out=uen in self.opted_out,
                site_opted_out=domain in self.opted_out,
            )
            return {} if known == Known() else {"known": known}

        return Lookup({"answer": answer})

    async def known_page(self, look: Lookup) -> Known[Page]:
        return self.page_in(look.asked["answer"]())

    def page_in(self, known: dict[str, Any]) -> Known[Page]:
        found: Known[Page] = known.get("known", Known())
        return found

    async def keep_page(self, page: Page) -> None:
        self.kept[page.url] = page

    def _gave_up(self, asked: tuple[str, str]) -> bool:
        return self.failed_calls.get(asked, 0) >= 2

    async def failed(self, company_id: CompanyId, asked: tuple[str, str], error: Transient) -> bool:
        self.failed_calls[asked] = self.failed_calls.get(asked, 0) + 1
        return error.about_target and self._gave_up(asked)

    async def keep_footer(self, page: Page) -> None:
        self.kept_footers[page.url] = page


@dataclass
class Searching:
    """The search provider of a world (a separate class, because its memory has a method of the same name)."""

    world: World

    async def search(self, query: str, scope: Scope) -> SearchPage:
        self.world._looked(scope, f"search {query}")
        self.world._call(f"search {query}")
        return SearchPage(query, self.world.by_query.get(query, self.world.hits))


def pipeline(
    world: World,
    *,
    max_pages: int = 3,
    max_verifications: int = 2,
    personal: bool = False,
    plan: QueryPlan = PLAN,
) -> Pipeline:
    return Pipeline(
        searcher=Searching(world),
        reader=world,
        verification=Verification(verifier=world, store=world, max_addresses=max_verifications, personal=personal),
        opt_outs=world,
        memory=world,
        clock=lambda: world.now,
        effort=Effort(max_pages=max_pages, tokens_per_page=1500, plan=plan),
        address_key=str.lower,
    )


async def test_searches_reads_and_verifies_without_extra_calls() -> None:
    world = World()
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert world.calls == [
        "search ORCHID HARDWARE Singapore",
        f"read {HOME}",
        f"read {CONTACT}",
        "verify info@orchidhardware.sg",
    ]
    assert outcome.kind is OutcomeKind.ENRICHED
    assert outcome.site is not None
    assert outcome.site.domain == "orchidhardware.sg"
    assert [mail.address.split("@")[0] for mail in outcome.emails] == ["info", "sales", "farah"]
    assert outcome.emails[0].verification == VerificationResult("info@orchidhardware.sg", "valid")
    assert [phone.number for phone in outcome.phones] == ["+6567411100"]
    assert (outcome.postal_code, outcome.postal_code_url) == ("415874", CONTACT)
    assert outcome.about == "We sell bolts to shipyards."
    assert outcome.pages == (HOME, CONTACT)
    assert outcome.queries == ("ORCHID HARDWARE Singapore",)
    assert dict(outcome.stage_seconds) == {"search": 1.0, "read": 2.0, "extract": 0.0, "verify": 1.0}


async def test_a_confirmed_known_website_needs_no_search() -> None:
    world = World()
    outcome = await pipeline(world).run(replace(COMPANY, website_domain="orchidhardware.sg"), FreeScope())
    assert outcome.kind is OutcomeKind.ENRICHED
    assert not [call for call in world.calls if call.startswith("search")]


async def test_a_wrong_known_website_leaves_pages_for_the_search() -> None:
    world = World()
    outcome = await pipeline(world).run(replace(COMPANY, website_domain="https://www.wrong.sg/"), FreeScope())
    assert outcome.site is not None
    assert outcome.site.domain == "orchidhardware.sg"
    assert [site.domain for site in outcome.rejected] == ["wrong.sg"]


async def test_further_queries_run_only_without_a_credible_site() -> None:
    world = World(hits=())
    firm = replace(COMPANY, former_names=("BOLT BROTHERS PTE LTD",))
    outcome = await pipeline(world).run(firm, FreeScope())
    assert outcome.queries == ("ORCHID HARDWARE Singapore", PLACE_QUERY, "BOLT BROTHERS Singapore")
    assert (outcome.kind, outcome.reason) == (OutcomeKind.NO_WEBSITE, "no_search_results")


OTHER = "https://orchid-tools.com.sg/"
NAMESAKE = (SearchHit(1, "Orchid Hardware", HOME, "Bolts in Singapore"),)


def with_a_namesake() -> World:
    """The first query finds a credible namesake, only the second one the company's own site under another brand."""
    pages = {
        HOME: Page(HOME, "Orchid Hardware", "Orchid Hardware, Singapore 018956. UEN 199000001A"),
        OTHER: Page(OTHER, "Orchid Tools", f"© Orchid Hardware Pte. Ltd. UEN {UEN}. info@orchid-tools.com.sg"),
    }
    own = SearchHit(1, "Contact Orchid Tools", OTHER, "Orchid Hardware Pte. Ltd., Singapore 415874")
    return World(pages=pages, by_query={PLACE_QUERY: (own, *NAMESAKE)})


async def test_the_search_goes_on_while_no_site_is_proven() -> None:
    world = with_a_namesake()
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert outcome.site is not None
    assert outcome.site.domain == "orchid-tools.com.sg"
    assert outcome.queries == ("ORCHID HARDWARE Singapore", PLACE_QUERY)
    assert len([call for call in world.calls if call == f"read {HOME}"]) == 1, "nothing is read twice"


async def test_a_plan_may_end_at_the_first_credible_site() -> None:
    stopped = QueryPlan((Variant.NAME, Variant.PLACE))
    outcome = await pipeline(with_a_namesake(), plan=stopped).run(COMPANY, FreeScope())
    assert (outcome.kind, len(outcome.queries)) == (OutcomeKind.NO_WEBSITE, 1)


async def test_a_plan_may_ask_every_query_before_it_reads() -> None:
    world = with_a_namesake()
    plan = QueryPlan((Variant.NAME, Variant.PLACE), stops=False)
    outcome = await pipeline(world, plan=plan).run(COMPANY, FreeScope())
    assert [call.partition(" ")[0] for call in world.calls[:3]] == ["search", "search", "read"]
    assert outcome.site is not None


async def test_later_queries_keep_a_page_to_read() -> None:
    hits = tuple(SearchHit(rank, "Orchid Hardware", f"https://orchidhardware{rank}.sg/") for rank in range(1, 5))
    own = SearchHit(1, "Orchid Hardware", OTHER, f"Orchid Hardware Pte. Ltd. UEN {UEN}")
    pages = {OTHER: with_a_namesake().pages[OTHER]}
    world = World(hits=hits, pages=pages, by_query={PLACE_QUERY: (own,)})
    outcome = await pipeline(world, max_pages=2).run(COMPANY, FreeScope())
    assert outcome.site is not None
    assert outcome.site.domain == "orchid-tools.com.sg"


async def test_exclusions_that_find_nothing_cost_one_more_search() -> None:
    listing = SearchHit(1, "Orchid Hardware", "https://www.dnb.com/x")
    own = SearchHit(1, "Orchid Hardware", HOME, "Bolts in Singapore")
    plain = PLACE_QUERY.partition(" -site:")[0]
    world = World(hits=(listing,), by_query={plain: (own,)})
    excluding = " -site:".join((plain, "dnb.com", *(domain for domain in EXCLUDED if domain != "dnb.com")))
    world.by_query[excluding] = ()
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert outcome.queries == ("ORCHID HARDWARE Singapore", excluding, plain)
    assert outcome.kind is OutcomeKind.ENRICHED


async def test_a_site_that_has_opted_out_does_not_come_back() -> None:
    world = World(opted_out={"orchidhardware.sg"})
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert outcome.queries == ("ORCHID HARDWARE Singapore", PLACE_QUERY)
    assert (outcome.reason, outcome.notes, outcome.rejected) == ("site_opted_out", ("site_opted_out",), ())
    assert not [call for call in world.calls if call.startswith("read")]


async def test_evidence_tells_how_often_a_site_turned_up() -> None:
    list_site = "https://firm-list.com.sg/"
    text = "Orchid Hardware, Singapore 415874"
    world = World(hits=(SearchHit(1, "Orchid Hardware", list_site, text),), pages={}, others={"firm-list.com.sg": 7})
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    signals = {item.signal: (item.points, item.detail) for item in outcome.rejected[0].evidence}
    assert signals["found_for_others"] == (-10, "7 other companies")
    assert signals["found_by_queries"] == (0, "2 queries")


async def test_no_website_comes_with_reason_and_best_rejected_site() -> None:
    world = World(pages={HOME: Page(HOME, "Orchid Hardware", "This domain may be for sale")})
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert (outcome.kind, outcome.reason, outcome.site) == (OutcomeKind.NO_WEBSITE, "parked", None)
    assert not outcome.emails
    assert not outcome.phones
    assert outcome.rejected[0].evidence[-1].signal == "rejected_parked"


def of_long_pages() -> World:
    """The home page was cut, and only its footer names the company and how to reach it."""
    home = Page(HOME, "Orchid Hardware", "We sell bolts to shipyards.", tokens=1500, cut_at=1500)
    footer = Page(HOME, "", f"UEN {UEN} info@orchidhardware.sg 6741 1100 Singapore 415874", tokens=90)
    return World(pages={HOME: home}, footers={HOME: footer})


async def test_the_footer_of_a_cut_page_is_read_and_told() -> None:
    world = of_long_pages()
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert world.calls[1:] == [f"read {HOME}", f"footer {HOME}", "verify info@orchidhardware.sg"]
    assert outcome.kind is OutcomeKind.ENRICHED
    assert (outcome.emails[0].url, outcome.phones[0].url, outcome.postal_code_url) == (HOME, HOME, HOME)
    assert outcome.readings == (Reading(HOME, tokens=1590, cut_at=1500, footer_read=True),)
    assert outcome.pages == (HOME,)


async def test_a_footer_counts_against_the_pages_of_a_company() -> None:
    world = of_long_pages()
    outcome = await pipeline(world, max_pages=1).run(COMPANY, FreeScope())
    assert [call for call in world.calls if HOME in call] == [f"read {HOME}"]
    assert outcome.readings == (Reading(HOME, tokens=1500, cut_at=1500),)


async def test_a_resumed_run_repeats_no_footer() -> None:
    world = of_long_pages()
    world.failures = {"verify info@orchidhardware.sg": Draining("stopping")}
    with pytest.raises(Draining):
        await pipeline(world).run(COMPANY, FreeScope())
    world.failures.clear()
    world.calls.clear()
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert world.calls == ["verify info@orchidhardware.sg"]
    assert outcome.readings == (Reading(HOME, tokens=1590, cut_at=1500, footer_read=True),)


async def test_a_footer_that_can_never_be_read_is_gone_without() -> None:
    world = of_long_pages()
    world.failures = {f"footer {HOME}": Permanent("robots", provider="jina", reason="robots")}
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert "page_refused:robots" in outcome.notes
    assert world.calls.count(f"footer {HOME}") == 1


@pytest.mark.parametrize("max_pages", [1, 2, 3])
async def test_reads_at_most_the_allowed_number_of_pages(max_pages: int) -> None:
    world = World(hits=tuple(SearchHit(n, "Orchid Hardware", f"https://orchidhardware{n}.sg/") for n in range(1, 9)))
    await pipeline(world, max_pages=max_pages).run(COMPANY, FreeScope())
    assert len([call for call in world.calls if call.startswith("read")]) == max_pages


@pytest.mark.parametrize("status", ["Struck Off", "Cancelled (Non-Renewal)"])
async def test_a_company_that_is_not_live_is_skipped(status: str) -> None:
    world = World()
    outcome = await pipeline(world).run(replace(COMPANY, entity_status=status), FreeScope())
    assert (outcome.kind, outcome.reason, world.calls) == (OutcomeKind.SKIPPED, "not_live", [])


async def test_opted_out_companies_sites_and_addresses_are_not_used() -> None:
    company = World(opted_out={UEN})
    assert (await pipeline(company).run(COMPANY, FreeScope())).reason == "opted_out"
    assert company.calls == []

    site = World(opted_out={"orchidhardware.sg"})
    outcome = await pipeline(site).run(COMPANY, FreeScope())
    assert outcome.kind is OutcomeKind.NO_WEBSITE
    assert "site_opted_out" in outcome.notes
    assert not [call for call in site.calls if call.startswith("read")]
    assert outcome.reason == "site_opted_out"

    moved = World(opted_out={"orchidhardware.com.sg"})
    links = "[Home](https://orchidhardware.com.sg/) [Contact](https://orchidhardware.com.sg/contact)"
    moved.pages = {HOME: Page(HOME, "Orchid Hardware", f"UEN {UEN} info@orchidhardware.com.sg 6741 1100 {links}")}
    outcome = await pipeline(moved, max_pages=1).run(COMPANY, FreeScope())
    assert (outcome.site, outcome.emails, outcome.reason) == (None, (), "site_opted_out")

    address = World(opted_out={"info@orchidhardware.sg"})
    outcome = await pipeline(address).run(COMPANY, FreeScope())
    assert "info@orchidhardware.sg" not in [mail.address for mail in outcome.emails]
    assert "verify info@orchidhardware.sg" not in address.calls


@pytest.mark.parametrize(
    "error",
    [
        Transient("down", provider="jina"),
        RateLimited("slow", provider="jina"),
        BudgetExhausted("spent", provider="jina", retry_after=timedelta(minutes=5)),
        Blocked("no", provider="jina"),
        Draining("stopping"),
        LeaseLost("gone"),
        StandBack("nightly", reason="nightly_running", retry_after=timedelta(seconds=60)),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_temporary_error_ends_the_run_and_repeats_no_paid_call(error: Exception) -> None:
    world = World(failures={f"read {CONTACT}": error})
    with pytest.raises(type(error)):
        await pipeline(world).run(COMPANY, FreeScope())
    world.failures.clear()
    world.calls.clear()
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert outcome.kind is OutcomeKind.ENRICHED
    assert world.calls == [f"read {CONTACT}", "verify info@orchidhardware.sg"]


async def test_a_resumed_run_ends_like_an_undisturbed_one() -> None:
    undisturbed = await pipeline(World()).run(COMPANY, FreeScope())
    world = World(failures={f"read {CONTACT}": Transient("down", provider="jina")})
    with pytest.raises(Transient):
        await pipeline(world).run(COMPANY, FreeScope())
    world.failures.clear()
    resumed = await pipeline(world).run(COMPANY, FreeScope())

    def facts(outcome: object) -> object:
        return replace(outcome, stage_seconds=())  # type: ignore[type-var]

    assert facts(resumed) == facts(undisturbed)


async def test_a_permanently_unreadable_page_is_skipped() -> None:
    world = World(failures={f"read {CONTACT}": Permanent("robots", provider="jina", reason="robots")})
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert outcome.kind is OutcomeKind.ENRICHED
    assert "page_refused:robots" in outcome.notes


async def test_a_permanently_failed_search_is_not_a_missing_website() -> None:
    failures: dict[str, Exception] = {
        f"search {query}": Permanent("bang", provider="duckduckgo", reason="redirect")
        for query in ("ORCHID HARDWARE Singapore", PLACE_QUERY)
    }
    outcome = await pipeline(World(failures=failures)).run(COMPANY, FreeScope())
    assert (outcome.kind, outcome.reason) == (OutcomeKind.FAILED, "provider_error")


@pytest.mark.parametrize(
    ("statuses", "asked"),
    [
        ({}, 1),
        ({"info@orchidhardware.sg": "catch-all"}, 1),
        ({"info@orchidhardware.sg": "invalid"}, 2),
        ({"info@orchidhardware.sg": "unknown"}, 2),
        ({"info@orchidhardware.sg": "invalid", "sales@orchidhardware.sg": "invalid"}, 2),
    ],
)
async def test_verification_stops_at_the_first_good_answer(statuses: dict[str, str], asked: int) -> None:
    world = World(statuses=statuses)
    await pipeline(world).run(COMPANY, FreeScope())
    assert sum(call.startswith("verify") for call in world.calls) == asked
    assert len(world.settled) == asked


async def test_undeliverable_addresses_are_listed_last() -> None:
    world = World(statuses={"info@orchidhardware.sg": "invalid"})
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert [mail.address.split("@")[0] for mail in outcome.emails] == ["sales", "farah", "info"]


async def test_a_cached_answer_is_not_verified_again() -> None:
    world = World(settled={"sales@orchidhardware.sg": VerificationResult("sales@orchidhardware.sg", "valid")})
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert not [call for call in world.calls if call.startswith("verify")]
    assert outcome.emails[0].address == "sales@orchidhardware.sg"


async def test_an_address_with_an_open_intent_is_not_sent_again() -> None:
    world = World(intents={"info@orchidhardware.sg"})
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert [call for call in world.calls if call.startswith("verify")] == ["verify sales@orchidhardware.sg"]
    assert "verification_pending" in outcome.notes


async def test_personal_addresses_are_verified_only_if_storable() -> None:
    text = "farah@orchidhardware.sg 6741 1100"
    pages = {**PAGES, CONTACT: Page(CONTACT, "Contact", text)}
    closed = World(pages=dict(pages))
    outcome = await pipeline(closed).run(COMPANY, FreeScope())
    assert [mail.kind for mail in outcome.emails] == [EmailKind.PERSON]
    assert not [call for call in closed.calls if call.startswith("verify")]
    open_ = World(pages=dict(pages))
    await pipeline(open_, personal=True).run(COMPANY, FreeScope())
    assert "verify farah@orchidhardware.sg" in open_.calls


def _not_sent(error: type[ProviderError]) -> ProviderError:
    return error("no", provider="zerobounce", reason="why", sent=False)


@pytest.mark.parametrize(
    ("make", "intent_stays"),
    [
        (lambda: Transient("time-out", provider="zerobounce", reason="why", sent=True), True),
        (lambda: _not_sent(Transient), False),
        (lambda: _not_sent(RateLimited), False),
        (lambda: _not_sent(BudgetExhausted), False),
        (lambda: _not_sent(Blocked), False),
        (lambda: Permanent("bad", provider="zerobounce", reason="why", sent=True), True),
    ],
    ids=["timeout", "unsent", "rate limited", "budget", "blocked", "permanent"],
)
async def test_a_failed_verification_never_loses_the_company(
    make: Callable[[], ProviderError], intent_stays: bool
) -> None:
    world = World(failures={"verify info@orchidhardware.sg": make()})
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert outcome.kind is OutcomeKind.ENRICHED
    assert outcome.emails[0].verification is None
    assert "verification_failed:why" in outcome.notes
    assert ("info@orchidhardware.sg" in world.intents) is intent_stays


@pytest.mark.parametrize(
    "error",
    [
        Draining("stopping"),
        StandBack("nightly", reason="nightly_running", retry_after=timedelta(seconds=60)),
        LeaseLost("gone"),
    ],
    ids=["draining", "stand back", "lease lost"],
)
async def test_a_stop_in_the_middle_of_verification_propagates(error: Exception) -> None:
    world = World(failures={"verify info@orchidhardware.sg": error})
    with pytest.raises(type(error)):
        await pipeline(world).run(COMPANY, FreeScope())
    # Nothing was sent. Without its lease, too, a process may take back its own intent and no other.
    assert "info@orchidhardware.sg" not in world.intents


async def test_without_a_key_addresses_stay_unverified() -> None:
    world = World(configured=False)
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert outcome.emails[0].verification is None
    assert "verification_not_configured" in outcome.notes
    assert not world.intents


@pytest.mark.parametrize(
    ("owner", "name"), [(pipeline_module, "next_step"), (pipeline_module, "contacts_of"), (Progress, "with_page")]
)
async def test_the_loop_goes_on_while_pages_are_looked_at(
    owner: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is made for it keeps one of these busy for half a second."""
    looking, moved = threading.Event(), threading.Event()
    look = getattr(owner, name)

    def slow(*arguments: object) -> object:
        looking.set()
        assert moved.wait(60), "the loop stands still"
        return look(*arguments)

    async def move() -> None:
        while not looking.is_set():  # noqa: ASYNC110 - a turn of the loop, not a time
            await asyncio.sleep(0)
        moved.set()

    monkeypatch.setattr(owner, name, slow)
    outcome, _ = await asyncio.gather(pipeline(World()).run(COMPANY, FreeScope()), move())
    assert outcome.kind is OutcomeKind.ENRICHED


def _crashed(**more: Any) -> Transient:
    return Transient(
        "Jina Reader answered 503 (50302)", **{"provider": "jina", "reason": "http_503", "about_target": True} | more
    )


async def test_a_page_that_always_fails_is_given_up_on_the_second_call() -> None:
    """The company goes on with what it has."""
    world = World(failures={f"read {CONTACT}": _crashed()})
    with pytest.raises(Transient):
        await pipeline(world).run(COMPANY, FreeScope())
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert outcome.site is not None
    assert outcome.site.domain == "orchidhardware.sg"
    assert "page_refused:too_many_failures" in outcome.notes
    assert world.calls.count(f"read {CONTACT}") == 2
    await pipeline(world).run(COMPANY, FreeScope())
    assert world.calls.count(f"read {CONTACT}") == 2, "not once more, as long as that is remembered"


async def test_a_search_that_always_fails_is_given_up_too() -> None:
    query = "search ORCHID HARDWARE Singapore"
    world = World(failures={query: _crashed(provider="duckduckgo", reason="markup_changed")})
    with pytest.raises(Transient):
        await pipeline(world).run(COMPANY, FreeScope())
    outcome = await pipeline(world).run(COMPANY, FreeScope())
    assert outcome.kind is OutcomeKind.ENRICHED, "by the second query"
    assert "search_refused:too_many_failures" in outcome.notes


@pytest.mark.parametrize(
    "error",
    [_crashed(sent=False), RateLimited("slow down", provider="jina"), Blocked("no", provider="jina", reason="bad_key")],
    ids=["unsent", "rate limited", "blocked"],
)
async def test_what_was_not_looked_at_does_not_count_against_a_page(error: ProviderError) -> None:
    world = World(failures={f"read {CONTACT}": error})
    for _ in range(4):
        with pytest.raises(type(error)):
            await pipeline(world).run(COMPANY, FreeScope())
    assert world.failed_calls == {}


@dataclass
class Shut:
    """A provider behind an open breaker: every call is refused before its charge, which would look things up."""

    async def search(self, *_args: Any, **_more: Any) -> Any:
        raise Blocked("its breaker is open", provider="duckduckgo", reason="breaker_open", sent=False)

    read = read_footer = search


async def test_kept_answers_serve_behind_open_breakers() -> None:
    """Also where no attempt is on record, because its slot was handed back."""
    world = World()
    assert (await pipeline(world).run(COMPANY, FreeScope())).kind is OutcomeKind.ENRICHED
    again = pipeline(world)
    again.searcher = again.reader = Shut()
    assert not COMPANY.worked_on
    assert (await again.run(COMPANY, FreeScope())).kind is OutcomeKind.ENRICHED
