"""Run cases through the pipeline and compute the metrics of README.md; `python -m quality` prints them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from quality.cases import Case, missing

from acra_express_async.companies.pipeline import Effort, Pipeline
from acra_express_async.companies.verification import Verification
from acra_express_async.db.companies.answer_memory import Known
from acra_express_async.db.companies.verification_rows import Intent, LookedUp
from acra_express_async.extract.domains import same_url
from acra_express_async.extract.queries import PLAN, QueryPlan
from acra_express_async.limits.scope import Lookup, Scope
from acra_express_async.models import (
    CompanyId,
    JobLimits,
    Outcome,
    OutcomeKind,
    Page,
    SearchPage,
    Usage,
    VerificationResult,
)
from acra_express_async.settings.tree import JinaSettings, ZeroBounceSettings

READING, VERIFYING = JinaSettings(), ZeroBounceSettings()
"""The default settings of the service."""


class FreeScope:
    """A scope without limits."""

    limits = JobLimits()
    look = None

    def check(self) -> None:
        """Allow everything."""

    def spent(self, cost: Usage) -> None:
        """Count nothing."""


class CaseWorld:
    """Search and pages of one case; every address is valid, nothing is remembered, no one has opted out."""

    configured = True

    def __init__(self, case: Case) -> None:
        self.case = case

    async def search(self, query: str, scope: Scope | None = None) -> SearchPage:
        return SearchPage(query, self.case.hits)

    async def read(self, url: str, scope: Scope, *, max_tokens: int | None = None) -> Page:
        return self.case.pages.get(same_url(url)) or missing(url)

    async def read_footer(self, url: str, scope: Scope, *, max_tokens: int | None = None, labels: bool = True) -> Page:
        return missing(url)

    async def verify(self, address: str, scope: Scope) -> VerificationResult:
        return VerificationResult(address, "valid")

    async def look_up(self, addresses: Sequence[str]) -> LookedUp:
        return LookedUp()

    def looked_up(self, known: Mapping[str, object]) -> LookedUp:
        return LookedUp()

    def intent(self, address: str, among: Sequence[str] = ()) -> Intent:
        return Intent(address, "", Lookup({}))

    async def store(self, result: VerificationResult) -> None:
        """Nothing is kept."""

    async def withdraw(self, intent: Intent) -> None:
        """Nothing is kept."""


class Providers(Protocol):
    """What a run asks: `CaseWorld` and its like."""

    async def search(self, query: str, scope: Scope) -> SearchPage: ...
    async def read(self, url: str, scope: Scope, *, max_tokens: int | None = None) -> Page: ...
    async def read_footer(
        self, url: str, scope: Scope, *, max_tokens: int | None = None, labels: bool = True
    ) -> Page: ...
    async def verify(self, address: str, scope: Scope) -> VerificationResult: ...


class Counted:
    """Providers that count what they were asked for, as the service's callers do."""

    configured = True

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self.usage = Usage()

    async def search(self, query: str, scope: Scope) -> SearchPage:
        answer = await self._providers.search(query, scope)
        self.usage += Usage(searches=1)
        return answer

    async def read(self, url: str, scope: Scope, *, max_tokens: int | None = None) -> Page:
        page = await self._providers.read(url, scope, max_tokens=max_tokens)
        self.usage += Usage(pages=1, tokens=page.tokens)
        return page

    async def read_footer(self, url: str, scope: Scope, *, max_tokens: int | None = None, labels: bool = True) -> Page:
        page = await self._providers.read_footer(url, scope, max_tokens=max_tokens, labels=labels)
        self.usage += Usage(pages=1, tokens=page.tokens)
        return page

    async def verify(self, address: str, scope: Scope) -> VerificationResult:
        result = await self._providers.verify(address, scope)
        self.usage += Usage(verifications=1)
        return result


class NoMemory:
    """Remembers nothing."""

    def search_look(self, *_asked: object) -> Lookup:
        return Lookup({})

    def page_look(self, *_asked: object) -> Lookup:
        return Lookup({})

    async def known_search(self, *_asked: object) -> Known[SearchPage]:
        return Known()

    async def keep_search(self, page: SearchPage, company_id: CompanyId, domains: Iterable[str]) -> SearchPage:
        return page

    async def known_page(self, *_asked: object) -> Known[Page]:
        return Known()

    async def keep_page(self, page: Page) -> None:
        """Forgotten."""

    async def failed(self, *_asked: object) -> bool:
        return False

    async def keep_footer(self, page: Page) -> None:
        """Forgotten."""


class Nobody:
    """No one has opted out."""

    async def domain(self, domain: str) -> bool:
        return False


async def run(case: Case) -> Outcome:
    """Run one case through the real pipeline."""
    return await run_in(CaseWorld(case))


async def run_in(world: CaseWorld, *, memory: NoMemory | None = None, plan: QueryPlan = PLAN) -> Outcome:
    """Run the company of a case through the real pipeline with the default settings."""
    counted = Counted(world)
    pipeline = Pipeline(
        searcher=counted,
        reader=counted,
        verification=Verification(
            verifier=counted, store=world, max_addresses=VERIFYING.max_per_company, personal=False
        ),
        opt_outs=Nobody(),
        memory=memory or NoMemory(),
        clock=lambda: 0.0,
        effort=Effort(max_pages=READING.max_pages, tokens_per_page=READING.tokens_per_page, plan=plan),
        address_key=str.lower,
    )
    return replace(await pipeline.run(world.case.company, FreeScope()), usage=counted.usage)


@dataclass
class Tally:
    """Counts over several cases; `rows` turns them into the metrics."""

    cases: int = 0
    with_site: int = 0
    nulls: int = 0
    answered: int = 0
    right: int = 0
    abstained: int = 0
    trapped: int = 0
    proof_cases: int = 0
    proof_found: int = 0
    emails_out: int = 0
    emails_good: int = 0
    emails_wanted: int = 0
    emails_found: int = 0
    top_cases: int = 0
    top_hits: int = 0
    verified_hits: int = 0
    forbidden: int = 0
    null_contacts: int = 0
    phones_out: int = 0
    phones_good: int = 0
    phones_wanted: int = 0
    phones_found: int = 0
    postals: int = 0
    postals_right: int = 0
    pages: int = 0
    searches: int = 0
    verifications: int = 0
    unexplained: int = 0
    misses: list[str] = field(default_factory=list)

    def rows(self) -> dict[str, float]:
        """The metrics by name; a ratio without cases is 1.0."""
        return {
            "domain precision@answered": _ratio(self.right, self.answered),
            "wrong traps": self.trapped,
            "domain recall": _ratio(self.right, self.with_site),
            "abstention": _ratio(self.abstained, self.nulls),
            "uen cases found": _ratio(self.proof_found, self.proof_cases),
            "email precision": _ratio(self.emails_good, self.emails_out),
            "email recall": _ratio(self.emails_found, self.emails_wanted),
            "top-2 best": _ratio(self.top_hits, self.top_cases),
            "best verified": _ratio(self.verified_hits, self.top_cases),
            "forbidden emails": self.forbidden,
            "contacts on nulls": self.null_contacts,
            "phone precision": _ratio(self.phones_good, self.phones_out),
            "phone recall": _ratio(self.phones_found, self.phones_wanted),
            "postal code": _ratio(self.postals_right, self.postals),
            "unexplained answers": self.unexplained,
            "searches a company": _ratio(self.searches, self.cases),
            "pages a company": _ratio(self.pages, self.cases),
            "verifications a company": _ratio(self.verifications, self.cases),
        }


def score(results: Iterable[tuple[Case, Outcome]]) -> Tally:
    """Compare outcomes with the expected answers, by the rules in README.md."""
    tally = Tally()
    for case, outcome in results:
        _score_domain(tally, case, outcome)
        answer = outcome.site.domain if outcome.site else None
        if answer in right_domains(case):
            _score_emails(tally, case, outcome)
            _score_phones(tally, case, outcome)
        _score_gates(tally, case, outcome)
        tally.pages += outcome.usage.pages
        tally.searches += outcome.usage.searches
        tally.verifications += outcome.usage.verifications
    return tally


def right_domains(case: Case) -> set[str]:
    """The accepted domains of a case; empty for a case without a site."""
    return {domain for domain in (case.expected["domain"], *case.expected["domain_aliases"]) if domain}


def confidence_table(results: Sequence[tuple[Case, Outcome]]) -> list[tuple[str, int, int]]:
    """(band of points, answered, right) for every band with an answer; it shows where the threshold should be."""
    edges = ((0, 65), (65, 75), (75, 85), (85, 100), (100, 120), (120, 1000))
    rows = []
    for low, high in edges:
        answered = [(c, o) for c, o in results if o.site and low <= o.site.points < high]
        good = sum(1 for case, outcome in answered if outcome.site and outcome.site.domain in right_domains(case))
        if answered:
            rows.append((f"{low}-{high}" if high < 1000 else f"{low}+", len(answered), good))
    return rows


def _score_domain(tally: Tally, case: Case, outcome: Outcome) -> None:
    answer = outcome.site.domain if outcome.site else None
    right = right_domains(case)
    tally.cases += 1
    tally.with_site += bool(right)
    tally.nulls += not right
    tally.answered += answer is not None
    tally.right += answer in right
    tally.abstained += not right and answer is None
    tally.trapped += answer in case.expected["wrong_domains"]
    if case.expected.get("uen_on_site"):
        tally.proof_cases += 1
        tally.proof_found += answer in right
    if answer not in right and (right or answer):
        tally.misses.append(f"{case.case_id} site: {answer} ({outcome.reason}), wanted {case.expected['domain']}")
    explained = bool(outcome.site.evidence) if outcome.site else bool(outcome.reason)
    tally.unexplained += not explained


def _score_emails(tally: Tally, case: Case, outcome: Outcome) -> None:
    wanted = {item["email"].lower(): item for item in case.expected["emails"]}
    got = [email.address for email in outcome.emails]
    counted = {address for address, item in wanted.items() if item["kind"] not in ("dpo", "careers")}
    best = {address for address, item in wanted.items() if item["best"]}
    tally.emails_out += len(got)
    tally.emails_good += sum(1 for address in got if address in wanted)
    tally.emails_wanted += len(counted)
    tally.emails_found += len(counted.intersection(got))
    tally.top_cases += bool(best)
    tally.top_hits += bool(best.intersection(got[:2]))
    tally.verified_hits += any(email.verification is not None and email.address in best for email in outcome.emails)
    if counted - set(got) or set(got) - set(wanted) or (best and not best.intersection(got[:2])):
        tally.misses.append(f"{case.case_id} mails: {got}, wanted {sorted(wanted)}, best {sorted(best)}")


def _score_phones(tally: Tally, case: Case, outcome: Outcome) -> None:
    wanted = set(case.expected["phones"])
    optional = set(case.expected["phones_optional"])
    got = {phone.number for phone in outcome.phones}
    counted = got - optional
    tally.phones_out += len(counted)
    tally.phones_good += len(counted & wanted)
    tally.phones_wanted += len(wanted)
    tally.phones_found += len(wanted & got)
    if counted != wanted:
        tally.misses.append(f"{case.case_id} phones: {sorted(got)}, wanted {sorted(wanted)}")
    if case.expected["postal_code"]:
        tally.postals += 1
        tally.postals_right += outcome.postal_code == case.expected["postal_code"]
        if outcome.postal_code != case.expected["postal_code"]:
            tally.misses.append(f"{case.case_id} postal: {outcome.postal_code}, {case.expected['postal_code']}")


def _score_gates(tally: Tally, case: Case, outcome: Outcome) -> None:
    got = {email.address for email in outcome.emails}
    phones = {phone.number for phone in outcome.phones}
    bad = got.intersection(address.lower() for address in case.expected["forbidden_emails"])
    worse = phones.intersection(case.expected["forbidden_phones"])
    tally.forbidden += len(bad)
    if bad or worse:
        tally.misses.append(f"{case.case_id} forbidden: {sorted(bad)} {sorted(worse)}")
    if not right_domains(case):
        tally.null_contacts += len(got) + len(phones)
        if outcome.kind is OutcomeKind.ENRICHED or got or phones:
            tally.misses.append(f"{case.case_id} null case: {outcome.site}")


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
