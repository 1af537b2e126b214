"""Unite the answers to several queries, and weigh how often a host turned up: for this company, and for others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from acra_express_async.extract.directories import is_listed, is_public_body, is_social
from acra_express_async.extract.domains import domain_of
from acra_express_async.models import Evidence, SearchHit, SearchPage

FEW_OTHERS, MANY_OTHERS = 5, 15
"""Other companies for which a host turned up lately. A firm's own site turns up for sisters and clients too, a
directory for whatever company is asked for."""


@dataclass(frozen=True, slots=True)
class UnitedAnswers:
    """The hits of several answers; per domain, how many answers contain it and for how many others it turned up."""

    hits: tuple[SearchHit, ...] = ()
    answers: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, int] = field(default_factory=dict)

    def lead_of(self, domain: str) -> int:
        """In how many more answers this domain is than the rarest one: 0 where all queries found the same."""
        return self.answers.get(domain, 1) - min(self.answers.values(), default=1)


def united(answers: Sequence[SearchPage]) -> UnitedAnswers:
    """All answers as one, in the order of the queries; a hit that says the same again counts once."""
    hits: dict[tuple[str, str, str], SearchHit] = {}
    counts: Counter[str] = Counter()
    others: dict[str, int] = {}
    for answer in answers:
        counts.update({domain_of(hit.url) for hit in answer.hits})
        for hit in answer.hits:
            hits.setdefault((hit.url, hit.title, hit.snippet), hit)
        for domain, companies in answer.others.items():
            others[domain] = max(companies, others.get(domain, 0))
    return UnitedAnswers(tuple(hits.values()), counts, others)


def domains_to_count(answer: SearchPage) -> tuple[str, ...]:
    """The domains of an answer of which it is not known already what they are, in alphabetical order."""
    found = {domain_of(hit.url) for hit in answer.hits}
    known = {domain for domain in found if is_listed(domain) or is_social(domain) or is_public_body(domain)}
    return tuple(sorted(found - known - {""}))


def host_evidence(url: str, answers: int, others: int, *, lifted: bool, lead: int = 0) -> Iterator[Evidence]:
    """Evidence from how often a host turned up.

    That several queries found it says which site to read first; it is no proof, because all of them contain the name.

    Args:
        url: the page that was found.
        answers: how many queries for this company found the host.
        others: for how many other companies it turned up lately.
        lifted: its name fits the company, or it bears the UEN; then it is no stranger, however often it turns up.
        lead: see `UnitedAnswers.lead_of`; 0 once pages of the site were read, which then decide.
    """
    if answers > 1:
        yield Evidence("found_by_queries", 2 * min(lead, 2), url, f"{answers} queries")
    if others >= FEW_OTHERS and not lifted:
        yield Evidence("found_for_others", -20 if others >= MANY_OTHERS else -10, url, f"{others} other companies")
