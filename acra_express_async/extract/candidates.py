"""From search results to sites that are worth reading, the most promising first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from acra_express_async.extract.cleaning import one_line
from acra_express_async.extract.directories import (
    is_listed,
    is_listing_url,
    is_public_body,
    is_social,
    reads_like_listing,
)
from acra_express_async.extract.domains import (
    domain_of,
    home_of,
    is_singaporean,
    label_of,
    path_of,
)
from acra_express_async.extract.labels import FITTING, Fit, LabelFit, address_evidence, label_fit
from acra_express_async.extract.names import Name, padded
from acra_express_async.extract.page_kinds import speaks_of_others
from acra_express_async.extract.places import states_postal_code, where_in
from acra_express_async.extract.uens import states_uen
from acra_express_async.models import Company, Evidence, SearchHit

LONG_SHOT = 0
"""Points under which a site is not worth a page."""
CREDIBLE = 20
"""Points from which a result counts as credible, so that no further search is asked for: a domain that says all words
of the name, or a lesser fit and a sign of Singapore."""

_FILES = (".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".zip", ".jpg", ".png")
_HOMES = ("", "/sg", "/en", "/en-sg", "/sg/en", "/sg-en", "/home", "/index.html", "/index.php", "/en/sg", "/en/home")
_TELLING = ("contact", "about", "location", "enquir", "reach", "outlet", "branch", "store", "company", "office")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A site that may be the company's. `urls` are to be read in this order; `text` is what the results say of it.

    `listed` marks a known directory: it is only believed with the registry's UEN on its own page.
    """

    domain: str
    urls: tuple[str, ...]
    points: int
    evidence: tuple[Evidence, ...]
    rank: int = 0
    text: str = ""
    listed: bool = False

    @property
    def credible(self) -> bool:
        """True when its address or its result already speak for it."""
        return self.points >= CREDIBLE


def candidates_in(hits: Iterable[SearchHit], company: Company, names: tuple[Name, ...]) -> tuple[Candidate, ...]:
    """One candidate per registrable domain, best first; directories, profiles, listings and files are left out.

    `names` are the registry name and the former names. A directory stays in when the company may be that very
    directory: its label says the name, or the result is its home page.
    """
    grouped: dict[str, list[SearchHit]] = {}
    for hit in hits:
        domain = domain_of(hit.url)
        if domain and not is_public_body(domain):
            grouped.setdefault(domain, []).append(hit)
    found = [
        candidate
        for domain, mine in grouped.items()
        if (candidate := _judged(domain, mine, company, names)) is not None and candidate.points >= LONG_SHOT
    ]
    return tuple(sorted(found, key=lambda c: (-c.points, c.rank, c.domain)))


def known_candidate(website: str, names: tuple[Name, ...]) -> Candidate | None:
    """The website that the platform already holds, as a candidate; None when it cannot be one."""
    url = website.strip() if "//" in website else f"https://{website.strip()}/"
    domain = domain_of(url)
    if not domain or is_social(domain) or is_public_body(domain):
        return None
    evidence = address_evidence(domain, url, _fit(domain, names, ""))
    points = sum(item.points for item in evidence)
    known = Evidence("known_website", 0, url, website.strip())
    return Candidate(domain, (url,), points + CREDIBLE, (*evidence, known), listed=is_listed(domain))


def _judged(domain: str, hits: list[SearchHit], company: Company, names: tuple[Name, ...]) -> Candidate | None:
    listed = is_listed(domain) or is_social(domain)
    own = [hit for hit in hits if not is_listing_url(hit.url, names[0], company.uen)]
    if not own:
        return None
    text = "\n".join(_words_of_hit(hit) for hit in _nearest(own))
    evidence = address_evidence(domain, own[0].url, _fit(domain, names, text))
    evidence += _text_evidence(text, own[0], company, names, domain)
    if listed and not _may_be_lifted(own, evidence):
        return None
    if all(speaks_of_others(hit.url) for hit in own) and not any(item.signal in FITTING for item in evidence):
        return None  # an article or a portfolio of somebody whose home page is no concern of ours
    rank = min(hit.rank for hit in own)
    if rank == 1:
        evidence += (Evidence("first_result", 3, own[0].url),)
    points = sum(item.points for item in evidence)
    return Candidate(domain, _urls(own), points, evidence, rank=rank, text=text, listed=listed)


def _words_of_hit(hit: SearchHit) -> str:
    return f"{one_line(hit.title)[:300]}\n{one_line(hit.snippet)[:600]}"


def _nearest(hits: list[SearchHit]) -> list[SearchHit]:
    """Of a site with pages for several countries, the results that do not speak of another one."""
    return [hit for hit in hits if not where_in(_words_of_hit(hit)).elsewhere] or hits


def _may_be_lifted(hits: list[SearchHit], evidence: tuple[Evidence, ...]) -> bool:
    """True when the company may be this directory: its own home page was found, and speaks of it."""
    speaks = {"uen_in_result", "full_name_in_result", *FITTING}
    return any(path_of(hit.url) in _HOMES for hit in hits) and any(item.signal in speaks for item in evidence)


def _fit(domain: str, names: tuple[Name, ...], text: str) -> LabelFit:
    """How the label fits as far as titles and snippets show; what they leave out, a page may still show."""
    words = padded(text)
    fits = [label_fit(label_of(domain), name) for name in names]
    seen = [fit.beside(words, words) for fit in fits]
    hoped = [LabelFit(Fit.INITIALS) for fit in fits if fit.fit in (Fit.BRAND, Fit.AFFIXED)]
    return max((*seen, *hoped), key=lambda fit: fit.points)


def _text_evidence(
    text: str, hit: SearchHit, company: Company, names: tuple[Name, ...], domain: str
) -> tuple[Evidence, ...]:
    """What title and snippet say: they are the site's own words, only shortened."""
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
        found.append(Evidence("worded_as_listing", -40, hit.url, one_line(hit.title)[:80]))
    return tuple(found)


def _urls(hits: list[SearchHit]) -> tuple[str, ...]:
    """What to read of a site, in this order: a found home or telling page, the home page, whatever else was found."""
    found = [hit.url for hit in hits if not path_of(hit.url).endswith(_FILES)]
    homes = [url for url in found if path_of(url) in _HOMES]
    telling = [url for url in found if any(word in path_of(url).rpartition("/")[2] for word in _TELLING)]
    return tuple(dict.fromkeys([*homes, *telling, home_of(hits[0].url), *found]))
