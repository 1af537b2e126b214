"""Is this site the company's own? An additive score whose every point has a name, a place and a reason.

Points follow quality.md B2. A site is believed with at least `ENOUGH` points and one proof: the registry's UEN; or its
postal code or street together with the name; or the whole name as domain together with a firm sign of Singapore; or
the legal name on a site of Singapore whose domain fits. Everything else is an honest "none", with what was missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from acra_express_async.extract.candidates import Candidate
from acra_express_async.extract.directories import directory_phrases_in, is_listing_url, names_a_group
from acra_express_async.extract.evidence import (
    Reading,
    domain_evidence,
    imprint_evidence,
    name_evidence,
    number_evidence,
    place_evidence,
    reading_of,
    trade_evidence,
)
from acra_express_async.extract.labels import FITTING, WHOLE
from acra_express_async.extract.lookalikes import imitates, is_near_miss
from acra_express_async.extract.names import Name
from acra_express_async.extract.uens import uens_in
from acra_express_async.extract.walls import asks_for_credentials, is_challenge, looks_hijacked, looks_parked
from acra_express_async.models import Company, Evidence, Page, Site

ENOUGH = 55
LEAD = 15
"""quality.md B2: answer at 55 and more with a lead of 15 over the second."""

ENOUGH_WHEN_UNIQUE = 45
"""Initials (12), the registry's postal code (25) and Singapore (10) are enough: no namesake sits at that address."""

MANY_UENS = 4
"""This many companies' numbers on one site are a list, not an imprint."""

_HOPE = FITTING | {"legal_name", "name_in_head", "brand_in_head", "postal_code", "street", "neighbourhood", "uen"}
"""Signals for which another page of the same site is worth reading."""

_KNOWN_DIRECTORY = "known directory"


class Doubt(StrEnum):
    """Why a site is not believed; kept beside the rejected candidate."""

    NONE = ""
    UNREADABLE = "unreadable"
    PARKED = "parked"
    HIJACKED = "hijacked"
    IMITATION = "imitation"
    DIRECTORY = "directory"
    OTHER_COMPANY = "other_company"
    ELSEWHERE = "elsewhere"
    NO_PROOF = "no_proof"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was made of one candidate.

    `proven`: the proof is of a kind that no rival shares. `hopeful`: another page of the same site may bring the proof;
    `faint`: only because nothing speaks against the site, so that only a page which it links to is worth reading.
    """

    site: Site
    doubt: Doubt
    proven: bool = False
    hopeful: bool = False
    faint: bool = False

    @property
    def believed(self) -> bool:
        """True when the site may be answered, its rivals left aside."""
        return self.doubt is Doubt.NONE


def judge(candidate: Candidate, pages: Sequence[Page], company: Company, names: tuple[Name, ...]) -> Judgement:
    """Weigh what a site's pages, its address and its search results say.

    Args:
        candidate: the site as found.
        pages: what was read of it so far, unusable ones included.
        company: the registry's facts.
        names: registry name first, then former names.
    """
    usable = tuple(page for page in pages if page.usable and not is_challenge(page.title, page.text))
    reading = reading_of(usable, candidate)
    address = tuple(domain_evidence(candidate, reading, names))
    fitting = any(item.signal in FITTING for item in address)
    evidence = (
        *address,
        *number_evidence(reading, company, fitting=fitting),
        *imprint_evidence(reading, company, names),
        *name_evidence(reading, names),
        *place_evidence(reading, company, candidate.domain),
        *trade_evidence(reading, company, names[0]),
    )
    signals = {item.signal for item in evidence}
    against = _disqualification(candidate, usable, reading, company, names, signals)
    if against:
        evidence = (*evidence, against)
    site = Site(candidate.domain, candidate.urls[0], sum(item.points for item in evidence), evidence)
    if against:
        # A company may be the very directory we know; the number that proves it may stand on another of its pages.
        return Judgement(site, Doubt(against.signal), hopeful=against.detail == _KNOWN_DIRECTORY and _is_named(signals))
    if not usable:
        # A page that could not be read proves nothing, except where its own words in the results hold the number.
        believed = "uen" in signals and bool(signals.intersection(FITTING))
        return Judgement(
            site, Doubt.NONE if believed else Doubt.UNREADABLE, proven=believed, hopeful=candidate.credible
        )
    return _verdict(site, signals)


def lead_over(best: Judgement, others: Iterable[Judgement]) -> int:
    """How far ahead of the other judged sites this one is; very far when there is none."""
    return min((best.site.points - other.site.points for other in others), default=1000)


def _verdict(site: Site, signals: set[str]) -> Judgement:
    unique, shared = _proofs(signals)
    whole = bool(signals.intersection(WHOLE))
    if "other_uen" in signals or ("other_legal_name" in signals and not (unique and whole)):
        return Judgement(site, Doubt.OTHER_COMPANY)
    if site.points >= (ENOUGH_WHEN_UNIQUE if unique else ENOUGH) and (unique or shared):
        return Judgement(site, Doubt.NONE, proven=unique)
    if "elsewhere" in signals or "offshore_domain" in signals:
        # A tagline may name another country; the contact page of a site that bears the name settles it.
        fitting = bool(signals.intersection(FITTING)) and "offshore_domain" not in signals
        return Judgement(site, Doubt.ELSEWHERE, hopeful=fitting, faint=True)
    strong = bool(signals.intersection(_HOPE))
    faint = bool(signals.intersection(("singapore", "sg_domain", "local_phone", "singapore_mentioned", "domain_part")))
    return Judgement(site, Doubt.NO_PROOF, hopeful=strong or faint, faint=not strong)


def _is_named(signals: set[str]) -> bool:
    return bool(signals.intersection({*FITTING, "legal_name"}))


def _proofs(signals: set[str]) -> tuple[bool, bool]:
    """Whether there is a proof that belongs to one company only, and whether there is one that a namesake may share."""
    fitting = bool(signals.intersection(FITTING))
    here = bool(signals.intersection(("singapore", "sg_domain", "local_phone")))
    placed = bool(signals.intersection(("postal_code", "street")))
    crowded = bool(signals.intersection(("postal_code_shared", "street_shared")))
    legal = "legal_name" in signals
    # A sister sits at the same address, bears the same brand and sells something else.
    sister = "namesake_trade" in signals and signals.isdisjoint(WHOLE)
    unique = "uen" in signals or "imprint" in signals or (fitting and not sister and (placed or (crowded and legal)))
    whole = bool(signals.intersection(WHOLE)) and signals.isdisjoint(("elsewhere", "offshore_domain", "other_trade"))
    return unique, here and (whole or (legal and fitting))


def _disqualification(
    candidate: Candidate,
    pages: Sequence[Page],
    reading: Reading,
    company: Company,
    names: tuple[Name, ...],
    signals: set[str],
) -> Evidence | None:
    """The one reason for which no number of points would help, as negative evidence."""
    where = pages[0].url if pages else candidate.urls[0]
    for page in pages:
        if looks_parked(page.title, page.text):
            return Evidence(Doubt.PARKED, -80, page.url)
        if looks_hijacked(page.title, page.text):
            return Evidence(Doubt.HIJACKED, -80, page.url)
    if not pages and looks_parked("", candidate.text):
        return Evidence(Doubt.PARKED, -80, where)
    near = any(is_near_miss(candidate.domain, name) for name in names)
    stranger = near or signals.isdisjoint(("domain_exact", "domain_brand", "domain_initials"))
    credentials = stranger and any(asks_for_credentials(page.title, page.text) for page in pages)
    if credentials or any(imitates(candidate.domain, name) for name in names):
        return Evidence(Doubt.IMITATION, -80, where, candidate.domain)
    if reason := _directory_reason(candidate, reading, company, names[0], signals):
        return Evidence(Doubt.DIRECTORY, -80, where, reason)
    return None


def _directory_reason(candidate: Candidate, reading: Reading, company: Company, name: Name, signals: set[str]) -> str:
    fitting = bool(signals.intersection(FITTING))
    if candidate.listed:
        return "" if "uen" in signals and _is_named(signals) else _KNOWN_DIRECTORY
    phrases = directory_phrases_in(reading.text)
    many = len([uen for uen in uens_in(reading.text) if uen != company.uen]) >= MANY_UENS
    if fitting and "uen" in signals:
        return ""
    if len(phrases) >= 2 or (phrases and (many or not fitting)):
        return ", ".join(phrases[:3])
    if many and not fitting:
        return "numbers of many companies"
    listing = any(is_listing_url(url, name, company.uen) for url in candidate.urls)
    if listing and not names_a_group(reading.text):
        return "address of a listing"
    return ""
