"""Turn search results into candidate sites, the most promising first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from acra_express_async.extract.cleaning import one_line
from acra_express_async.extract.directories import (
    is_entry,
    is_listed,
    is_listing_url,
    is_public_body,
    is_social,
    reads_like_listing,
)
from acra_express_async.extract.domains import (
    domain_of,
    is_singaporean,
    label_of,
    labels_of,
    path_of,
    plain_url,
    site_home,
)
from acra_express_async.extract.found_hosts import UnitedAnswers, host_evidence
from acra_express_async.extract.hosted_sites import shared_host
from acra_express_async.extract.labels import FITTING, WHOLE, Fit, LabelFit, address_evidence, label_fit
from acra_express_async.extract.names import Name, legal_name_stands_in, padded
from acra_express_async.extract.page_kinds import PageKind, kind_of_url, speaks_for_its_owner, speaks_of_others
from acra_express_async.extract.places import states_postal_code, where_in
from acra_express_async.extract.uens import states_uen
from acra_express_async.models import Company, Evidence, SearchHit

LONG_SHOT = 0
"""Below this many points a site is not worth reading."""
CREDIBLE = 20
"""From this many points a result is credible and no further search is needed: a domain that contains all words of the
name, or a weaker fit together with a sign of Singapore."""

PERSON = "person"
PERSON_POINTS = 100
"""The signal of a site that a person set or confirmed: it is certain whatever its pages say."""

_FILES = (".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".zip", ".jpg", ".png")
_HOMES = ("", "/sg", "/en", "/en-sg", "/sg/en", "/sg-en", "/home", "/index.html", "/index.php", "/en/sg", "/en/home")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A site that may belong to the company. Read `urls` in order; `text` is what the search results say about it.

    `listed` marks a known directory: it is believed only if its own page shows the registered UEN. `builder` is the
    domain above a host that bears the name: a site builder that no list knows, or a directory with a host per entry.
    `judged` marks a site that a person set or confirmed: it is believed once it can be read, whatever its pages say.
    `answers` is how many queries found the site, `others` for how many other companies it turned up lately.
    """

    domain: str
    urls: tuple[str, ...]
    points: int
    evidence: tuple[Evidence, ...]
    rank: int = 0
    text: str = ""
    listed: bool = False
    builder: str = ""
    judged: bool = False
    answers: int = 1
    others: int = 0

    @property
    def credible(self) -> bool:
        """True when the domain or the search result alone already supports the site."""
        return self.points >= CREDIBLE


def candidates_of(found: UnitedAnswers, company: Company, names: tuple[Name, ...]) -> tuple[Candidate, ...]:
    """The candidates of all answers so far, with how often each of them turned up; see `candidates_in`."""
    return _candidates(found, company, names)


def candidates_in(hits: Iterable[SearchHit], company: Company, names: tuple[Name, ...]) -> tuple[Candidate, ...]:
    """One candidate per registrable domain, best first, without directories, profiles, listings and files.

    `names` are the registered name and the former names. A directory is kept when the company may be the directory
    itself: the domain label matches the name, or the result is the directory's home page.
    """
    return _candidates(UnitedAnswers(tuple(hits)), company, names)


def _candidates(everything: UnitedAnswers, company: Company, names: tuple[Name, ...]) -> tuple[Candidate, ...]:
    grouped: dict[str, list[SearchHit]] = {}
    for found_hit in everything.hits:
        hit = replace(found_hit, url=plain_url(found_hit.url))
        domain = _customer_of(hit.url, names) or domain_of(hit.url)
        if domain and not is_public_body(domain):
            grouped.setdefault(domain, []).append(hit)
    found = [
        candidate
        for domain, mine in grouped.items()
        if (candidate := _judged(domain, mine, company, names, everything)) is not None
        and candidate.points >= LONG_SHOT
    ]
    return tuple(sorted(found, key=lambda c: (-c.points, c.rank, c.domain)))


def known_candidate(website: str, names: tuple[Name, ...]) -> Candidate | None:
    """The website that the platform already stores, as a candidate; None when it cannot be a company's site."""
    url = plain_url(website.strip() if "//" in website else f"https://{website.strip()}/")
    domain = domain_of(url)
    if not domain or is_social(domain) or is_public_body(domain):
        return None
    evidence = address_evidence(domain, url, _fit(domain, [url], names, ""))
    points = sum(item.points for item in evidence)
    known = Evidence("known_website", 0, url, website.strip())
    return Candidate(domain, (url,), points + CREDIBLE, (*evidence, known), listed=is_listed(domain))


def judged_candidate(domain: str) -> Candidate:
    """The site that a person set or confirmed."""
    url = f"https://{domain}/"
    said = Evidence(PERSON, PERSON_POINTS, url, domain)
    return Candidate(domain, (url,), PERSON_POINTS, (said,), judged=True)


def _judged(
    domain: str, hits: list[SearchHit], company: Company, names: tuple[Name, ...], everything: UnitedAnswers
) -> Candidate | None:
    listed = is_listed(domain) or is_social(domain)
    builder = "" if domain_of(hits[0].url) == domain else domain_of(hits[0].url)
    own = [hit for hit in hits if builder or not is_listing_url(hit.url, names, company.uen)]
    if not own:
        return None
    text = "\n".join(_words_of_hit(hit) for hit in _nearest(own))
    evidence = address_evidence(domain, own[0].url, _fit(domain, [hit.url for hit in own], names, text))
    evidence += _text_evidence(text, own[0], company, names, domain)
    if listed and not _may_be_lifted(own, evidence, text, names):
        return None
    if all(speaks_of_others(hit.url) for hit in own) and not any(item.signal in FITTING for item in evidence):
        return None  # an article or portfolio on a third party's site: its home page is irrelevant
    if builder:
        evidence += (Evidence("below_unknown_domain", -20, own[0].url, builder),)
    rank = min(hit.rank for hit in own)
    if rank == 1:
        evidence += (Evidence("first_result", 3, own[0].url),)
    answers, others = everything.answers.get(domain, 1), everything.others.get(domain, 0)
    lifted = any(item.signal in {*FITTING, "uen_in_result"} for item in evidence)
    evidence += tuple(host_evidence(own[0].url, answers, others, lifted=lifted, lead=everything.lead_of(domain)))
    points = sum(item.points for item in evidence)
    return Candidate(
        domain,
        _urls(own, domain),
        points,
        evidence,
        rank=rank,
        text=text,
        listed=listed,
        builder=builder,
        answers=answers,
        others=others,
    )


def _customer_of(url: str, names: tuple[Name, ...]) -> str:
    """The host of a URL if it bears the whole name below a domain that bears nothing of it; '' otherwise."""
    host, domain = shared_host(url)
    if not host or is_listed(domain) or is_social(domain):
        return ""
    below, above = label_of(host), label_of(domain)
    borne = any(f"domain_{label_fit(below, name).fit}" in WHOLE for name in names)
    return host if borne and all(label_fit(above, name).fit is Fit.NONE for name in names) else ""


def _words_of_hit(hit: SearchHit) -> str:
    return f"{one_line(hit.title)[:300]}\n{one_line(hit.snippet)[:600]}"


def _nearest(hits: list[SearchHit]) -> list[SearchHit]:
    """For a site with pages for several countries, keep the results that do not point to another country."""
    return [hit for hit in hits if not where_in(_words_of_hit(hit)).elsewhere] or hits


def _may_be_lifted(hits: list[SearchHit], evidence: tuple[Evidence, ...], text: str, names: tuple[Name, ...]) -> bool:
    """True when the company may be this directory: its own page was found, and a result mentions the company."""
    speaks = {"uen_in_result", "full_name_in_result", *FITTING}
    own = any(path_of(hit.url) in _HOMES or (speaks_for_its_owner(hit.url) and not is_entry(hit.url)) for hit in hits)
    if not own:
        return False
    words = padded(text)
    return any(item.signal in speaks for item in evidence) or any(legal_name_stands_in(words, name) for name in names)


def _fit(domain: str, urls: Iterable[str], names: tuple[Name, ...], text: str) -> LabelFit:
    """How well the label fits, judged by titles and snippets only; a page may later show what they omit."""
    words = padded(text)
    fits = [label_fit(label, name) for label in labels_of(domain, urls) for name in names]
    seen = [fit.beside(words, words) for fit in fits]
    hoped = [LabelFit(Fit.INITIALS) for fit in fits if fit.fit in (Fit.BRAND, Fit.AFFIXED)]
    return max((*seen, *hoped), key=lambda fit: fit.points)


def _text_evidence(
    text: str, hit: SearchHit, company: Company, names: tuple[Name, ...], domain: str
) -> tuple[Evidence, ...]:
    """Evidence from title and snippet, which are the site's own words in short."""
    words = padded(text)
    found = []
    if states_uen(text, company.uen):
        found.append(Evidence("uen_in_result", 40, hit.url, company.uen))
    if any(f" {' '.join(name.brand)} " in words and name.brand for name in names):
        found.append(Evidence("name_in_result", 10, hit.url, " ".join(names[0].brand)))
    if any(f" {' '.join(name.words)} " in words and len(name.words) > 1 for name in names):
        found.append(Evidence("full_name_in_result", 15, hit.url, " ".join(names[0].words)))
    if company.postal_code and states_postal_code(text, company.postal_code):
        found.append(Evidence("postal_code_in_result", 10, hit.url, company.postal_code))
    where = where_in(text)
    if where.singapore or where.mentions:
        found.append(Evidence("singapore_in_result", 5, hit.url, (where.singapore or ("Singapore",))[0]))
    elif where.elsewhere and not is_singaporean(domain):
        found.append(Evidence("elsewhere_in_result", -25, hit.url, where.elsewhere[0]))
    if reads_like_listing(hit.title):
        # A directory or marketplace is a company too; its entries are never its home page.
        points = -10 if path_of(hit.url) in _HOMES else -40
        found.append(Evidence("worded_as_listing", points, hit.url, one_line(hit.title)[:80]))
    return tuple(found)


def _urls(hits: list[SearchHit], domain: str) -> tuple[str, ...]:
    """The URLs to read, in order: a result that is a home, contact or about page, the home page, the other results."""
    found = [hit.url for hit in hits if not path_of(hit.url).endswith(_FILES)]
    homes = [url for url in found if path_of(url) in _HOMES]
    telling = [url for url in found if kind_of_url(url) not in (None, PageKind.LEGAL)]
    return tuple(dict.fromkeys([*homes, *telling, site_home(hits[0].url, domain), *found]))
