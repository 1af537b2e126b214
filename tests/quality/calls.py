"""What the reading plan saves: calls of the real pipeline compared with one that never stops early.

The naive arm makes the same decisions with the same public functions but without the savings: every search of the plan
for each company, pages up to the budget whether they can help or not, and both addresses verified.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from quality.scoring import READING, VERIFYING, FreeScope, run_in
from quality.world import Web, count, webs

from acra_express_async.companies.pipeline import FOOTER_TOKENS
from acra_express_async.errors import Permanent
from acra_express_async.extract.candidates import candidates_of
from acra_express_async.extract.domains import same_url
from acra_express_async.extract.found_hosts import united
from acra_express_async.extract.mail_ranking import emails_of
from acra_express_async.extract.next_page import conventional_urls, leads_from
from acra_express_async.extract.phones import phones_of
from acra_express_async.extract.queries import PLAN, query_of
from acra_express_async.extract.reading_plan import Progress, Step, chosen, names_for, next_step
from acra_express_async.models import Email, EmailKind, Outcome, OutcomeKind, Page, SearchPage, Usage
from acra_express_async.sandbox.world import PageSize

MAX_PAGES, TOKENS_PER_PAGE, MAX_VERIFICATIONS = (
    READING.max_pages,
    READING.tokens_per_page,
    VERIFYING.max_per_company,
)
"""The default limits per company."""


@dataclass
class Arm:
    """What one variant cost and found over all companies."""

    name: str
    companies: int = 0
    searches: int = 0
    pages: int = 0
    tokens: int = 0
    verifications: int = 0
    tally: Counter[str] = field(default_factory=Counter)

    def add(self, usage: Usage) -> None:
        """Count the calls of one company."""
        self.companies += 1
        self.searches += usage.searches
        self.pages += usage.pages
        self.tokens += usage.tokens
        self.verifications += usage.verifications

    def row(self) -> tuple[str, ...]:
        """Cells of the table: name, calls and tokens per company, then what was found."""
        spent = (self.searches, self.pages, self.verifications)
        tally = self.tally
        found = (
            tally["right"] / max(1, tally["answered"]),
            tally["found"] / max(1, tally["expected"]),
            tally["mails_found"] / max(1, tally["mails"]),
            tally["phones_found"] / max(1, tally["phones"]),
        )
        return (
            self.name,
            *(f"{number / self.companies:.2f}" for number in spent),
            f"{self.tokens / self.companies:.0f}",
            *(f"{share:.3f}" for share in found),
            str(tally["usable"]),
        )

    def beside(self, other: Arm) -> tuple[str, ...]:
        """Cells of a row of ratios: our cost divided by that of the other arm."""
        spent = [(self.searches, other.searches), (self.pages, other.pages), (self.verifications, other.verifications)]
        ratios = (f"{mine / max(1, theirs):.2f}" for mine, theirs in [*spent, (self.tokens, other.tokens)])
        return (f"{self.name} / {other.name}", *ratios, *[""] * 5)


HEADER = (
    "plan",
    "searches",
    "pages",
    "verifications",
    "tokens",
    "precision",
    "recall",
    "mail recall",
    "phone recall",
    "companies with a usable address",
)


async def compare(companies: int, seed: int, size: PageSize = 0) -> tuple[Arm, Arm]:
    """Run the naive arm and ours over the live companies of one world, with pages of a size."""
    naive, ours = Arm("naive"), Arm("ours")
    async with webs(companies, seed, size) as found:
        for truth, web in found:
            for arm, outcome in ((naive, await _run_naively(web)), (ours, await run_in(web))):
                arm.add(outcome.usage)
                count(arm.tally, truth, outcome)
    return naive, ours


async def _run_naively(web: Web) -> Outcome:
    company, scope = web.case.company, FreeScope()
    answers: list[SearchPage] = []
    for variant in PLAN.variants:
        if query := query_of(variant, company, answers):
            answers.append(await web.search(query))
    progress = Progress(company, names_for(company))
    progress = progress.with_candidates(candidates_of(united(answers), company, progress.names))
    usage = Usage(searches=len(answers))
    read: set[str] = set()
    while usage.pages < MAX_PAGES and (step := next_step(progress) or _anything_else(progress, read)) is not None:
        page = replace(await _read(web, step, scope), url=step.url)
        read.add(same_url(step.url))
        usage = replace(usage, pages=usage.pages + 1, tokens=usage.tokens + page.tokens)
        if step.footer:
            progress = progress.with_footer(step.domain, step.url, page)
        else:
            progress = progress.with_page(step.domain, page)
    found = chosen(progress)
    if found is None:
        return Outcome(OutcomeKind.NO_WEBSITE, "no_proof", usage=usage)
    site = found.judgement.site
    emails = emails_of(found.usable, site.domain, company, progress.names)
    askable = [email for email in emails if email.kind is not EmailKind.PERSON][:MAX_VERIFICATIONS]
    checked: list[Email] = [replace(mail, verification=await web.verify(mail.address, scope)) for mail in askable]
    rest = [mail for mail in emails if mail.address not in {known.address for known in checked}]
    usage = replace(usage, verifications=len(checked))
    return Outcome(
        OutcomeKind.ENRICHED, "", site=site, emails=(*checked, *rest), phones=phones_of(found.usable), usage=usage
    )


async def _read(web: Web, step: Step, scope: FreeScope) -> Page:
    try:
        if step.footer:
            return await web.read_footer(step.url, scope, max_tokens=FOOTER_TOKENS, labels=step.labels)
        return await web.read(step.url, scope, max_tokens=TOKENS_PER_PAGE)
    except Permanent as error:
        return Page(step.url, "", "", usable=False, unusable_reason=error.reason)


def _anything_else(progress: Progress, read: set[str]) -> Step | None:
    """Another page for the remaining budget: of the found site, else of the next candidate."""
    best = chosen(progress)
    if best is not None:
        domain = best.judgement.site.domain
        urls = [lead.url for lead in leads_from(best.pages, domain)] + list(conventional_urls(best.judgement.site.url))
        if more := next((url for url in urls if same_url(url) not in read), None):
            return Step(domain, more)
    for candidate in progress.candidates:
        for url in (*candidate.urls, *conventional_urls(candidate.urls[0])):
            if same_url(url) not in read:
                return Step(candidate.domain, url)
    return None
