"""Decide what to read next for one company, and when to stop; no function here makes a call.

`Progress` holds what is known so far. Each decision depends on it alone, so a run that resumes from remembered pages
takes the same path again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from acra_express_async.extract.candidates import Candidate, candidates_of
from acra_express_async.extract.domains import same_url
from acra_express_async.extract.found_hosts import united
from acra_express_async.extract.hosted_sites import own_pages
from acra_express_async.extract.identity import LEAD, Doubt, Judgement, judge, lead_over
from acra_express_async.extract.mail_ranking import emails_of
from acra_express_async.extract.names import Name, name_of
from acra_express_async.extract.next_page import Lead, conventional_urls, leads_from
from acra_express_async.extract.page_kinds import is_contact_page, is_home_page, speaks_of_others
from acra_express_async.extract.phones import phones_of
from acra_express_async.extract.successors import successor_of
from acra_express_async.extract.walls import blocked_by
from acra_express_async.models import Company, Evidence, Page, SearchPage, Site

_TRIES_PER_SITE = 2
"""Failed URLs of one site after which it counts as unreadable."""

_RIVAL_POINTS = 20
"""Points that an unread site needs before it is read only for comparison."""

_MAX_REJECTED = 5

_WORTH_FOOTER = 70
"""The footer of a cut page: more than any lead but a contact page, which has a footer too."""
_MANY_LABELS = 2000
"""Characters, some 600 tokens with the marks of a list."""

_LAST_RESORT = 1000
"""Points deducted from a page that may not exist, so that it comes after every page that does."""


@dataclass(frozen=True, slots=True)
class Visited:
    """A site that was visited: its pages, unreadable ones included, and what they say."""

    pages: tuple[Page, ...]
    judgement: Judgement
    has_mail: bool
    has_phone: bool

    @property
    def usable(self) -> tuple[Page, ...]:
        """The pages whose content can be used."""
        return tuple(page for page in self.pages if page.usable)


@dataclass(frozen=True, slots=True)
class Progress:
    """The candidates so far, and what is known about the visited ones, by domain."""

    company: Company
    names: tuple[Name, ...]
    candidates: tuple[Candidate, ...] = ()
    visited: Mapping[str, Visited] = field(default_factory=dict)

    def with_candidates(self, found: Iterable[Candidate]) -> Progress:
        """Add candidates; for a known domain the later one replaces the earlier and keeps the pages read so far."""
        merged = {candidate.domain: candidate for candidate in (*self.candidates, *found)}
        before = {candidate.domain: candidate for candidate in self.candidates}
        again = {
            domain: visit if merged[domain] == before.get(domain) else _visit(self, merged[domain], visit.pages)
            for domain, visit in self.visited.items()
        }
        return replace(self, candidates=tuple(merged.values()), visited=again)

    def with_page(self, domain: str, page: Page) -> Progress:
        """Add one more page of a site.

        A page that was served by another site (a redirect) counts for that site. A page that only announces a move
        makes the new site a candidate. A site that a person set stays the answer, wherever it leads.
        """
        candidate = self._candidate(domain)
        if page.usable and (wall := blocked_by(page)):
            page = replace(page, usable=False, unusable_reason=wall)
        before = self.visited[domain].pages if domain in self.visited else ()
        seen = replace(self, visited={**self.visited, domain: _visit(self, candidate, (*before, page))})
        successor = None if candidate.judged else successor_of(candidate, page, self.names)
        if successor is None or successor.candidate.domain in self.visited:
            return seen
        if successor.page is None:
            return seen.with_candidates([successor.candidate])
        moved = self.without(domain).with_candidates([successor.candidate])
        visit = _visit(moved, successor.candidate, (successor.page,))
        return replace(moved, visited={**moved.visited, successor.candidate.domain: visit})

    def with_footer(self, domain: str, url: str, footer: Page) -> Progress:
        """Add the text of its footer to a cut page; a page without a footer counts as read to its end."""
        pages = self.visited[domain].pages if domain in self.visited else ()
        again = tuple(_with_footer(page, footer) if page.url == url and page.usable else page for page in pages)
        return replace(self, visited={**self.visited, domain: _visit(self, self._candidate(domain), again)})

    def _candidate(self, domain: str) -> Candidate:
        return next(candidate for candidate in self.candidates if candidate.domain == domain)

    def without(self, domain: str) -> Progress:
        """Remove a site that must not be read."""
        kept = {other: visit for other, visit in self.visited.items() if other != domain}
        return replace(self, candidates=tuple(c for c in self.candidates if c.domain != domain), visited=kept)


@dataclass(frozen=True, slots=True)
class Step:
    """The next page to read and the site it belongs to.

    `footer`: only the footer of this page, which was cut; `labels`: with the labels of its links, which are known
    from the page's own list.
    """

    domain: str
    url: str
    guessed: bool = False
    footer: bool = False
    labels: bool = True


def names_for(company: Company) -> tuple[Name, ...]:
    """The names that a site may carry: the registered one, then the former ones."""
    return tuple(name_of(legal) for legal in (company.name, *company.former_names) if legal.strip())


def with_answers(
    progress: Progress, answers: Sequence[SearchPage], offered: frozenset[str]
) -> tuple[Progress, list[str], bool]:
    """Add the sites of all answers of the search.

    Args:
        offered: domains that were candidates before; one that is none any more (it moved, or has opted out) stays out.

    Returns:
        The progress, the domains in the answers, and whether a candidate among them is credible.
    """
    found = candidates_of(united(answers), progress.company, progress.names)
    found = tuple(site for site in found if site.domain not in progress.company.judged.rejected_sites)
    there = {candidate.domain for candidate in progress.candidates}
    welcome = [site for site in found if site.domain in there or site.domain not in offered]
    credible = any(candidate.credible for candidate in welcome)
    return progress.with_candidates(welcome), [site.domain for site in found], credible


def next_step(progress: Progress) -> Step | None:
    """The page most worth reading now; None when no page can improve the answer.

    While no site is believed: the strongest unread site or the next page of a hopeful one. Once a site is believed: its
    contact page, and then the home page of a strong rival unless the proof is one that no other company can share.

    The footer of a page that was cut comes after linked contact pages, which are rarely long enough to be cut: sites
    print the same footer on every page.
    """
    best = _best_believed(progress)
    if best is None:
        return _towards_proof(progress)
    if step := _towards_contacts(best, guess=False):
        return step
    if not best.judgement.proven and _end_is_unseen(best) and (step := _footer_step(best, best.usable)):
        return step  # the imprint may name another company
    # A proven site without contacts may only lead to the site that has them.
    conclusive = best.judgement.proven and (best.has_mail or best.has_phone)
    rival = None if conclusive else _towards_rival(progress)
    return rival or _towards_contacts(best, guess=True)


def advanced(progress: Progress, step: Step, page: Page) -> tuple[Progress, Step | None]:
    """The progress with the page that a step asked for, and the next step."""
    if step.footer:
        progress = progress.with_footer(step.domain, step.url, page)
    else:
        progress = progress.with_page(step.domain, page)
    for judged in progress.company.judged.rejected_sites:  # a page may lead to one
        progress = progress.without(judged)
    return progress, next_step(progress)


def chosen(progress: Progress) -> Visited | None:
    """The answer: a believed site that leads every other visited site; None when there is none."""
    best = _best_believed(progress)
    if best is None:
        return None
    others = [other.judgement for other in progress.visited.values() if other is not best]
    ahead = lead_over(best.judgement, (other for other in others if other.believed)) >= LEAD
    return best if best.judgement.proven or ahead else None


def rejected(progress: Progress, answer: Site | None) -> tuple[Site, ...]:
    """The best sites that were not chosen, best first, each with the reason as its last evidence."""
    sites = []
    for candidate in progress.candidates:
        if answer is not None and candidate.domain == answer.domain:
            continue
        visit = progress.visited.get(candidate.domain)
        if visit:
            site, doubt = visit.judgement.site, visit.judgement.doubt or "second_best"
        else:
            site = Site(candidate.domain, candidate.urls[0], candidate.points, candidate.evidence)
            doubt = "not_read"
        sites.append(replace(site, evidence=(*site.evidence, Evidence(f"rejected_{doubt}", 0, site.url))))
    return tuple(sorted(sites, key=lambda site: (-site.points, site.domain))[:_MAX_REJECTED])


def reason_for_none(progress: Progress, *, found_anything: bool) -> str:
    """The reason code for "no website"."""
    if not progress.candidates:
        return "no_credible_site" if found_anything else "no_search_results"
    judged = [visit.judgement for visit in progress.visited.values()]
    if any(judgement.believed for judgement in judged):
        return "ambiguous"
    best = max(judged, key=lambda judgement: judgement.site.points, default=None)
    if best is None:
        return "no_credible_site"
    return "site_unreadable" if best.doubt is Doubt.UNREADABLE else str(best.doubt)


def _with_footer(page: Page, footer: Page) -> Page:
    if not footer.usable:
        return replace(page, footer_read=True)
    return replace(
        page,
        text=f"{page.text}\n\n{footer.text}",
        links=tuple(dict.fromkeys((*page.links, *footer.links))),
        tokens=page.tokens + footer.tokens,
        footer_read=True,
    )


def _visit(progress: Progress, candidate: Candidate, pages: tuple[Page, ...]) -> Visited:
    usable = own_pages([page for page in pages if page.usable], candidate.domain)
    return Visited(
        pages,
        judge(candidate, pages, progress.company, progress.names),
        has_mail=bool(emails_of(usable, candidate.domain, progress.company, progress.names)),
        has_phone=bool(phones_of(usable)),
    )


def _best_believed(progress: Progress) -> Visited | None:
    def worth(visit: Visited) -> tuple[bool, bool, int, str]:
        site = visit.judgement.site
        return visit.judgement.proven, visit.has_mail or visit.has_phone, site.points, site.domain

    return max((visit for visit in progress.visited.values() if visit.judgement.believed), key=worth, default=None)


def _towards_proof(progress: Progress) -> Step | None:
    options: list[tuple[int, int, Step]] = []
    for order, candidate in enumerate(progress.candidates):
        visit = progress.visited.get(candidate.domain)
        step = _proof_step(candidate, visit) if visit else Step(candidate.domain, candidate.urls[0])
        if step:
            points = visit.judgement.site.points if visit else candidate.points
            options.append((points - (_LAST_RESORT if step.guessed else 0), -order, step))
    return max(options, key=lambda option: option[:2])[2] if options else None


def _proof_step(candidate: Candidate, visit: Visited) -> Step | None:
    """A page of a visited site that may still bring the proof."""
    judgement = visit.judgement
    if not judgement.hopeful:
        return None
    if not visit.usable:
        tried = {same_url(page.url) for page in visit.pages}
        urls = (*candidate.urls, *conventional_urls(candidate.urls[0], candidate.domain))
        untried = [url for url in urls if same_url(url) not in tried]
        if not untried or len(visit.pages) >= _TRIES_PER_SITE:
            return None
        # Search results keep addresses of pages that are gone; the home page of the site rarely is.
        url = next((url for url in untried if is_home_page(url)), untried[0])
        return Step(candidate.domain, url, guessed=url not in candidate.urls)
    leads = leads_from(visit.pages, candidate.domain, identity=True)
    leads = tuple(sorted(leads, key=lambda lead: lead.doubtful))
    if judgement.faint:
        contact = next((lead for lead in leads if lead.is_contact and not lead.doubtful), None)
        if contact is not None:
            return Step(candidate.domain, contact.url)
        about_others = any(speaks_of_others(url) for url in candidate.urls)
        return None if about_others else _footer_step(visit, visit.usable)
    return _lead_or_footer(visit, leads, visit.usable)


def _towards_contacts(visit: Visited, *, guess: bool) -> Step | None:
    """A linked contact page, unless one was read; anything else only while the site lacks a mail address or phone."""
    domain = visit.judgement.site.domain
    leads = tuple(lead for lead in leads_from(visit.pages, domain) if guess or not lead.guessed)
    if not (visit.has_mail and visit.has_phone):
        return _lead_or_footer(visit, leads, _contact_pages_first(visit))
    contact_read = any(is_contact_page(page.url) for page in visit.usable)
    if not leads or contact_read or leads[0].doubtful or not is_contact_page(leads[0].url):
        return None
    return Step(domain, leads[0].url)


def _lead_or_footer(visit: Visited, leads: tuple[Lead, ...], pages: Sequence[Page]) -> Step | None:
    """The best lead, or the footer of the first cut one of these pages where that is worth more."""
    footer = _footer_step(visit, pages)
    if footer and not (leads and leads[0].worth > _WORTH_FOOTER and not leads[0].doubtful):
        return footer
    return Step(visit.judgement.site.domain, leads[0].url, leads[0].doubtful) if leads else None


def _end_is_unseen(visit: Visited) -> bool:
    """True when every page of the site was cut, and no footer was read: most sites have one for all pages."""
    return bool(visit.usable) and not any(page.is_complete for page in visit.usable)


def _contact_pages_first(visit: Visited) -> list[Page]:
    return sorted(visit.usable, key=lambda page: not is_contact_page(page.url))


def _footer_step(visit: Visited, pages: Sequence[Page]) -> Step | None:
    """The footer of the first of these pages that was cut."""
    page = next((page for page in pages if not page.is_complete), None)
    if page is None:
        return None
    return Step(visit.judgement.site.domain, page.url, footer=True, labels=not _is_crowded_below(page))


def _is_crowded_below(page: Page) -> bool:
    """True when the labels of the links behind the cut alone would fill what a footer may have."""
    return sum(len(link.label) for link in page.links if link.label not in page.text) > _MANY_LABELS


def _towards_rival(progress: Progress) -> Step | None:
    for candidate in sorted(progress.candidates, key=lambda c: -c.points):
        unread = candidate.domain not in progress.visited
        if unread and candidate.points >= _RIVAL_POINTS and not candidate.listed:
            return Step(candidate.domain, candidate.urls[0])
    return None
