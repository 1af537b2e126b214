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
    PageFindings,
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

ENOUGH_WHEN_NAMED = 50
"""The whole name as a heading (15), its initials as a domain (12) of Singapore (10), its trade (10), a local number
(5): the registry gives no name twice, so under .sg a fitting domain beside the whole name is enough."""

MANY_UENS = 4
"""This many companies' numbers on one site are a list, not an imprint."""

_HOPE = FITTING | {
    "legal_name",
    "full_name_in_head",
    "name_in_head",
    "brand_in_head",
    "postal_code",
    "street",
    "neighbourhood",
    "uen",
}
"""Signals for which another page of the same site is worth reading."""

_TELLING = FITTING - {"domain_group", "domain_common", "domain_some"}
"""Fits that stand for the name itself and not for a parent's or for one word of it."""

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
    reading = reading_of(usable, candidate, names)
    address = tuple(domain_evidence(candidate, reading, names))
    fitting = any(item.signal in FITTING for item in address)
    evidence = (
        *address,
        *number_evidence(reading, company, fitting=fitting),
        *imprint_evidence(reading, company, names, borne=fitting or any(e.signal == "domain_part" for e in address)),
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
        # A company may be the very directory; the number that proves it may stand on another of its pages.
        known = against.detail == _KNOWN_DIRECTORY and _is_named(signals)
        named = against.signal == Doubt.DIRECTORY and bool(signals.intersection(WHOLE))
        return Judgement(site, Doubt(against.signal), hopeful=known or named)
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
    unique, named, shared = _proofs(signals)
    whole = bool(signals.intersection(WHOLE))
    if "other_uen" in signals or ("other_legal_name" in signals and not (unique and whole)):
        return Judgement(site, Doubt.OTHER_COMPANY)
    enough = ENOUGH_WHEN_UNIQUE if unique else ENOUGH_WHEN_NAMED if named else ENOUGH
    if site.points >= enough and (unique or named or shared):
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


def _proofs(signals: set[str]) -> tuple[bool, bool, bool]:
    """Whether there is a proof of one company only; of the whole name under .sg; that a namesake shares."""
    fitting = bool(signals.intersection(FITTING))
    here = bool(signals.intersection(("singapore", "sg_domain", "local_phone")))
    placed = bool(signals.intersection(("postal_code", "street")))
    crowded = bool(signals.intersection(("postal_code_shared", "street_shared")))
    legal = "legal_name" in signals
    # A sister sits at the same address, bears the same brand and sells something else.
    sister = "namesake_trade" in signals and signals.isdisjoint(WHOLE)
    unique = "uen" in signals or "imprint" in signals or (fitting and not sister and (placed or (crowded and legal)))
    contradicted = not signals.isdisjoint(("elsewhere", "offshore_domain", "other_trade"))
    whole = bool(signals.intersection(WHOLE)) and not contradicted
    # Nobody else may be registered under the whole name, its trade included: a domain that only shortens it will do.
    told = "full_name_in_head" in signals and bool(signals.intersection(_TELLING)) and not contradicted
    shown = told or (whole and "name_in_head" in signals)
    named = here and shown and "sg_domain" in signals and "namesake_trade" not in signals
    told = told and "namesake_trade" not in signals
    return unique, named, here and (whole or told or (legal and fitting))


def _disqualification(
    candidate: Candidate,
    pages: Sequence[Page],
    reading: PageFindings,
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


def _directory_reason(
    candidate: Candidate, reading: PageFindings, company: Company, name: Name, signals: set[str]
) -> str:
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
