"""Decide whether a site belongs to the company, by an additive score in which every point is named evidence.

A site is believed when it has at least `ENOUGH` points (see `evidence` for the signals) and one proof:
- the registered UEN; or
- the registered postal code or street together with the name; or
- the whole name as domain together with a firm sign of Singapore; or
- the legal name on a Singapore site whose domain fits the name.
Anything else ends as "none", with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from acra_express_async.extract.candidates import Candidate
from acra_express_async.extract.dead_sites import remains_among, remains_told
from acra_express_async.extract.directories import (
    directory_phrases_in,
    is_entry,
    is_listing_url,
    is_social,
    names_a_group,
)
from acra_express_async.extract.evidence import (
    PageFindings,
    domain_evidence,
    imprint_evidence,
    name_evidence,
    names_entity_of_group,
    number_evidence,
    place_evidence,
    reading_of,
    trade_evidence,
)
from acra_express_async.extract.found_hosts import host_evidence
from acra_express_async.extract.hosted_sites import own_pages, shows_builder
from acra_express_async.extract.labels import FITTING, WHOLE
from acra_express_async.extract.lookalikes import imitates, is_near_miss
from acra_express_async.extract.names import Name, legal_name_stands_in, padded
from acra_express_async.extract.other_names import signs_imprint
from acra_express_async.extract.page_kinds import speaks_for_its_owner
from acra_express_async.extract.uens import states_uen, strangers_in, uens_in
from acra_express_async.extract.walls import asks_for_credentials, blocked_by, looks_hijacked
from acra_express_async.models import Company, Evidence, Page, Site

ENOUGH = 55
LEAD = 15
"""Points that the best site needs ahead of the second best."""

ENOUGH_WHEN_UNIQUE = 45
"""Initials (12), the registered postal code (25) and Singapore (10) are enough: no namesake shares that address."""

ENOUGH_WHEN_NAMED = 50
"""The whole name as a heading (15), its initials as the domain (12) under .sg (10), its trade (10) and a local number
(5). The registry gives no name twice, so the whole name and a fitting .sg domain are enough."""

MANY_UENS = 4
"""A site that shows this many UENs of other companies is a list, not an imprint."""

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
"""Signals that make another page of the same site worth reading."""

_TOLD = frozenset(("uen_in_result", "full_name_in_result"))
"""What a search result says of the company by name; the page it quotes may be another one of the site."""

_TELLING = FITTING - {"domain_group", "domain_common", "domain_some"}
"""Fits that stand for the name itself, not for a parent company or a single word of the name."""

_GONE = frozenset(("http_404", "http_410", "unresolvable"))
"""Why pages of a site that has gone cannot be read; what a search result quotes of it is old."""

_KNOWN_DIRECTORY = "known directory"
_ADDRESS_OF_A_LISTING = "address of a listing"
_UNPROVEN_HOST = "host of a site builder, without proof"


class Doubt(StrEnum):
    """Why a site is not believed; stored with the rejected candidate."""

    NONE = ""
    UNREADABLE = "unreadable"
    PARKED = "parked"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    UNCONNECTED = "unconnected"
    CLOSED_SHOP = "closed_shop"
    CEASED = "ceased"
    DEFAULT_PAGE = "default_page"
    HIJACKED = "hijacked"
    IMITATION = "imitation"
    DIRECTORY = "directory"
    OTHER_COMPANY = "other_company"
    ELSEWHERE = "elsewhere"
    NO_PROOF = "no_proof"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The decision about one candidate.

    `proven`: by a proof that no other site can share. `hopeful`: another page of the site may bring the proof. `faint`:
    hopeful only because nothing speaks against the site, so only pages that it links to are worth reading.
    """

    site: Site
    doubt: Doubt
    proven: bool = False
    hopeful: bool = False
    faint: bool = False

    @property
    def believed(self) -> bool:
        """True when the site may be the answer, before it is compared with its rivals."""
        return self.doubt is Doubt.NONE


def judge(candidate: Candidate, pages: Sequence[Page], company: Company, names: tuple[Name, ...]) -> Judgement:
    """Judge a site by its pages, its domain and its search results.

    Args:
        candidate: the site as found.
        pages: the pages read so far, unusable ones included.
        company: the facts of the registry.
        names: the registered name first, then former names.
    """
    read = tuple(page for page in pages if page.usable and not blocked_by(page))
    if candidate.judged:
        return _as_a_person_said(candidate, read)
    errors = tuple(page for page in pages if page.http_status is not None and not page.usable)
    usable = own_pages(read, candidate.domain)
    reading = reading_of(usable, candidate, names)
    address = tuple(domain_evidence(candidate, reading, names))
    fitting = any(item.signal in FITTING for item in address)
    group = not fitting and names_entity_of_group(reading, candidate.domain, company, names)
    owned = fitting or group or _signs_it(reading, names)
    evidence = (
        *address,
        *number_evidence(reading, company, fitting=owned),
        *imprint_evidence(reading, company, names, borne=fitting or any(e.signal == "domain_part" for e in address)),
        *name_evidence(reading, names),
        *place_evidence(reading, company, candidate.domain),
        *trade_evidence(reading, company, names[0]),
    )
    if reading.silent:
        evidence = (*evidence, Evidence("silent", 0, reading.pages[0].url))
    if group:
        evidence = (*evidence, Evidence("group", 0, reading.pages[0].url, names[0].legal))
    signals = {item.signal for item in evidence}
    lifted = fitting or "uen" in signals
    evidence += tuple(host_evidence(candidate.urls[0], candidate.answers, candidate.others, lifted=lifted))
    against = _disqualification(candidate, read or errors, reading, company, names, signals)
    if against:
        evidence = (*evidence, against)
    site = Site(candidate.domain, candidate.urls[0], sum(item.points for item in evidence), evidence)
    if against:
        # The company may be the directory itself; the UEN that proves it may stand on another page.
        told = any(item.signal in _TOLD for item in candidate.evidence)
        known = against.detail == _KNOWN_DIRECTORY and (told or _is_named(signals))
        listing = candidate.builder and against.detail != _UNPROVEN_HOST
        named = against.signal == Doubt.DIRECTORY and bool(signals.intersection(WHOLE)) and not listing
        return Judgement(site, Doubt(against.signal), hopeful=known or named)
    told = any(item.signal in _TOLD for item in candidate.evidence)
    if not usable:
        # An unreadable page proves nothing, unless the site stands behind a wall and its search result shows the UEN.
        gone = bool(pages) and all(page.unusable_reason in _GONE for page in pages)
        believed = not gone and "uen" in signals and bool(signals.intersection(FITTING))
        hopeful = candidate.credible or told
        return Judgement(site, Doubt.NONE if believed else Doubt.UNREADABLE, proven=believed, hopeful=hopeful)
    judgement = _judgement(site, signals, told=told)
    if judgement.believed and not judgement.proven and _is_former_alone(evidence, reading, names):
        # Another company may bear the name now.
        return Judgement(site, Doubt.NO_PROOF, hopeful=True)
    return judgement


def _is_former_alone(evidence: Iterable[Evidence], reading: PageFindings, names: tuple[Name, ...]) -> bool:
    """True when the page gives a former name as the legal one and nothing of the present name."""
    legal = next((item.detail for item in evidence if item.signal == "legal_name"), names[0].legal)
    shown = f" {' '.join(names[0].brand)} " in reading.words
    return legal != names[0].legal and not shown


def _as_a_person_said(candidate: Candidate, read: Sequence[Page]) -> Judgement:
    """Believe the site unless it is dead: it cannot be read, or only what is left of it, or somebody hijacked it."""
    site = Site(candidate.domain, candidate.urls[0], candidate.points, candidate.evidence)
    if gone := remains_among(read):
        return Judgement(site, Doubt(gone[1].end))
    for page in read:
        if looks_hijacked(page.title, page.text):
            return Judgement(site, Doubt.HIJACKED)
    return Judgement(site, Doubt.NONE if read else Doubt.UNREADABLE, proven=bool(read), hopeful=not read)


def lead_over(best: Judgement, others: Iterable[Judgement]) -> int:
    """The lead in points over the best other judged site; 1000 when there is none."""
    return min((best.site.points - other.site.points for other in others), default=1000)


def _judgement(site: Site, signals: set[str], *, told: bool) -> Judgement:
    unique, named, shared = _proofs(signals)
    whole = bool(signals.intersection(WHOLE))
    if "other_uen" in signals or ("other_legal_name" in signals and not (unique and whole)):
        return Judgement(site, Doubt.OTHER_COMPANY)
    enough = ENOUGH_WHEN_UNIQUE if unique else ENOUGH_WHEN_NAMED if named else ENOUGH
    if site.points >= enough and (unique or named or shared):
        return Judgement(site, Doubt.NONE, proven=unique)
    if "elsewhere" in signals or "offshore_domain" in signals:
        # A tagline may name another country; the contact page of a site with a fitting domain decides.
        fitting = bool(signals.intersection(FITTING)) and "offshore_domain" not in signals
        return Judgement(site, Doubt.ELSEWHERE, hopeful=fitting, faint=True)
    strong = told or bool(signals.intersection(_HOPE))
    faint = bool(signals.intersection(("singapore", "sg_domain", "local_phone", "singapore_mentioned", "domain_part")))
    return Judgement(site, Doubt.NO_PROOF, hopeful=strong or faint, faint=not strong)


def _is_named(signals: set[str]) -> bool:
    return bool(signals.intersection({*FITTING, "legal_name"}))


def _proofs(signals: set[str]) -> tuple[bool, bool, bool]:
    """Whether there is a proof that no other company shares; one by the whole name under .sg; one that others share."""
    fitting = bool(signals.intersection(FITTING))
    here = bool(signals.intersection(("singapore", "sg_domain", "sg_mail", "local_phone"))) and "silent" not in signals
    placed = bool(signals.intersection(("postal_code", "street")))
    crowded = bool(signals.intersection(("postal_code_shared", "street_shared")))
    legal = "legal_name" in signals
    # A sister company shares address and brand but is in another trade.
    sister = "namesake_trade" in signals and signals.isdisjoint(WHOLE)
    unique = "uen" in signals or "imprint" in signals or (fitting and not sister and (placed or (crowded and legal)))
    contradicted = not signals.isdisjoint(("elsewhere", "offshore_domain", "other_trade"))
    whole = bool(signals.intersection(WHOLE)) and not contradicted
    # No other company may register the whole name, trade included: a domain that abbreviates it is enough.
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
    """The reason that rules a site out whatever its points, as negative evidence; None when there is none."""
    where = pages[0].url if pages else candidate.urls[0]
    if gone := remains_among(pages):
        page, remains = gone
        return Evidence(Doubt(remains.end), -80, page.url, remains.words)
    for page in pages:
        if looks_hijacked(page.title, page.text):
            return Evidence(Doubt.HIJACKED, -80, page.url)
    if not pages and (told := remains_told(candidate.text)):
        return Evidence(Doubt(told.end), -80, where, told.words)
    near = any(is_near_miss(candidate.domain, name) for name in names)
    stranger = near or signals.isdisjoint(("domain_exact", "domain_brand", "domain_initials"))
    credentials = stranger and any(asks_for_credentials(page.title, page.text) for page in pages)
    if credentials or any(imitates(candidate.domain, name) for name in names):
        return Evidence(Doubt.IMITATION, -80, where, candidate.domain)
    if reason := _directory_reason(candidate, pages, reading, company, names, signals):
        return Evidence(Doubt.DIRECTORY, -80, where, reason)
    return None


def _directory_reason(
    candidate: Candidate,
    pages: Sequence[Page],
    reading: PageFindings,
    company: Company,
    names: tuple[Name, ...],
    signals: set[str],
) -> str:
    """Why a site is taken for a directory; '' when it is none, or is run by the company itself."""
    fitting = bool(signals.intersection(FITTING))
    owned = fitting or "group" in signals or _signs_it(reading, names)
    if "uen" in signals and owned and not candidate.builder:
        return ""
    many = len([uen for uen in uens_in(reading.text) if uen != company.uen]) >= MANY_UENS
    if candidate.listed:
        operated = "legal_name" in signals and not many and _operates(candidate, reading, company, names)
        return "" if operated else _KNOWN_DIRECTORY
    phrases = directory_phrases_in(reading.text)
    if candidate.builder:
        whole_text = "\n".join(page.text for page in pages)
        hosted = not phrases and not many and shows_builder(whole_text, candidate.builder)
        proven = not signals.isdisjoint(("uen", "imprint", "postal_code"))
        return _ADDRESS_OF_A_LISTING if not hosted else "" if proven else _UNPROVEN_HOST
    if len(phrases) >= 2 or (phrases and (many or not fitting)):
        return ", ".join(phrases[:3])
    if many and not fitting:
        return "numbers of many companies"
    listing = any(is_listing_url(url, names, company.uen) for url in candidate.urls)
    if listing and not names_a_group(reading.text):
        return _ADDRESS_OF_A_LISTING
    return ""


def _operates(candidate: Candidate, reading: PageFindings, company: Company, names: tuple[Name, ...]) -> bool:
    """True when a known marketplace names the company as its operator: on its home, contact, about or legal page.

    A platform's brand rarely bears the name of the company that runs it. Its imprint decides, or the UEN beside the
    legal name on a page that lists nobody else. Pages for sellers and members prove nothing, and neither do hosts of
    profiles, where every customer has a contact page.
    """
    if is_social(candidate.domain):
        return False
    own = [page for page in reading.pages[: reading.read] if speaks_for_its_owner(page.url) and not is_entry(page.url)]
    texts = [reading.cleaned(page) for page in own if not is_listing_url(page.url, names, company.uen)]
    if any(signs_imprint(text, name) for text in texts for name in names):
        return True
    return any(
        states_uen(text, company.uen)
        and any(legal_name_stands_in(padded(text), name) for name in names)
        and not directory_phrases_in(text)
        and not strangers_in(text, company.uen)
        for text in texts
    )


def _signs_it(reading: PageFindings, names: tuple[Name, ...]) -> bool:
    """True when a page on which the site speaks of itself names the company in its imprint."""
    return any(
        speaks_for_its_owner(page.url) and signs_imprint(reading.cleaned(page), name)
        for page in reading.pages[: reading.read]
        for name in names
    )
