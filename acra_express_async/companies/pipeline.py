"""The steps for one company: known site or search, candidate sites, pages, identity, contacts, verification, Outcome.

What people have judged comes first: a site that they set is read without a search and believed, one that they rejected
is never the answer, and a company that has none is not searched for.

Each line of `Pipeline.run` is a provider call or a pure function: `extract/` decides, the methods below call providers.
Text of pages is read in a thread, because some pages take a second and the event loop must renew leases meanwhile.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from acra_express_async.companies.asked_providers import Reader, Searcher
from acra_express_async.companies.verification import Verification
from acra_express_async.db.companies.answer_memory import MOST_CALLS, Asked, Known, Memory
from acra_express_async.db.companies.optouts import OptOuts
from acra_express_async.errors import Blocked, BudgetExhausted, CalledOff, Permanent, RateLimited, Transient
from acra_express_async.extract.candidates import judged_candidate, known_candidate
from acra_express_async.extract.contacts import contacts_of
from acra_express_async.extract.found_hosts import domains_to_count
from acra_express_async.extract.queries import PLAN, QueryPlan, next_query
from acra_express_async.extract.reading_plan import (
    Progress,
    Step,
    Visited,
    advanced,
    chosen,
    names_for,
    next_step,
    reason_for_none,
    rejected,
    with_answers,
)
from acra_express_async.extract.successors import served_by_others
from acra_express_async.limits.scope import Looking, Lookup, Scope
from acra_express_async.models import Company, Outcome, OutcomeKind, Page, Provider, Reading, SearchPage, Site
from acra_express_async.registry import may_be_live
from acra_express_async.traces import span

FOOTER_TOKENS = 1000
"""Most tokens of a footer. As text, the footers of 83 real pages had 134 in the median, 845 at the 90th percentile."""

SPARE_PAGES = 1
"""Pages that the candidates of a query leave to those of later queries, while no site is believed."""

TOO_MANY_FAILURES = "too_many_failures"
"""Why a page or a search was not asked for again."""

JUDGED = "judged"
"""Why a company has no website: a person said so."""
JUDGED_SITE_UNREADABLE = "judged_site_unreadable"
"""Why a company failed whose site a person set or confirmed: the site is dead."""

_OPTED_OUT_SITE = "site_opted_out"


class _CompanyOptedOut(Exception):
    """Ends a run: the company opted out after it was loaded."""


@dataclass(slots=True)
class _Run:
    """What one run has done so far."""

    company: Company
    scope: Scope
    progress: Progress
    queries: list[str] = field(default_factory=list)
    answers: list[SearchPage] = field(default_factory=list)
    offered: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    answered: int = 0
    reads: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much one company may take.

    Args:
        max_pages: reads, those of footers and those from memory included, so that a resumed run decides alike.
        tokens_per_page: the upper limit that is reserved for each page.
        plan: which queries, and when the search ends.
    """

    max_pages: int
    tokens_per_page: int
    plan: QueryPlan = PLAN


@dataclass(kw_only=True, eq=False, repr=False)
class Pipeline:
    """Works on one company at a time and keeps nothing between companies.

    Args:
        searcher, reader: the providers that find and read.
        verification: of the addresses that were found.
        opt_outs: asked about the chosen site, which a redirect may have led to.
        memory: answers that an interrupted attempt has paid for; it is also asked, in the statement that charges
            for a search or a read, whether the company or the site has opted out.
        clock: seconds, only for `Outcome.stage_seconds`.
        address_key: how a rejected address stands in `Judged.rejected_contacts`: as its keyed hash.
        effort: how much one company may take.
    """

    searcher: Searcher
    reader: Reader
    verification: Verification
    opt_outs: OptOuts
    memory: Memory
    clock: Callable[[], float]
    address_key: Callable[[str], str]
    effort: Effort

    @staticmethod
    def refused(company: Company) -> Outcome | None:
        """The outcome of a company for which nothing is looked up: not live, opted out, or judged to have no site."""
        if not may_be_live(company.entity_status):
            return Outcome(OutcomeKind.SKIPPED, "not_live")
        if company.opted_out:
            return Outcome(OutcomeKind.SKIPPED, "opted_out")
        return Outcome(OutcomeKind.NO_WEBSITE, JUDGED) if company.judged.no_site else None

    async def run(self, company: Company, scope: Scope) -> Outcome:
        """Everything that can be found out about one company with its pages and verifications.

        What that cost is counted by the calls, in `scope`, and not part of the outcome yet.

        Raises:
            Transient, RateLimited, BudgetExhausted, Blocked: a search or a page must be tried again later; what was
                paid for is remembered. (Once the contacts are found, a failed verification is only recorded.)
            Draining, LeaseLost, StandBack: from `scope`; nothing new was started.
        """
        refused = self.refused(company)
        if refused is not None:
            return refused
        run = _Run(company, scope, Progress(company, names_for(company)))
        try:
            return await self._found(run)
        except _CompanyOptedOut:
            return Outcome(OutcomeKind.SKIPPED, "opted_out")

    async def _found(self, run: _Run) -> Outcome:
        company = run.company
        if company.judged.site is not None:
            return await self._read_judged_site(run, company.judged.site)
        await self._look_at_known_site(run)
        if chosen(run.progress) is None:
            await self._search_and_read(run)
        found = await self._welcome(run, chosen(run.progress))
        return self._without_site(run) if found is None else await self._with_site(run, found)

    async def _read_judged_site(self, run: _Run, domain: str) -> Outcome:
        """The site that a person set or confirmed, and no other one."""
        run.progress = run.progress.with_candidates([judged_candidate(domain)])
        await self._read_on(run)
        found = await self._welcome(run, chosen(run.progress))
        if found is not None:
            return await self._with_site(run, found)
        if _OPTED_OUT_SITE in run.notes:
            return self._outcome(run, OutcomeKind.NO_WEBSITE, _OPTED_OUT_SITE)
        return self._outcome(run, OutcomeKind.FAILED, JUDGED_SITE_UNREADABLE)

    async def _look_at_known_site(self, run: _Run) -> None:
        """Try the website that the platform already has, before spending a search."""
        website = run.company.website_domain
        candidate = known_candidate(website, run.progress.names) if website else None
        if candidate is not None and candidate.domain not in run.company.judged.rejected_sites:
            run.progress = run.progress.with_candidates([candidate])
            await self._read_on(run)

    async def _search_and_read(self, run: _Run) -> None:
        """Ask the queries of the plan one by one, and read what is worth reading.

        A credible candidate ends the search, unless its pages do not prove it and the plan goes on.
        """
        while query := next_query(self.effort.plan, run.company, run.queries, run.answers):
            run.answers.append(await self._search(run, query))
            credible = await self._offer(run)
            if not (credible and self.effort.plan.stops):
                continue
            if not self.effort.plan.goes_on:
                break
            await self._read_on(run, spare=SPARE_PAGES)
            if chosen(run.progress) is not None:
                break
        await self._read_on(run)

    async def _offer(self, run: _Run) -> bool:
        """Make the sites of all answers so far candidates; whether one of them is credible.

        A site that is no candidate any more (it moved, or has opted out) does not come back.
        """
        run.progress, found, credible = await to_thread(with_answers, run.progress, run.answers, frozenset(run.offered))
        run.offered.update(found)
        return credible

    async def _read_on(self, run: _Run, *, spare: int = 0) -> None:
        """Read page after page until another page would not help, or none is left but `spare` ones.

        A site that is believed may use the spare pages too.
        """
        step = await to_thread(next_step, run.progress)
        while step is not None:
            left = self.effort.max_pages - run.reads
            if left <= 0 or (left <= spare and chosen(run.progress) is None):
                break
            page = await self._read(run, step)
            if page is None:
                run.progress = run.progress.without(step.domain)
                run.notes.append(_OPTED_OUT_SITE)
                step = await to_thread(next_step, run.progress)
                continue
            run.progress, step = await to_thread(advanced, run.progress, step, page)

    async def _welcome(self, run: _Run, found: Visited | None) -> Visited | None:
        """The chosen site, unless it has opted out: a redirect may have led to it from another domain. What was asked
        about before a read of this run is not asked again; saving asks once more about everything.

        A site that a person set stays the answer where it redirects, so there the target is asked for too.
        """
        if found is None:
            return None
        own, judged = found.judgement.site.domain, run.company.judged.site
        targets = () if judged is None else served_by_others(judged_candidate(judged), found.usable, run.progress.names)
        for domain in (own, *targets):
            if domain not in run.asked and await self.opt_outs.domain(domain):
                run.progress = run.progress.without(own)
                run.notes.append(_OPTED_OUT_SITE)
                return None
        return found

    async def _search(self, run: _Run, query: str) -> SearchPage:
        run.queries.append(query)
        look = self.memory.search_look(query, run.company.company_id, run.company.uen)
        looked = run.company.worked_on
        known: Known[SearchPage] = await self.memory.known_search(query, look) if looked else Known()
        while True:
            if known.company_opted_out:
                raise _CompanyOptedOut
            if known.kept is not None:
                run.answered += 1
                return known.kept
            try:
                with self._timed(run, "search"):
                    async with self._bounded(run, ("search", query), gave_up=known.gave_up):
                        answer = await self.searcher.search(query, Looking(run.scope, look))
            except CalledOff as off:
                known = self.memory.search_in(query, off.known)
            except (Blocked, BudgetExhausted):  # perhaps refused before the charge that looks
                known = Known() if looked else await self.memory.known_search(query, look)
                looked = True
                if not known.anything:
                    raise
            except Permanent as error:
                run.notes.append(f"search_refused:{error.reason}")
                return SearchPage(query, ())
            else:
                run.answered += 1
                return await self.memory.keep_search(answer, run.company.company_id, domains_to_count(answer))

    async def _read(self, run: _Run, step: Step) -> Page | None:
        """The page, or one that says why it could not be read; None where the site has opted out.

        Every read counts towards `max_pages`, one from memory too.
        """
        kind: Literal["footer", "page"] = "footer" if step.footer else "page"
        look = self.memory.page_look(kind, step.url, run.company.company_id, run.company.uen, step.domain)
        looked = self._may_be_kept(run, step)
        known: Known[Page] = await self.memory.known_page(look) if looked else Known()
        while True:
            if known.company_opted_out:
                raise _CompanyOptedOut
            if known.site_opted_out:
                return None
            try:
                page = known.kept or await self._read_now(run, step, look, gave_up=known.gave_up)
            except CalledOff as off:
                known = self.memory.page_in(off.known)
                continue
            except (Blocked, BudgetExhausted):  # perhaps refused before the charge that looks
                known = Known() if looked else await self.memory.known_page(look)
                looked = True
                if not known.anything:
                    raise
                continue
            except Permanent as error:
                run.notes.append(f"page_refused:{error.reason}")
                page = Page(step.url, "", "", usable=False, unusable_reason=error.reason)
            else:
                run.asked.add(step.domain)
            run.reads += 1
            return page

    @staticmethod
    def _may_be_kept(run: _Run, step: Step) -> bool:
        """Whether to look before the turn: there was an earlier attempt, or the site turned up for other companies.

        Otherwise only the charge looks, and a page that is kept all the same has cost the wait for a turn.
        """
        return run.company.worked_on or any(step.domain in answer.others for answer in run.answers)

    @asynccontextmanager
    async def _bounded(self, run: _Run, asked: Asked, *, gave_up: bool) -> AsyncIterator[None]:
        """Around one call: what failed often enough for this company is not asked for again.

        Raises:
            Permanent: it was given up, now or in an earlier attempt.
        """
        provider = Provider.DUCKDUCKGO if asked[0] == "search" else Provider.JINA
        given_up = f"the {asked[0]} failed {MOST_CALLS} times for this company"
        if gave_up:
            raise Permanent(given_up, provider=provider, reason=TOO_MANY_FAILURES, sent=False)
        try:
            yield
        except RateLimited:
            raise  # it was not looked at
        except Transient as error:
            if error.sent and await self.memory.failed(run.company.company_id, asked, error):
                raise Permanent(given_up, provider=provider, reason=TOO_MANY_FAILURES) from error
            raise

    async def _read_now(self, run: _Run, step: Step, look: Lookup, *, gave_up: bool) -> Page:
        scope = Looking(run.scope, look)
        asked: Asked = ("footer" if step.footer else "page", step.url)
        with self._timed(run, "read"):
            async with self._bounded(run, asked, gave_up=gave_up):
                if step.footer:
                    most = min(FOOTER_TOKENS, self.effort.tokens_per_page)
                    page = await self.reader.read_footer(step.url, scope, max_tokens=most, labels=step.labels)
                else:
                    page = await self.reader.read(step.url, scope, max_tokens=self.effort.tokens_per_page)
        # The provider may spell the address differently; the reading plan and the memory know it as it was requested.
        page = replace(page, url=step.url)
        await (self.memory.keep_footer(page) if step.footer else self.memory.keep_page(page))
        return page

    def _without_site(self, run: _Run) -> Outcome:
        if not run.answered:
            return self._outcome(run, OutcomeKind.FAILED, "provider_error")
        reason = reason_for_none(run.progress, found_anything=any(answer.hits for answer in run.answers))
        if _OPTED_OUT_SITE in run.notes:
            reason = _OPTED_OUT_SITE
        return self._outcome(run, OutcomeKind.NO_WEBSITE, reason)

    async def _with_site(self, run: _Run, found: Visited) -> Outcome:
        site = found.judgement.site
        with self._timed(run, "extract"):
            contacts = await to_thread(contacts_of, found.usable, site.domain, run.company, run.progress.names)
        refused = run.company.judged.rejected_contacts
        named = [email for email in contacts.emails if self.address_key(email.address) not in refused]
        with self._timed(run, "verify"):
            verified = await self.verification.of(named, run.scope)
        run.notes.extend(verified.notes)
        return replace(
            self._outcome(run, OutcomeKind.ENRICHED, "", site),
            about=contacts.about,
            emails=verified.emails,
            phones=tuple(phone for phone in contacts.phones if phone.number not in refused),
            socials=contacts.socials,
            postal_code=contacts.postal_code,
            postal_code_url=contacts.postal_code_url,
        )

    def _outcome(self, run: _Run, kind: OutcomeKind, reason: str, site: Site | None = None) -> Outcome:
        read = [page for visit in run.progress.visited.values() for page in visit.pages]
        return Outcome(
            kind,
            reason,
            site=site,
            rejected=rejected(run.progress, site),
            pages=tuple(page.url for page in read),
            readings=tuple(Reading(p.url, p.tokens, p.cut_at, p.footer_read, p.unusable_reason) for p in read),
            queries=tuple(run.queries),
            stage_seconds=tuple(run.seconds.items()),
            notes=tuple(dict.fromkeys(run.notes)),
        )

    @contextmanager
    def _timed(self, run: _Run, stage: str) -> Iterator[None]:
        began = self.clock()
        try:
            with span(stage):
                yield
        finally:
            run.seconds[stage] = run.seconds.get(stage, 0.0) + self.clock() - began
