"""What to read next, and when to stop: the decisions of one company's story, free of any call.

`Progress` is what is known so far; every function here looks at it and answers, so that a story resumed from memory
takes the same way again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from acra_express_async.extract.candidates import Candidate
from acra_express_async.extract.domains import same_url
from acra_express_async.extract.identity import LEAD, Doubt, Judgement, judge, lead_over
from acra_express_async.extract.mail_ranking import emails_of
from acra_express_async.extract.names import Name, name_of
from acra_express_async.extract.page_kinds import is_contact_page
from acra_express_async.extract.phones import phones_of
from acra_express_async.extract.reading import Lead, conventional_urls, leads_from
from acra_express_async.models import Company, Evidence, Page, Site

_TRIES_PER_SITE = 2
"""URLs of one site that are tried before it counts as unreadable."""

_RIVAL_POINTS = 20
"""What an unread site's address and result must say before it is read only to compare."""

_MAX_REJECTED = 5

_LAST_RESORT = 1000
"""Points by which a page that may not exist stands behind every page that does."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Candidates so far and the pages that were read of each, by domain; pages that could not be read included."""

    company: Company
    names: tuple[Name, ...]
    candidates: tuple[Candidate, ...] = ()
    pages: Mapping[str, tuple[Page, ...]] = field(default_factory=dict)

    def with_candidates(self, found: Iterable[Candidate]) -> Progress:
        """The progress with further candidates; of two for one domain the later stays."""
        merged = {candidate.domain: candidate for candidate in (*self.candidates, *found)}
        return replace(self, candidates=tuple(merged.values()))

    def with_page(self, domain: str, page: Page) -> Progress:
        """The progress after one more page of a site."""
        return replace(self, pages={**self.pages, domain: (*self.pages.get(domain, ()), page)})

    def without(self, domain: str) -> Progress:
        """The progress without a site that must not be read."""
        return replace(self, candidates=tuple(c for c in self.candidates if c.domain != domain))


@dataclass(frozen=True, slots=True)
class Step:
    """The next page to read, of which site."""

    domain: str
    url: str
    guessed: bool = False


def names_for(company: Company) -> tuple[Name, ...]:
    """The names that a site may carry: the registry's, then the former ones."""
    return tuple(name_of(legal) for legal in (company.name, *company.former_names) if legal.strip())


def judgements(progress: Progress) -> dict[str, Judgement]:
    """What is thought of every site of which something was read."""
    return {
        candidate.domain: judge(candidate, progress.pages[candidate.domain], progress.company, progress.names)
        for candidate in progress.candidates
        if candidate.domain in progress.pages
    }


def next_step(progress: Progress) -> Step | None:
    """The page most worth reading now; None when nothing more can be won.

    While no site is believed: the strongest unread site or the next page of a hopeful one. Once one is believed: its
    contact page; then, unless the proof is of one company only, the home page of a rival that may be the better one.
    """
    judged = judgements(progress)
    believed = _best_believed(progress, judged)
    if believed is None:
        return _towards_proof(progress, judged)
    domain = believed.site.domain
    if step := _towards_contacts(domain, progress, guess=False):
        return step
    # A proven site that says nothing may be the doorway of the one that does.
    settled = believed.proven and _has_contacts(domain, progress)
    rival = None if settled else _towards_rival(progress, judged)
    return rival or _towards_contacts(domain, progress, guess=True)


def chosen(progress: Progress) -> Judgement | None:
    """The site that may be answered: believed, and ahead of every other one that was read."""
    judged = judgements(progress)
    best = _best_believed(progress, judged)
    if best is None:
        return None
    others = [other for other in judged.values() if other is not best and other.believed]
    return best if best.proven or lead_over(best, others) >= LEAD else None


def rejected(progress: Progress, answer: Site | None) -> tuple[Site, ...]:
    """The best sites that were not believed, each with the reason as its last evidence, best first."""
    judged = judgements(progress)
    sites = []
    for candidate in progress.candidates:
        if answer is not None and candidate.domain == answer.domain:
            continue
        judgement = judged.get(candidate.domain)
        site = judgement.site if judgement else Site(
            candidate.domain, candidate.urls[0], candidate.points, candidate.evidence
        )  # fmt: skip
        doubt = (judgement.doubt or "second_best") if judgement else "not_read"
        sites.append(replace(site, evidence=(*site.evidence, Evidence(f"rejected_{doubt}", 0, site.url))))
    return tuple(sorted(sites, key=lambda site: (-site.points, site.domain))[:_MAX_REJECTED])


def reason_for_none(progress: Progress, *, found_anything: bool) -> str:
    """The code of an honest "no website"."""
    if not progress.candidates:
        return "no_credible_site" if found_anything else "no_search_results"
    judged = judgements(progress)
    if any(judgement.believed for judgement in judged.values()):
        return "ambiguous"
    best = max(judged.values(), key=lambda judgement: judgement.site.points, default=None)
    if best is None:
        return "no_credible_site"
    return "site_unreadable" if best.doubt is Doubt.UNREADABLE else str(best.doubt)


def _best_believed(progress: Progress, judged: Mapping[str, Judgement]) -> Judgement | None:
    def worth(judgement: Judgement) -> tuple[bool, bool, int, str]:
        site = judgement.site
        return judgement.proven, _has_contacts(site.domain, progress), site.points, site.domain

    return max((judgement for judgement in judged.values() if judgement.believed), key=worth, default=None)


def _has_contacts(domain: str, progress: Progress) -> bool:
    usable = [page for page in progress.pages[domain] if page.usable]
    return bool(phones_of(usable)) or bool(emails_of(usable, domain, progress.company, progress.names))


def _towards_proof(progress: Progress, judged: Mapping[str, Judgement]) -> Step | None:
    options: list[tuple[int, int, Step]] = []
    for order, candidate in enumerate(progress.candidates):
        judgement = judged.get(candidate.domain)
        step = _proof_step(candidate, judgement, progress.pages.get(candidate.domain, ()))
        if step:
            points = judgement.site.points if judgement else candidate.points
            options.append((points - (_LAST_RESORT if step.guessed else 0), -order, step))
    return max(options, key=lambda option: option[:2])[2] if options else None


def _proof_step(candidate: Candidate, judgement: Judgement | None, pages: tuple[Page, ...]) -> Step | None:
    if judgement is None:
        return Step(candidate.domain, candidate.urls[0])
    if not judgement.hopeful:
        return None
    tried = {same_url(page.url) for page in pages}
    if not any(page.usable for page in pages):
        urls = (*candidate.urls, *conventional_urls(candidate.urls[0]))
        untried = [url for url in urls if same_url(url) not in tried]
        if not untried or len(pages) >= _TRIES_PER_SITE:
            return None
        return Step(candidate.domain, untried[0], guessed=untried[0] not in candidate.urls)
    leads = leads_from(pages, candidate.domain, identity=True)
    leads = tuple(lead for lead in leads if not (judgement.faint and lead.doubtful))
    return Step(candidate.domain, leads[0].url, leads[0].doubtful) if leads else None


def _towards_contacts(domain: str, progress: Progress, *, guess: bool) -> Step | None:
    pages = progress.pages[domain]
    usable = [page for page in pages if page.usable]
    leads = [lead for lead in leads_from(pages, domain) if guess or not lead.guessed]
    if not leads:
        return None
    has_mail = bool(emails_of(usable, domain, progress.company, progress.names))
    has_phone = bool(phones_of(usable))
    complete = has_mail and has_phone
    contact_read = any(is_contact_page(page.url) for page in usable)
    return Step(domain, leads[0].url) if _is_worth_it(leads[0], complete=complete, contact_read=contact_read) else None


def _is_worth_it(lead: Lead, *, complete: bool, contact_read: bool) -> bool:
    """A linked contact page is always worth reading once; anything else only while a fact is missing."""
    if complete:
        return not contact_read and is_contact_page(lead.url) and not lead.doubtful
    return True


def _towards_rival(progress: Progress, judged: Mapping[str, Judgement]) -> Step | None:
    for candidate in sorted(progress.candidates, key=lambda c: -c.points):
        if candidate.domain not in judged and candidate.points >= _RIVAL_POINTS and not candidate.listed:
            return Step(candidate.domain, candidate.urls[0])
    return None
